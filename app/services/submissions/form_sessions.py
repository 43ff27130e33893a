"""Form sessions of the hosted form: started, saved page by page, ended, and resumed by a link.

Responsible for: sessions and resume links, stored by hash; the valid answers of a page are stored immediately
and the invalid ones reported. Never: loses a valid answer because of an invalid one beside it, or handles
HTTP.
"""

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from app.errors import Gone, NotFound, SessionEnded
from app.rules.engine.answers import Issue
from app.services import idempotency
from app.services.auth.authorization import FormSessionPrincipal, hash_token
from app.services.idempotency import Claim, Created, SubmissionResponses
from app.services.submissions import lifecycle
from app.services.submissions.assessment import Assessment
from app.services.submissions.lifecycle import SubmissionService
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions import form_tokens
from app.storage.submissions.form_tokens import Capability

RESUME_LINK_TTL = dt.timedelta(days=14)
REISSUE_TTL = dt.timedelta(minutes=1)  # a first page sent twice (double click, retry) opens one draft
LATE_PAGE_ACCEPTED_FOR = dt.timedelta(
    days=1
)  # a page sent after its session ended is still stored, but not shown


@dataclass(frozen=True, slots=True)
class FormPageInput:
    """The input of one form page: linkId and contact kind to value, None where it was left empty."""

    answers: Mapping[str, object]
    contact: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SaveResult:
    """The current draft, the issues of values that could not be stored, and whether the session was over."""

    assessment: Assessment
    issues: tuple[Issue, ...]
    ended: bool


def new_secret() -> str:
    """Return a new secret for a session cookie or a resume link, with 256 random bits."""
    return secrets.token_urlsafe(32)


def start_session(
    session: Session,
    submission_service: SubmissionService,
    assessment: Assessment,
    claim: Claim,
    secret: str,
    *,
    until: dt.datetime,
    now: dt.datetime,
    actor: Actor,
) -> str:
    """Store a new draft and open a session on it; return the submission's id.

    The same form sent again within a minute opens the same draft. Raises Gone when that draft has been
    erased, has been changed, or is older than a minute: the first page stays on a screen and must not open
    anyone's answers. Raises InFlight when the first request was rolled back.
    """
    started = idempotency.run_once(
        session,
        SubmissionResponses(submission_service.vault, assessment.key, now=now),
        claim,
        Created(assessment.record.id, b""),
        partial(lifecycle.create, vault=submission_service.vault, assessment=assessment, actor=actor),
        now=now,
    )
    if started.replayed:
        record = submission_service.read(
            session, started.id, FormSessionPrincipal(started.id), now=now
        ).record
        if record.version > 1 or now - record.created_at > REISSUE_TTL:
            raise Gone("This form was begun already.")
    form_tokens.insert(session, Capability(hash_token(secret), "session", started.id, now, until))
    return started.id


def read(
    session: Session,
    submission_service: SubmissionService,
    secret: str,
    *,
    now: dt.datetime,
    late: bool = False,
) -> Assessment:
    """Return the submission of a session; with `late`, also of one that ended less than `LATE` ago.

    Raises SessionEnded.
    """
    held = _held(session, secret, now - LATE_PAGE_ACCEPTED_FOR if late else now)
    try:
        return submission_service.read(
            session, held.submission_id, FormSessionPrincipal(held.submission_id), now=now
        )
    except NotFound:
        raise SessionEnded("What this session opened is not kept any more.") from None


def save(
    session: Session,
    submission_service: SubmissionService,
    secret: str,
    page: FormPageInput,
    language: str,
    *,
    until: dt.datetime,
    now: dt.datetime,
    actor: Actor,
) -> SaveResult:
    """Store the valid answers of a page, even when it arrives late. Raises SessionEnded and NotADraft."""
    held = _held(session, secret, now - LATE_PAGE_ACCEPTED_FOR)
    holder = FormSessionPrincipal(held.submission_id)
    edition = read(session, submission_service, secret, now=now, late=True).edition
    given = {name: value for name, value in page.answers.items() if value is not None}
    issues = edition.check(given, page.contact, complete=False).issues
    found_issues = {tuple(issue.pointer.split("/")[1:3]) for issue in issues}
    patch = {
        "answers": {
            name: each for name, each in page.answers.items() if ("answers", name) not in found_issues
        },
        "contact": {
            name: each for name, each in page.contact.items() if ("contact", name) not in found_issues
        },
        "language": language,
    }
    assessment = submission_service.change(
        session, holder.submission, holder, patch, version=None, now=now, actor=actor
    )
    return SaveResult(assessment, issues, _over(session, held, until, now))


