"""Review of a case by staff: view, assign, add notes, act on flags, decide.

Responsible for: the steps of a review in one table; each action applies to the version the user saw and is
recorded in the same transaction. Never: allows a step that is not in the table, or lets an open flag with a
due date be closed together with its case.
"""

import datetime as dt
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Literal, cast, get_args

from uuid_utils import uuid7

from app.errors import FieldError, InvalidRequest, InvalidTransition, NotFound
from app.services.auth.authorization import Principal, StaffPrincipal, require_permission
from app.services.auth.permissions import Permission, Role, permitted
from app.services.submissions.assessment import Assessment, pending_attention
from app.services.submissions.lifecycle import SubmissionService, require_version
from app.storage.auth import users
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.review import cases
from app.storage.review.cases import CaseView, FlagAction, HistoryEntry, Note
from app.storage.submissions import alerts, submissions
from app.storage.submissions.submissions import ID

Review = Literal["new", "in_review", "ready", "needs_contact", "closed"]
Action = Literal["seen", "reached", "not_reached", "handed_over", "closed"]
STEPS: Mapping[Review, tuple[Review, ...]] = {
    "new": ("in_review",),
    "in_review": ("ready", "needs_contact", "new"),
    "needs_contact": ("ready", "closed", "in_review"),
    "ready": ("closed", "needs_contact", "in_review"),
    "closed": ("in_review",),
}
ACTIONS: tuple[Action, ...] = get_args(Action)
MAX_NOTE_LENGTH = 2000
REVIEW = "review"  # the scope of an API key with the same permissions


