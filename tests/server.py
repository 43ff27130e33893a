"""A real server process on loopback, for tests that kill it, load it or read its logs.

Refuses: to end a process it did not start.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
PATIENCE = 30.0
UNLIMITED = {  # a test that asks for limits names them
    f"PRECONSULT_REQUESTS_PER_{each}": str(10**9) for each in ("KEY", "NETWORK")
}


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """`preconsult serve` in a data directory; everything it prints is kept in `log`."""

    data_dir: Path
    database_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data_dir / "serve.log"

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECONSULT_")}
        ours = {"PRECONSULT_ENV": "development", "PRECONSULT_DATA_DIR": str(self.data_dir)} | UNLIMITED
        if self.database_url:
            ours["PRECONSULT_DATABASE_URL"] = self.database_url
        return kept | ours | self.environment

    def command(self, *arguments: str) -> str:
        """The stdout of a `preconsult` command in the same environment."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def key(self, *scopes: str, test: bool = False) -> str:
        """A fresh API key."""
        named = [word for scope in scopes for word in ("--scope", scope)]
        return self.command("keys", "create", "--name", "test", *named, *(["--test"] if test else []))

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve", "--port", str(self.port)],
                cwd=ROOT, env=self.env, stdout=log, stderr=log,
            )  # fmt: skip
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError, httpx.TransportError):
                # httpx is dear to set up; only once somebody listens
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; the exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def serving(data_dir: Path, database_url: str = "", **environment: str) -> Iterator[Server]:
    """A server that is ready, and ended with the block."""
    server = Server(data_dir, database_url, environment)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
