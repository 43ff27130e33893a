"""Server processes that a test starts, kills and starts again itself.

Refuses: to leave one behind, whatever became of the test.
"""

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.processes.crash_points import CrashPoint
from tests.server import PATIENCE, Server, prepare


@contextlib.contextmanager
def mortal(data_dir: Path, database_url: str = "", **environment: str) -> Iterator[Server]:
    """A server not started yet; at the end of the block whatever still runs is killed."""
    server = Server(data_dir, database_url, environment)
    prepare(server)
    try:
        yield server
    finally:
        if server.process is not None:
            server.process.kill()
            server.process.wait(PATIENCE)


def kill(server: Server) -> None:
    """End it without any warning."""
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL


def start_until(server: Server, point: CrashPoint) -> None:
    """Start it, to be killed at that point of its work."""
    server.start(*point.program)


def await_crash(server: Server) -> None:
    """Wait until the server has reached its crash point."""
    assert server.process is not None
    assert server.process.wait(PATIENCE) == -signal.SIGKILL, server.log.read_text()[-2000:]


def let_files_grow_to(server: Server, size: int) -> None:
    """A disk with that much room for each file of the server; more fails (EFBIG), as on a full disk."""
    assert server.process is not None
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
