"""The way through the form: which pages there are for these answers, and what comes before and after each.

Office: pure functions of an edition and the answers so far. Refuses: page addresses that tell an answer (who
meets the page on pain has said something), progress records: the answers are the progress.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.rules.condition import AllOf, AnyOf, Comparison, Condition, Facts, Not
from app.rules.questionnaire import Item
from app.services.drawn import Drawn

Json = dict[str, Any]
CONSTANT = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Progress:
    """`part` of `total`: pages before and after it may still come or go with the answers."""

    part: int
    total: int


class Flow:
    """The pages of one draft."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        self.asked = drawn.edition.asked
        self.answers = drawn.record.answers["answers"]
        self.groups = [each for each in self.asked.item if self._any_question(each, drawn.enabled)]

    @staticmethod
    def _any_question(group: Item, enabled: frozenset[str]) -> bool:
        return any(item.is_question and item.link_id in enabled for item in group.item)

    def step(self, name: str) -> str:
        """The address of a page: the same for this draft always, and nothing to anybody else."""
        return hmac.digest(self.drawn.record.token_hash, name.encode(), "sha256").hex()[:12]

    def address(self, group: Item, *flags: str) -> str:
        """Where a page is, with the few flags that go along; none of them tells an answer."""
        return flagged(f"/form/s/{self.step(group.link_id)}", *flags)

    def interruption(self, group: Item, *flags: str) -> str:
        """Where that stands which a page has raised."""
        return flagged(f"/form/s/{self.step(f'after {group.link_id}')}", *flags)

    def at(self, step: str) -> Item | None:
        """The group at an address that is one of the pages now."""
        return next((each for each in self.groups if self.step(each.link_id) == step), None)

    def interrupted(self, step: str) -> Item | None:
        """The group whose interruption stands at an address; it may be one that is not asked any more."""
        return next((each for each in self.asked.item if self.step(f"after {each.link_id}") == step), None)

    def after(self, group: Item) -> Item | None:
        """The next page, or None when the answers can be looked over."""
        later = self.asked.item[self._place(group) + 1 :]
        return next((each for each in later if each in self.groups), None)

    def before(self, group: Item) -> Item | None:
        """The page before, or None at the first."""
        earlier = reversed(self.asked.item[: self._place(group)])
        return next((each for each in earlier if each in self.groups), None)

    def _place(self, group: Item) -> int:
        return next(place for place, each in enumerate(self.asked.item) if each.link_id == group.link_id)

    def progress(self, group: Item) -> Progress:
        """As "part 2 of 7"; what may still be asked is counted."""
        possible = self.asked.possible(self.answers)
        names = [each.link_id for each in self.asked.item if self._any_question(each, possible)]
        return Progress(names.index(group.link_id) + 1, len(names))

    def where_left(self) -> Item | None:
        """The first page that must be answered, or that was never answered; None when all were."""
        contact = self.drawn.record.contact
        for group in self.groups:
            names = [item.link_id for item in group.item if item.is_question]
            given = [item for item in group.item if item.contact in contact and item.contact]
            if set(names) & set(self.drawn.missing) or not (given or set(names) & self.answers.keys()):
                return group
        return None

    def page_of(self, name: str) -> Item | None:
        """The page that asks a question."""
        return next((each for each in self.groups if name in {item.link_id for item in each.item}), None)

    def unused(self) -> list[str]:
        """Questions that were answered and are not asked any more, in order."""
        return [name for name in self.asked.order(self.answers) if name not in self.drawn.enabled]

    def interrupts(self, group: Item) -> list[str]:
        """The rules that the answers on this page raise, and that stand on a page of their own."""
        names = {item.link_id for item in group.item}
        return [
            each.rule.id
            for each in self.drawn.evaluation.fired
            if each.rule.interruption == "page" and names & set(each.rule.when.questions())
        ]

    def shown(self, group: Item) -> Iterator[tuple[Item, Json | None]]:
        """The items of a page, each with what on this page its being asked depends on, if anything.

        An item that nothing on this page can bring up, and that is not asked now, is left out.
        """
        inside = {item.link_id for item in group.item if item.is_question}
        facts = Facts(self.answers, self.drawn.enabled, self.asked.unknown)
        for item in group.item:
            when = item.enable_when
            here = bool(when and set(when.questions()) & inside)
            if here and when is not None:
                yield item, _here(when, inside, facts)
            elif item.link_id in self.drawn.enabled:
                yield item, None


def flagged(path: str, *flags: str) -> str:
    """`path` with flags: `check` (back to the page of all answers after it), `new`, `changed`."""
    return f"{path}?{urlencode(dict.fromkeys(flags, '1'))}" if flags else path


def where_left(drawn: Drawn) -> str:
    """The address to go on at."""
    if drawn.record.status == "submitted":
        return "/form/summary"
    flow = Flow(drawn)
    group = flow.where_left()
    return flow.address(group) if group else "/form/check"


def _here(condition: Condition, inside: set[str], facts: Facts) -> Json:
    """`condition` for a browser that knows the answers of one page: what it can't know is told as it is."""
    match condition:
        case Comparison() if condition.question in inside:
            return condition.model_dump(mode="json")
        case AllOf():
            return {"all": _parts(condition.all, inside, facts)}
        case AnyOf():
            return {"any": _parts(condition.any, inside, facts)}
        case Not():
            return {"not": _here(condition.not_, inside, facts)}
    return {"is": CONSTANT[condition.truth(facts)]}


def _parts(conditions: Sequence[Condition], inside: set[str], facts: Facts) -> list[Json]:
    return [_here(each, inside, facts) for each in conditions]
