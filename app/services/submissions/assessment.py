"""Assessment of a submission: its record, and what the rules say about it.

Responsible for: checking and evaluating answers, and deciding what is stored, which flags it has, and its
retention date. Never: uses sessions or storage, so that a new submission is assessed before it needs the
database.
"""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from uuid_utils import uuid7

from app.clock import format_timestamp
from app.encryption import DataKey
from app.errors import FieldError, InvalidAnswers
from app.rules.engine.answers import ValidationResult
from app.rules.engine.diff import provenance
from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import Evaluation
from app.services.auth.authorization import hash_token
from app.services.submissions.business_hours import BusinessHours, Targets, due_date_calculator
from app.storage.submissions.submissions import FlagRecord, Record

Json = dict[str, Any]
LEAST_URGENT = 4
OFFICE_HOURS = BusinessHours.parse("Mon-Fri 09:00-17:00", "", "UTC")
TOKEN = "pcr_"  # noqa: S105 - the prefix that distinguishes a respondent's token from an API key


@dataclass(frozen=True, slots=True)
class SubmissionInput:
    """The input of a submission: JSON values as received."""

    answers: Mapping[str, object]
    contact: Mapping[str, object] = field(default_factory=dict)
    language: str | None = None
    booking_reference: str | None = None
    complete: bool = True
    test: bool = False
    spam_reasons: str | None = None


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long drafts and submissions are stored, and when staff are available to act on flags."""

    draft: dt.timedelta
    submitted: dt.timedelta
    hours: BusinessHours
    on_call: bool

    @classmethod
    def from_settings(
        cls, *, hours: int, days: int, opening: BusinessHours = OFFICE_HOURS, on_call: bool = False
    ) -> "RetentionPolicy":
        return cls(dt.timedelta(hours=hours), dt.timedelta(days=days), opening, on_call)

    def until(self, now: dt.datetime, *, complete: bool) -> dt.datetime:
        return now + (self.submitted if complete else self.draft)


@dataclass(frozen=True, slots=True)
class Assessment:
    """A submission and what the rules say about it."""

    record: Record
    edition: Edition
    evaluation: Evaluation
    enabled: frozenset[str]
    missing: tuple[str, ...]
    key: DataKey
    made: Json | None = None

    def interruptions(self) -> list[Json]:
        return self.edition.interruptions(self.evaluation, self.record.language)

    @property
    def rendered_summary(self) -> Json:
        """The summary as the rules give it."""
        return self.made or self.edition.summarise(self.evaluation, self.record.language)

    @property
    def made_at(self) -> str:
        """When the summary was made: at submission, or at the last correction."""
        sent = format_timestamp(self.record.submitted_at or self.record.updated_at)
        return str((self.record.summary_provenance or {}).get("made_at", sent))

    def summary(self) -> Json:
        """Return the summary with the time it was made."""
        return self.rendered_summary | {"made_at": self.made_at}


def new_token() -> str:
    """Return a new access token of a respondent, with 256 random bits."""
    return TOKEN + secrets.token_urlsafe(32)


def validate_and_evaluate(
    edition: Edition, given: SubmissionInput, language: str, raised: Sequence[str] = ()
) -> tuple[ValidationResult, Evaluation]:
    """Check and evaluate the answers.

    Raises InvalidAnswers with all issues at once, in the respondent's language.
    """
    checked = edition.check(given.answers, given.contact, complete=given.complete)
    if checked.issues:
        errors = [
            FieldError(each.pointer, each.code, edition.message_for(each, language))
            for each in checked.issues
        ]
        raise InvalidAnswers("Look at each of the errors and send the answers again.", errors=errors)
    return checked, edition.evaluate(checked.answers, raised, enabled=checked.enabled)


def assess_new(
    edition: Edition, given: SubmissionInput, token: str, *, now: dt.datetime, terms: RetentionPolicy
) -> Assessment:
    """Return the assessment of a new submission, not stored yet. Raises InvalidAnswers."""
    language = edition.language(given.language)
    checked, evaluation = validate_and_evaluate(edition, given, language)
    record = Record(
        id=str(uuid7()),
        questionnaire=edition.id,
        edition=edition.version,
        language=language,
        status="draft",
        priority=None,
        is_test=given.test,
        booking_reference=given.booking_reference,
        spam_reasons=given.spam_reasons,
        version=1,
        created_at=now,
        updated_at=now,
        submitted_at=None,
        retained_until=now,
        token_hash=hash_token(token),
        answers={},
        contact={},
        summary_provenance=None,
    )
    assessment = Assessment(record, edition, evaluation, checked.enabled, checked.missing, DataKey.fresh())
    return with_evaluation(assessment, checked, given, now, terms)


def with_evaluation(
    assessment: Assessment,
    checked: ValidationResult,
    given: SubmissionInput,
    now: dt.datetime,
    terms: RetentionPolicy,
) -> Assessment:
    """Return the assessment with its record updated from the answers: what is stored, flags, status."""
    evaluation, complete = assessment.evaluation, given.complete
    stored = evaluation.answers_to_store if complete or evaluation.stopped_by else checked.answers
    due = due_date_calculator(assessment.edition, terms.hours, on_call=terms.on_call)
    flags = _flags(assessment.record.flags, evaluation, now, due)
    made = assessment.edition.summarise(evaluation, assessment.record.language) if complete else None
    record = replace(
        assessment.record,
        status="submitted" if complete else "draft",
        **pending_attention(flags),
        review=_review(assessment.record, flags, complete=complete),
        updated_at=now,
        submitted_at=now if complete else None,
        retained_until=_retained_until(terms, flags, now, complete=complete),
        answers={"answers": dict(stored), "raised": list(evaluation.raised)}
        | ({"off": sorted(assessment.edition.off)} if assessment.edition.off else {}),
        contact=dict(checked.contact),
        summary_provenance=provenance(assessment.edition, evaluation, made["digest"]) if made else None,
        flags=flags,
    )
    return replace(assessment, record=record, made=made)


def _retained_until(
    terms: RetentionPolicy, flags: Sequence[FlagRecord], now: dt.datetime, *, complete: bool
) -> dt.datetime:
    """Return the retention date.

    A draft with a flag is retained for the draft period after the flag's due date. This covers, for example,
    a long weekend.
    """
    times = [flag.due_at + terms.draft for flag in flags if flag.due_at and not complete]
    return max(terms.until(now, complete=complete), *times) if times else terms.until(now, complete=complete)


def pending_attention(flags: Sequence[FlagRecord]) -> dict[str, Any]:
    """Return what the open flags require of staff: `priority`, the most urgent one, and `due_at`."""
    waiting = [flag for flag in flags if flag.closed_at is None]
    return {
        "priority": min((flag.priority for flag in waiting), default=None),
        "due_at": min((flag.due_at for flag in waiting if flag.due_at), default=None),
    }


def _review(record: Record, flags: Sequence[FlagRecord], *, complete: bool) -> str:
    """Return the review state: a closed one is new again when the form is submitted now or has open flags."""
    sent = complete and record.status == "draft"
    waiting = any(flag.closed_at is None for flag in flags)
    return "new" if record.review == "closed" and (sent or waiting) else record.review


def _flags(
    before: tuple[FlagRecord, ...], evaluation: Evaluation, now: dt.datetime, due: Targets
) -> tuple[FlagRecord, ...]:
    """Return the flags, which are only ever added to.

    A flag whose answer changed is marked; a more urgent one is added beside it.
    """
    raised = {each.flag.id: each.priority for each in evaluation.flags}
    parents_first = sorted(evaluation.flags, key=lambda each: each.flag.target_open == "parent")
    marked = tuple(
        flag if flag.flag_code in raised or flag.answer_changed_at else replace(flag, answer_changed_at=now)
        for flag in before
    )
    standing: dict[str, int] = {}
    for flag in marked:
        if flag.answer_changed_at is None:
            standing[flag.flag_code] = min(flag.priority, standing.get(flag.flag_code, flag.priority))
    fresh = {kind for kind in raised if raised[kind] < standing.get(kind, LEAST_URGENT + 1)}
    times = {flag.flag_code: flag.due_at for flag in marked}
    for kind in (each.flag.id for each in parents_first if each.flag.id in fresh):
        times[kind] = due(kind, raised[kind], now, times)
    new = (
        FlagRecord(str(uuid7()), kind, raised[kind], now, due_at=times[kind])
        for kind in raised
        if kind in fresh
    )
    return (*marked, *new)
