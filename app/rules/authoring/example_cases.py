"""cases.yaml: example cases that a clinician can check, each with answers and the expected outcome.

Responsible for: running the cases of an edition.
Never: assumes anything; a case names every rule, passage and flag.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from app.rules.engine.edition import Edition
from app.rules.engine.rule import Mode, Strict


class ExpectedIssue(Strict):
    pointer: str
    code: str


class Expect(Strict):
    """The expected outcome. `enabled`, `disabled` and `undetermined` are compared only if they are given."""

    issues: tuple[ExpectedIssue, ...] = ()
    mode: Mode | None = None
    rules: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    undetermined: tuple[str, ...] | None = None


class Case(Strict):
    case: str = Field(pattern=r"^\p{Lu}.{10,}\.$")
    answers: dict[str, Any]
    contact: dict[str, Any] = Field(default_factory=dict)
    language: str | None = None
    status: Literal["submitted", "draft"] = "submitted"
    expect: Expect


def run_case(edition: Edition, case: Case) -> Iterator[str]:
    """Yield every difference from what `case` expects; nothing if the case passes."""
    checked = edition.check(case.answers, case.contact, complete=case.status == "submitted")
    issues = tuple((issue.pointer, issue.code) for issue in checked.issues)
    yield from _differs("issues", issues, tuple((each.pointer, each.code) for each in case.expect.issues))
    if issues:
        return
    evaluation = edition.evaluate(checked.answers)
    summary = edition.summarise(evaluation, edition.language(case.language))
    passages = tuple(each["passage"] for topic in summary["topics"] for each in topic["quotations"])
    yield from _differs("mode", evaluation.mode, case.expect.mode)
    yield from _differs("rules", tuple(each.rule.id for each in evaluation.fired), case.expect.rules)
    yield from _differs("passages", passages, case.expect.passages)
    yield from _differs("flags", tuple(each.flag.id for each in evaluation.flags), case.expect.flags)
    yield from _differs("not enabled", set(case.expect.enabled) - checked.enabled, set())
    yield from _differs("enabled after all", set(case.expect.disabled) & checked.enabled, set())
    if case.expect.undetermined is not None:
        found = tuple(each.rule for each in evaluation.undetermined)
        yield from _differs("undetermined", found, case.expect.undetermined)


def _differs(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: found {_shown(found)}, the case expects {_shown(wanted)}"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple | set) else str(value)
