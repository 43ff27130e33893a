"""Determines which questions and rules some set of answers can reach.

Responsible for: trying every combination of answers that a chain of conditions can distinguish. Never: tries
answers that make no difference; of the options that the same comparisons name, only one is tried.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations, product

from app.rules.engine.condition import Answer, Answers, Comparison, Condition
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item

MAX_COMBINATIONS = 200_000  # combinations of answers


class TooManyCombinations(Exception):
    """There are too many combinations to try; the condition then counts as reachable."""


def reachable_answers(edition: Edition, conditions: Iterable[Condition]) -> Iterator[Answers]:
    """Yield sets of answers that `conditions`, and the conditions of their questions, can distinguish.

    Raises TooMany after the first 200,000.
    """
    questions = edition.questionnaire.questions
    names, pending = dict[str, None](), list(conditions)
    asked: list[Comparison] = []
    while pending:
        condition = pending.pop()
        for comparison in condition.comparisons():
            asked.append(comparison)
            if comparison.question not in names:
                names[comparison.question] = None
                pending += enabling_conditions(edition, comparison.question)
    ordered = [name for name in questions if name in names]
    choices = [
        list(_values(questions[name], [each for each in asked if each.question == name])) for name in ordered
    ]
    for count, values in enumerate(product(*choices)):
        if count >= MAX_COMBINATIONS:
            raise TooManyCombinations
        yield {name: value for name, value in zip(ordered, values, strict=True) if value is not None}


def enabling_conditions(edition: Edition, name: str) -> list[Condition]:
    """Return the enableWhen of an item and of the groups that contain it."""
    groups = {item.link_id: group for item, group in edition.questionnaire.placed}
    found: list[Condition] = []
    place: str | None = name
    while place is not None:
        own = edition.questionnaire.by_id[place].enable_when
        found += [own] if own else []
        place = groups[place]
    return found


def _values(item: Item, asked: list[Comparison]) -> Iterator[Answer | None]:
    yield None
    if item.type == "boolean":
        yield from (True, False)
    elif item.type == "integer":
        named = {value for each in asked for value in each.named_options() if isinstance(value, int)}
        yield from sorted({_within(item, value + step) for value in named for step in (-1, 0, 1)})
    elif item.type == "string":
        yield "x"
    else:
        alike: dict[object, str] = {}
        for option in item.answer_option:
            named_by = tuple(option.code in each.named_options() for each in asked)
            alike.setdefault((named_by, option.exclusive, option.unknown), option.code)
        yield from _sets(item, list(alike.values())) if item.repeats else alike.values()


def _within(item: Item, value: int) -> int:
    low = value if item.min_value is None else max(value, item.min_value)
    return low if item.max_value is None else min(low, item.max_value)


def _sets(item: Item, codes: list[str]) -> Iterator[tuple[str, ...]]:
    free = [code for code in codes if code not in item.exclusive]
    for size in range(1, len(free) + 1):
        yield from combinations(free, size)
    yield from ((code,) for code in codes if code in item.exclusive)
