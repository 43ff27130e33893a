"""Builds conditions and facts from plain data for the tests."""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import TypeAdapter

from app.rules.engine.condition import Answers, Condition, EvaluationContext, Truth

_CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)

UNKNOWN = {"one": frozenset({"unsure", "unsaid"}), "many": frozenset({"unsure", "unsaid"})}
QUESTIONS = frozenset({"one", "many", "number", "flag"})
"""`one` takes one of a, b, unsure, unsaid; `many` several of them; `number` is 0 to 10; `flag` is boolean."""


def condition(data: Any) -> Condition:
    """The condition for `data` as it is written in a YAML file."""
    return _CONDITION.validate_python(frozen(data))


def frozen(data: Any) -> Any:
    """`data` with lists as tuples, as the YAML reader returns them."""
    if isinstance(data, dict):
        return {key: frozen(value) for key, value in data.items()}
    return tuple(frozen(value) for value in data) if isinstance(data, list) else data


def compared(question: str, operator: str, answer: object) -> Condition:
    return condition({"question": question, "operator": operator, "answer": answer})


def facts(
    answers: Answers, enabled: Collection[str] = QUESTIONS, **fired: tuple[str, Sequence[str]]
) -> EvaluationContext:
    """Facts about the questions above; `fired`: rule id to (group, passages)."""
    return EvaluationContext(answers, enabled, UNKNOWN, fired)


def asked(data: Any, given: EvaluationContext) -> Truth:
    return condition(data).evaluate(given)
