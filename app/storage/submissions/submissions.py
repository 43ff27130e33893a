"""Submissions and their flags, encrypted.

Responsible for: converting rows to records and back; every encrypted field is bound to its table, column
and row. Never: interprets them (services and rules do) or lists them (listing.py).
"""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json

from app.encryption import DataKey, Keyring, pad_to_multiple
from app.storage.db.compiled_insert import CompiledInsert
from app.storage.db.database import Session
from app.storage.tables.submissions import flags, submissions

Json = dict[str, Any]
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # as uuid7() writes them


@dataclass(frozen=True, slots=True)
class FlagRecord:
    """A flag. `flag_code` is the flag's id in the edition."""

    id: str
    flag_code: str
    priority: int
    raised_at: dt.datetime
    answer_changed_at: dt.datetime | None = None
    due_at: dt.datetime | None = None
    escalated_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A submission as it is stored. `answers`: {answers, raised, off?}; `summary_provenance`: what its
    summary was based on.

    `spam_reasons`: why it is suspected spam, as `honeypot too_fast`; it is stored and shown all the same.
    """

    id: str
    questionnaire: str
    edition: str
    language: str
    status: str
    priority: int | None
    is_test: bool
    booking_reference: str | None
    spam_reasons: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    submitted_at: dt.datetime | None
    retained_until: dt.datetime
    token_hash: bytes
    answers: Json
    contact: Mapping[str, str]
    summary_provenance: Json | None
    flags: tuple[FlagRecord, ...] = ()
    review: str = "new"
    assignee_id: str | None = None
    due_at: dt.datetime | None = None
    first_viewed_at: dt.datetime | None = None
    legal_hold: bool = False
    merged_into_id: str | None = None


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """What a list shows of a submission, without encrypted fields."""

    id: str
    questionnaire: str
    edition: str
    language: str
    status: str
    priority: int | None
    is_test: bool
    booking_reference: str | None
    spam_reasons: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    submitted_at: dt.datetime | None
    retained_until: dt.datetime
    review: str
    assignee_id: str | None
    due_at: dt.datetime | None
    first_viewed_at: dt.datetime | None
    legal_hold: bool
    merged_into_id: str | None


FLAG_PLAIN = tuple(field.name for field in fields(FlagRecord) if field.name != "flag_code")
FLAG_CODE_SIZE = 64  # bytes to which every flag code is padded before encryption
# Associated data: the names that table and column had when the first rows were encrypted (encryption.py).
FLAG_CODE_PLACE = ("flags", "kind")
PLACES = {
    "answers": ("submissions", "answers"),
    "contact": ("submissions", "contact"),
    "summary_provenance": ("submissions", "trace"),
}
PLAIN = tuple(field.name for field in fields(SubmissionRow))
REVIEW_COLUMNS = (
    "review",
    "assignee_id",
    "first_viewed_at",
    "legal_hold",
    "merged_into_id",
)  # no action on a new one yet
_INSERT = CompiledInsert(lambda _dialect: sa.insert(submissions), *REVIEW_COLUMNS)
_INSERT_FLAG = CompiledInsert(lambda _dialect: sa.insert(flags), "escalated_at", "closed_at")
_BY_ID = sa.select(submissions).where(submissions.c.id == sa.bindparam("id"))
_LOCKED = _BY_ID.with_for_update()
_CHANGE = sa.update(submissions).where(submissions.c.id == sa.bindparam("changed"))
_KNOWN_FLAGS = sa.select(flags.c.id).where(flags.c.submission_id == sa.bindparam("id"))
_FLAGS_OF = sa.select(flags).where(flags.c.submission_id == sa.bindparam("id")).order_by(flags.c.id)


class Vault:
    """Encrypts and decrypts the fields of submissions with the keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def encrypt_record(self, record: Record, key: DataKey) -> Json:
        """Return the row of `record`."""
        row = {name: getattr(record, name) for name in (*PLAIN, "version", "token_hash")}
        return row | self.sealed_fields(record, key) | {"wrapped_data_key": self.keyring.wrap(key, record.id)}

    def sealed_fields(self, record: Record, key: DataKey) -> Json:
        """Return the encrypted columns of `record`, under the data key it already has."""
        fields = {
            "answers": record.answers,
            "contact": record.contact or None,
            "summary_provenance": record.summary_provenance,
        }
        return {
            name: None
            if value is None
            else key.encrypt(pad_to_multiple(to_json(value)), *PLACES[name], record.id)
            for name, value in fields.items()
        }

    def seal_flag(self, flag: FlagRecord, submission: str, key: DataKey) -> Json:
        """Return the row of one flag."""
        code = pad_to_multiple(flag.flag_code.encode(), FLAG_CODE_SIZE)
        return {
            "id": flag.id,
            "submission_id": submission,
            "flag_code": key.encrypt(code, *FLAG_CODE_PLACE, flag.id),
            "priority": flag.priority,
            "raised_at": flag.raised_at,
            "answer_changed_at": flag.answer_changed_at,
            "due_at": flag.due_at,
        }

    def decrypt_record(
        self, row: sa.RowMapping, flag_rows: Sequence[sa.RowMapping]
    ) -> tuple[Record, DataKey]:
        """Return the record of a row, and its data key. Raises Unopenable."""
        key = self.keyring.unwrap(row["wrapped_data_key"], row["id"])

        def opened(name: str) -> Any:
            sealed = row[name]
            return None if sealed is None else json.loads(key.decrypt(sealed, *PLACES[name], row["id"]))

        record = Record(
            **{name: row[name] for name in (*PLAIN, "version", "token_hash")},
            answers=opened("answers"),
            contact=opened("contact") or {},
            summary_provenance=opened("summary_provenance"),
            flags=tuple(_flag(each, key) for each in flag_rows),
        )
        return record, key


