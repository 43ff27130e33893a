"""The servers under load: ours by its own command line, the baselines by uvicorn with the same settings.

Responsible for: starting each on the server's core with files in a temporary folder, waiting until it accepts
connections, reporting its memory and CPU time, and ending it by its process id. Never: leaves a process or
folder behind.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

from benchmarks.pinned import SERVER_CORE, on_core

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """One server process (and its child processes)."""

    name: str
    port: int
    key: str
    process: psutil.Process

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return sum(int(each.memory_info().rss) for each in self._all())

    @property
    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        times = [each.cpu_times() for each in self._all()]
        return sum(float(each.user + each.system) for each in times)

    def writes_per_commit(self) -> float | None:
        """Average number of units of work per commit, from the metrics page; None where there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                lines = [line.split() for line in answer.read().decode().splitlines()]
        except OSError:
            return None
        name = "preconsult_writes_per_commit"
        found = {line[0]: float(line[-1]) for line in lines if line and line[0].startswith(name)}
        count = found.get(f"{name}_count", 0)
        return found[f"{name}_sum"] / count if count else None

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def ours(
    folder: Path,
    name: str = "ours",
    *,
    database_url: str = "",
    log_level: str = "warning",
    program: Sequence[str] = ("app.cli",),
    more: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """The product, migrated, with a new API key. `program`: the module that serves; `more`: settings."""
    folder.mkdir()
    settings = {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "LOG_LEVEL": log_level}
    settings |= {"RATE_LIMIT_PER_KEY": str(10**9), "RATE_LIMIT_PER_NETWORK": str(10**9), **more}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PRECONSULT_")}
    environment |= {f"PRECONSULT_{name}": value for name, value in settings.items() if value}
    cli = [sys.executable, "-m", "app.cli"]
    subprocess.run([*cli, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
    make_key = [*cli, "keys", "create", "--name", "bench", "--scope", "submissions:write"]
    key = subprocess.run(make_key, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    port = _free_port()
    serve = [sys.executable, "-m", *program, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with _started(serve, environment, folder / "log", port) as process:
        yield Server(name, port, key, process)


@contextlib.contextmanager
def yardstick(folder: Path, name: str, app: str, **environment: str) -> Iterator[Server]:
    """An application of this package, e.g. `floor:bare`."""
    folder.mkdir()
    port, key = _free_port(), "textbook"
    serve = [sys.executable, "-m", "uvicorn", f"benchmarks.{app}", "--host", "127.0.0.1"]
    serve += ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    with _started(serve, {**os.environ, **environment}, folder / "log", port) as process:
        yield Server(name, port, key, process)


@contextlib.contextmanager
def _started(command: list[str], env: dict[str, str], log: Path, port: int) -> Iterator[psutil.Process]:
    with log.open("w") as out, on_core(SERVER_CORE):
        child = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        _await_accept(child, port, log)
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _await_accept(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if child.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"the server does not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
