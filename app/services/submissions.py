"""The life of a submission: drawn up, kept, changed, submitted, read, erased.

Office: guard, fetch, ask the rules, keep, tell. Time and identity arrive as arguments. Refuses: to commit,
to see HTTP, to answer before the act and its audit event stand in one transaction.
"""

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from uuid_utils import uuid7

from app.errors import Error, InvalidAnswers, NotADraft, NotFound, PreconditionFailed, Unavailable
from app.rules.answers import Checked
from app.rules.compare import trace
from app.rules.edition import Edition
from app.rules.evaluation import Evaluation
from app.rules.library import Library
from app.sealing import DataKey
from app.services.access import Principal, require_access, token_hash
from app.storage import audit, idempotency, submissions
from app.storage.audit import Actor
from app.storage.database import Session
from app.storage.submissions import FlagRecord, Record, Vault

Json = dict[str, Any]
WRITING = "submissions:write"
TOKEN = "pcr_"  # noqa: S105 - the prefix that tells a respondent's token from an API key


@dataclass(frozen=True, slots=True)
class Given:
    """What was handed in: JSON values as they came."""

    answers: Mapping[str, object]
    contact: Mapping[str, object] = field(default_factory=dict)
    language: str | None = None
    booking_reference: str | None = None
    complete: bool = True
    test: bool = False


@dataclass(frozen=True, slots=True)
class Retention:
    """How long drafts and submissions are kept."""

    draft: dt.timedelta
    submitted: dt.timedelta

    @classmethod
    def of(cls, *, hours: int, days: int) -> "Retention":
        return cls(dt.timedelta(hours=hours), dt.timedelta(days=days))

    def until(self, now: dt.datetime, *, complete: bool) -> dt.datetime:
        return now + (self.submitted if complete else self.draft)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A submission and what the rules say of it."""

    record: Record
    edition: Edition
    evaluation: Evaluation
    enabled: frozenset[str]
    missing: tuple[str, ...]
    key: DataKey

    def interruptions(self) -> list[Json]:
        return self.edition.interruptions(self.evaluation, self.record.language)

    def summary(self) -> Json:
        """The summary, with the time it was made last."""
        summary = self.edition.summarise(self.evaluation, self.record.language)
        made_at = self.record.submitted_at or self.record.updated_at
        return summary | {"made_at": stamp(made_at)}


def stamp(at: dt.datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def new_token() -> str:
    """A respondent's access token: 256 random bits."""
    return TOKEN + secrets.token_urlsafe(32)


def judge(
    edition: Edition, given: Given, language: str, raised: tuple[str, ...] = ()
) -> tuple[Checked, Evaluation]:
    """Check and evaluate. Raises InvalidAnswers with every issue at once, in the respondent's language."""
    checked = edition.check(given.answers, given.contact, complete=given.complete)
    if checked.issues:
        errors = [Error(each.pointer, each.code, edition.words(each, language)) for each in checked.issues]
        raise InvalidAnswers("Look at each of the errors and send the answers again.", errors=errors)
    return checked, edition.evaluate(checked.answers, raised)


def draw_up(edition: Edition, given: Given, token: str, *, now: dt.datetime, retention: Retention) -> Drawn:
    """A new submission, not kept yet. Raises InvalidAnswers."""
    language = edition.language(given.language)
    checked, evaluation = judge(edition, given, language)
    record = Record(
        id=str(uuid7()),
        questionnaire=edition.id,
        edition=edition.version,
        language=language,
        status="draft",
        attention=None,
        test=given.test,
        booking_reference=given.booking_reference,
        version=1,
        created_at=now,
        updated_at=now,
        submitted_at=None,
        retained_until=now,
        token_hash=token_hash(token),
        answers={},
        contact={},
        trace=None,
    )
    drawn = Drawn(record, edition, evaluation, checked.enabled, checked.missing, DataKey.fresh())
    return _settled(drawn, checked, given, now, retention)


