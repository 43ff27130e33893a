"""The cost of the hosted form's pages, compared with a textbook form: `python3 dev.py bench pages [options]`.

Responsible for: respondents who first fill in both forms over HTTP; then alternating rounds of the same four
requests in the sessions they started; prints ratios first. Never: asserts an absolute number (machines are
noisy), or succeeds if a response was wrong or a page does not show afterwards what was sent from it.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from app.rules.engine.questionnaire import Item
from benchmarks import pinned, profiled
from benchmarks.load import Job, run
from benchmarks.payloads import bodies, edition
from benchmarks.serving import Server, ours, yardstick
from benchmarks.submit import HEAD, Runner, ratio
from benchmarks.walking import Walk

WARM = 150  # requests of each kind before measuring
PEOPLE = 16  # respondents for each form: this many drafts, and as many submitted
MANY = "1000000"
SETTINGS = {  # those of a clinic with four languages; limits are never reached
    "ALLOW_UNREVIEWED_TRANSLATIONS": "true",
    "FORM_START_LIMIT": MANY,
    "FORM_START_LIMIT_PER_NETWORK": MANY,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of page: its requests, and how a correct response is recognised."""

    name: str
    requests: tuple[str, ...]
    status: int
    holds: str


def longest() -> Item:
    """The page with the most questions."""
    return max(edition().asked.item, key=lambda group: sum(item.is_question for item in group.item))


def people() -> list[dict[str, object]]:
    """Answers of respondents who get that page and no interruption page before it."""
    wanted, found = longest().item[0].link_id, []
    for body in bodies():
        answers = json.loads(body)["answers"]
        fired = edition().evaluate(edition().check(answers).answers).fired
        if wanted in answers and not any(each.rule.interruption == "page" for each in fired):
            found.append(answers)
    return found[:PEOPLE]


class Site:
    """A server with respondents in it: half of them at a question, half of them done."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.drafts = [Walk(server.port, answers) for answers in people()]
        self.done = [Walk(server.port, answers) for answers in people()]
        for walk in (*self.drafts, *self.done):
            walk.fill_in()
        for walk in self.done:
            walk.go_on()
        question = longest().item[0].link_id
        self.paths = [walk.asking(question) for walk in self.drafts]
        self.shown = self.look()
        self.asked = self._asked(question)

    def _asked(self, question: str) -> list[Asked]:
        pairs = list(zip(self.drafts, self.paths, strict=True))
        because = edition().texts["en"].summary.because
        stranger = Walk(self.server.port, {})
        return [
            Asked("first page", (stranger.get("/form"),), 200, 'name="instance"'),
            Asked("question", tuple(walk.get(path) for walk, path in pairs), 200, f'name="{question}"'),
            Asked("answers", tuple(walk.post(path) for walk, path in pairs), 303, "location: /form/s/"),
            Asked("summary", tuple(walk.get("/form/summary") for walk in self.done), 200, because),
        ]

    def look(self) -> list[str]:
        """The measured question page as each draft shows it."""
        return [walk.client.get(path).text for walk, path in zip(self.drafts, self.paths, strict=True)]


class Bench:
    """Both servers run at the same time; one is measured at a time."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        database = f"sqlite:///{folder}/textbook/textbook.db"
        servers = [
            stack.enter_context(ours(folder / "ours", log_level=arguments.log_level, more=SETTINGS)),
            stack.enter_context(
                yardstick(
                    folder / "textbook", "textbook", "textbook_pages:app", TEXTBOOK_DATABASE_URL=database
                )
            ),
        ]
        self.sites = [Site(server) for server in servers]
        self.runners = [[self._runner(site, asked) for site in self.sites] for asked in self._kinds()]

    def _kinds(self) -> list[str]:
        return [asked.name for asked in self.sites[0].asked]

    def _runner(self, site: Site, kind: str) -> tuple[Runner, Asked]:
        """One line of the table, after warm-up."""
        asked = next(each for each in site.asked if each.name == kind)
        server = replace(site.server, name=f"{site.server.name}, {kind}")
        warm = run(job(self.arguments, asked, server, count=WARM))
        if warm.wrong:
            sys.exit(f"{server.name}: a wrong answer:\n{warm.example}")
        return Runner(server, server.memory), asked

    def rounds(self) -> None:
        """Measure every page of both servers in turn; the order changes from round to round."""
        for number in range(self.arguments.rounds):
            for pair in self.runners:
                for runner, asked in pair if number % 2 else reversed(pair):
                    runner.go(partial(job, self.arguments, asked))
            print(f"round {number + 1} of {self.arguments.rounds}", flush=True)

    def report(self) -> bool:
        """Print the results; returns whether every response was correct."""
        print(f"\nRatios of requests/s, {self.arguments.connections} connections: median (lowest to highest)")
        for (one, _), (other, _) in self.runners:
            print(ratio(one, other))
        print("Where other programs use the core too, read CPU time: who has more threads gets more turns.")
        every = [runner for pair in self.runners for runner, _ in pair]
        print(f"\n{HEAD}", *(each.row() for each in every), sep="\n")
        wrong = [(each.name, r.example) for each in every for r in each.rounds if r.wrong]
        wrong += [
            (site.server.name, f"a page changed:\n{now}")
            for site in self.sites
            for before, now in zip(site.shown, site.look(), strict=True)
            if before != now
        ]
        for name, example in wrong:
            print(f"{name} gave a wrong answer:\n{example}")
        return not wrong


def job(arguments: argparse.Namespace, asked: Asked, server: Server, count: int | None = None) -> Job:
    """A job that requests one kind of page from a server."""
    return Job(
        server.port,
        connections=arguments.connections,
        seconds=arguments.seconds,
        count=count,
        requests=asked.requests,
        status=asked.status,
        holds=asked.holds,
    )


def _profiled(arguments: argparse.Namespace, server: Server) -> Job:
    asked = next(each for each in Site(server).asked if each.name == arguments.profile)
    run(job(arguments, asked, server, count=WARM))
    return job(arguments, asked, server)


def main(words: Sequence[str]) -> int:
    """Exit status: 0 if every response was correct."""
    parser = argparse.ArgumentParser(prog="dev.py bench pages", allow_abbrev=False)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--log-level", default="warning", help="ours; the yardstick writes no access log")
    kinds = ["first page", "question", "answers", "summary"]
    parser.add_argument("--profile", choices=kinds, help="only profile ours under this load")
    arguments = parser.parse_args(words)
    print(pinned.told(), flush=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        if arguments.profile:
            print(profiled.listing(folder, partial(_profiled, arguments), SETTINGS))
            return 0
        bench = Bench(stack, folder, arguments)
        bench.rounds()
        return 0 if bench.report() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
