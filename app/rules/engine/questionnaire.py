"""The questions, with the names of FHIR R4 (Questionnaire.item), and which of them are enabled.

Responsible for: the models of the items, and the only code that decides which items are enabled.
Never: contains texts (they are in texts/).
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.rules.engine.condition import NEVER, Answers, Ask, Condition, EvaluationContext

ContactKind = Literal["name", "phone", "email"]


class Fhir(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, defer_build=True
    )


class AnswerOption(Fhir):
    """One option of a choice question.

    `exclusive`: it can't be selected together with another option. `unknown`: it means that the person
    doesn't know or prefers not to say.
    """

    code: str = Field(pattern=r"^[a-z0-9_]+$")
    exclusive: bool = False
    unknown: bool = False


class Item(Fhir):
    """A question, a group (one page) or a display text.

    `initial`: the value that a form shows before the person has answered; it is not an answer until the
    person submits it.
    """

    link_id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: Literal["group", "display", "boolean", "choice", "integer", "string"]
    required: bool = False
    required_when: Condition | None = None
    must_be_true: bool = False
    repeats: bool = False
    enable_when: Condition | None = None
    answer_option: tuple[AnswerOption, ...] = ()
    min_value: int | None = None
    max_value: int | None = None
    max_length: int | None = None
    contact: ContactKind | None = None
    initial: bool | int | str | tuple[str, ...] | None = None
    item: tuple["Item", ...] = ()

    @property
    def is_question(self) -> bool:
        return self.type not in ("group", "display")

    @cached_property
    def codes(self) -> dict[str, int]:
        """The position of each option in the list, by option code."""
        return {option.code: place for place, option in enumerate(self.answer_option)}

    @cached_property
    def exclusive(self) -> frozenset[str]:
        return frozenset(option.code for option in self.answer_option if option.exclusive)


class Questionnaire(Fhir):
    item: tuple[Item, ...]

    @cached_property
    def placed(self) -> tuple[tuple[Item, str | None], ...]:
        """Every item in reading order, with the linkId of the group that contains it."""
        return tuple(_walk(self.item, None))

    @cached_property
    def by_id(self) -> dict[str, Item]:
        return {item.link_id: item for item, _ in self.placed}

    @cached_property
    def questions(self) -> dict[str, Item]:
        """The questions whose answers rules may see: linkId to item, without the contact items."""
        return {name: item for name, item in self.by_id.items() if item.is_question and not item.contact}

    @cached_property
    def contact_items(self) -> dict[str, Item]:
        """The item that asks for each of `name`, `phone` and `email`."""
        return {item.contact: item for item in self.by_id.values() if item.contact}

    @cached_property
    def unknown(self) -> dict[str, frozenset[str]]:
        """The options that mean "not known", by linkId; questions without such options are left out."""
        marked = {
            name: frozenset(option.code for option in item.answer_option if option.unknown)
            for name, item in self.questions.items()
        }
        return {name: codes for name, codes in marked.items() if codes}

    def enabled(self, answers: Answers) -> frozenset[str]:
        """Return the linkIds of the enabled items, including groups and display texts.

        An item is enabled if the group that contains it is enabled and its enableWhen is true; unknown is not
        enough.
        """
        enabled: set[str] = set()
        facts = EvaluationContext(answers, enabled, self.unknown)
        for name, group, ask in self._enabling:
            if (group is None or group in enabled) and (ask is None or ask(facts) is True):
                enabled.add(name)
        return frozenset(enabled)

    def missing(self, answers: Answers, enabled: frozenset[str]) -> tuple[str, ...]:
        """Return the enabled questions that must be answered before the answers can be submitted."""
        facts = EvaluationContext(answers, enabled, self.unknown)
        return tuple(
            item.link_id
            for item, ask in self._requiring
            if item.link_id in enabled
            and (item.required or (ask is not None and ask(facts) is True))
            and (item.link_id not in answers or (item.must_be_true and answers[item.link_id] is not True))
        )

    def possible(self, answers: Answers) -> frozenset[str]:
        """Return the linkIds of the items that are enabled or that further answers may enable.

        Answers to questions that are not enabled are ignored: it is not known yet whether they will count.
        """
        enabled = self.enabled(answers)
        possible: set[str] = set()
        facts = EvaluationContext(
            {name: each for name, each in answers.items() if name in enabled}, possible, self.unknown
        )
        for name, group, ask in self._enabling:
            open_ = ask is None or ask(facts) is not False or _waits(self.by_id[name].enable_when, facts)
            if open_ and (group is None or group in possible):
                possible.add(name)
        return frozenset(possible)

    def never_asking(self, names: Collection[str]) -> "Questionnaire":
        """Return the questionnaire with the items `names` never enabled; answers to them stay valid."""
        return Questionnaire.model_construct(item=tuple(_never(each, names) for each in self.item))

    @cached_property
    def _enabling(self) -> tuple[tuple[str, str | None, Ask | None], ...]:
        """The linkId, group and compiled enableWhen of every item, in reading order."""
        return tuple(
            (item.link_id, group, item.enable_when.compiled(self.unknown) if item.enable_when else None)
            for item, group in self.placed
        )

    @cached_property
    def _requiring(self) -> tuple[tuple[Item, Ask | None], ...]:
        """The questions that must be answered, always or in some cases, with their compiled requiredWhen."""
        return tuple(
            (item, item.required_when.compiled(self.unknown) if item.required_when else None)
            for item in self.questions.values()
            if item.required or item.required_when
        )

    def order(self, answers: Mapping[str, object]) -> Iterator[str]:
        """Return the linkIds of `answers` in reading order."""
        return (name for name in self.questions if name in answers)


def _waits(condition: Condition | None, facts: EvaluationContext) -> bool:
    """Return True if `condition` tests the existence of an answer that may still be given."""
    return condition is not None and any(
        each.operator == "exists" and each.question in facts.enabled and each.question not in facts.answers
        for each in condition.comparisons()
    )


def _never(item: Item, names: Collection[str]) -> Item:
    inner = tuple(_never(each, names) for each in item.item)
    change = {"item": inner} | ({"enable_when": NEVER} if item.link_id in names else {})
    return item.model_copy(update=change)


def _walk(items: tuple[Item, ...], group: str | None) -> Iterator[tuple[Item, str | None]]:
    for item in items:
        yield item, group
        yield from _walk(item.item, item.link_id)
