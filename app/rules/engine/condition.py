"""Conditions and their evaluation: true, false or unknown.

A comparison with a question that is not enabled is false. A comparison with an enabled question that has no
answer, or whose answer is an option marked `unknown: true`, is unknown, unless the comparison names that
option. For a question that repeats, a selected option is true and an unselected one is false, or unknown
while an unknown option is selected too. `not unknown` is unknown (Kleene's strong logic). `exists` tests
whether there is an answer, so it is never unknown.

Responsible for: the only evaluator for enableWhen, requiredWhen, rules and `only_if`. It returns True, False,
or None for unknown. Never: reads anything but the facts that are passed to it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Truth = bool | None
Answer = bool | int | str | tuple[str, ...]
Answers = Mapping[str, Answer]
Unknown = Mapping[str, frozenset[str]]
Operator = Literal["exists", "=", "!=", "in", "has", "has_any", "<", "<=", ">", ">="]


class Everything(Collection[str]):
    """A set that contains every name: the enabled questions of a rule that also considers disabled ones."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        raise TypeError("everything has no end")

    def __len__(self) -> int:
        raise TypeError("everything has no end")


EVERYTHING = Everything()


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """The data that a condition is evaluated against.

    `answers`: linkId to answer. `enabled`: linkIds. `unknown`: linkId to its options that mean "not known".
    `fired`: the earlier rules that fired, rule id to (group, passages it cites).
    """

    answers: Answers
    enabled: Collection[str]
    unknown: Unknown
    fired: MutableMapping[str, tuple[str, Sequence[str]]] = field(default_factory=dict)


Ask = Callable[[EvaluationContext], Truth]
Holds = Callable[[Any], Truth]


class Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    def compiled(self, unknown: Unknown) -> Ask:
        """Return the condition as a function of facts, compiled for a questionnaire's unknown options."""
        raise NotImplementedError  # pragma: no cover - every node below answers

    def evaluate(self, facts: EvaluationContext) -> Truth:
        """Return True, False, or None for unknown."""
        return self.compiled(facts.unknown)(facts)

    def children(self) -> tuple["Condition", ...]:
        """Return the conditions directly inside this one."""
        return ()

    def comparisons(self) -> Iterator["Comparison"]:
        """Yield every comparison in this condition, in reading order."""
        for part in self.children():
            yield from part.comparisons()

    def questions(self) -> tuple[str, ...]:
        """Return the linkIds that this condition names, each once, in reading order."""
        return tuple(dict.fromkeys(comparison.question for comparison in self.comparisons()))

    def open_questions(self, facts: EvaluationContext) -> tuple[str, ...]:
        """Return the linkIds without which this condition is unknown; empty if it is true or false."""
        if self.evaluate(facts) is not None:
            return ()
        return tuple(dict.fromkeys(name for part in self.children() for name in part.open_questions(facts)))


class Comparison(Node):
    question: str
    operator: Operator
    answer: bool | int | str | tuple[str, ...] | tuple[int, ...]

    def compiled(self, unknown: Unknown) -> Ask:
        question = self.question
        if self.operator == "exists":
            return lambda facts: question in facts.enabled and (question in facts.answers) is self.answer
        holds = OPERATORS[self.operator](self.answer, unknown.get(question, frozenset()))

        def ask(facts: EvaluationContext) -> Truth:
            if question not in facts.enabled:
                return False
            given = facts.answers.get(question)
            return None if given is None else holds(given)

        return ask

    def comparisons(self) -> Iterator["Comparison"]:
        yield self

    def open_questions(self, facts: EvaluationContext) -> tuple[str, ...]:
        return (self.question,) if self.evaluate(facts) is None else ()

    def named_options(self) -> tuple[object, ...]:
        """Return the values that this comparison names: one value, or the members of its list."""
        return self.answer if isinstance(self.answer, tuple) else (self.answer,)


class AllOf(Node):
    all: tuple["Condition", ...] = Field(min_length=1)

    def children(self) -> tuple["Condition", ...]:
        return self.all

    def compiled(self, unknown: Unknown) -> Ask:
        parts = [part.compiled(unknown) for part in self.all]

        def ask(facts: EvaluationContext) -> Truth:
            truths = [part(facts) for part in parts]
            return False if False in truths else None if None in truths else True

        return ask


class AnyOf(Node):
    any: tuple["Condition", ...] = Field(min_length=1)

    def children(self) -> tuple["Condition", ...]:
        return self.any

    def compiled(self, unknown: Unknown) -> Ask:
        parts = [part.compiled(unknown) for part in self.any]

        def ask(facts: EvaluationContext) -> Truth:
            truths = [part(facts) for part in parts]
            return True if True in truths else None if None in truths else False

        return ask