def _settled(drawn: Drawn, checked: Checked, given: Given, now: dt.datetime, retention: Retention) -> Drawn:
    """`drawn` with its record as the answers leave it: what is kept, flags, state, times."""
    evaluation, complete = drawn.evaluation, given.complete
    kept = evaluation.kept if complete or evaluation.stopped else checked.answers
    flags = _flags(drawn.record.flags, evaluation, now)
    record = replace(
        drawn.record,
        status="submitted" if complete else "draft",
        attention=min((flag.priority for flag in flags), default=None),
        updated_at=now,
        submitted_at=now if complete else None,
        retained_until=retention.until(now, complete=complete),
        answers={"answers": dict(kept), "raised": list(evaluation.raised) if evaluation.stopped else []},
        contact=dict(checked.contact),
        flags=flags,
    )
    if complete:
        digest = drawn.edition.summarise(evaluation, record.language)["digest"]
        record = replace(record, trace=trace(drawn.edition, evaluation, digest))
    return replace(drawn, record=record)


def _flags(
    before: tuple[FlagRecord, ...], evaluation: Evaluation, now: dt.datetime
) -> tuple[FlagRecord, ...]:
    """Flags are only ever added: one whose answer changed is marked, not taken away."""
    raised = {each.flag.id: each.priority for each in evaluation.flags}
    marked = tuple(
        flag if flag.kind in raised or flag.answer_changed_at else replace(flag, answer_changed_at=now)
        for flag in before
    )
    standing = {flag.kind for flag in marked if flag.answer_changed_at is None}
    fresh = (kind for kind in raised if kind not in standing)
    return (*marked, *(FlagRecord(str(uuid7()), kind, raised[kind], now) for kind in fresh))


def keep(session: Session, vault: Vault, drawn: Drawn, *, actor: Actor) -> None:
    """Keep a new submission, its flags and its audit events."""
    record, key = drawn.record, drawn.key
    rows = [vault.seal_flag(flag, record.id, key) for flag in record.flags]
    submissions.insert(session, vault.seal(record, key), rows)
    action = "submission.submitted" if record.submitted_at else "submission.drafted"
    audit.record(session, actor, action, "submission", record.id, record.created_at)
    _record_flags(session, record.flags, actor, record.created_at)