def submit(
    session: Session,
    submission_service: SubmissionService,
    secret: str,
    *,
    until: dt.datetime,
    now: dt.datetime,
    actor: Actor,
) -> SaveResult:
    """Submit the draft of a session, even late; one already submitted is returned unchanged.

    Raises SessionEnded and InvalidAnswers.
    """
    held = _held(session, secret, now - LATE_PAGE_ACCEPTED_FOR)
    holder = FormSessionPrincipal(held.submission_id)
    assessment = read(session, submission_service, secret, now=now, late=True)
    if assessment.record.status == "draft":
        assessment = submission_service.submit(
            session, holder.submission, holder, version=None, now=now, actor=actor
        )
    return SaveResult(assessment, (), _over(session, held, until, now))


def erase(
    session: Session, submission_service: SubmissionService, secret: str, *, now: dt.datetime, actor: Actor
) -> None:
    """Erase the submission of a session permanently. Raises SessionEnded."""
    holder = FormSessionPrincipal(read(session, submission_service, secret, now=now).record.id)
    submission_service.erase(session, holder.submission, holder, version=None, now=now, actor=actor)


def create_resume_link(
    session: Session,
    submission_service: SubmissionService,
    secret: str,
    link_secret: str,
    *,
    now: dt.datetime,
    actor: Actor,
) -> dt.datetime:
    """Create a resume link; return when it expires.

    If the submission is erased earlier, as its retention date now says, that date is returned. Raises
    SessionEnded.
    """
    record = read(session, submission_service, secret, now=now).record
    until = now + RESUME_LINK_TTL
    form_tokens.insert(session, Capability(hash_token(link_secret), "resume", record.id, now, until))
    audit_log.record(session, actor, now, AuditAction("link.made", "submission", record.id))
    return min(until, record.retained_until)


def resume(
    session: Session,
    submission_service: SubmissionService,
    link_secret: str,
    secret: str,
    *,
    until: dt.datetime,
    now: dt.datetime,
    actor: Actor,
) -> Assessment:
    """Open a session by a resume link.

    Raises NotFound, which is the same for an unknown link, an expired link and an erased submission.
    """
    held = form_tokens.fetch(session, hash_token(link_secret), "resume")
    gone = NotFound("This link does not open anything any more.")
    if held is None or held.expires_at <= now:
        raise gone
    try:
        assessment = submission_service.read(
            session, held.submission_id, FormSessionPrincipal(held.submission_id), now=now
        )
    except NotFound:
        raise gone from None
    form_tokens.insert(session, Capability(hash_token(secret), "session", held.submission_id, now, until))
    audit_log.record(session, actor, now, AuditAction("link.used", "submission", held.submission_id))
    return assessment


def session_exists(session: Session, secret: str) -> bool:
    """Return whether there is a session with this secret, over or not; if so, its submission is stored."""
    return form_tokens.fetch(session, hash_token(secret), "session") is not None


def end_session(session: Session, secret: str) -> None:
    """End a session; its submission stays."""
    form_tokens.delete(session, hash_token(secret))


def _over(session: Session, held: Capability, until: dt.datetime, now: dt.datetime) -> bool:
    """Return whether the session is over; otherwise extend it until `until`."""
    if held.expires_at <= now:
        return True
    form_tokens.extend(session, held.secret_hash, until)
    return False


def _held(session: Session, secret: str, now: dt.datetime) -> Capability:
    held = form_tokens.fetch(session, hash_token(secret), "session")
    if held is None or held.expires_at <= now:
        raise SessionEnded("For your privacy the form was closed on this device.")
    return held
