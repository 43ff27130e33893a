"""Navigation through the form: which pages apply to these answers, and in which order.

Responsible for: pure functions of an edition and the answers so far. Never: uses page addresses that reveal
an answer (reaching the page about pain implies an answer), and never stores progress, which follows from the
answers.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.rules.engine.condition import AllOf, AnyOf, Comparison, Condition, EvaluationContext, Not
from app.rules.engine.questionnaire import Item
from app.services.submissions.assessment import Assessment

Json = dict[str, Any]
CONSTANT = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Progress:
    """`part` of `total`; later answers may still add or remove pages."""

    part: int
    total: int


class Flow:
    """The pages of one draft."""

    def __init__(self, assessment: Assessment) -> None:
        self.assessment = assessment
        self.asked = assessment.edition.asked
        self.answers = assessment.record.answers["answers"]
        self.groups = [each for each in self.asked.item if self._any_question(each, assessment.enabled)]

    @staticmethod
    def _any_question(group: Item, enabled: frozenset[str]) -> bool:
        return any(item.is_question and item.link_id in enabled for item in group.item)

    def step(self, name: str) -> str:
        """The path segment of a page: constant for this draft, and meaningless to everyone else."""
        return hmac.digest(self.assessment.record.token_hash, name.encode(), "sha256").hex()[:12]

    def address(self, group: Item, *flags: str) -> str:
        """The address of a page with optional flags; no flag reveals an answer."""
        return with_flags(f"/form/s/{self.step(group.link_id)}", *flags)

    def interruption(self, group: Item, *flags: str) -> str:
        """The address of the interruption that the answers of a page raise."""
        return with_flags(f"/form/s/{self.step(f'after {group.link_id}')}", *flags)

    def page_at(self, step: str) -> Item | None:
        """The group at an address, if it is one of the current pages."""
        return next((each for each in self.groups if self.step(each.link_id) == step), None)

    def interrupted_page(self, step: str) -> Item | None:
        """The group whose interruption is at an address; the group may no longer be one of the pages."""
        return next((each for each in self.asked.item if self.step(f"after {each.link_id}") == step), None)

    def next_page(self, group: Item) -> Item | None:
        """The next page; None if the next step is checking the answers."""
        later = self.asked.item[self._place(group) + 1 :]
        return next((each for each in later if each in self.groups), None)

    def previous_page(self, group: Item) -> Item | None:
        """The previous page; None at the first page."""
        earlier = reversed(self.asked.item[: self._place(group)])
        return next((each for each in earlier if each in self.groups), None)

    def _place(self, group: Item) -> int:
        return next(place for place, each in enumerate(self.asked.item) if each.link_id == group.link_id)

    def progress(self, group: Item) -> Progress:
        """The progress, as in "part 2 of 7"; pages that may still become enabled count."""
        possible = self.asked.possible(self.answers)
        names = [each.link_id for each in self.asked.item if self._any_question(each, possible)]
        return Progress(names.index(group.link_id) + 1, len(names))

    def where_left(self) -> Item | None:
        """The first page without any answer, or with a required answer missing; None if there is none."""
        contact = self.assessment.record.contact
        for group in self.groups:
            names = [item.link_id for item in group.item if item.is_question]
            given = [item for item in group.item if item.contact in contact and item.contact]
            if set(names) & set(self.assessment.missing) or not (given or set(names) & self.answers.keys()):
                return group
        return None

    def page_of(self, name: str) -> Item | None:
        """The page that contains a question."""
        return next((each for each in self.groups if name in {item.link_id for item in each.item}), None)

    def disabled_answers(self) -> list[str]:
        """Answered questions that are no longer enabled, in order."""
        return [name for name in self.asked.order(self.answers) if name not in self.assessment.enabled]

    def interruptions_of(self, group: Item) -> list[str]:
        """The rules raised by the answers of this page that have an interruption page."""
        names = {item.link_id for item in group.item}
        return [
            each.rule.id
            for each in self.assessment.evaluation.fired
            if each.rule.interruption == "page" and names & set(each.rule.when.questions())
        ]

    def shown(self, group: Item) -> Iterator[tuple[Item, Json | None]]:
        """The items of a page, each with the part of its enableWhen that depends on this page, if any.

        Items that nothing on this page can enable, and that are not enabled now, are left out.
        """
        inside = {item.link_id for item in group.item if item.is_question}
        facts = EvaluationContext(self.answers, self.assessment.enabled, self.asked.unknown)
        for item in group.item:
            when = item.enable_when
            services = bool(when and set(when.questions()) & inside)
            if services and when is not None:
                yield item, _here(when, inside, facts)
            elif item.link_id in self.assessment.enabled:
                yield item, None


def with_flags(path: str, *flags: str) -> str:
    """`path` with flags: `check` (return to the page of all answers afterwards), `new`, `changed`."""
    return f"{path}?{urlencode(dict.fromkeys(flags, '1'))}" if flags else path


def resume_page(assessment: Assessment) -> str:
    """The address to continue at."""
    if assessment.record.status == "submitted":
        return "/form/summary"
    flow = Flow(assessment)
    group = flow.where_left()
    return flow.address(group) if group else "/form/check"


def _here(condition: Condition, inside: set[str], facts: EvaluationContext) -> Json:
    """`condition` for a browser that knows the answers of one page only; the rest becomes a constant."""
    match condition:
        case Comparison() if condition.question in inside:
            return condition.model_dump(mode="json")
        case AllOf():
            return {"all": _parts(condition.all, inside, facts)}
        case AnyOf():
            return {"any": _parts(condition.any, inside, facts)}
        case Not():
            return {"not": _here(condition.not_, inside, facts)}
    return {"is": CONSTANT[condition.evaluate(facts)]}


def _parts(conditions: Sequence[Condition], inside: set[str], facts: EvaluationContext) -> list[Json]:
    return [_here(each, inside, facts) for each in conditions]
