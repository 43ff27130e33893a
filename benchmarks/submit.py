"""The cost of a submission, compared with baselines in turn: `python3 dev.py bench submit [options]`.

Responsible for: alternating rounds of ours, the textbook, the floor and an empty FastAPI operation; prints
ratios first. Never: asserts an absolute number (machines are noisy), or succeeds if a response was not 201.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import pinned, profiled, steps
from benchmarks.load import Job, Result, run
from benchmarks.payloads import bodies
from benchmarks.serving import Server, ours, yardstick
from tests import postgres_server

WARM = 300  # requests before measuring
POSTGRES = ", PostgreSQL"


@dataclass
class Runner:
    """One server and its results in each round."""

    server: Server
    at_rest: int
    rounds: list[Result] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.server.name

    def go(self, job: Callable[[Server], Job]) -> None:
        """Run one round."""
        before = self.server.cpu
        result = run(job(self.server))
        self.rounds.append(result)
        self.cpu.append((self.server.cpu - before) / max(1, result.answers))

    def middle(self, of: Callable[[Result], float]) -> float:
        """The median of a value over the rounds."""
        return median(of(each) for each in self.rounds)

    def row(self) -> str:
        """This server's line of the table."""
        return (
            f"{self.name:22}{self.middle(lambda r: r.rate):9.0f}{median(self.cpu) * 1e6:10.0f}"
            f"{self.middle(lambda r: r.p50) * 1e3:9.2f}{self.middle(lambda r: r.p99) * 1e3:9.2f}"
            f"{self.at_rest / 1e6:8.0f}{self.server.memory / 1e6:7.0f}"
            f"{self.middle(lambda r: r.answer_bytes):8.0f}{self.middle(lambda r: r.busy):7.2f}"
            f"{sum(r.wrong for r in self.rounds):7}"
        )


HEAD = (
    f"{'':22}{'req/s':>9}{'cpu us':>10}{'p50 ms':>9}{'p99 ms':>9}{'MB rest':>8}{'load':>7}"
    f"{'bytes':>8}{'gen':>7}{'wrong':>7}"
)


class Bench:
    """The servers of one run; all run at the same time, one is measured at a time."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, arguments: argparse.Namespace) -> None:
        self.stack, self.folder, self.arguments = stack, folder, arguments
        self.runners: list[Runner] = []
        self.salt = 0

    def start(self) -> None:
        """Start all servers; the floor's responses have as many bytes as ours."""
        size = self._add(ours(self.folder / "ours", log_level=self.arguments.log_level))
        self._add(self._textbook("textbook", f"sqlite:///{self.folder}/textbook/textbook.db"))
        floor = {"FLOOR_DATABASE": str(self.folder / "floor" / "floor.db"), "FLOOR_ANSWER_BYTES": str(size)}
        self._add(yardstick(self.folder / "floor", "floor", "floor:app", **floor))
        self._add(yardstick(self.folder / "empty", "empty FastAPI", "empty:app"))
        self.bare = self._add(yardstick(self.folder / "bare", "bare ASGI", "floor:bare", **floor))
        if self.arguments.postgres:
            self._start_postgres()

    def _start_postgres(self) -> None:
        with pinned.on_core(pinned.LOAD_CORE):
            server = self.stack.enter_context(postgres_server.start())
        for name in ("ours", "textbook"):
            server.create_database(name)
        url, level = server.url("ours"), self.arguments.log_level
        self._add(ours(self.folder / "ours-pg", "ours" + POSTGRES, database_url=url, log_level=level))
        self._add(self._textbook("textbook" + POSTGRES, server.url("textbook")))

    def _textbook(self, name: str, url: str) -> contextlib.AbstractContextManager[Server]:
        return yardstick(self.folder / name, name, "textbook:app", TEXTBOOK_DATABASE_URL=url)

    def _add(self, starting: contextlib.AbstractContextManager[Server]) -> int:
        """Start and warm up one server; returns the size of its response."""
        server = self.stack.enter_context(starting)
        at_rest = server.memory
        warm = run(self.job(server, count=WARM))
        if warm.wrong:
            sys.exit(f"{server.name} does not answer 201 with an id:\n{warm.example}")
        self.runners.append(Runner(server, at_rest))
        return warm.answer_bytes

    def job(self, server: Server, count: int | None = None) -> Job:
        """The next job for a server, with unused idempotency keys."""
        self.salt += 1
        given = self.arguments
        return Job(server.port, bodies(), server.key, given.connections, given.seconds, count, self.salt)

    def rounds(self) -> None:
        """Measure all servers in turn, several times."""
        for number in range(self.arguments.rounds):
            for runner in self.runners:
                runner.go(self.job)
                print(f"round {number + 1}: {runner.name:22} {runner.rounds[-1].rate:9.0f} req/s", flush=True)

    def report(self) -> bool:
        """Print the results; returns whether every response was correct."""
        by_name = {each.name: each for each in self.runners}
        pairs = [("ours", other) for other in ("textbook", "floor", "empty FastAPI")]
        if self.arguments.postgres:
            pairs += [("ours" + POSTGRES, "textbook" + POSTGRES), ("ours" + POSTGRES, "floor")]
        print(f"\nRatios of requests/s, {self.arguments.connections} connections: median (lowest to highest)")
        for one, other in pairs:
            print(ratio(by_name[one], by_name[other]))
        print(f"\n{HEAD}", *(each.row() for each in self.runners), sep="\n")
        batch = by_name["ours"].server.writes_per_commit()
        print(f"\nours: {batch:.1f} works per commit" if batch else "\nours: no works-per-commit metric")
        bare = by_name["bare ASGI"]
        ceiling = bare.middle(lambda r: r.rate) / bare.middle(lambda r: r.busy)
        print(f"gen = share of its core the load generator used; its ceiling is about {ceiling:.0f} req/s")
        wrong = [(each.name, r.example) for each in self.runners for r in each.rounds if r.wrong]
        for name, example in wrong:
            print(f"{name} gave a wrong answer:\n{example}")
        return not wrong


def ratio(one: Runner, other: Runner) -> str:
    """One line: how much faster one server is than the other, round by round."""
    ratios = [a.rate / max(b.rate, 1e-9) for a, b in zip(one.rounds, other.rounds, strict=True)]
    cpu = median(b / a for a, b in zip(one.cpu, other.cpu, strict=True))
    named = f"{one.name} / {other.name}"
    return f"{named:46}{median(ratios):7.2f}  ({min(ratios):.2f} to {max(ratios):.2f}); by CPU time {cpu:.2f}"


def main(words: Sequence[str]) -> int:
    """Exit status: 0 if every response was correct."""
    parser = argparse.ArgumentParser(prog="dev.py bench submit", allow_abbrev=False)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--postgres", action="store_true", help="ours and the textbook on PostgreSQL as well")
    parser.add_argument("--log-level", default="warning", help="ours; the yardsticks write no access log")
    parser.add_argument("--profile", action="store_true", help="only profile ours under this load")
    arguments = parser.parse_args(words)
    print(pinned.told(), flush=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        bench = Bench(stack, folder, arguments)
        if arguments.profile:
            print(profiled.listing(folder, bench.job))
            return 0
        bench.start()
        bench.rounds()
        fine = bench.report()
        cpu = median(bench.runners[0].cpu)
    print("\nWhere our time goes, per submission, one thread, in this process:", steps.table(cpu), sep="\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
