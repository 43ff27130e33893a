"""Explains why a condition is true: a minimal set of the answers that make it true.

Responsible for: compiling conditions for repeated evaluation, and explaining them.
Never: implements the logic of conditions (condition.py does).
"""

from app.rules.engine.condition import Answer, Answers, Condition, EvaluationContext, Unknown, fired_asked


class CompiledCondition:
    """A condition that is compiled for repeated evaluation."""

    __slots__ = ("ask", "fired", "named")

    def __init__(self, condition: Condition, unknown: Unknown) -> None:
        self.ask = condition.compiled(unknown)
        self.fired = tuple(fired_asked(condition))
        self.named: dict[str, set[object]] = {name: set() for name in condition.questions()}
        for comparison in condition.comparisons():
            self.named[comparison.question].update(comparison.named_options())

    def because(self, facts: EvaluationContext) -> dict[str, Answer]:
        """Return a minimal set of answers that makes this true condition true: linkId to answer.

        Answers that are not needed for the condition to stay true are removed one at a time, starting with
        the last one named, until none can be removed. For a question that repeats, the answer contains only
        the selected options that the condition names.
        """

        def spare(given: Answers, name: str) -> bool:
            rest = {other: answer for other, answer in given.items() if other != name}
            return self.ask(EvaluationContext(rest, facts.enabled, facts.unknown, facts.fired)) is True

        given = {name: facts.answers[name] for name in self.named if name in facts.answers}
        while let_go := next((name for name in reversed(given) if spare(given, name)), None):
            del given[let_go]
        return {name: self._named_part(name, answer) for name, answer in given.items()}

    def _named_part(self, name: str, answer: Answer) -> Answer:
        if not isinstance(answer, tuple):
            return answer
        return tuple(code for code in answer if code in self.named[name]) or answer


def explain(condition: Condition, facts: EvaluationContext) -> dict[str, Answer]:
    """Return `Prepared.because` of a condition that is evaluated only once."""
    return CompiledCondition(condition, facts.unknown).because(facts)
