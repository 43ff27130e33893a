"""What staff add to a submission: notes, actions on flags, views, and the versions before each correction.

Responsible for: the rows; personal data is encrypted with the data key of the submission and bound to
table, column and row. Never: changes or deletes rows (they are deleted with the submission) or interprets
them.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json

from app.encryption import DataKey, pad_to_multiple
from app.storage.db.database import Session
from app.storage.db.upsert import insert as insert_into
from app.storage.submissions.submissions import Record
from app.storage.tables.auth import staff_users
from app.storage.tables.operations import audit_events
from app.storage.tables.review import case_views, flag_actions, notes, submission_versions
from app.storage.tables.submissions import flags, submissions

Json = dict[str, Any]
MAX_ROWS = 500  # rows of one case that a page shows
# Associated data: the names that table and column had when the first rows were encrypted (encryption.py).
VERSION_PLACES = {
    "answers": ("versions", "answers"),
    "contact": ("versions", "contact"),
    "summary_provenance": ("versions", "trace"),
}


@dataclass(frozen=True, slots=True)
class Note:
    """A note about a case, written by a staff user or by an API client for them."""

    id: str
    actor_kind: str
    actor_id: str | None
    created_at: dt.datetime
    body: str


@dataclass(frozen=True, slots=True)
class FlagAction:
    """What was done about a flag, by whom, and when."""

    id: str
    flag_id: str
    action: str
    actor_kind: str
    actor_id: str | None
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class SubmissionVersion:
    """A submission as it was until `replaced_at`. `answers` is {answers, raised, off?}, as in a record."""

    version: int
    replaced_at: dt.datetime
    answers: Json
    contact: Mapping[str, str]
    summary_provenance: Json | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry of a case's history."""

    id: int
    at: dt.datetime
    actor_kind: str
    actor_id: str | None
    action: str
    object_type: str
    object_id: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """The version of a case that a staff user last viewed, and when."""

    viewed_version: int
    last_viewed_at: dt.datetime


# --- notes and actions on flags ---------------------------------------------------------------------


def add_note(session: Session, submission: str, note: Note, key: DataKey) -> None:
    """Insert a note, with its body encrypted."""
    row = {name: getattr(note, name) for name in Note.__slots__ if name != "body"}
    sealed = key.encrypt(pad_to_multiple(to_json(note.body)), "notes", "body", note.id)
    session.execute(sa.insert(notes), row | {"submission_id": submission, "body": sealed})


def notes_of(session: Session, submission: str, key: DataKey) -> list[Note]:
    """Return the notes on a case, oldest first."""
    asked = sa.select(notes).where(notes.c.submission_id == submission).order_by(notes.c.id).limit(MAX_ROWS)
    return [_note(row, key) for row in session.execute(asked).mappings()]


def _note(row: sa.RowMapping, key: DataKey) -> Note:
    plain = {name: row[name] for name in Note.__slots__ if name != "body"}
    return Note(**plain, body=json.loads(key.decrypt(row["body"], "notes", "body", row["id"])))


def add_action(session: Session, submission: str, done: FlagAction) -> None:
    """Insert an action on a flag."""
    row = {name: getattr(done, name) for name in FlagAction.__slots__}
    session.execute(sa.insert(flag_actions), row | {"submission_id": submission})


def actions_of(session: Session, submission: str) -> list[FlagAction]:
    """Return the actions on the flags of a case, oldest first."""
    asked = sa.select(*(flag_actions.c[name] for name in FlagAction.__slots__))
    asked = (
        asked.where(flag_actions.c.submission_id == submission).order_by(flag_actions.c.id).limit(MAX_ROWS)
    )
    return [FlagAction(**row) for row in session.execute(asked).mappings()]


def close_flags(session: Session, ids: Iterable[str], at: dt.datetime) -> None:
    """Close these flags; flags that are already closed stay unchanged."""
    closing = sa.update(flags).where(flags.c.id.in_(list(ids)), flags.c.closed_at.is_(None))
    session.execute(closing.values(closed_at=at))


# --- views ------------------------------------------------------------------------------------------


