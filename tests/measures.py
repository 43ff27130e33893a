"""Where the suite spends its time: by folder, file, test and fixture, by process started, by sleep.

    python3 dev.py test --measure DIR                 the full suite; each worker writes a file into DIR
    .venv/bin/python -m tests.measures DIR            print the report of such a run as Markdown
    .venv/bin/python -m tests.measures DIR --remember save its seconds in tests/seconds.json, for the order

Counts only what the test processes do themselves: a sleep inside a server is not counted, the start of a
server is. Source of the hooks: pytest, "Writing hook functions"; asyncio and Playwright start processes
with `Popen`, too.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
ROWS = 30
SLOWEST = 10


class Meter:
    """The measurements of one process: seconds of phases and fixtures, processes started, sleeps."""

    def __init__(self, folder: Path, worker: str) -> None:
        self.file = folder / f"{worker}.json"
        self.test = ""
        self.phases: dict[str, dict[str, float]] = collections.defaultdict(dict)
        self.fixtures: dict[str, list[float]] = collections.defaultdict(lambda: [0, 0.0])
        self.started: dict[str, list[str]] = collections.defaultdict(list)
        self.waits: dict[str, list[float]] = collections.defaultdict(lambda: [0, 0.0])
        self._inner: list[float] = []  # seconds of the fixtures that each running one requested
        self.patches = pytest.MonkeyPatch()

    def watch(self) -> None:
        """Count started processes and sleeps from now on."""
        start, sleep, nap = subprocess.Popen.__init__, time.sleep, asyncio.sleep

        @functools.wraps(start)
        def counted(process: Any, args: Any, *rest: Any, **more: Any) -> None:
            self.started[kind(args)].append(self.test)
            start(process, args, *rest, **more)

        def slept(seconds: float) -> None:
            self.wait(seconds)
            sleep(seconds)  # the duration that the caller asked for

        async def napped(seconds: float, result: Any = None) -> Any:
            self.wait(seconds)
            return await nap(seconds, result)

        self.patches.setattr(subprocess.Popen, "__init__", counted)
        self.patches.setattr(time, "sleep", slept)
        self.patches.setattr(asyncio, "sleep", napped)

    def wait(self, seconds: float) -> None:
        for frame in reversed(traceback.extract_stack(limit=6)[:-2]):
            if frame.filename.startswith(str(ROOT)) and "/.venv/" not in frame.filename:
                entry = self.waits[f"{Path(frame.filename).relative_to(ROOT)}:{frame.lineno}"]
                entry[0] += 1
                entry[1] += seconds
                return

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.test = item.nodeid
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        self._inner.append(0.0)
        began = time.perf_counter()
        try:
            return (yield)
        finally:
            took = time.perf_counter() - began
            own = took - self._inner.pop()
            if self._inner:
                self._inner[-1] += took
            entry = self.fixtures[
                f"{fixturedef.argname} ({fixturedef.scope}, {fixturedef.baseid or 'plugin'})"
            ]
            entry[0] += 1
            entry[1] += own

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.phases[report.nodeid][str(report.when)] = report.duration

    def pytest_sessionfinish(self) -> None:
        self.patches.undo()
        names = "phases", "fixtures", "started", "waits"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({name: getattr(self, name) for name in names}))


def kind(args: Any) -> str:
    """The kind of process that a command line starts."""
    words = [os.fsdecode(each) for each in ([args] if isinstance(args, str | bytes | Path) else args)]
    line, name = " ".join(words), Path(words[0]).name
    if "app.cli serve" in line or "preconsult serve" in line:
        return "server (preconsult serve)"
    if "app.cli" in line:
        return f"command (preconsult {words[words.index('app.cli') + 1] if 'app.cli' in words else '?'})"
    if "run-driver" in line:
        return "Playwright driver"
    if name.startswith("python"):
        return f"python {words[2] if words[1:2] == ['-m'] else ''}".strip()
    return name


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--measure", metavar="DIR", help="write where the seconds go into DIR")


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--measure")
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    alone = not worker and not getattr(config.option, "numprocesses", None)
    if folder and (worker or alone):
        meter = Meter(Path(folder), worker or "alone")
        meter.watch()
        config.pluginmanager.register(meter, "measures-meter")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the slowest files, and the seed that reproduces the order of the tests."""
    reports = [
        each for group in terminalreporter.stats.values() for each in group if hasattr(each, "duration")
    ]
    spent: dict[str, float] = collections.defaultdict(float)
    for each in reports:
        spent[file_of(each.nodeid)] += each.duration
    if seed := getattr(terminalreporter.config.option, "randomly_seed", None):
        terminalreporter.write_line(f"Order of the tests: seed {seed} (the same again: --order {seed})")
    if len(spent) < SLOWEST:
        return
    terminalreporter.section("slowest files")
    for name, took in sorted(spent.items(), key=lambda row: -row[1])[:SLOWEST]:
        terminalreporter.write_line(f"{took:7.1f} s  {name}")
    terminalreporter.write_line(f"{sum(spent.values()):7.1f} s  all files, over all workers")


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def folder_of(nodeid: str) -> str:
    return "/".join(file_of(nodeid).split("/")[:2])


