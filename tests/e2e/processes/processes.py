"""Server processes that a test starts, kills and restarts itself.

Never: leaves a process behind, whatever the outcome of the test.
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
    """A server that is not started yet; a process still running at the end of the block is killed."""
    server = Server(data_dir, database_url, environment)
    prepare(server)
    try:
        yield server
    finally:
        if server.process is not None:
            server.process.kill()
            server.process.wait(PATIENCE)


def kill(server: Server) -> None:
    """Kill it with SIGKILL."""
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL


def start_until(server: Server, point: CrashPoint) -> None:
    """Start it so that it is killed at this crash point."""
    server.start(*point.program)


def await_crash(server: Server) -> None:
    """Wait until the server has reached its crash point."""
    assert server.process is not None
    assert server.process.wait(PATIENCE) == -signal.SIGKILL, server.log.read_text()[-2000:]


def let_files_grow_to(server: Server, size: int) -> None:
    """Limit the size of each file of the server: writes beyond it fail (EFBIG), as on a full disk."""
    assert server.process is not None
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