def record_view(session: Session, staff_id: str, submission: str, view: CaseView) -> None:
    """Record the version that a staff user last viewed."""
    row = {
        "staff_id": staff_id,
        "submission_id": submission,
        "viewed_version": view.viewed_version,
        "last_viewed_at": view.last_viewed_at,
    }
    newer = {"viewed_version": view.viewed_version, "last_viewed_at": view.last_viewed_at}
    key = [case_views.c.staff_id, case_views.c.submission_id]
    session.execute(
        insert_into(session.dialect, case_views)
        .values(row)
        .on_conflict_do_update(index_elements=key, set_=newer)
    )


def record_first_view(session: Session, submission: str, at: dt.datetime) -> None:
    """Record that a case was viewed. Only the first time is stored."""
    asked = sa.update(submissions).where(
        submissions.c.id == submission, submissions.c.first_viewed_at.is_(None)
    )
    session.execute(asked.values(first_viewed_at=at))


def last_views(session: Session, staff_id: str, ids: Collection[str]) -> dict[str, CaseView]:
    """Map each of these cases to what a staff user last viewed of it. Cases they have not viewed are left
    out.
    """
    asked = sa.select(case_views.c.submission_id, case_views.c.viewed_version, case_views.c.last_viewed_at)
    asked = asked.where(case_views.c.staff_id == staff_id, case_views.c.submission_id.in_(list(ids)))
    return {
        row.submission_id: CaseView(row.viewed_version, row.last_viewed_at) for row in session.execute(asked)
    }


# --- versions --------------------------------------------------------------------------------------


def insert_version(session: Session, row_id: str, record: Record, at: dt.datetime, key: DataKey) -> None:
    """Insert the current version of a submission, before it is replaced."""
    parts = {
        "answers": record.answers,
        "contact": record.contact or None,
        "summary_provenance": record.summary_provenance,
    }
    sealed = {
        name: None
        if value is None
        else key.encrypt(pad_to_multiple(to_json(value)), *VERSION_PLACES[name], row_id)
        for name, value in parts.items()
    }
    row = {"id": row_id, "submission_id": record.id, "version": record.version, "replaced_at": at}
    session.execute(sa.insert(submission_versions), row | sealed)


def versions_of(session: Session, submission: str, key: DataKey) -> list[SubmissionVersion]:
    """Return the versions of a case before each correction, oldest first."""
    asked = sa.select(submission_versions).where(submission_versions.c.submission_id == submission)
    found = session.execute(asked.order_by(submission_versions.c.version).limit(MAX_ROWS)).mappings()
    return [_version(row, key) for row in found]


def _version(row: sa.RowMapping, key: DataKey) -> SubmissionVersion:
    def opened(name: str) -> Any:
        sealed = row[name]
        return None if sealed is None else json.loads(key.decrypt(sealed, *VERSION_PLACES[name], row["id"]))

    return SubmissionVersion(
        version=row["version"],
        replaced_at=row["replaced_at"],
        answers=opened("answers"),
        contact=opened("contact") or {},
        summary_provenance=opened("summary_provenance"),
    )


# --- history and names ------------------------------------------------------------------------------


def merged_into(session: Session, submission: str) -> list[str]:
    """Return the ids of the cases that were merged into this one."""
    asked = sa.select(submissions.c.id).where(submissions.c.merged_into_id == submission)
    return list(session.execute(asked.order_by(submissions.c.id)).scalars())


def history(session: Session, ids: Collection[str], limit: int = MAX_ROWS) -> list[HistoryEntry]:
    """Return the audit events of these objects, including reads, newest first."""
    asked = sa.select(*(audit_events.c[name] for name in HistoryEntry.__slots__))
    asked = asked.where(audit_events.c.object_id.in_(list(ids))).order_by(audit_events.c.id.desc())
    return [HistoryEntry(**row) for row in session.execute(asked.limit(limit)).mappings()]


def staff_names(session: Session, ids: Iterable[str | None]) -> dict[str, str]:
    """Map ids to the names of staff users, including disabled ones."""
    wanted = {each for each in ids if each}
    asked = sa.select(staff_users.c.id, staff_users.c.name).where(staff_users.c.id.in_(wanted))
    return {row.id: row.name for row in session.execute(asked)} if wanted else {}
