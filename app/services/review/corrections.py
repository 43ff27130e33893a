"""Corrections of a case: corrected answers and merged duplicates.

Responsible for: storing a correction as a new version beside the older ones and evaluating the rules again;
flags are only added. Never: discards earlier answers, or lets a merge remove a flag with a due date from the
queue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from uuid_utils import uuid7

from app.clock import format_timestamp
from app.errors import InvalidRequest, InvalidTransition, NotFound
from app.services.review.cases import StaffCommand, close_with_case, load_case, mark_viewed, save_changes
from app.services.submissions import alerts
from app.services.submissions.assessment import (
    Assessment,
    SubmissionInput,
    pending_attention,
    validate_and_evaluate,
    with_evaluation,
)
from app.services.submissions.lifecycle import SubmissionService, flag_audit_events, merge_patch
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import AuditAction
from app.storage.review import cases
from app.storage.review.cases import HistoryEntry, SubmissionVersion
from app.storage.submissions import contact_index, submissions

Json = dict[str, Any]
CORRECTED = "submission.corrected"
NOT_FOUND_TARGET = (
    "There is no case with that number. Copy the number (its id) from the page of the other case."
)


@dataclass(frozen=True, slots=True)
class Change:
    """One answer before and after a correction; None means no answer."""

    link_id: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class CorrectionDiff:
    """What one correction changed: answers in question order, and the rules that fire now or no longer.

    `shown`: the case with the summary as it was before; None when it was not submitted yet. `by`: the audit
    event that says who made the correction.
    """

    assessment: Assessment
    before: SubmissionVersion
    shown: Assessment | None
    changes: tuple[Change, ...]
    fired: tuple[str, ...]
    no_longer: tuple[str, ...]
    by: HistoryEntry | None


def apply_correction(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, answers: Mapping[str, object]
) -> Assessment:
    """Change answers (None removes one) of a draft or of a submitted case; the earlier state is stored.

    Raises Forbidden, NotFound, PreconditionFailed, InvalidAnswers; NotThisStep when nothing changes.
    """
    before = load_case(session, submission_service, turn, "correct")
    record, complete = before.record, before.record.status == "submitted"
    given = SubmissionInput(
        merge_patch(record.answers["answers"], {"answers": answers}, "answers"), record.contact
    )
    given = replace(given, complete=complete)
    checked, evaluation = validate_and_evaluate(
        before.edition, given, record.language, tuple(record.answers["raised"])
    )
    assessment = replace(before, evaluation=evaluation, enabled=checked.enabled, missing=checked.missing)
    assessment = with_evaluation(assessment, checked, given, turn.now, submission_service.terms)
    if _same(assessment.record.answers["answers"], record.answers["answers"]):
        raise InvalidTransition("These are the answers it has already; nothing was changed.")
    until = (
        record.retained_until if complete else max(record.retained_until, assessment.record.retained_until)
    )
    after = replace(assessment.record, version=record.version + 1, submitted_at=record.submitted_at)
    after = replace(
        after,
        summary_provenance=after.summary_provenance
        and after.summary_provenance | {"made_at": format_timestamp(turn.now)},
    )
    assessment = replace(assessment, record=replace(after, retained_until=until))
    cases.insert_version(session, str(uuid7()), record, turn.now, before.key)
    submissions.replace(session, submission_service.vault, assessment.record, assessment.key)
    if assessment.record.contact != record.contact:
        contact_index.reindex(session, submission_service.vault.keyring, record.id, assessment.record.contact)
    act = AuditAction(CORRECTED, "submission", record.id)
    audit_log.record(session, turn.actor, turn.now, act, *flag_audit_events(assessment.record))
    alerts.create_for_new_flags(session, assessment.record)
    mark_viewed(session, turn, assessment.record.version)
    return assessment


def answers_at_version(
    session: Session, submission_service: SubmissionService, turn: StaffCommand
) -> Assessment:
    """Return the case with the answers of the version in `turn`, from which a form for it was rendered.

    It is not shown to any user. Raises Forbidden, NotFound.
    """
    assessment = load_case(session, submission_service, turn, "correct", lock=False)
    if turn.version is None or turn.version >= assessment.record.version:
        return assessment
    older = cases.versions_of(session, turn.submission, assessment.key)
    then = next((each for each in older if each.version >= turn.version), None)
    return (
        replace(assessment, record=replace(assessment.record, answers=then.answers)) if then else assessment
    )


def _same(one: Json, other: Json) -> bool:
    return _plain(one) == _plain(other)


def _plain(answers: Json) -> Json:
    """Return answers as in JSON: multiple choices are a list, whether just checked or read from storage."""
    return {name: list(each) if isinstance(each, tuple) else each for name, each in answers.items()}


def corrections(
    session: Session, submission_service: SubmissionService, turn: StaffCommand
) -> tuple[Assessment, list[CorrectionDiff], Mapping[str, str]]:
    """Return every correction of a case, newest first, with the names of those who made them.

    The view is recorded in the audit log. Raises Forbidden, NotFound.
    """
    assessment = load_case(session, submission_service, turn, "case", lock=False)
    audit_log.record(
        session, turn.actor, turn.now, AuditAction(audit_log.VIEWED, "submission", turn.submission)
    )
    older = cases.versions_of(session, turn.submission, assessment.key)
    states = [(each.answers["answers"], each.summary_provenance) for each in older]
    states.append((assessment.record.answers["answers"], assessment.record.summary_provenance))
    done = [each for each in cases.history(session, [turn.submission]) if each.action == CORRECTED]
    by = {each.at: each for each in done}
    found = [
        _difference(submission_service, assessment, each, states[place], by.get(each.replaced_at))
        for place, each in enumerate(older, 1)
    ]
    return assessment, found[::-1], cases.staff_names(session, [each.actor_id for each in done])


def _difference(
    submission_service: SubmissionService,
    assessment: Assessment,
    before: SubmissionVersion,
    after: tuple[Json, Json | None],
    by: HistoryEntry | None,
) -> CorrectionDiff:
    was, now = _plain(before.answers["answers"]), _plain(after[0])
    order = [name for name in assessment.edition.questionnaire.by_id if name in was or name in now]
    then, fires = (before.summary_provenance or {}).get("rules", ()), (after[1] or {}).get("rules", ())
    return CorrectionDiff(
        assessment,
        before,
        submission_service.assess(
            replace(assessment.record, answers=before.answers, summary_provenance=before.summary_provenance),
            assessment.key,
        )
        if before.summary_provenance
        else None,
        tuple(Change(n, was.get(n), now.get(n)) for n in order if was.get(n) != now.get(n)),
        fired=tuple(rule for rule in fires if rule not in then),
        no_longer=tuple(rule for rule in then if rule not in fires),
        by=by,
    )


def merge(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, into: str
) -> Assessment:
    """Close a duplicate and merge it into another case of the same person.

    Both cases stay readable and refer to each other. The other case counts for the bookings of both.

    Raises Forbidden, NotFound, PreconditionFailed, NotThisStep, Unprocessable.
    """
    if into == turn.submission:
        raise InvalidRequest("A case can't be merged into itself; give the id of the other one.")
    other = replace(turn, submission=into, version=None)
    pair = {each.submission: each for each in (turn, other)}
    found = {name: _one_of_two(session, submission_service, turn, pair[name]) for name in sorted(pair)}
    assessment, target = found[turn.submission], found[into]
    if assessment.record.is_test != target.record.is_test:
        raise InvalidRequest(NOT_FOUND_TARGET)
    _require_apart(assessment, target)
    assessment, closed = close_with_case(session, turn, assessment)
    counts_for = target.record.booking_reference or assessment.record.booking_reference
    merged_from = AuditAction("submission.merged_from", "submission", into)
    save_changes(session, other, target, merged_from, booking_reference=counts_for)
    act, flags = (
        AuditAction("submission.merged", "submission", turn.submission),
        pending_attention(assessment.record.flags),
    )
    return save_changes(
        session, turn, assessment, act, *closed, merged_into_id=into, review="closed", **flags
    )


def _one_of_two(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, either: StaffCommand
) -> Assessment:
    try:
        return load_case(session, submission_service, either, "correct")
    except NotFound:
        load_case(
            session, submission_service, turn, "correct", lock=False
        )  # errors of the case itself come first
        raise InvalidRequest(NOT_FOUND_TARGET) from None


def _require_apart(assessment: Assessment, target: Assessment) -> None:
    if assessment.record.merged_into_id:
        raise InvalidTransition(
            "This case is merged into another one already. Reopen it to take it out again."
        )
    if target.record.merged_into_id:
        raise InvalidTransition("The other case is merged into a third one; merge into that.")
