"""The counts of the dashboard, computed from the stored submissions.

Responsible for: counts that use an index alone, and the newest rows up to a limit where a count needs more
than the index holds. Never: scans everything: an id is a UUIDv7, so the ids of a period are adjacent in
every index that ends with the id.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.encryption import DecryptionError
from app.storage.db.database import Session
from app.storage.submissions.submissions import PLACES, Vault
from app.storage.tables.review import flag_actions
from app.storage.tables.submissions import flags, submissions

Json = dict[str, Any]
VIEW_ACTIONS = ("seen",)  # actions that record only a view, not that anything was done


@dataclass(frozen=True, slots=True)
class DateRange:
    """Submissions started from `since` up to but not including `until`; test submissions (`test`) or real
    ones.
    """

    since: dt.datetime
    until: dt.datetime
    test: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submitted submission. `rules` are the rules that fired, or None when they can't be decrypted."""

    language: str
    edition: tuple[str, str]
    submitted_at: dt.datetime
    first_viewed_at: dt.datetime | None
    rules: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AbandonedDraft:
    """An abandoned draft. `answered` are the linkIds that have answers, or None when they can't be
    decrypted.
    """

    edition: tuple[str, str]
    answered: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class FlagOutcome:
    """A flag with a due date, its submission, and when it was first acted on or closed."""

    submission: str
    priority: int
    due_at: dt.datetime
    acted_at: dt.datetime | None


def min_id_at(at: dt.datetime) -> str:
    """Return an id such that no id created from that time on sorts before it."""
    text = f"{int(at.timestamp() * 1000):012x}"
    return f"{text[:8]}-{text[8:]}-0000-0000-000000000000"


def count(session: Session, date_range: DateRange, status: str) -> int:
    """Return how many submissions have a status, using the index on (test, status, id) alone."""
    statement = sa.select(sa.func.count()).select_from(submissions).where(*_within(date_range, status))
    return int(session.execute(statement).scalar_one())


def arrivals(session: Session, vault: Vault, date_range: DateRange, limit: int) -> list[Arrival]:
    """Return the newest submitted submissions, at most `limit`."""
    row = submissions.c
    statement = sa.select(
        row.id,
        row.questionnaire,
        row.edition,
        row.language,
        row.submitted_at,
        row.first_viewed_at,
        row.wrapped_data_key,
        row.summary_provenance,
    )
    statement = statement.where(*_within(date_range, "submitted")).order_by(row.id.desc()).limit(limit)
    return [_arrival(each, vault) for each in session.execute(statement).mappings()]


def abandoned(
    session: Session, vault: Vault, date_range: DateRange, idle: dt.datetime, limit: int
) -> list[AbandonedDraft]:
    """Return the newest drafts that have not been changed since `idle`, at most `limit`."""
    row = submissions.c
    statement = sa.select(row.id, row.questionnaire, row.edition, row.wrapped_data_key, row.answers)
    statement = statement.where(*_within(date_range, "draft"), row.updated_at < idle)
    found = session.execute(statement.order_by(row.id.desc()).limit(limit)).mappings()
    return [_abandoned_draft(each, vault) for each in found]


def flag_outcomes(session: Session, date_range: DateRange, limit: int) -> list[FlagOutcome]:
    """Return the newest flags that have a due date, at most `limit`, using the index on the submission id."""
    acted = sa.select(sa.func.min(flag_actions.c.created_at)).where(
        flag_actions.c.flag_id == flags.c.id, flag_actions.c.action.not_in(VIEW_ACTIONS)
    )
    is_test = sa.select(submissions.c.is_test).where(submissions.c.id == flags.c.submission_id)
    statement = sa.select(
        flags.c.submission_id,
        flags.c.priority,
        flags.c.due_at,
        flags.c.closed_at,
        acted.scalar_subquery().label("acted_at"),
    ).where(
        flags.c.submission_id >= min_id_at(date_range.since),
        flags.c.submission_id < min_id_at(date_range.until),
        flags.c.due_at.is_not(None),
        is_test.scalar_subquery() == date_range.test,  # a join would scan the submissions of the whole period
    )
    found = session.execute(statement.order_by(flags.c.submission_id.desc()).limit(limit)).mappings()
    return [_flag(row) for row in found]


def _flag(row: sa.RowMapping) -> FlagOutcome:
    acted = min(filter(None, (row["closed_at"], row["acted_at"])), default=None)
    return FlagOutcome(row["submission_id"], row["priority"], row["due_at"], acted)


def _within(date_range: DateRange, status: str) -> Sequence[sa.ColumnElement[bool]]:
    row = submissions.c
    first, end = min_id_at(date_range.since), min_id_at(date_range.until)
    return row.is_test == date_range.test, row.status == status, row.id >= first, row.id < end


def _arrival(row: sa.RowMapping, vault: Vault) -> Arrival:
    trace = _decrypt_field(row, "summary_provenance", vault)
    return Arrival(
        language=row["language"],
        edition=(row["questionnaire"], row["edition"]),
        submitted_at=row["submitted_at"],
        first_viewed_at=row["first_viewed_at"],
        rules=None if trace is None else tuple(trace["rules"]),
    )


def _abandoned_draft(row: sa.RowMapping, vault: Vault) -> AbandonedDraft:
    answers = _decrypt_field(row, "answers", vault)
    return AbandonedDraft(
        edition=(row["questionnaire"], row["edition"]),
        answered=None if answers is None else tuple(answers["answers"]),
    )


def _decrypt_field(row: sa.RowMapping, name: str, vault: Vault) -> Json | None:
    """Return a decrypted field, or None when it cannot be decrypted: one row must not block the counts of
    all others.
    """
    try:
        key = vault.keyring.unwrap(row["wrapped_data_key"], row["id"])
        found: Json = json.loads(key.decrypt(row[name], *PLACES[name], row["id"]))
    except DecryptionError:
        return None
    return found
