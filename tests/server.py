"""A real server process on loopback, for tests that kill it, put load on it or read its logs.

Never: ends a process that it did not start.
"""

import contextlib
import datetime as dt
import functools
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.services.auth import api_keys
from app.services.auth.api_keys import NewApiKey
from app.storage.db import migrations
from app.storage.db.database import Database
from app.storage.events.audit_log import Actor

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0  # seconds; costs nothing if the condition is met earlier
PRODUCT = ("-m", "app.cli")  # the arguments for Python
UNLIMITED = {  # a test of rate limits sets its own
    f"PRECONSULT_RATE_LIMIT_PER_{each}": str(10**9) for each in ("KEY", "NETWORK")
}


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """`preconsult serve` in a data directory; its output is written to `log`."""

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
    def database(self) -> str:
        """The URL of the database in use."""
        return self.database_url or f"sqlite:///{self.data_dir / 'preconsult.db'}"

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
            [sys.executable, *PRODUCT, *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def key(self, *scopes: str, test: bool = False) -> str:
        """A new API key, created by the function behind `preconsult keys create`, without a process."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        wanted = NewApiKey("test", scopes, test=test)
        with contextlib.closing(Database(self.database)) as database:
            migrations.migrate(database)
            now = dt.datetime.now(dt.UTC)
            return database.write_blocking(
                partial(api_keys.create, wanted=wanted, now=now, actor=Actor("command"))
            )

    def launch(self, *program: str) -> subprocess.Popen[bytes]:
        """Start the server (or `program` instead); it may not be ready yet."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, *(program or PRODUCT), "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        return self.process

    def start(self, *program: str) -> None:
        """Start, and wait until it is ready. Raises AssertionError if it ends or does not become ready."""
        process = self.launch(*program)
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            assert process.poll() is None, self.log.read_text()
            if self._is_ready():
                return
            time.sleep(0.02)
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def _is_ready(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            line.request("GET", "/readyz")
            return line.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            line.close()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop the server and return the exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@functools.cache
def _migrated() -> bytes:
    """A migrated SQLite database without rows: copying it is faster than running the migrations each time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "preconsult.db"
        with contextlib.closing(Database(f"sqlite:///{path}")) as database:
            migrations.migrate(database)
        return path.read_bytes()


def prepare(server: Server) -> None:
    """Create a migrated SQLite database for the server, if it does not exist yet."""
    kind, _, path = server.database.partition(":///")
    if kind == "sqlite" and not Path(path).exists():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(_migrated())


@contextlib.contextmanager
def serving(data_dir: Path, database_url: str = "", **environment: str) -> Iterator[Server]:
    """A server that is ready, and is stopped at the end of the block."""
    server = Server(data_dir, database_url, environment)
    prepare(server)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
