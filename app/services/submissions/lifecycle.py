"""Life cycle of a submission: created, changed, submitted, read, erased.

Responsible for: access control, reading, evaluating the rules, storing, and alerts; time and identity are
passed as arguments. Never: commits, handles HTTP, or returns before the change and its audit event are in one
transaction.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from uuid_utils import uuid7

from app.encryption import DataKey
from app.errors import Forbidden, NotADraft, NotFound, PreconditionFailed, Unavailable, UnderLegalHold
from app.rules.engine.edition import Edition
from app.rules.library import Library
from app.services.auth.authorization import ApiClient, Principal, require_access
from app.services.submissions import alerts
from app.services.submissions.assessment import (
    Assessment,
    RetentionPolicy,
    SubmissionInput,
    validate_and_evaluate,
    with_evaluation,
)
from app.storage import idempotency
from app.storage.bookings import readiness
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.review import cases
from app.storage.submissions import contact_index, submissions
from app.storage.submissions.submissions import Record, SubmissionRow, Vault

WRITING = "submissions:write"
Editable = tuple[Record, Edition, DataKey]


def create(session: Session, vault: Vault, assessment: Assessment, *, actor: Actor) -> None:
    """Store a new submission, its flags, its contact index, its audit events and the alert they cause."""
    record, key = assessment.record, assessment.key
    rows = [vault.seal_flag(flag, record.id, key) for flag in record.flags]
    submissions.insert(session, vault.encrypt_record(record, key), rows)
    if record.contact:
        contact_index.index(session, vault.keyring, record.id, record.contact)
    action = "submission.submitted" if record.submitted_at else "submission.drafted"
    acts = AuditAction(action, "submission", record.id), *flag_audit_events(record)
    audit_log.record(session, actor, record.updated_at, *acts)
    alerts.create_for_new_flags(session, record)


def flag_audit_events(record: Record) -> Iterator[AuditAction]:
    """Yield the audit actions for the flags that the newest change of a record raised or changed."""
    for flag in record.flags:
        if flag.raised_at == record.updated_at:
            yield AuditAction("flag.raised", "flag", flag.id)
        elif flag.answer_changed_at == record.updated_at:
            yield AuditAction("flag.answer_changed", "flag", flag.id)


@dataclass(frozen=True, slots=True)
class SubmissionService:
    """What every operation on a stored submission needs: the library, the vault, and the clinic's terms."""

    library: Library
    vault: Vault
    terms: RetentionPolicy

    def load(
        self,
        session: Session,
        submission: str,
        principal: Principal,
        *scopes: str,
        now: dt.datetime,
        lock: bool,
    ) -> tuple[Record, DataKey]:
        """Return a submission this principal may access, and its data key. Raises NotFound or Forbidden."""
        known = submissions.ID.fullmatch(submission)  # invalid ids are not queried: they may contain a NUL
        found = submissions.fetch(session, self.vault, submission, lock=lock) if known else None
        record = require_access(principal, found[0] if found else None, *scopes)
        if found is None or (record.retained_until <= now and not record.legal_hold):
            raise NotFound("There is no such submission, or it has been erased.")
        return found

    def assess(self, record: Record, key: DataKey) -> Assessment:
        """Return the assessment of a stored submission. Raises Unavailable without its edition."""
        edition = self.edition(record, record.answers.get("off", ()))
        checked = edition.check(record.answers["answers"], record.contact, complete=False)
        evaluation = edition.evaluate(checked.answers, record.answers["raised"], enabled=checked.enabled)
        return Assessment(record, edition, evaluation, checked.enabled, checked.missing, key)

    def edition(self, record: Record | SubmissionRow, off: Iterable[str]) -> Edition:
        """Return the edition of a submission: as it was when submitted, or for a draft as it is now.

        `off`: the optional question groups that were off at submission. Raises Unavailable.
        """
        if record.status == "draft":
            edition = self.library.find(record.questionnaire, record.edition)
        else:
            edition = self.library.find_with_switches(record.questionnaire, record.edition, frozenset(off))
        if edition is None:
            raise Unavailable("The edition this submission was made with is not installed.")
        return edition

    def read(
        self, session: Session, submission: str, principal: Principal, *, now: dt.datetime
    ) -> Assessment:
        """Return one submission. Raises NotFound or Forbidden."""
        reading = ("submissions:read", "review")
        record, key = self.load(session, submission, principal, *reading, now=now, lock=False)
        return self.assess(record, key)

    def view(
        self, session: Session, submission: str, principal: ApiClient, *, now: dt.datetime, actor: Actor
    ) -> Assessment:
        """`read` for an API client: the view is recorded in the audit log. Raises NotFound or Forbidden."""
        assessment = self.read(session, submission, principal, now=now)
        audit_log.record(session, actor, now, AuditAction(audit_log.VIEWED, "submission", submission))
        return assessment

    def change(
        self,
        session: Session,
        submission: str,
        principal: Principal,
        patch: Mapping[str, Any],
        *,
        version: int | None,
        now: dt.datetime,
        actor: Actor,
    ) -> Assessment:
        """Merge `patch` (RFC 7396: answers, contact, language, booking_reference) into a draft and store it.

        Raises NotFound, Forbidden, PreconditionFailed, NotADraft, InvalidAnswers.
        """
        record, edition, key = self._editable(session, submission, principal, version, now)
        language = edition.language(patch.get("language", record.language))
        given = SubmissionInput(
            answers=merge_patch(record.answers["answers"], patch, "answers"),
            contact=merge_patch(record.contact, patch, "contact"),
            complete=False,
        )
        reference = patch.get("booking_reference", record.booking_reference)
        if reference != record.booking_reference and not isinstance(principal, ApiClient):
            raise Forbidden("Which booking this is for is said by the clinic.")
        record = replace(record, language=language, booking_reference=reference, version=record.version + 1)
        return self._save_answers(session, (record, edition, key), given, "submission.changed", now, actor)

    def submit(
        self,
        session: Session,
        submission: str,
        principal: Principal,
        *,
        version: int | None,
        now: dt.datetime,
        actor: Actor,
    ) -> Assessment:
        """Submit a draft; when the same request is repeated, it returns the submitted state.

        Raises NotFound, Forbidden, PreconditionFailed, NotADraft, InvalidAnswers.
        """
        record, key = self.load(session, submission, principal, WRITING, now=now, lock=True)
        if record.status == "submitted" and version == record.version - 1:
            return self.assess(record, key)
        record, edition, key = self._editable(session, submission, principal, version, now)
        record = replace(record, version=record.version + 1)
        given = SubmissionInput(record.answers["answers"], record.contact, complete=True)
        return self._save_answers(session, (record, edition, key), given, "submission.submitted", now, actor)

    def erase(
        self,
        session: Session,
        submission: str,
        principal: Principal,
        *,
        version: int | None,
        now: dt.datetime,
        actor: Actor,
    ) -> None:
        """Erase a submission permanently. Raises NotFound, Forbidden, PreconditionFailed, OnHold."""
        record, _ = self.load(session, submission, principal, WRITING, now=now, lock=True)
        require_version(record, version)
        if record.legal_hold:
            raise UnderLegalHold("The clinic has to keep this submission for now; ask the clinic.")
        erase(session, submission, now=now, actor=actor)

    def _editable(
        self, session: Session, submission: str, principal: Principal, version: int | None, now: dt.datetime
    ) -> Editable:
        record, key = self.load(session, submission, principal, WRITING, now=now, lock=True)
        require_version(record, version)
        if record.status != "draft":
            raise NotADraft("It has been submitted; submitted answers are not changed here.")
        return record, self.edition(record, record.answers.get("off", ())), key

    def _save_answers(
        self,
        session: Session,
        before: Editable,
        given: SubmissionInput,
        action: str,
        now: dt.datetime,
        actor: Actor,
    ) -> Assessment:
        record, edition, key = before
        checked, evaluation = validate_and_evaluate(
            edition, given, record.language, tuple(record.answers["raised"])
        )
        assessment = Assessment(record, edition, evaluation, checked.enabled, checked.missing, key)
        assessment = self._extend_retention_to_visit(
            session, with_evaluation(assessment, checked, given, now, self.terms)
        )
        if record.legal_hold:  # under a legal hold, the earlier version is stored too
            cases.insert_version(session, str(uuid7()), replace(record, version=record.version - 1), now, key)
        submissions.replace(session, self.vault, assessment.record, assessment.key)
        if assessment.record.contact != record.contact:
            contact_index.reindex(session, self.vault.keyring, record.id, assessment.record.contact)
        acts = AuditAction(action, "submission", assessment.record.id), *flag_audit_events(assessment.record)
        audit_log.record(session, actor, now, *acts)
        alerts.create_for_new_flags(session, assessment.record)
        return assessment

    def _extend_retention_to_visit(self, session: Session, assessment: Assessment) -> Assessment:
        """Return the submission with its retention extended when the time of the visit is known.

        A submitted form is then retained as long after the visit as otherwise after its submission.
        """
        record = assessment.record
        if record.status == "draft" or record.booking_reference is None:
            return assessment
        visits = readiness.appointments(session, [record.booking_reference], test=record.is_test)
        visit = max((record.submitted_at or record.updated_at, *visits.values()))
        until = max(record.retained_until, self.terms.until(visit, complete=True))
        return replace(assessment, record=replace(record, retained_until=until))


def erase(
    session: Session, submission: str, *, now: dt.datetime, actor: Actor, due: dt.datetime | None = None
) -> bool:
    """Erase: fields, data key, flags and the stored first response are deleted; the audit log retains the id.

    With `due`, only when its retention date is not later, since it may have changed since it was listed.
    Returns whether it was erased.
    """
    if not submissions.delete(session, submission, due):
        return False
    idempotency.discard_response(session, submission)
    audit_log.record(session, actor, now, AuditAction(audit_log.ERASED, "submission", submission))
    return True


def require_version(record: Record, version: int | None) -> None:
    """Raise PreconditionFailed when the version differs; `None` stands for `If-Match: *`."""
    if version is not None and version != record.version:
        raise PreconditionFailed("It has changed in the meantime; fetch it again and repeat your change.")


def merge_patch(before: Mapping[str, object], patch: Mapping[str, Any], name: str) -> dict[str, object]:
    """Return member `name` of a record after a merge patch (RFC 7396): null removes a member, or all of it.

    A null for a member that does not exist stays, so that the check can report whether it is a known one.
    """
    change = patch.get(name, {})
    merged = {} if change is None else {**before, **change}
    return {link_id: value for link_id, value in merged.items() if value is not None or link_id not in before}
