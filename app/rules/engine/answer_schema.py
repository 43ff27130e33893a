"""The answers of a questionnaire as JSON Schema 2020-12, for clients that check them before sending.

Responsible for: types, options, exclusive options, ranges and, if `complete`, which answers are required and
when. Answers are valid against this schema exactly when `answers.check` finds no issue (a test verifies
this), except that `check` ignores null under an unknown name, and [] for a question that takes one answer.
Never: contains texts.
"""

from collections.abc import Callable
from typing import Any

from app.rules.engine.condition import OPERATORS, AllOf, AnyOf, Comparison, Condition, Not
from app.rules.engine.questionnaire import Item, Questionnaire

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def answer_schema(questionnaire: Questionnaire, *, complete: bool) -> Schema:
    """Return the schema of `answers` (linkId to value).

    `complete`: as they must be when submitted; otherwise as they may be in a draft at any time.
    """
    names = questionnaire.questions
    schema: Schema = {
        "$schema": DIALECT,
        "type": "object",
        "properties": {name: value_schema(item) for name, item in names.items()},
        "additionalProperties": False,
    }
    if complete:
        conditions = _Conditions(questionnaire)
        required = [item for item in names.values() if item.required or item.required_when]
        schema["$defs"] = {
            item.link_id: conditions.enabled(item, group) for item, group in questionnaire.placed
        }
        schema["allOf"] = [conditions.required(item) for item in required]
    return schema


def value_schema(item: Item) -> Schema:
    """Return the schema of the values that one question accepts; null means no answer."""
    if item.repeats:
        free = [code for code in item.codes if code not in item.exclusive]
        alone = [code for code in item.codes if code in item.exclusive]
        several = {"type": "array", "items": {"enum": free}, "uniqueItems": True}
        single = {"type": "array", "items": {"enum": alone}, "maxItems": 1}
        return {"anyOf": [several, *([single] if alone else []), {"type": "null"}]}
    if item.type == "choice":
        return {"enum": [*item.codes, None]}
    bounds = {"minimum": item.min_value, "maximum": item.max_value, "maxLength": item.max_length}
    return {"type": [item.type, "null"]} | {
        name: bound for name, bound in bounds.items() if bound is not None
    }


class _Conditions:
    """The conditions of one questionnaire as schemas of its answers."""

    def __init__(self, questionnaire: Questionnaire) -> None:
        self.questionnaire = questionnaire

    def required(self, item: Item) -> Schema:
        asked = [_ref(item.link_id)]
        if item.required_when:
            asked.append(self.holds(item.required_when, wanted=True))
        value = {"const": True} if item.must_be_true else ANSWER
        return {"if": {"allOf": asked}, "then": _member(item.link_id, value)}

    def enabled(self, item: Item, group: str | None) -> Schema:
        parts = [_ref(group)] if group else []
        if item.enable_when:
            parts.append(self.holds(item.enable_when, wanted=True))
        return {"allOf": parts} if parts else {}

    def holds(self, condition: Condition, *, wanted: bool) -> Schema:
        """Return the schema of the answers that make `condition` true, or false; unknown is neither."""
        match condition:
            case AllOf() | AnyOf():
                word = "allOf" if isinstance(condition, AllOf) is wanted else "anyOf"
                parts = [self.holds(part, wanted=wanted) for part in condition.children()]
                return {word: parts} if parts else {} if word == "allOf" else {"not": {}}
            case Not():
                return self.holds(condition.not_, wanted=not wanted)
            case Comparison():
                services = {"allOf": [_ref(condition.question), self._compared(condition, wanted=wanted)]}
                return services if wanted else {"anyOf": [{"not": _ref(condition.question)}, services]}
        raise TypeError("conditions about rules are no part of a questionnaire")

    def _compared(self, asked: Comparison, *, wanted: bool) -> Schema:
        """Return the schema of answers to the question for which the comparison is true, or false."""
        item = self.questionnaire.questions[asked.question]
        if asked.operator == "exists":
            answered = _member(asked.question, ANSWER)
            return answered if asked.answer is wanted else {"not": answered}
        unknown = self.questionnaire.unknown.get(asked.question, frozenset())
        if item.repeats:
            named = list(asked.named_options()) if wanted else [*asked.named_options(), *sorted(unknown)]
            contains = {"contains": {"enum": named}}
            several = {"type": "array", "minItems": 1}
            return _member(asked.question, several | (contains if wanted else {"not": contains}))
        if item.type == "integer":
            within = _INTEGERS[asked.operator](asked.answer)
            return _member(asked.question, {"type": "integer"} | (within if wanted else {"not": within}))
        holds = OPERATORS[asked.operator](asked.answer, unknown)
        values = item.codes if item.type == "choice" else (True, False)
        return _member(
            asked.question,
            {"enum": [value for value in values if holds(value) is wanted]},
        )


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _member(name: str, value: Schema) -> Schema:
    return {"required": [name], "properties": {name: value}}


ANSWER: Schema = {"not": {"enum": [None, []]}}
_INTEGERS: dict[str, Callable[[Any], Schema]] = {
    "=": lambda value: {"const": value},
    "!=": lambda value: {"not": {"const": value}},
    "in": lambda value: {"enum": list(value)},
    "<": lambda value: {"exclusiveMaximum": value},
    "<=": lambda value: {"maximum": value},
    ">": lambda value: {"exclusiveMinimum": value},
    ">=": lambda value: {"minimum": value},
}