def _record_flags(session: Session, flags: tuple[FlagRecord, ...], actor: Actor, now: dt.datetime) -> None:
    for flag in flags:
        if flag.raised_at == now:
            audit.record(session, actor, "flag.raised", "flag", flag.id, now)
        elif flag.answer_changed_at == now:
            audit.record(session, actor, "flag.answer_changed", "flag", flag.id, now)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every act on a kept submission needs: the library, the vault, and how long things are kept."""

    library: Library
    vault: Vault
    retention: Retention

    def _found(
        self,
        session: Session,
        submission: str,
        principal: Principal,
        *scopes: str,
        now: dt.datetime,
        lock: bool,
    ) -> tuple[Record, DataKey]:
        known = submissions.ID.fullmatch(submission)  # what is no id is not looked for: it may hold a NUL
        found = submissions.fetch(session, self.vault, submission, lock=lock) if known else None
        record = require_access(principal, found[0] if found else None, *scopes)
        if found is None or record.retained_until <= now:
            raise NotFound("There is no such submission, or it has been erased.")
        return found

    def _drawn(self, record: Record, key: DataKey) -> Drawn:
        edition = self.library.find(record.questionnaire, record.edition)
        if edition is None:
            raise Unavailable("The edition this submission was made with is not installed.")
        kept = edition.check(record.answers["answers"], record.contact, complete=False)
        evaluation = edition.evaluate(kept.answers, tuple(record.answers["raised"]))
        return Drawn(record, edition, evaluation, kept.enabled, kept.missing, key)

    def read(self, session: Session, submission: str, principal: Principal, *, now: dt.datetime) -> Drawn:
        """One submission. Raises NotFound or Forbidden."""
        reading = ("submissions:read", "review")
        record, key = self._found(session, submission, principal, *reading, now=now, lock=False)
        return self._drawn(record, key)

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
    ) -> Drawn:
        """Merge `patch` (RFC 7396: answers, contact, language, booking_reference) into a draft and keep it.

        Raises NotFound, Forbidden, PreconditionFailed, NotADraft, InvalidAnswers.
        """
        before = self._editable(session, submission, principal, version, now)
        record = before.record
        language = before.edition.language(patch["language"]) if patch.get("language") else record.language
        given = Given(
            answers=_merged(record.answers["answers"], patch.get("answers")),
            contact=_merged(record.contact, patch.get("contact")),
            complete=False,
        )
        reference = patch.get("booking_reference", record.booking_reference)
        record = replace(record, language=language, booking_reference=reference, version=record.version + 1)
        return self._kept(session, replace(before, record=record), given, "submission.changed", now, actor)

    def submit(
        self,
        session: Session,
        submission: str,
        principal: Principal,
        *,
        version: int | None,
        now: dt.datetime,
        actor: Actor,
    ) -> Drawn:
        """Submit a draft; the same request again finds it submitted and gets the same answer.

        Raises NotFound, Forbidden, PreconditionFailed, NotADraft, InvalidAnswers.
        """
        record, key = self._found(session, submission, principal, WRITING, now=now, lock=True)
        if record.status == "submitted" and version == record.version - 1:
            return self._drawn(record, key)
        before = self._editable(session, submission, principal, version, now)
        record = replace(before.record, version=before.record.version + 1)
        given = Given(before.record.answers["answers"], before.record.contact, complete=True)
        return self._kept(session, replace(before, record=record), given, "submission.submitted", now, actor)

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
        """Forget a submission for good. Raises NotFound, Forbidden, PreconditionFailed."""
        record, _ = self._found(session, submission, principal, WRITING, now=now, lock=True)
        _require_version(record, version)
        forget(session, submission, now=now, actor=actor)

    def _editable(
        self, session: Session, submission: str, principal: Principal, version: int | None, now: dt.datetime
    ) -> Drawn:
        record, key = self._found(session, submission, principal, WRITING, now=now, lock=True)
        _require_version(record, version)
        if record.status != "draft":
            raise NotADraft("It has been submitted; submitted answers are not changed here.")
        return self._drawn(record, key)

    def _kept(
        self, session: Session, before: Drawn, given: Given, action: str, now: dt.datetime, actor: Actor
    ) -> Drawn:
        raised = tuple(before.record.answers["raised"])
        checked, evaluation = judge(before.edition, given, before.record.language, raised)
        drawn = Drawn(
            before.record, before.edition, evaluation, checked.enabled, checked.missing, before.key
        )  # fmt: skip
        drawn = _settled(drawn, checked, given, now, self.retention)
        submissions.replace(session, self.vault, drawn.record, drawn.key)
        audit.record(session, actor, action, "submission", drawn.record.id, now)
        _record_flags(session, drawn.record.flags, actor, now)
        return drawn


def forget(session: Session, submission: str, *, now: dt.datetime, actor: Actor) -> None:
    """Erase: fields, data key, flags and the kept first answer go; the audit keeps the id."""
    idempotency.forget_response(session, submission)
    submissions.delete(session, submission)
    audit.record(session, actor, "submission.erased", "submission", submission, now)


def _require_version(record: Record, version: int | None) -> None:
    """`None` stands for `If-Match: *`."""
    if version is not None and version != record.version:
        raise PreconditionFailed("It has changed in the meantime; fetch it again and repeat your change.")


def _merged(before: Mapping[str, object], patch: Mapping[str, object] | None) -> dict[str, object]:
    """JSON merge patch (RFC 7396) of a flat object: null takes a member out."""
    return {name: value for name, value in {**before, **(patch or {})}.items() if value is not None}
