"""A real Redis (or Valkey) server on loopback. Never: uses a shared server or persists data."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.server import PATIENCE, free_port

NAMES = ("redis-server", "valkey-server")
KEEP_NOTHING = ("--save", "", "--appendonly", "no")


class Missing(Exception):
    """No Redis server is installed on this machine."""


def program() -> str:
    """The path of the server program. Raises Missing."""
    found = os.environ.get("REDIS_SERVER") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise Missing(
            "No redis-server or valkey-server is here (Debian: apt-get install redis-server), or name one: "
            "REDIS_SERVER=/path/to/redis-server python3 dev.py test"
        )
    return found


class Redis:
    """A server that can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it accepts connections. Raises AssertionError if it does not."""
        command = [program(), "--port", str(self.port), "--bind", "127.0.0.1", *KEEP_NOTHING]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def stop(self) -> None:
        """Kill the server if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Redis]:
    """A server that accepts connections and is stopped at the end of the block."""
    found = Redis(folder)
    try:
        found.start()
        yield found
    finally:
        found.stop()