@dataclass(frozen=True, slots=True)
class StaffCommand:
    """One command of a principal on one case. `version`: the version they saw; None for any."""

    submission: str
    principal: Principal
    actor: Actor
    now: dt.datetime
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Everything to show about a case.

    `seen`: what the caller saw of it before; `news`: actions of others since; `duplicates`: ids of the cases
    merged into it.
    """

    assessment: Assessment
    notes: tuple[Note, ...]
    actions: tuple[FlagAction, ...]
    history: tuple[HistoryEntry, ...]
    names: Mapping[str, str]
    seen: CaseView | None
    changes_since_last_view: tuple[HistoryEntry, ...]
    duplicates: tuple[str, ...] = ()


# --- views -----------------------------------------------------------------------------------------


def view_case(session: Session, submission_service: SubmissionService, turn: StaffCommand) -> Case:
    """Return a case with everything that was done about it; the view is recorded in the audit log first."""
    assessment = load_case(session, submission_service, turn, "case", lock=False)
    before = _seen_before(session, turn)
    cases.record_first_view(session, turn.submission, turn.now)
    audit_log.record(
        session, turn.actor, turn.now, AuditAction(audit_log.VIEWED, "submission", turn.submission)
    )
    mark_viewed(session, turn, assessment.record.version)
    record = replace(assessment.record, first_viewed_at=assessment.record.first_viewed_at or turn.now)
    return _case(session, turn, replace(assessment, record=record), before)


def history(
    session: Session, submission_service: SubmissionService, turn: StaffCommand
) -> list[HistoryEntry]:
    """Return the audit events of a case and its flags, reads included, newest first.

    This call is recorded as a read too.
    """
    assessment = load_case(session, submission_service, turn, "case", lock=False)
    audit_log.record(
        session, turn.actor, turn.now, AuditAction(audit_log.VIEWED, "submission", turn.submission)
    )
    return cases.history(session, _ids(assessment))


def reveal_contact(session: Session, submission_service: SubmissionService, turn: StaffCommand) -> Case:
    """Return a case to show its contact details once; each time is recorded in the audit log."""
    assessment = load_case(session, submission_service, turn, "contact", lock=False)
    audit_log.record(
        session, turn.actor, turn.now, AuditAction("contact.revealed", "submission", turn.submission)
    )
    return _case(session, turn, assessment, _seen_before(session, turn))


def load_case(
    session: Session,
    submission_service: SubmissionService,
    turn: StaffCommand,
    permission: Permission,
    *,
    lock: bool = True,
) -> Assessment:
    """Return the case of a command.

    Raises Forbidden, NotFound and, with `lock`, PreconditionFailed.
    """
    require_permission(turn.principal, permission)
    record, key = submission_service.load(
        session, turn.submission, turn.principal, REVIEW, now=turn.now, lock=lock
    )
    if lock:
        require_version(record, turn.version)
    return submission_service.assess(record, key)


def mark_viewed(session: Session, turn: StaffCommand, version: int) -> None:
    """Mark this version as viewed by the staff user, so that their own action is not shown to them as new."""
    if isinstance(turn.principal, StaffPrincipal):
        cases.record_view(session, turn.principal.id, turn.submission, CaseView(version, turn.now))


def _seen_before(session: Session, turn: StaffCommand) -> CaseView | None:
    if not isinstance(turn.principal, StaffPrincipal):
        return None
    return cases.last_views(session, turn.principal.id, [turn.submission]).get(turn.submission)


def _case(session: Session, turn: StaffCommand, assessment: Assessment, seen: CaseView | None) -> Case:
    record = assessment.record
    notes = cases.notes_of(session, record.id, assessment.key)
    actions = cases.actions_of(session, record.id)
    events = cases.history(session, _ids(assessment))
    done: list[Note | FlagAction | HistoryEntry] = [*notes, *actions, *events]
    names = cases.staff_names(session, [record.assignee_id, *(each.actor_id for each in done)])
    news = _news(turn.actor, events) if seen else ()
    twins = tuple(cases.merged_into(session, record.id))
    return Case(assessment, tuple(notes), tuple(actions), tuple(events), names, seen, news, twins)


def _news(me: Actor, events: Sequence[HistoryEntry]) -> tuple[HistoryEntry, ...]:
    """Return what others did since the caller's last own event before this view.

    The order of the events decides, not their times.
    """
    relevant = (each for each in events[1:] if each.action != audit_log.LISTED)  # listings are not news
    others = takewhile(lambda each: (each.actor_kind, each.actor_id) != (me.kind, me.id), relevant)
    return tuple(each for each in others if each.action not in (audit_log.VIEWED, audit_log.REFUSED))


def _ids(assessment: Assessment) -> list[str]:
    return [assessment.record.id, *(flag.id for flag in assessment.record.flags)]


# --- decisions -------------------------------------------------------------------------------------


def change_status(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, review: Review
) -> Assessment:
    """Move the review to another step; requesting the current step does nothing. Raises NotThisStep.

    A review cannot become ready or closed while a flag with a due date is open. When a merged case is
    reopened, the merge is undone.
    """
    assessment = load_case(session, submission_service, turn, "review")
    if review == assessment.record.review:
        return assessment
    _require_step(assessment, review)
    if review == "ready":
        _require_sent(assessment)
        _require_off_the_clock(assessment)
    acts, changes = (
        [AuditAction(f"review.{review}", "submission", turn.submission)],
        dict[str, Any](review=review),
    )
    if review == "closed":
        assessment, closed = close_with_case(session, turn, assessment)
        acts, changes = [*acts, *closed], changes | pending_attention(assessment.record.flags)
    elif assessment.record.merged_into_id:
        acts.append(AuditAction("submission.unmerged", "submission", turn.submission))
        changes["merged_into_id"] = None
    return save_changes(session, turn, assessment, *acts, **changes)


def assign(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, assignee: str | None
) -> Assessment:
    """Assign a case to a staff user who may review it, or to no one. Raises Unprocessable."""
    assessment = load_case(session, submission_service, turn, "review")
    if assignee == assessment.record.assignee_id:
        return assessment
    found = _reviewer(session, assignee)
    return save_changes(session, turn, assessment, _assigned(turn, assignee), assignee_id=found)


def reviewers(session: Session) -> list[tuple[str, str]]:
    """Return (id, name) of every staff user a case can be assigned to."""
    return [(each.id, each.name) for each in users.list_all(session) if _may_review(each)]


def save_changes(
    session: Session, turn: StaffCommand, assessment: Assessment, *acts: AuditAction, **plain: Any
) -> Assessment:
    """Store a change of plain columns: a new version, with audit events, marked as viewed by its author.

    Without audit actions nothing is stored.
    """
    if not acts:
        return assessment
    changes = plain | {"version": assessment.record.version + 1, "updated_at": turn.now}
    submissions.update_columns(session, turn.submission, **changes)
    audit_log.record(session, turn.actor, turn.now, *acts)
    mark_viewed(session, turn, changes["version"])
    return replace(assessment, record=replace(assessment.record, **changes))


def _require_step(assessment: Assessment, review: Review) -> None:
    at = cast("Review", assessment.record.review)
    if review not in STEPS[at]:
        ways = " or ".join(STEPS[at])
        raise InvalidTransition(f"The review is {at}; from there it goes to {ways}.")


def _require_sent(assessment: Assessment) -> None:
    if assessment.record.status == "draft":
        raise InvalidTransition("This form has not been sent yet; nobody is ready by a form half filled in.")


def close_with_case(
    session: Session, turn: StaffCommand, assessment: Assessment
) -> tuple[Assessment, list[AuditAction]]:
    """Close the flags that only wait for the consultation, together with their case.

    Raises NotThisStep while a flag with a due date is open.
    """
    _require_off_the_clock(assessment)
    ids = [flag.id for flag in assessment.record.flags if flag.closed_at is None]
    for flag in ids:
        _act(session, turn, flag, "closed")
    return _closed(session, turn, assessment, ids), [AuditAction("flag.closed", "flag", flag) for flag in ids]


def _require_off_the_clock(assessment: Assessment) -> None:
    if any(flag.due_at and flag.closed_at is None for flag in assessment.record.flags):
        raise InvalidTransition("A flag with a time to act by is open. Close its flags first.")


def _reviewer(session: Session, assignee: str | None) -> str | None:
    """Return the id of a staff user who may review, or None. Raises Unprocessable."""
    if assignee is None:
        return None
    found = users.fetch(session, assignee) if ID.fullmatch(assignee) else None
    if found is None or not _may_review(found):
        message = "Take somebody of the staff who may review."
        raise InvalidRequest(
            "There is nobody of that id.", errors=[FieldError("/assignee", "unknown_assignee", message)]
        )
    return found.id


def _may_review(person: users.Person) -> bool:
    return person.active and "review" in permitted(cast("Iterable[Role]", person.roles))


def _assigned(turn: StaffCommand, assignee: str | None) -> AuditAction:
    action = "review.assigned" if assignee else "review.unassigned"
    return AuditAction(action, "submission", turn.submission)


# --- notes -----------------------------------------------------------------------------------------


def add_note(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, text: str
) -> tuple[Assessment, Note]:
    """Add a note to a case. Raises Unprocessable."""
    assessment = load_case(session, submission_service, turn, "review")
    note = Note(str(uuid7()), turn.actor.kind, turn.actor.id, turn.now, normalise_note(text))
    cases.add_note(session, turn.submission, note, assessment.key)
    return save_changes(
        session, turn, assessment, AuditAction("note.added", "submission", turn.submission)
    ), note


def normalise_note(text: str) -> str:
    """Return a note as it is stored: NFC, with uniform line breaks. Raises Unprocessable."""
    body = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not body:
        raise _no_note("missing", "Write the note.")
    if len(body) > MAX_NOTE_LENGTH:
        raise _no_note("too_long", f"A note has at most {MAX_NOTE_LENGTH:,} characters.")
    if any(unicodedata.category(each) in ("Cc", "Cs") and each != "\n" for each in body):
        raise _no_note("not_text", "A note is text, without control characters.")
    return body


def _no_note(code: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, errors=[FieldError("/text", code, message)])


# --- flags -----------------------------------------------------------------------------------------


def act_on_flag(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, flag: str, action: Action
) -> tuple[Assessment, FlagAction]:
    """Record what was done about a flag; a closed flag no longer counts for the case's due date.

    Raises NotFound and NotThisStep.
    """
    assessment = load_case(session, submission_service, turn, "review")
    found = next((each for each in assessment.record.flags if each.id == flag), None)
    if found is None:
        raise NotFound("There is no such flag on this case.")
    if found.closed_at:
        raise InvalidTransition("This flag is closed already.")
    done = _act(session, turn, flag, action)
    if action == "closed":
        assessment = _closed(session, turn, assessment, [flag])
    act, plain = AuditAction(f"flag.{action}", "flag", flag), pending_attention(assessment.record.flags)
    return save_changes(session, turn, assessment, act, **plain), done


def _act(session: Session, turn: StaffCommand, flag: str, action: Action) -> FlagAction:
    done = FlagAction(str(uuid7()), flag, action, turn.actor.kind, turn.actor.id, turn.now)
    cases.add_action(session, turn.submission, done)
    return done


def _closed(session: Session, turn: StaffCommand, assessment: Assessment, ids: list[str]) -> Assessment:
    cases.close_flags(session, ids, turn.now)
    alerts.discard(session, ids)
    flags = tuple(
        replace(each, closed_at=turn.now) if each.id in ids else each for each in assessment.record.flags
    )
    return replace(assessment, record=replace(assessment.record, flags=flags))
