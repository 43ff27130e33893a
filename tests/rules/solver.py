"""A second model of an edition, built from its data, in a choice of two logics.

Responsible for: the same model in both logics. In SYMBOLS its terms are z3 terms over every set of answers
at once: what is proved of them holds for all sets. In PLAIN its terms are booleans for one set of answers,
which are compared with the results of the real code. Never: calls the code under test; it reads conditions
as data.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import z3  # type: ignore[import-untyped]  # z3 ships no types

from app.rules.engine.condition import (
    AllOf,
    AnyOf,
    CitesPassage,
    Comparison,
    Condition,
    Fired,
    NoneFired,
    Not,
    RuleSelector,
)
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from app.rules.engine.rule import Rule

Term = Any  # a bool, or a z3.BoolRef
Pair = tuple[Term, Term]  # (is it true, is it false); both are false if unknown
Said = Mapping[tuple[str, object], Term]  # (question, value) to: was this answered, or this option selected?

HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, listed: value in listed,
}


@dataclass(frozen=True)
class Logic:
    every: Callable[[Iterable[Term]], Term]
    some: Callable[[Iterable[Term]], Term]
    no: Callable[[Term], Term]
    at_most_one: Callable[[Iterable[Term]], Term]


PLAIN = Logic(every=all, some=any, no=operator.not_, at_most_one=lambda terms: sum(terms) <= 1)
SYMBOLS = Logic(
    every=lambda terms: z3.And(list(terms) or [z3.BoolVal(val=True)]),
    some=lambda terms: z3.Or(list(terms) or [z3.BoolVal(val=False)]),
    no=z3.Not,
    at_most_one=lambda terms: z3.AtMost(*terms, 1),
)


def values(item: Item) -> list[Any]:
    """Every value of an answer to a question; for one that repeats, every option."""
    if item.type == "boolean":
        return [True, False]
    if item.type == "integer":
        assert item.min_value is not None
        assert item.max_value is not None
        return list(range(item.min_value, item.max_value + 1))
    return [option.code for option in item.answer_option]


def symbols(edition: Edition) -> dict[tuple[str, object], Term]:
    """One boolean variable for each value of each question."""
    return {
        (name, value): z3.Bool(f"{name}={value}")
        for name, item in edition.questionnaire.questions.items()
        for value in values(item)
    }


def said(edition: Edition, answers: Mapping[str, Any]) -> dict[tuple[str, object], bool]:
    """The same keys as `symbols`, with the booleans of one set of answers."""
    given = {name: set(each) if isinstance(each, tuple | list) else {each} for name, each in answers.items()}
    return {
        (name, value): value in given.get(name, ())
        for name, item in edition.questionnaire.questions.items()
        for value in values(item)
    }


class Model:
    """The consequences of answers: a term for every item, rule, mode, quotation and flag."""

    def __init__(self, edition: Edition, logic: Logic, said: Said) -> None:
        self.edition, self.logic, self.said = edition, logic, said
        self.items = edition.questionnaire.questions
        self.enabled: dict[str, Term] = {}
        self.fired: dict[str, Term] = {}
        self.undetermined: dict[str, Term] = {}
        self.quoted: dict[tuple[str, str], Term] = {}
        self.flags: dict[str, Term] = {}
        self._enable()
        self._fire()
        self.mode = self._modes()
        self._quote()
        self._raise()

    def answered(self, name: str) -> Term:
        return self.logic.some(self.said[name, value] for value in values(self.items[name]))

    def given(self, name: str, value: object) -> Term:
        return self.said[name, value]

    def pair(self, condition: Condition, *, heedless: bool = False) -> Pair:
        """Terms for "is true" and "is false". `heedless`: ignore whether questions are enabled."""
        every, some, no = self.logic.every, self.logic.some, self.logic.no
        match condition:
            case AllOf() | AnyOf():
                pairs = [self.pair(part, heedless=heedless) for part in condition.children()]
                trues, falses = [true for true, _ in pairs], [false for _, false in pairs]
                if isinstance(condition, AllOf):
                    return every(trues), some(falses)
                return some(trues), every(falses)
            case Not():
                true, false = self.pair(condition.not_, heedless=heedless)
                return false, true
            case Comparison():
                true, false = self._compared(condition)
                if heedless:
                    return true, false
                services = self.enabled[condition.question]
                return every([services, true]), some([no(services), false])
        asked = self._asked(condition)
        return asked, no(asked)

    def _compared(self, asked: Comparison) -> Pair:
        every, some, no = self.logic.every, self.logic.some, self.logic.no
        name, item, named = asked.question, self.items[asked.question], asked.named_options()
        unknown = {option.code for option in item.answer_option if option.unknown}
        if asked.operator == "exists":
            there = self.answered(name)
            return (there, no(there)) if asked.answer else (no(there), there)
        if item.repeats:
            hit = some(self.said[name, value] for value in named)
            veiled = some(self.said[name, value] for value in unknown)
            return hit, every([self.answered(name), no(hit), no(veiled)])
        heard = [value for value in values(item) if value not in unknown or value in named]
        holds = {value: HOLDS[asked.operator](value, asked.answer) for value in heard}
        return (
            some(self.said[name, value] for value in heard if holds[value]),
            some(self.said[name, value] for value in heard if not holds[value]),
        )

    def _asked(self, condition: Condition) -> Term:
        match condition:
            case Fired():
                return self.fired[condition.fired]
            case NoneFired():
                return self.logic.no(self.logic.some(self._fired_of(condition.none_fired)))
            case CitesPassage():
                return self.logic.some(self._fired_of(condition.cites_passage, citing=True))
        raise TypeError(condition)

    def _fired_of(self, those: RuleSelector, *, citing: bool = False) -> Iterator[Term]:
        for rule in self.edition.book.rules:
            named = rule.id in those.rules or rule.group in those.groups
            if rule.id in self.fired and named and (rule.cites or not citing):
                yield self.fired[rule.id]

    def _enable(self) -> None:
        for item, group in self.edition.questionnaire.placed:
            terms = [self.enabled[group]] if group else []
            if item.enable_when:
                terms.append(self.pair(item.enable_when)[0])
            self.enabled[item.link_id] = self.logic.every(terms)

    def _fire(self) -> None:
        every, some, no = self.logic.every, self.logic.some, self.logic.no
        stops: list[tuple[Rule, Term]] = []
        for rule in self.edition.book.rules:
            runs = no(some(fired for stop, fired in stops if rule.group in stop.stops))
            true, false = self.pair(rule.when)
            if rule.even_if_disabled:
                true = some([true, self.pair(rule.when, heedless=True)[0]])
            self.undetermined[rule.id] = every([runs, no(true), no(false)])
            self.fired[rule.id] = every([runs, true])
            stops.append((rule, self.fired[rule.id]))

    def _modes(self) -> dict[str, Term]:
        every, some, no = self.logic.every, self.logic.some, self.logic.no
        none, low = (
            some(self.fired[rule.id] for rule in self.edition.book.rules if rule.citation_mode == mode)
            for mode in ("none", "limited")
        )
        return {"none": none, "limited": every([no(none), low]), "full": every([no(none), no(low)])}

    def _quote(self) -> None:
        every, some, no = self.logic.every, self.logic.some, self.logic.no
        passages = {passage.id: passage for passage in self.edition.article.passages}
        modes = {"as_is": ("limited", "full"), "with_caution": ("full",), "never": ()}
        for rule in self.edition.book.rules:
            for name in rule.cites:
                before = self.quoted_before(name)
                may = some(self.mode[mode] for mode in modes[passages[name].policy])
                only_if = passages[name].only_if
                conditions = [self.pair(only_if)[0]] if only_if else []
                self.quoted[rule.id, name] = every([self.fired[rule.id], no(some(before)), may, *conditions])

    def quoted_before(self, passage: str) -> list[Term]:
        return [term for (_, other), term in self.quoted.items() if other == passage]

    def _raise(self) -> None:
        every, some, no = self.logic.every, self.logic.some, self.logic.no
        for flag in self.edition.meta.flags:
            reasons = [self.fired[name] for name in flag.raised_by]
            reasons += [self.flags[name] for name in flag.with_flags if name in self.flags]
            lifted = [self.pair(flag.unless)[0]] if flag.unless else []
            self.flags[flag.id] = every([some(reasons), no(some(lifted))])

    def shown(self, passage: str) -> Term:
        """Whether this passage is quoted under any topic of the summary."""
        topics = {rule.id for rule in self.edition.book.rules if not rule.interruption}
        quoted = [term for (rule, name), term in self.quoted.items() if name == passage and rule in topics]
        return self.logic.every([self.logic.no(self.mode["none"]), self.logic.some(quoted)])

    def well_formed(self) -> list[Term]:
        """Each question has at most one value; an exclusive option of a repeating one excludes all others."""
        logic = self.logic
        terms = []
        for name, item in self.items.items():
            told = {value: self.said[name, value] for value in values(item)}
            if not item.repeats:
                terms.append(logic.at_most_one(told.values()))
            for alone in item.exclusive:
                others = logic.some(term for value, term in told.items() if value != alone)
                terms.append(logic.no(logic.every([told[alone], others])))
        return terms

    def complete(self) -> list[Term]:
        """Every required question is answered."""
        some, no = self.logic.some, self.logic.no
        terms = []
        for name, item in self.items.items():
            needed = self.said[name, True] if item.must_be_true else self.answered(name)
            if item.required:
                terms.append(some([no(self.enabled[name]), needed]))
            elif item.required_when:
                asked = self.pair(item.required_when)[0]
                terms.append(some([no(self.enabled[name]), no(asked), needed]))
        return terms
