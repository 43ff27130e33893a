"""What the rules say of a set of answers: which fired and why, what may be quoted, what staff must see.

Office: precedence, stops, citation mode, flags, what is still unknown. Refuses: words, clock, storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.rules.article import Article, Passage
from app.rules.condition import EVERYTHING, Answer, Answers, Facts, because, fired_asked
from app.rules.rule import Flag, Mode, Rule


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
    """A rule that is neither true nor false yet, and the questions whose answer would settle it."""

    rule: str
    would_settle: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The rules' whole say.

    `kept`: the answers that count and may be stored. `raised`: rules that fired, after a stop, on answers
    which are not kept; handed back to `evaluate` with `kept` they give this same evaluation again.
    """

    kept: Answers
    stopped: bool
    fired: tuple[FiredRule, ...]
    mode: Mode
    quoted: Mapping[str, Sequence[Passage]]
    flags: tuple[RaisedFlag, ...]
    undetermined: tuple[Undetermined, ...]
    raised: tuple[str, ...]

    @property
    def attention(self) -> int | None:
        """The most urgent priority among the flags, 1 to 4; None when no flag is raised."""
        return min((flag.priority for flag in self.flags), default=None)


@dataclass(slots=True)
class _Run:
    """One pass over the rules in precedence order."""

    answers: Answers
    enabled: frozenset[str]
    unknown: Mapping[str, frozenset[str]]
    raised: Sequence[str]
    entries: dict[str, tuple[str, Sequence[str]]] = field(default_factory=dict)
    fired: list[FiredRule] = field(default_factory=list)
    undetermined: list[Undetermined] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    keeps: tuple[str, ...] | None = None

    def ask(self, rule: Rule) -> None:
        if rule.group in self.stopped:
            return
        facts = Facts(self.answers, self.enabled, self.unknown, self.entries)
        truth = rule.when.truth(facts)
        if truth is not True and rule.even_if_disabled:
            heeding = Facts(self.answers, EVERYTHING, self.unknown, self.entries)
            if rule.when.truth(heeding) is True:
                truth, facts = True, heeding
        if truth is True or (self.keeps is not None and rule.id in self.raised):
            self._fire(rule, facts)
        elif truth is None:
            self.undetermined.append(Undetermined(rule.id, rule.when.open_questions(facts)))

    def _fire(self, rule: Rule, facts: Facts) -> None:
        reasons: dict[str, Answer] = {}
        for name in fired_asked(rule.when):
            reasons |= next((each.because for each in self.fired if each.rule.id == name), {})
        if rule.when.truth(facts) is True:
            reasons |= because(rule.when, facts)
        self.entries[rule.id] = (rule.group, rule.cites)
        self.fired.append(FiredRule(rule, reasons))
        if rule.stops:
            self.stopped |= set(rule.stops)
            before = rule.keeps if self.keeps is None else self.keeps
            self.keeps = tuple(name for name in rule.keeps if name in before)


def evaluate(
    rules: Sequence[Rule],
    article: Article,
    flags: Sequence[Flag],
    *,
    answers: Answers,
    enabled: frozenset[str],
    unknown: Mapping[str, frozenset[str]],
    raised: Sequence[str] = (),
) -> Evaluation:
    """Ask every rule in order. `answers` are checked ones; `raised` comes from an earlier evaluation."""
    run = _Run(answers, enabled, unknown, raised)
    for rule in rules:
        run.ask(rule)
    kept = _kept(run)
    fired = tuple(FiredRule(each.rule, _only(each.because, kept)) for each in run.fired)
    hidden = tuple(each.rule.id for each in run.fired if not each.because.keys() <= kept.keys())
    mode = _mode(run.fired)
    facts = Facts(answers, enabled, unknown, run.entries)
    return Evaluation(
        kept=kept,
        stopped=run.keeps is not None,
        fired=fired,
        mode=mode,
        quoted=_quoted(fired, article, mode, facts),
        flags=tuple(sorted(_flags(flags, facts), key=lambda each: each.priority)),
        undetermined=tuple(run.undetermined),
        raised=tuple(dict.fromkeys((*hidden, *(name for name in raised if name in run.entries)))),
    )


def _kept(run: _Run) -> dict[str, Answer]:
    names = run.enabled if run.keeps is None else run.keeps
    return {name: answer for name, answer in run.answers.items() if name in names}


def _only(reasons: Answers, kept: Answers) -> dict[str, Answer]:
    return {name: answer for name, answer in reasons.items() if name in kept}


def _mode(fired: Sequence[FiredRule]) -> Mode:
    modes = {each.rule.citation_mode for each in fired}
    return "none" if "none" in modes else "limited" if "limited" in modes else "full"


def _quoted(
    fired: Sequence[FiredRule], article: Article, mode: Mode, facts: Facts
) -> dict[str, tuple[Passage, ...]]:
    """Rule id to the passages shown under it: what may be shown under it, each passage once."""
    passages = {passage.id: passage for passage in article.passages}
    shown: set[str] = set()
    quoted: dict[str, tuple[Passage, ...]] = {}
    for each in fired:
        cited = (passages[name] for name in each.rule.cites if name not in shown)
        quoted[each.rule.id] = tuple(
            passage
            for passage in cited
            if passage.may_be_cited(mode)
            and (passage.only_if is None or passage.only_if.truth(facts) is True)
        )
        shown |= {passage.id for passage in quoted[each.rule.id]}
    return quoted


def _flags(flags: Sequence[Flag], facts: Facts) -> Iterator[RaisedFlag]:
    raised: dict[str, int] = {}
    for flag in flags:
        parents = [raised[name] for name in flag.with_flags if name in raised]
        by_rule = any(rule in facts.fired for rule in flag.raised_by)
        lifted = flag.unless is not None and flag.unless.truth(facts) is True
        if (by_rule or parents) and not lifted:
            raised[flag.id] = min(parents) if flag.priority == "parent" else flag.priority
            yield RaisedFlag(flag, raised[flag.id])
