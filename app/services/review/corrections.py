"""Corrections of a case: corrected answers and merged duplicates.

Responsible for: storing a correction as a new version beside the older ones and evaluating the rules again;
flags are only added. Never: discards earlier answers, or lets a merge remove a flag with a due date from the
queue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from uuid_utils import uuid7

from app.clock import stamp
from app.errors import NotFound, NotThisStep, Unprocessable
from app.services.review.cases import Turn, close_with_case, kept, opened, saw
from app.services.submissions import alerts
from app.services.submissions.assessment import Drawn, Given, judge, pending, settled
from app.services.submissions.lifecycle import Desk, flag_acts, merged
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Act
from app.storage.review import cases
from app.storage.review.cases import Event, Version
from app.storage.submissions import contact_index, submissions

Json = dict[str, Any]
CORRECTED = "submission.corrected"
NO_OTHER = "There is no case with that number. Copy the number (its id) from the page of the other case."


@dataclass(frozen=True, slots=True)
class Change:
    """One answer before and after a correction; None means no answer."""

    link_id: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """What one correction changed: answers in question order, and the rules that fire now or no longer.

    `shown`: the case with the summary as it was before; None when it was not submitted yet. `by`: the audit
    event that says who made the correction.
    """

    drawn: Drawn
    before: Version
    shown: Drawn | None
    changes: tuple[Change, ...]
    fired: tuple[str, ...]
    no_longer: tuple[str, ...]
    by: Event | None


def correct(session: Session, desk: Desk, turn: Turn, answers: Mapping[str, object]) -> Drawn:
    """Change answers (None removes one) of a draft or of a submitted case; the earlier state is stored.

    Raises Forbidden, NotFound, PreconditionFailed, InvalidAnswers; NotThisStep when nothing changes.
    """
    before = opened(session, desk, turn, "correct")
    record, complete = before.record, before.record.status == "submitted"
    given = Given(merged(record.answers["answers"], {"answers": answers}, "answers"), record.contact)
    given = replace(given, complete=complete)
    checked, evaluation = judge(before.edition, given, record.language, tuple(record.answers["raised"]))
    drawn = replace(before, evaluation=evaluation, enabled=checked.enabled, missing=checked.missing)
    drawn = settled(drawn, checked, given, turn.now, desk.terms)
    if _same(drawn.record.answers["answers"], record.answers["answers"]):
        raise NotThisStep("These are the answers it has already; nothing was changed.")
    until = record.retained_until if complete else max(record.retained_until, drawn.record.retained_until)
    after = replace(drawn.record, version=record.version + 1, submitted_at=record.submitted_at)
    after = replace(after, trace=after.trace and after.trace | {"made_at": stamp(turn.now)})
    drawn = replace(drawn, record=replace(after, retained_until=until))
    cases.keep_version(session, str(uuid7()), record, turn.now, before.key)
    submissions.replace(session, desk.vault, drawn.record, drawn.key)
    if drawn.record.contact != record.contact:
        contact_index.replace(session, desk.vault.keyring, record.id, drawn.record.contact)
    act = Act(CORRECTED, "submission", record.id)
    audit_log.record(session, turn.actor, turn.now, act, *flag_acts(drawn.record))
    alerts.keep(session, drawn.record)
    saw(session, turn, drawn.record.version)
    return drawn


def as_it_was(session: Session, desk: Desk, turn: Turn) -> Drawn:
    """Return the case with the answers of the version in `turn`, from which a form for it was rendered.

    It is not shown to any user. Raises Forbidden, NotFound.
    """
    drawn = opened(session, desk, turn, "correct", lock=False)
    if turn.version is None or turn.version >= drawn.record.version:
        return drawn
    older = cases.versions_of(session, turn.submission, drawn.key)
    then = next((each for each in older if each.version >= turn.version), None)
    return replace(drawn, record=replace(drawn.record, answers=then.answers)) if then else drawn


def _same(one: Json, other: Json) -> bool:
    return _plain(one) == _plain(other)


def _plain(answers: Json) -> Json:
    """Return answers as in JSON: multiple choices are a list, whether just checked or read from storage."""
    return {name: list(each) if isinstance(each, tuple) else each for name, each in answers.items()}


def corrections(
    session: Session, desk: Desk, turn: Turn
) -> tuple[Drawn, list[Difference], Mapping[str, str]]:
    """Return every correction of a case, newest first, with the names of those who made them.

    The view is recorded in the audit log. Raises Forbidden, NotFound.
    """
    drawn = opened(session, desk, turn, "case", lock=False)
    audit_log.record(session, turn.actor, turn.now, Act(audit_log.VIEWED, "submission", turn.submission))
    older = cases.versions_of(session, turn.submission, drawn.key)
    states = [(each.answers["answers"], each.trace) for each in older]
    states.append((drawn.record.answers["answers"], drawn.record.trace))
    done = [each for each in cases.history(session, [turn.submission]) if each.action == CORRECTED]
    by = {each.at: each for each in done}
    found = [
        _difference(desk, drawn, each, states[place], by.get(each.replaced_at))
        for place, each in enumerate(older, 1)
    ]
    return drawn, found[::-1], cases.names(session, [each.actor_id for each in done])


def _difference(
    desk: Desk, drawn: Drawn, before: Version, after: tuple[Json, Json | None], by: Event | None
) -> Difference:
    was, now = _plain(before.answers["answers"]), _plain(after[0])
    order = [name for name in drawn.edition.questionnaire.by_id if name in was or name in now]
    then, fires = (before.trace or {}).get("rules", ()), (after[1] or {}).get("rules", ())
    return Difference(
        drawn,
        before,
        desk.drawn(replace(drawn.record, answers=before.answers, trace=before.trace), drawn.key)
        if before.trace
        else None,
        tuple(Change(n, was.get(n), now.get(n)) for n in order if was.get(n) != now.get(n)),
        fired=tuple(rule for rule in fires if rule not in then),
        no_longer=tuple(rule for rule in then if rule not in fires),
        by=by,
    )


def merge(session: Session, desk: Desk, turn: Turn, into: str) -> Drawn:
    """Close a duplicate and merge it into another case of the same person.

    Both cases stay readable and refer to each other. The other case counts for the bookings of both.

    Raises Forbidden, NotFound, PreconditionFailed, NotThisStep, Unprocessable.
    """
    if into == turn.submission:
        raise Unprocessable("A case can't be merged into itself; give the id of the other one.")
    other = replace(turn, submission=into, version=None)
    pair = {each.submission: each for each in (turn, other)}
    found = {name: _one_of_two(session, desk, turn, pair[name]) for name in sorted(pair)}
    drawn, target = found[turn.submission], found[into]
    if drawn.record.test != target.record.test:
        raise Unprocessable(NO_OTHER)
    _require_apart(drawn, target)
    drawn, closed = close_with_case(session, turn, drawn)
    counts_for = target.record.booking_reference or drawn.record.booking_reference
    merged_from = Act("submission.merged_from", "submission", into)
    kept(session, other, target, merged_from, booking_reference=counts_for)
    act, flags = Act("submission.merged", "submission", turn.submission), pending(drawn.record.flags)
    return kept(session, turn, drawn, act, *closed, merged_into=into, review="closed", **flags)


def _one_of_two(session: Session, desk: Desk, turn: Turn, either: Turn) -> Drawn:
    try:
        return opened(session, desk, either, "correct")
    except NotFound:
        opened(session, desk, turn, "correct", lock=False)  # errors of the case itself come first
        raise Unprocessable(NO_OTHER) from None


def _require_apart(drawn: Drawn, target: Drawn) -> None:
    if drawn.record.merged_into:
        raise NotThisStep("This case is merged into another one already. Reopen it to take it out again.")
    if target.record.merged_into:
        raise NotThisStep("The other case is merged into a third one; merge into that.")