class Not(Node):
    not_: "Condition" = Field(alias="not")

    def children(self) -> tuple["Condition", ...]:
        return (self.not_,)

    def compiled(self, unknown: Unknown) -> Ask:
        inner = self.not_.compiled(unknown)

        def ask(facts: EvaluationContext) -> Truth:
            truth = inner(facts)
            return None if truth is None else not truth

        return ask


class RuleSelector(BaseModel):
    """Earlier rules, named individually or by group."""

    model_config = Node.model_config
    rules: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __contains__(self, entry: tuple[str, str]) -> bool:
        rule, group = entry
        return rule in self.rules or group in self.groups


class Fired(Node):
    """True if this earlier rule fired, otherwise false."""

    fired: str

    def compiled(self, unknown: Unknown) -> Ask:
        return lambda facts: self.fired in facts.fired


class NoneFired(Node):
    """True if none of these earlier rules fired, otherwise false."""

    none_fired: RuleSelector

    def compiled(self, unknown: Unknown) -> Ask:
        some = self.none_fired
        return lambda facts: not any((rule, group) in some for rule, (group, _) in facts.fired.items())


class CitesPassage(Node):
    """True if one of these earlier rules fired and cites a passage, before any filter; otherwise false."""

    cites_passage: RuleSelector

    def compiled(self, unknown: Unknown) -> Ask:
        some = self.cites_passage
        return lambda facts: any(
            bool(cites) and (rule, group) in some for rule, (group, cites) in facts.fired.items()
        )


KINDS = ("all", "any", "not", "fired", "none_fired", "cites_passage")


def _kind(value: Any) -> str:
    """Return the tag of a condition that was read from a file (dict) or is already a model (Node)."""
    keys = set(value) if isinstance(value, dict) else set()
    if isinstance(value, Node):
        keys = {field.alias or name for name, field in type(value).model_fields.items()}
    return next((kind for kind in KINDS if kind in keys), "comparison")


Condition = Annotated[
    Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[Fired, Tag("fired")]
    | Annotated[NoneFired, Tag("none_fired")]
    | Annotated[CitesPassage, Tag("cites_passage")]
    | Annotated[Comparison, Tag("comparison")],
    Discriminator(_kind),
]
for _node in (AllOf, AnyOf, Not):
    _node.model_rebuild()
NEVER = AnyOf.model_construct(any=())  # not possible in a file: `any` of no conditions is never true


def referenced_rules(condition: Condition) -> Iterator[RuleSelector]:
    """Yield the earlier rules that `condition` asks about, in reading order."""
    match condition:
        case Fired():
            yield RuleSelector(rules=(condition.fired,))
        case NoneFired():
            yield condition.none_fired
        case CitesPassage():
            yield condition.cites_passage
    for part in condition.children():
        yield from referenced_rules(part)


def fired_asked(condition: Condition) -> Iterator[str]:
    """Yield the earlier rules whose firing `condition` depends on."""
    if isinstance(condition, Fired):
        yield condition.fired
    for part in condition.children():
        yield from fired_asked(part)


def _plain(compare: Callable[[Any, Any], bool]) -> Callable[[Any, frozenset[str]], Holds]:
    def prepare(wanted: Any, unknown: frozenset[str]) -> Holds:
        silent = unknown - set(wanted if isinstance(wanted, tuple) else (wanted,))
        return lambda given: None if given in silent else compare(given, wanted)

    return prepare


def _selected(wanted: Any, unknown: frozenset[str]) -> Holds:
    named = frozenset(wanted if isinstance(wanted, tuple) else (wanted,))

    def holds(given: Any) -> Truth:
        if not named.isdisjoint(given):
            return True
        return False if unknown.isdisjoint(given) else None

    return holds


OPERATORS: dict[str, Callable[[Any, frozenset[str]], Holds]] = {
    "=": _plain(lambda given, wanted: bool(given == wanted)),
    "!=": _plain(lambda given, wanted: bool(given != wanted)),
    "in": _plain(lambda given, wanted: given in wanted),
    "<": _plain(lambda given, wanted: bool(given < wanted)),
    "<=": _plain(lambda given, wanted: bool(given <= wanted)),
    ">": _plain(lambda given, wanted: bool(given > wanted)),
    ">=": _plain(lambda given, wanted: bool(given >= wanted)),
    "has": _selected,
    "has_any": _selected,
}
