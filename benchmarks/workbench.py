"""The effect of a million submissions on the staff app: `python3 dev.py bench workbench [options]`.

Responsible for: services with ten thousand and with a million submissions, on SQLite and on PostgreSQL, that
get the same requests in turn; prints for each question both medians, their ratio, and whether a plan scans a
large table. Never: asserts an absolute number (machines are noisy), or leaves its rows behind (some 10 GB of
the temporary folder).
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from app.clock import now
from app.encryption import Keyring, parse_keys
from app.storage.submissions.submissions import Vault
from benchmarks import plans
from benchmarks.workbench_pages import House, Question
from benchmarks.workbench_rows import People, fill
from tests import postgres_server

KINDS = ("SQLite", "PostgreSQL")
WARM, ROUNDS = 3, 15
ENOUGH = 6.0  # seconds for one question: slow ones are repeated less often
LEAST = 3  # the minimum number of rounds


@dataclass
class Line:
    """One question, sent to the small service and to the large one."""

    kind: str
    name: str
    houses: tuple[House, House]
    seconds: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    lines: list[int] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    slowest: str = ""
    walks: list[str] = field(default_factory=list)

    @property
    def question(self) -> Question:
        return self.houses[0].questions[self.name]

    @property
    def ratio(self) -> float:
        """The large service's median relative to the small one's."""
        few, many = map(median, self.seconds)
        return many / few

    async def ask(self, rounds: int) -> None:
        """Send it to both services in turn; the order changes from round to round."""
        for house in self.houses:
            await self._listen(house)
            for _ in range(WARM):
                await house.ask(house.questions[self.name])
        begun = time.monotonic()
        for number in range(rounds):
            for place in (0, 1) if number % 2 else (1, 0):
                self.seconds[place].append(await self._timed(self.houses[place]))
            if number + 1 >= LEAST and time.monotonic() - begun > ENOUGH:
                break

    async def _timed(self, house: House) -> float:
        begun = time.perf_counter()
        await house.ask(house.questions[self.name])
        return time.perf_counter() - begun

    async def _listen(self, house: House) -> None:
        """Record the database's work for it; the plans of the last service, the large one, are stored."""
        with plans.heard(house.services.database) as statements:
            answer = await house.ask(house.questions[self.name])
        self.lines.append(answer.text.count("data-case=") + answer.text.count('"booking_reference":'))
        timed = plans.slowest(house.services.database, statements)
        self.reads.append(sum(seconds for seconds, _ in timed))
        self.slowest = timed[0][1].text if timed else ""
        self.walks = plans.walks(house.services.database, statements)

    @property
    def missed(self) -> bool:
        return self.ratio > self.question.goal

    @property
    def longer(self) -> bool:
        """Does the large service's page show more lines, so that it has to take longer?"""
        return self.lines[1] > self.lines[0]

    def row(self) -> str:
        few, many = map(median, self.seconds)
        missed = f"  goal {self.question.goal}" if self.missed else ""
        reads = self.reads[1] / max(self.reads[0], 1e-9)
        told = "; ".join(self.walks) or "not found"
        shown = "{:3} {:3}".format(*self.lines) if any(self.lines) else ""
        return (
            f"{self.name:60}{shown:8}{few * 1e3:8.1f}{many * 1e3:8.1f}{self.ratio:6.2f}"
            f"{self.reads[1] * 1e3:8.1f}{reads:6.2f}  {told}{missed}"
        )


COLUMNS = f"{'lines':8}{'few ms':>8}{'many ms':>8}{'ratio':>6}{'reads':>8}{'ratio':>6}"
HEAD = f"{'':60}{COLUMNS}  walk through a big table"


def built(stack: contextlib.ExitStack, folder: Path, kind: str, counts: Sequence[int]) -> list[House]:
    """Empty services on one kind of database."""
    server = stack.enter_context(postgres_server.start()) if kind == "PostgreSQL" else None
    houses = []
    for count in counts:
        name = f"{kind.lower()}{count}"
        (folder / name).mkdir()
        if server:
            server.create_database(name)
        url = server.url(name) if server else f"sqlite:///{folder / name / 'preconsult.db'}"
        houses.append(House(f"{kind}, {count:,}", url, folder / name, count))
        stack.callback(houses[-1].services.database.close)
    return houses


def fill_one(name: str, url: str, key_file: Path, count: int, team: Sequence[str]) -> str:
    """Fill a service, in a separate process."""
    begun = time.monotonic()
    keyring = Keyring(parse_keys(key_file.read_text(), name))  # does not check its file each time
    fill(url, People(Vault(keyring), count, team, now()))
    return f"{name} submissions kept in {time.monotonic() - begun:.0f} s"


def fill_all(houses: Sequence[House]) -> Iterator[str]:
    """Fill all services, two at a time; yields a line on each."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        jobs = [
            pool.submit(fill_one, each.name, each.url, each.services.settings.key_file, each.count, each.team)
            for each in sorted(houses, key=lambda house: -house.count)
        ]
        for job in jobs:
            yield job.result()


async def measured(kind: str, houses: Sequence[House], rounds: int, only: str) -> list[Line]:
    """Measure every question on the services of one kind."""
    few, many = houses
    lines = [Line(kind, name, (few, many)) for name in few.questions if only in name]
    print(f"\n{few.name} beside {many.name}: medians of alternating rounds\n{HEAD}", flush=True)
    for line in lines:
        await line.ask(rounds)
        print(line.row(), flush=True)
    return lines


def report(lines: Sequence[Line], *, statements: bool) -> bool:
    """Print a summary; returns whether no plan scans a large table."""
    missed = [line for line in lines if line.missed and not line.longer]
    longer = [line for line in lines if line.missed and line.longer]
    walking = [line for line in lines if line.walks]
    print(
        f"\n{len(lines)} questions; {len(missed)} miss their goal, {len(longer)} more show more lines of many"
    )
    print(f"rows than of few; {len(walking)} walk through a big table")
    for line in (*missed, *longer):
        shown = f", {line.lines[1]} lines beside {line.lines[0]}" if line.longer else ""
        print(f"  {line.kind}, {line.name}: {line.ratio:.2f}, goal {line.question.goal}{shown}")
        if statements:
            print(f"    slowest statement: {line.slowest}")
    return not walking


def main(words: Sequence[str]) -> int:
    """Exit status: 0 if every response was correct and no plan scans a large table."""
    parser = argparse.ArgumentParser(prog="dev.py bench workbench", allow_abbrev=False)
    parser.add_argument("--rows", type=int, default=1_000_000, help="submissions of the large houses")
    parser.add_argument("--few", type=int, default=10_000, help="submissions of the small ones")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--on", choices=KINDS, action="append", help="one kind of database (repeat)")
    parser.add_argument("--only", default="", help="questions whose name holds this")
    parser.add_argument("--statements", action="store_true", help="show the slowest statement of what misses")
    arguments = parser.parse_args(words)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        counts = (arguments.few, arguments.rows)
        houses = {kind: built(stack, folder, kind, counts) for kind in arguments.on or KINDS}
        for told in fill_all([house for pair in houses.values() for house in pair]):
            print(told, flush=True)
        lines: list[Line] = []
        for kind, pair in houses.items():
            for house in pair:
                house.prepare()
            lines += asyncio.run(measured(kind, pair, arguments.rounds, arguments.only))
        return 0 if report(lines, statements=arguments.statements) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