def insert(session: Session, row: Json, flag_rows: Sequence[Json]) -> None:
    """Insert a new submission and its flags."""
    _INSERT(session, [row])
    if flag_rows:
        _INSERT_FLAG(session, flag_rows)


def fetch(
    session: Session, vault: Vault, submission: str, *, lock: bool = False
) -> tuple[Record, DataKey] | None:
    """Return one submission with its flags, or None. `lock` locks the row against changes until this
    transaction ends.
    """
    row = session.execute(_LOCKED if lock else _BY_ID, {"id": submission}).mappings().first()
    if row is None:
        return None
    return vault.decrypt_record(row, session.execute(_FLAGS_OF, {"id": submission}).mappings().all())


def data_key(session: Session, vault: Vault, submission: str, now: dt.datetime) -> DataKey | None:
    """Return the data key of a submission, or None when it is erased or due for erasure."""
    asked = sa.select(submissions.c.wrapped_data_key)
    retained = sa.or_(submissions.c.retained_until > now, submissions.c.legal_hold)
    asked = asked.where(submissions.c.id == submission, retained)
    wrapped = session.execute(asked).scalar_one_or_none()
    return None if wrapped is None else vault.keyring.unwrap(wrapped, submission)


def replace(session: Session, vault: Vault, record: Record, key: DataKey) -> None:
    """Store the new state of a submission, insert its new flags, and set `answer_changed_at` of a flag the
    first time it is given.
    """
    plain = {name: getattr(record, name) for name in (*PLAIN, "version") if name != "id"}
    row = plain | vault.sealed_fields(record, key)
    session.execute(_CHANGE, row | {"changed": record.id})
    known = set(session.execute(_KNOWN_FLAGS, {"id": record.id}).scalars())
    for flag in record.flags:
        if flag.id not in known:
            _INSERT_FLAG(session, [vault.seal_flag(flag, record.id, key)])
        elif flag.answer_changed_at:
            changed = sa.update(flags).where(flags.c.id == flag.id, flags.c.answer_changed_at.is_(None))
            session.execute(changed.values(answer_changed_at=flag.answer_changed_at))


def update_columns(session: Session, submission: str, **plain: Any) -> None:
    """Set plain columns of a submission; encrypted columns stay unchanged."""
    session.execute(_CHANGE, plain | {"changed": submission})


def delete(session: Session, submission: str, due: dt.datetime | None = None) -> bool:
    """Delete a submission with its data key, its fields and all dependent rows, unless it is under a legal
    hold.

    With `due`, only if its retention ends by that time. Returns whether it was deleted.
    """
    asked = sa.delete(submissions).where(submissions.c.id == submission, submissions.c.legal_hold.is_(False))
    if due is not None:
        asked = asked.where(submissions.c.retained_until <= due)
    return session.execute(asked).rowcount == 1


def expired(session: Session, now: dt.datetime, limit: int, past: int = 0) -> list[str]:
    """Return the ids of submissions whose retention has ended, without those under a legal hold, the
    longest overdue first.

    The first `past` of them are skipped.
    """
    asked = sa.select(submissions.c.id).where(
        submissions.c.retained_until <= now, submissions.c.legal_hold.is_(False)
    )
    asked = asked.order_by(submissions.c.retained_until, submissions.c.id).limit(limit).offset(past)
    return list(session.execute(asked).scalars())


def retention_state(session: Session, submission: str) -> tuple[dt.datetime, bool] | None:
    """Return when the retention of a submission ends, and whether it is under a legal hold, or None when
    there is none.

    The row is locked against changes until this transaction ends.
    """
    asked = sa.select(submissions.c.retained_until, submissions.c.legal_hold).where(
        submissions.c.id == submission
    )
    row = session.execute(asked.with_for_update()).first()
    return None if row is None else (row.retained_until, row.legal_hold)


def set_legal_hold(session: Session, submission: str, *, held: bool) -> bool:
    """Place a submission under a legal hold, or release it. Returns False when nothing changes or there is
    none.
    """
    asked = sa.update(submissions).where(
        submissions.c.id == submission, submissions.c.legal_hold.is_not(held)
    )
    return session.execute(asked.values(legal_hold=held)).rowcount == 1


def wrapped_keys(session: Session, after: str, limit: int) -> list[tuple[str, bytes]]:
    """Return (id, wrapped data key) of the next submissions in the order of their ids, for re-wrapping."""
    asked = sa.select(submissions.c.id, submissions.c.wrapped_data_key).where(submissions.c.id > after)
    return [
        (row.id, row.wrapped_data_key)
        for row in session.execute(asked.order_by(submissions.c.id).limit(limit))
    ]


def replace_wrapped_key(session: Session, submission: str, older: bytes, newer: bytes) -> None:
    """Replace the wrapped data key with a newly wrapped one, unless it has changed in the meantime."""
    asked = sa.update(submissions).where(
        submissions.c.id == submission, submissions.c.wrapped_data_key == older
    )
    session.execute(asked.values(wrapped_data_key=newer))


def _flag(row: sa.RowMapping, key: DataKey) -> FlagRecord:
    code = key.decrypt(row["flag_code"], *FLAG_CODE_PLACE, row["id"]).decode().rstrip()
    return FlagRecord(flag_code=code, **{name: row[name] for name in FLAG_PLAIN})
