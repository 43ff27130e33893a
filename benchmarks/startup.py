"""The time until the first response: `python3 dev.py bench startup [--rounds N] [--against CHECKOUT]`.

Responsible for: alternating rounds of fresh interpreters, their medians in seconds and CPU seconds, and the
ratio of each to `import fastapi` in the same run. Never: asserts an absolute number (machines are noisy), or
leaves bytecode in a checkout.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from tests.server import free_port

HERE = Path(__file__).parents[1]
PATIENCE = 120.0
BASE = "import fastapi"
CLI = ("-m", "app.cli")


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds until the result, and CPU seconds (user and system) of the process until then."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout with a migrated data directory of its own."""

    name: str
    root: Path
    data_dir: Path
    bytecode: Path

    def prepare(self) -> None:
        """Migrate, and create an API key for `keys list` to print."""
        for words in (["migrate"], ["keys", "create", "--name", "bench", "--scope", "review"]):
            self._started(*CLI, *words).wait(PATIENCE)

    def run(self, *words: str) -> Taken:
        """Run Python with these arguments until it ends."""
        begun, process = time.perf_counter(), self._started(*words)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{self.name}: python {' '.join(words)} failed")
        return Taken(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime)

    def first_answer(self) -> Taken:
        """Start the server and wait until it reports that it is ready."""
        port = free_port()
        begun, process = time.perf_counter(), self._started(*CLI, "serve", "--port", str(port))
        try:
            while not _ready(port):
                if process.poll() is not None or time.perf_counter() - begun > PATIENCE:
                    raise RuntimeError(f"{self.name}: the server does not start")
                time.sleep(0.005)
            times = psutil.Process(process.pid).cpu_times()
            return Taken(time.perf_counter() - begun, times.user + times.system)
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def _started(self, *words: str) -> subprocess.Popen[bytes]:
        ours = {"PRECONSULT_ENV": "development", "PRECONSULT_DATA_DIR": str(self.data_dir)}
        ours |= {"PYTHONPYCACHEPREFIX": str(self.bytecode)}
        left_out = ("PRECONSULT_", "PYTHON")  # e.g. PYTHONDONTWRITEBYTECODE, which prevents caching
        others = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        quiet = subprocess.DEVNULL
        command = [sys.executable, *words]
        return subprocess.Popen(command, cwd=self.root, env=others | ours, stdout=quiet, stderr=quiet)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def kinds(checkout: Checkout) -> dict[str, Callable[[], Taken]]:
    """The measurements made of a checkout."""
    return {
        "preconsult --help": lambda: checkout.run(*CLI, "--help"),
        "preconsult keys list": lambda: checkout.run(*CLI, "keys", "list"),
        "import app.main": lambda: checkout.run("-c", "import app.main"),
        "server's first answer": checkout.first_answer,
    }


def measured(checkouts: Sequence[Checkout], rounds: int) -> dict[tuple[str, str], list[Taken]]:
    """Measure each kind in each round, alternating the checkouts; the first round only warms up."""
    found: dict[tuple[str, str], list[Taken]] = defaultdict(list)
    for number in range(rounds + 1):
        taken = {(BASE, ""): checkouts[0].run("-c", BASE)}
        for kind in kinds(checkouts[0]):
            for checkout in checkouts if number % 2 else reversed(checkouts):
                taken[kind, checkout.name] = kinds(checkout)[kind]()
        for key, each in taken.items():
            if number:
                found[key].append(each)
    return found


def table(found: dict[tuple[str, str], list[Taken]]) -> str:
    """Medians, and their ratios to the first line."""
    lines = [f"{'':34}{'seconds':>9}{'ratio':>8}{'cpu s':>9}{'ratio':>8}"]
    base = found[BASE, ""]
    for (kind, name), taken in sorted(found.items(), key=lambda each: each[0][0] != BASE):
        wall, cpu = median(each.wall for each in taken), median(each.cpu for each in taken)
        walls, cpus = wall / median(each.wall for each in base), cpu / median(each.cpu for each in base)
        lines.append(f"{kind:24}{name:10}{wall:9.3f}{walls:8.2f}{cpu:9.3f}{cpus:8.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench startup")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn with this one")
    options = parser.parse_args()
    roots = {"here": HERE} | ({"against": options.against.resolve()} if options.against else {})
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        checkouts = [
            Checkout(name, root, Path(folder) / name, Path(folder) / f"{name}.bytecode")
            for name, root in roots.items()
        ]
        for checkout in checkouts:
            checkout.prepare()
        print(table(measured(checkouts, options.rounds)))


if __name__ == "__main__":
    main()
