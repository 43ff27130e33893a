"""Evaluates the rules for a set of answers: what fires and why, what may be quoted, what staff must see.

Responsible for: precedence, stops, citation mode, flags, and what is still unknown.
Never: reads texts, the clock or the storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.rules.engine.article import Article, Passage
from app.rules.engine.condition import EVERYTHING, Answer, Answers, Ask, Condition, EvaluationContext, Unknown
from app.rules.engine.explanation import CompiledCondition
from app.rules.engine.rule import Flag, Mode, Rule


@dataclass(frozen=True, slots=True)
class FiredRule:
    """A rule that fired, and a minimal set of answers that made it fire."""

    rule: Rule
    because: Answers


@dataclass(frozen=True, slots=True)
class RaisedFlag:
    flag: Flag
    priority: int


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A rule that is neither true nor false yet, and the questions whose answers would determine it."""

    rule: str
    would_settle: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything the rules say about a set of answers.

    `stored_answers`: the answers that count and may be stored. `raised`: the rules that fired on answers that
    are not among them; passed back to `evaluate` together with `stored_answers`, they produce the same
    evaluation. Such a rule stays fired until a question it asks about is answered again. `open`: the rules
    that are unknown. `facts`: the data that all rules were evaluated against.
    """

    answers_to_store: Answers
    stopped_by: bool
    fired: tuple[FiredRule, ...]
    mode: Mode
    quoted: Mapping[str, Sequence[Passage]]
    flags: tuple[RaisedFlag, ...]
    raised: tuple[str, ...]
    open_conditions: tuple[Rule, ...]
    facts: EvaluationContext = field(repr=False, compare=False)

    @property
    def undetermined(self) -> tuple[Undetermined, ...]:
        """The rules that are unknown, each with the questions whose answers would determine it."""
        return tuple(
            Undetermined(rule.id, rule.when.open_questions(self.facts)) for rule in self.open_conditions
        )

    @property
    def attention(self) -> int | None:
        """The most urgent priority of the raised flags, 1 to 4; None if no flag is raised."""
        return min((flag.priority for flag in self.flags), default=None)


class RuleEngine:
    """The rules, passages and flags of an edition, with their conditions compiled once."""

    def __init__(
        self, rules: Sequence[Rule], article: Article, flags: Sequence[Flag], unknown: Unknown
    ) -> None:
        self.unknown = unknown
        self.rules = [(rule, CompiledCondition(rule.when, unknown)) for rule in rules]
        self.passages = {each.id: (each, _compiled(each.only_if, unknown)) for each in article.passages}
        self.flags = [(flag, _compiled(flag.unless, unknown)) for flag in flags]

    def evaluate(self, answers: Answers, enabled: frozenset[str], raised: Sequence[str] = ()) -> Evaluation:
        """Evaluate all rules in order.

        `answers` must have passed the checks; `raised` comes from an earlier evaluation.
        """
        run = _Evaluation(EvaluationContext(answers, enabled, self.unknown, {}), raised)
        for rule, when in self.rules:
            run.ask(rule, when)
        stored = run.stored_answers()
        hidden = [each.rule.id for each in run.fired if not each.because.keys() <= stored.keys()]
        fired = [FiredRule(each.rule, _only(each.because, stored)) for each in run.fired]
        mode = _mode(fired)
        return Evaluation(
            answers_to_store=stored,
            stopped_by=run.keeps is not None,
            fired=tuple(fired),
            mode=mode,
            quoted=self._quoted(fired, mode, run.facts),
            flags=tuple(sorted(self._flags(run.facts), key=lambda each: each.priority)),
            raised=tuple(dict.fromkeys((*hidden, *(name for name in raised if name in run.facts.fired)))),
            open_conditions=tuple(run.open),
            facts=run.facts,
        )

    def _quoted(
        self, fired: Sequence[FiredRule], mode: Mode, facts: EvaluationContext
    ) -> dict[str, tuple[Passage, ...]]:
        """Return the passages that may be shown under each rule, by rule id; each passage appears once."""
        shown: set[str] = set()
        quoted: dict[str, tuple[Passage, ...]] = {}
        for each in fired:
            cited = [self.passages[name] for name in each.rule.cites if name not in shown]
            quoted[each.rule.id] = tuple(
                passage
                for passage, only_if in cited
                if passage.may_be_cited(mode) and (only_if is None or only_if(facts) is True)
            )
            shown.update(passage.id for passage in quoted[each.rule.id])
        return quoted

    def _flags(self, facts: EvaluationContext) -> Iterator[RaisedFlag]:
        raised: dict[str, int] = {}
        for flag, unless in self.flags:
            parents = [raised[name] for name in flag.with_flags if name in raised]
            by_rule = any(rule in facts.fired for rule in flag.raised_by)
            if (by_rule or parents) and not (unless is not None and unless(facts) is True):
                raised[flag.id] = min(parents) if flag.priority == "parent" else flag.priority
                yield RaisedFlag(flag, raised[flag.id])


class _Evaluation:
    """One pass over the rules in precedence order; `facts.fired` grows as rules fire."""

    def __init__(self, facts: EvaluationContext, raised: Sequence[str]) -> None:
        self.facts, self.raised = facts, raised
        self.fired: list[FiredRule] = []
        self.open: list[Rule] = []
        self.stopped: set[str] = set()
        self.keeps: tuple[str, ...] | None = None

    def ask(self, rule: Rule, when: CompiledCondition) -> None:
        if rule.group in self.stopped:
            return
        facts = self.facts
        truth = when.ask(facts)
        if truth is not True and rule.even_if_disabled:
            heeding = EvaluationContext(facts.answers, EVERYTHING, facts.unknown, facts.fired)
            if when.ask(heeding) is True:
                truth, facts = True, heeding
        if truth is True:
            self._fire(rule, self._earlier(when) | when.because(facts))
        elif rule.id in self.raised and facts.answers.keys().isdisjoint(when.named):
            self._fire(rule, self._earlier(when))
        elif truth is None:
            self.open.append(rule)

    def _earlier(self, when: CompiledCondition) -> dict[str, Answer]:
        """Return the answers that fired the earlier rules on which this condition depends."""
        reasons: dict[str, Answer] = {}
        for name in when.fired:
            reasons |= next((each.because for each in self.fired if each.rule.id == name), {})
        return reasons

    def _fire(self, rule: Rule, reasons: dict[str, Answer]) -> None:
        self.facts.fired[rule.id] = (rule.group, rule.cites)
        self.fired.append(FiredRule(rule, reasons))
        if rule.stops:
            self.stopped |= set(rule.stops)
            before = rule.keeps if self.keeps is None else self.keeps
            self.keeps = tuple(name for name in rule.keeps if name in before)

    def stored_answers(self) -> dict[str, Answer]:
        """Return the answers that count.

        They are those to enabled questions or, after a stop, those that every rule that stopped the run
        keeps.
        """
        names = self.facts.enabled if self.keeps is None else self.keeps
        return {name: answer for name, answer in self.facts.answers.items() if name in names}


def _compiled(condition: Condition | None, unknown: Unknown) -> Ask | None:
    return None if condition is None else condition.compiled(unknown)


def _only(reasons: Answers, answers: Answers) -> dict[str, Answer]:
    return {name: answer for name, answer in reasons.items() if name in answers}


def _mode(fired: Sequence[FiredRule]) -> Mode:
    modes = {each.rule.citation_mode for each in fired}
    return "none" if "none" in modes else "limited" if "limited" in modes else "full"
