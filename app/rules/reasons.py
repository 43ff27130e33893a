"""Why a condition is true: a minimal set of the answers that make it so.

Office: conditions made ready to be asked over and over, and their reasons. Refuses: to judge (condition.py
does).
"""

from app.rules.condition import Answer, Answers, Condition, Facts, Unknown, fired_asked


class Prepared:
    """A condition ready to be asked over and over."""

    __slots__ = ("ask", "fired", "named")

    def __init__(self, condition: Condition, unknown: Unknown) -> None:
        self.ask = condition.compiled(unknown)
        self.fired = tuple(fired_asked(condition))
        self.named: dict[str, set[object]] = {name: set() for name in condition.questions()}
        for comparison in condition.comparisons():
            self.named[comparison.question].update(comparison.named())

    def because(self, facts: Facts) -> dict[str, Answer]:
        """A minimal set of answers that makes this true condition true: linkId to answer.

        Answers that can go while the condition stays true are let go one by one, the last named first,
        until none can. Of a question that repeats, only the named options that were selected are given.
        """

        def spare(kept: Answers, name: str) -> bool:
            rest = {other: answer for other, answer in kept.items() if other != name}
            return self.ask(Facts(rest, facts.enabled, facts.unknown, facts.fired)) is True

        kept = {name: facts.answers[name] for name in self.named if name in facts.answers}
        while let_go := next((name for name in reversed(kept) if spare(kept, name)), None):
            del kept[let_go]
        return {name: self._named_part(name, answer) for name, answer in kept.items()}

    def _named_part(self, name: str, answer: Answer) -> Answer:
        if not isinstance(answer, tuple):
            return answer
        return tuple(code for code in answer if code in self.named[name]) or answer


def because(condition: Condition, facts: Facts) -> dict[str, Answer]:
    """`Prepared.because` of a condition asked once."""
    return Prepared(condition, facts.unknown).because(facts)
