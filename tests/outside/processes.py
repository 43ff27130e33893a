"""Server processes that a test starts, kills and starts again itself.

Refuses: to leave one behind, whatever became of the test.
"""

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.server import PATIENCE, ROOT, Server


@contextlib.contextmanager
def mortal(data_dir: Path, database_url: str = "", **environment: str) -> Iterator[Server]:
    """A server not started yet; at the end of the block whatever still runs is killed."""
    server = Server(data_dir, database_url, environment)
    try:
        yield server
    finally:
        if server.process is not None:
            server.process.kill()
            server.process.wait(PATIENCE)


def starting(server: Server, *more: str) -> subprocess.Popen[bytes]:
    """The same `serve` as `server.start()`, with nobody waiting for it; the caller ends it."""
    server.data_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(server.port), *more]
    with server.log.open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=server.env, stdout=log, stderr=log)


def let_files_grow_to(server: Server, size: int) -> None:
    """A disk with that much room for each file of the server; more fails (EFBIG), as on a full disk."""
    assert server.process is not None
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