def by_group(tests: dict[str, float], what: Callable[[str], str]) -> list[tuple[str, float, int]]:
    """Total seconds and number of tests of each group, the slowest first."""
    groups: dict[str, list[float]] = collections.defaultdict(list)
    for name, took in tests.items():
        groups[what(name)].append(took)
    return sorted(((group, sum(each), len(each)) for group, each in groups.items()), key=lambda row: -row[1])


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows[:ROWS]:
        print(f"| {' | '.join(f'{c:.1f}' if isinstance(c, float) else str(c) for c in row)} |")


def merged(parts: list[dict[str, Any]], key: str) -> list[tuple[str, int, float]]:
    """Counts and seconds summed over all workers, the longest first."""
    sums: dict[str, list[float]] = collections.defaultdict(lambda: [0, 0.0])
    for part in parts:
        for name, (count, took) in part[key].items():
            sums[name][0] += count
            sums[name][1] += took
    return sorted(((name, int(count), took) for name, (count, took) in sums.items()), key=lambda row: -row[2])


def report(parts: list[dict[str, Any]], tests: dict[str, float]) -> None:
    """Print the report of a run."""
    print(f"{len(tests)} tests, {sum(tests.values()):.0f} worker-seconds, {len(parts)} workers")
    table(("folder", "seconds", "tests"), by_group(tests, folder_of))
    table(("file", "seconds", "tests"), by_group(tests, file_of))
    table(("test", "seconds"), sorted(tests.items(), key=lambda row: -row[1]))
    table(("fixture", "times", "seconds of its own"), merged(parts, "fixtures"))
    table(("sleep", "times", "seconds"), merged(parts, "waits"))
    each = [(name, test) for part in parts for name, of in part["started"].items() for test in of]
    table(("process", "started"), collections.Counter(name for name, _ in each).most_common())
    files = collections.Counter(f"{file_of(test)}: {name}" for name, test in each)
    table(("processes of a file", "started"), files.most_common())


def remember(tests: dict[str, float]) -> None:
    """Write tests/seconds.json: seconds of each long test, and of each file's other tests together."""
    long = {name: took for name, took in tests.items() if took > seconds.LONG}
    rest = {name: took for name, took in tests.items() if name not in long}
    kept = long | {file: took for file, took, _ in by_group(rest, file_of)}
    text = json.dumps({name: round(took, 1) for name, took in sorted(kept.items())}, indent=0)
    seconds.FILE.write_text(f"{text}\n")


def main(folder: str, *options: str) -> None:
    parts = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
    tests = {name: sum(phases.values()) for part in parts for name, phases in part["phases"].items()}
    if "--remember" in options:
        remember(tests)
    else:
        report(parts, tests)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main(*sys.argv[1:])
