"""The exact number of sets of answers, and a seeded way to generate some of them at random.

Responsible for: counting in big integers by dynamic programming over the questions in reading order. The
state is what later conditions can see; everything else is a factor. Never: enumerates.
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from app.rules.engine.condition import Answers, Condition, EvaluationContext
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item

State = tuple[frozenset[str], frozenset[tuple[str, Any]]]  # enabled items, answers: those read later


def sets_of_options(item: Item) -> list[tuple[str, ...]]:
    """Every possible selection of a question that repeats."""
    free = [option.code for option in item.answer_option if not option.exclusive]
    several = [
        tuple(code for place, code in enumerate(free) if bits >> place & 1)
        for bits in range(1, 2 ** len(free))
    ]
    return several + [(option.code,) for option in item.answer_option if option.exclusive]


def domain(item: Item) -> list[Any]:
    """Every possible answer to a question, without "no answer"."""
    if item.type == "boolean":
        return [True, False]
    if item.type == "integer":
        assert item.min_value is not None
        assert item.max_value is not None
        return list(range(item.min_value, item.max_value + 1))
    return list(sets_of_options(item) if item.repeats else item.codes)


def count_valid_answer_sets(edition: Edition, *, complete: bool) -> int:
    """The number of sets of answers that `Edition.check` accepts without an issue.

    Answers to disabled questions count too. `complete`: all required questions are answered; otherwise the
    sets that a draft may contain.
    """
    questionnaire = edition.questionnaire
    ways: Counter[State] = Counter({(frozenset(), frozenset()): 1})
    for place, (item, group) in enumerate(questionnaire.placed):
        seen = _seen_after(edition, place)
        onward: Counter[State] = Counter()
        for (enabled, answers), number in ways.items():
            facts = EvaluationContext(dict(answers), enabled, questionnaire.unknown)
            on = (group is None or group in enabled) and _true(item.enable_when, facts)
            needed = complete and on and (item.required or _needed(item.required_when, facts))
            for answer, times in _choices(item, on=on, needed=needed, seen=item.link_id in seen):
                named = enabled | {item.link_id} if on else enabled
                told = answers | {(item.link_id, answer)} if answer is not None else answers
                state = (named & seen, frozenset(each for each in told if each[0] in seen))
                onward[state] += number * times
        ways = onward
    return sum(ways.values())


def _choices(item: Item, *, on: bool, needed: bool, seen: bool) -> Iterator[tuple[Any, int]]:
    """Answers and how many each stands for; None is "no answer", or one that no later condition reads."""
    if not item.is_question or item.contact:
        yield None, 1
        return
    answers = [True] if needed and item.must_be_true else domain(item)
    silent = 0 if needed else 1
    if on and seen:
        yield from ((answer, 1) for answer in answers)
        yield None, silent
    else:
        yield None, len(answers) + silent


def _seen_after(edition: Edition, place: int) -> set[str]:
    names: set[str] = set()
    for item, group in edition.questionnaire.placed[place + 1 :]:
        names |= {group} if group else set()
        for condition in (item.enable_when, item.required_when):
            names |= set(condition.questions()) if condition else set()
    return names


def _true(condition: Condition | None, facts: EvaluationContext) -> bool:
    return condition is None or condition.evaluate(facts) is True


def _needed(condition: Condition | None, facts: EvaluationContext) -> bool:
    return condition is not None and condition.evaluate(facts) is True


def assessment(edition: Edition, number: int, *, seed: int) -> Iterator[Answers]:
    """Valid, complete sets of answers at random; one in ten disabled questions is answered."""
    dice = random.Random(seed)
    for _ in range(number):
        answers: dict[str, Any] = {}
        for name, item in edition.questionnaire.questions.items():
            on = name in edition.enabled(answers)
            told = name in edition.check(answers).missing or dice.random() < (0.7 if on else 0.1)
            if told:
                answers[name] = True if item.must_be_true else _answer(item, dice)
        yield answers


def _answer(item: Item, dice: random.Random) -> Any:
    if not item.repeats:
        return dice.choice(domain(item))
    free = [code for code in item.codes if code not in item.exclusive]
    if item.exclusive and dice.random() < 0.2:
        return (dice.choice(sorted(item.exclusive)),)
    several = dice.sample(free, min(len(free), dice.choice((1, 1, 2, 3, len(free)))))
    return tuple(sorted(several, key=item.codes.__getitem__))
