"""The filters of the queue as URL query, and the chips that set them.

Responsible for: converting a query into `Filters` and back, and links to every other choice. Never: accepts
unknown filters, and never puts anything about a person into an address.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from app.errors import BadRequest
from app.storage.review.queue import STATES, WAITING, Filters, Place
from app.storage.submissions.submissions import ID

STATE_NAMES = {
    "new": "New",
    "in_review": "In review",
    "needs_contact": "Needs contact",
    "ready": "Ready",
    "closed": "Closed",
}
ATTENTION = {1: "most urgent", 2: "urgent", 3: "soon", 4: "at the visit"}
FLAGS = ("overdue", "quarantine", "test")
LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
PLACE = re.compile(r"(-|\d{1,17})\.(.{36})")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
Choices = Mapping[str, str | None]
AS_IT_IS: Choices = {}


@dataclass(frozen=True, slots=True)
class QueueQuery:
    """What an address asks for: the choices in order, and the position after which the page begins."""

    choices: Mapping[str, str]
    after: Place | None

    @classmethod
    def parse(cls, query: QueryParams) -> "QueueQuery":
        """Parse a query. Raises BadRequest, naming the filter that can't be used."""
        given = {name: value for name, value in query.items() if value and name not in ("after", "part")}
        for name, value in given.items():
            if name not in CHOICES or not CHOICES[name].fullmatch(value):
                known = name if name in CHOICES else "it has a name that is not known"
                raise BadRequest(f"A filter of this address can't be used: {known}.")
        ordered = {name: given[name] for name in CHOICES if name in given}
        return cls(ordered, _place(query.get("after")))

    def filters(self, me: str) -> Filters:
        """The filters for the services; `me` is the id of the signed-in user."""
        given, whose = self.choices, self.choices.get("whose")
        return Filters(
            states=(given["state"],) if "state" in given else WAITING,
            priority=int(given["attention"]) if "attention" in given else None,
            assignee=me if whose == "me" else whose if whose != "nobody" else None,
            unassigned=whose == "nobody",
            language=given.get("language"),
            overdue="overdue" in given,
            suspected_spam="quarantine" in given,
            test="test" in given,
        )

    def query(self, changed: Choices = AS_IT_IS, after: Place | None = None) -> str:
        """The query with some choices changed; None removes a choice."""
        choices = {name: value for name, value in {**self.choices, **changed}.items() if value}
        ordered = [(name, choices[name]) for name in CHOICES if name in choices]
        return urlencode([*ordered, *([("after", _label(after))] if after else [])])

    def path(self, changed: Choices = AS_IT_IS, after: Place | None = None) -> str:
        """The address of the queue with some choices changed."""
        query = self.query(changed, after)
        return f"/staff?{query}" if query else "/staff"


CHOICES = {
    "state": re.compile("|".join(STATES)),
    "attention": re.compile("[1-4]"),
    "whose": re.compile(f"me|nobody|{ID.pattern}"),
    "language": LANGUAGE,
    "overdue": re.compile("1"),
    "quarantine": re.compile("1"),
    "test": re.compile("1"),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A choice: its label, its link, whether it is active, and the number of its cases."""

    words: str
    path: str
    chosen: bool
    count: str = ""


def filter_chips(
    asked: QueueQuery,
    languages: Iterable[tuple[str, str]],
    counts: Mapping[str, int],
    overdue: int,
    most: int,
) -> list[tuple[str, list[Chip]]]:
    """Every group of choices with its name. Counts are of real cases, so a list of tests shows none."""
    real = "test" not in asked.choices
    held = {name: _counted(number, most) if real else "" for name, number in counts.items()}
    states = [("All that wait", None, ""), *((STATE_NAMES[name], name, held[name]) for name in STATES)]
    attention = [("Any", None, ""), *((f"{n} · {words}", str(n), "") for n, words in ATTENTION.items())]
    whose = [("Everybody’s", None, ""), ("Mine", "me", ""), ("Nobody’s", "nobody", "")]
    spoken = [("Any", None, ""), *((words, tag, "") for tag, words in languages)]
    named = {"state": ("State", states), "attention": ("Attention", attention), "whose": ("Whose", whose)}
    named["language"] = ("Language", spoken)
    groups = [(title, _group(asked, name, choices)) for name, (title, choices) in named.items()]
    words = {"overdue": "Overdue", "quarantine": "Maybe no person", "test": "Tests"}
    marks = {"overdue": _counted(overdue, most)} if real else {}
    also = [
        Chip(
            words[name],
            asked.path({name: None if name in asked.choices else "1"}),
            name in asked.choices,
            marks.get(name, ""),
        )
        for name in FLAGS
    ]
    return [*groups, ("Only", also)]


def _group(asked: QueueQuery, name: str, choices: Sequence[tuple[str, str | None, str]]) -> list[Chip]:
    return [
        Chip(words, asked.path({name: value}), asked.choices.get(name) == value, count)
        for words, value, count in choices
    ]


def _counted(number: int, most: int) -> str:
    return f"{most:,}+" if number > most else f"{number:,}"


def _label(place: Place) -> str:
    due, name = place
    return f"{(due - EPOCH) // MICROSECOND if due else '-'}.{name}"


def _place(text: str | None) -> Place | None:
    if not text:
        return None
    found = PLACE.fullmatch(text)
    if found is None or not ID.fullmatch(found[2]):
        raise BadRequest("The place in the list can't be used; begin again at the top.")
    due = None if found[1] == "-" else EPOCH + int(found[1]) * MICROSECOND
    return due, found[2]
