"""Our conditions as FHIR's enableWhen: flat rows of which any, or all, must hold.

Office: to say exactly what a condition means. Our law of silence and FHIR's differ: there an unanswered
question makes `!=` true, here it makes a comparison unknown, and so does an unknown option that is not named.
So a comparison on a choice is said as the options that make it true, and `!=` stands beside `exists` alone.
Refuses: to say less than the condition, or more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from app.fhir import names
from app.fhir.models import Coding, Operator, QuestionnaireEnableWhen
from app.rules.condition import NEVER, OPERATORS, AllOf, AnyOf, Comparison, Condition, Not
from app.rules.edition import Edition
from app.rules.questionnaire import Item

INVERSE: Mapping[str, Operator] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
Rows = list[QuestionnaireEnableWhen]


class Unsayable(Exception):
    """A condition that enableWhen can't say as it is meant."""


@dataclass(frozen=True, slots=True)
class Enabling:
    """The conditions of one edition in FHIR's words."""

    edition: Edition

    def said(self, condition: Condition) -> tuple[str, Rows]:
        """`any` or `all`, and its rows; no rows mean that it never holds. Raises Unsayable."""
        try:
            return "any", self.either(condition, wanted=True)
        except Unsayable:
            return "all", self.each(condition, wanted=True) or []

    def either(self, condition: Condition, *, wanted: bool) -> Rows:
        """Rows of which one suffices to make it true (or false, as wanted); none: never."""
        match condition:
            case Not():
                return self.either(condition.not_, wanted=not wanted)
            case AllOf() | AnyOf() if isinstance(condition, AnyOf) is wanted:
                return [row for part in condition.parts() for row in self.either(part, wanted=wanted)]
            case AllOf() | AnyOf():
                rows = self.each(condition, wanted=wanted) or []
                return rows if len(rows) < 2 else _refuse("This mixes `any` and `all`.")
            case Comparison():
                return list(self._alternatives(condition, wanted=wanted))
        return _refuse("This asks about rules, and not about answers.")

    def each(self, condition: Condition, *, wanted: bool) -> Rows | None:
        """Rows that must all hold to make it true (or false, as wanted); None: it never is."""
        match condition:
            case Not():
                return self.each(condition.not_, wanted=not wanted)
            case AllOf() | AnyOf() if isinstance(condition, AllOf) is wanted:
                parts = [self.each(part, wanted=wanted) for part in condition.parts()]
                return None if None in parts else [row for part in parts if part for row in part]
        rows = self.either(condition, wanted=wanted)
        if len(rows) > 1 and isinstance(condition, Comparison):
            return list(self._excluding(condition, rows))
        return (rows or None) if len(rows) < 2 else _refuse("This mixes `any` and `all`.")

    def _alternatives(self, asked: Comparison, *, wanted: bool) -> Iterator[QuestionnaireEnableWhen]:
        """Each answer, or range of answers, that makes the comparison true, or false."""
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
        """The answers of a choice, or yes and no, that make the comparison true, or false."""
        unknown = self.edition.asked.unknown.get(item.link_id, frozenset())
        if item.repeats:
            if not wanted or asked.operator not in ("has", "has_any"):
                _refuse("FHIR can't ask for the absence of one option among several.")
            yield from (code for code in item.codes if code in asked.named())
        elif item.type in ("choice", "boolean"):
            holds = OPERATORS[asked.operator](asked.answer, unknown)
            answers = item.codes if item.type == "choice" else (True, False)
            yield from (value for value in answers if holds(value) is wanted)
        else:
            _refuse("FHIR's texts are not compared.")

    def _excluding(self, asked: Comparison, rows: Rows) -> Iterator[QuestionnaireEnableWhen]:
        """Alternatives of one question said as rows that must all hold: answered, and with no other."""
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
        told: dict[str, Any] = {"question": item.link_id, "operator": "="}
        if isinstance(value, bool):
            return QuestionnaireEnableWhen(**told, answerBoolean=value)
        system = names.system(self.edition.id, item.link_id)
        return QuestionnaireEnableWhen(**told, answerCoding=Coding(system=system, code=value))

    def _always(self, item: Item) -> bool:
        """Is it enabled whatever is answered?"""
        return all(each.enable_when is None for each in self._around(item))

    def _never(self, item: Item) -> bool:
        """Has the clinic switched it off?"""
        return any(each.enable_when is NEVER for each in self._around(item))

    def _around(self, item: Item) -> Iterator[Item]:
        """An item and the groups around it, outwards."""
        groups = {each.link_id: group for each, group in self.edition.asked.placed}
        name: str | None = item.link_id
        while name is not None:
            yield self.edition.asked.by_id[name]
            name = groups[name]


def _ranges(asked: Comparison, *, wanted: bool) -> Iterator[tuple[Operator, int]]:
    """The operators and bounds that make a comparison of integers true, or false."""
    values = cast("tuple[int, ...]", asked.named())
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
    raise Unsayable(why)
