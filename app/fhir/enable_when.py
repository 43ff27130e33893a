"""Converts conditions to FHIR's enableWhen: flat rows, of which any or all must be true.

Responsible for: the exact meaning of a condition. This service and FHIR treat missing answers differently:
in FHIR an unanswered question makes `!=` true; here it makes a comparison unknown, and so does an unknown
option that the comparison doesn't name. So a comparison with a choice becomes the options that make it true,
and `!=` is used only together with `exists`.
Never: returns rows that are true in more or fewer cases than the condition.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from app.fhir import identifiers
from app.fhir.models import Coding, Operator, QuestionnaireEnableWhen
from app.rules.engine.condition import NEVER, OPERATORS, AllOf, AnyOf, Comparison, Condition, Not
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item

INVERSE: Mapping[str, Operator] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
Rows = list[QuestionnaireEnableWhen]


class NotRepresentable(Exception):
    """A condition that enableWhen can't express with the same meaning."""


@dataclass(frozen=True, slots=True)
class Enabling:
    """The conditions of one edition in terms of FHIR."""

    edition: Edition

    def to_enable_when(self, condition: Condition) -> tuple[str, Rows]:
        """Return `any` or `all`, and the rows; no rows mean that it is never true. Raises Unsayable."""
        try:
            return "any", self.any_of(condition, wanted=True)
        except NotRepresentable:
            return "all", self.all_of(condition, wanted=True) or []

    def any_of(self, condition: Condition, *, wanted: bool) -> Rows:
        """Return rows of which one is enough to make it true (or false, as `wanted`); no rows: never."""
        match condition:
            case Not():
                return self.any_of(condition.not_, wanted=not wanted)
            case AllOf() | AnyOf() if isinstance(condition, AnyOf) is wanted:
                return [row for part in condition.children() for row in self.any_of(part, wanted=wanted)]
            case AllOf() | AnyOf():
                rows = self.all_of(condition, wanted=wanted) or []
                return rows if len(rows) < 2 else _refuse("This mixes `any` and `all`.")
            case Comparison():
                return list(self._alternatives(condition, wanted=wanted))
        return _refuse("This asks about rules, and not about answers.")

    def all_of(self, condition: Condition, *, wanted: bool) -> Rows | None:
        """Return rows that must all be true to make it true (or false, as `wanted`); None: it never is."""
        match condition:
            case Not():
                return self.all_of(condition.not_, wanted=not wanted)
            case AllOf() | AnyOf() if isinstance(condition, AllOf) is wanted:
                parts = [self.all_of(part, wanted=wanted) for part in condition.children()]
                return None if None in parts else [row for part in parts if part for row in part]
        rows = self.any_of(condition, wanted=wanted)
        if len(rows) > 1 and isinstance(condition, Comparison):
            return list(self._excluding(condition, rows))
        return (rows or None) if len(rows) < 2 else _refuse("This mixes `any` and `all`.")

    def _alternatives(self, asked: Comparison, *, wanted: bool) -> Iterator[QuestionnaireEnableWhen]:
        """Yield a row for each answer, or range of answers, that makes the comparison true, or false."""
        item = self.edition.asked.by_id[asked.question]
        if not self._always(item) and not wanted:
            _refuse("A question that is not enabled makes this true; FHIR can't ask for that.")
        if self._never(item):
            return
        if asked.operator == "exists":
            yield self._exists(item, there=asked.answer is wanted)
        elif item.type == "integer":
            yield from (
                QuestionnaireEnableWhen(question=item.link_id, operator=operator, answerInteger=value)
                for operator, value in _ranges(asked, wanted=wanted)
            )
        else:
            yield from (self._equals(item, value) for value in self._values(item, asked, wanted=wanted))

    def _values(self, item: Item, asked: Comparison, *, wanted: bool) -> Iterator[bool | str]:
        """Yield the options of a choice, or True and False, that make the comparison true, or false."""
        unknown = self.edition.asked.unknown.get(item.link_id, frozenset())
        if item.repeats:
            if not wanted or asked.operator not in ("has", "has_any"):
                _refuse("FHIR can't ask for the absence of one option among several.")
            yield from (code for code in item.codes if code in asked.named_options())
        elif item.type in ("choice", "boolean"):
            holds = OPERATORS[asked.operator](asked.answer, unknown)
            answers = item.codes if item.type == "choice" else (True, False)
            yield from (value for value in answers if holds(value) is wanted)
        else:
            _refuse("FHIR's texts are not compared.")

    def _excluding(self, asked: Comparison, rows: Rows) -> Iterator[QuestionnaireEnableWhen]:
        """Yield the alternatives of one question as rows that must all be true.

        The rows require that there is an answer and that it is none of the other answers.
        """
        item = self.edition.asked.by_id[asked.question]
        if item.repeats or (item.type == "integer" and asked.operator == "in"):
            _refuse("This mixes `any` and `all`.")
        yield self._exists(item, there=True)
        if item.type == "integer":
            yield QuestionnaireEnableWhen(
                question=item.link_id, operator="!=", answerInteger=cast("int", asked.answer)
            )
        named = [row.answerCoding.code for row in rows if row.answerCoding]
        for code in item.codes:
            if code not in named:
                yield self._equals(item, code).model_copy(update={"operator": "!="})

    def _exists(self, item: Item, *, there: bool) -> QuestionnaireEnableWhen:
        if not there and not self._always(item):
            _refuse("FHIR can't tell an unanswered question from one that was never asked.")
        return QuestionnaireEnableWhen(question=item.link_id, operator="exists", answerBoolean=there)

    def _equals(self, item: Item, value: bool | str) -> QuestionnaireEnableWhen:
        parts: dict[str, Any] = {"question": item.link_id, "operator": "="}
        if isinstance(value, bool):
            return QuestionnaireEnableWhen(**parts, answerBoolean=value)
        system = identifiers.system(self.edition.id, item.link_id)
        return QuestionnaireEnableWhen(**parts, answerCoding=Coding(system=system, code=value))

    def _always(self, item: Item) -> bool:
        """Return True if the item is enabled for all answers."""
        return all(each.enable_when is None for each in self._around(item))

    def _never(self, item: Item) -> bool:
        """Return True if the clinic has turned the item off."""
        return any(each.enable_when is NEVER for each in self._around(item))

    def _around(self, item: Item) -> Iterator[Item]:
        """Yield an item and the groups that contain it, innermost first."""
        groups = {each.link_id: group for each, group in self.edition.asked.placed}
        name: str | None = item.link_id
        while name is not None:
            yield self.edition.asked.by_id[name]
            name = groups[name]


def _ranges(asked: Comparison, *, wanted: bool) -> Iterator[tuple[Operator, int]]:
    """Yield the operators and bounds that make a comparison of integers true, or false."""
    values = cast("tuple[int, ...]", asked.named_options())
    equal = asked.operator in ("=", "in") if wanted else asked.operator == "!="
    if equal:
        yield from (("=", value) for value in values)
    elif asked.operator in INVERSE:
        operator = cast("Operator", asked.operator)
        yield operator if wanted else INVERSE[operator], values[0]
    elif len(values) == 1:
        yield from (("<", values[0]), (">", values[0]))
    else:
        _refuse("FHIR can't ask for none of several numbers at once.")


def _refuse(why: str) -> NoReturn:
    raise NotRepresentable(why)
