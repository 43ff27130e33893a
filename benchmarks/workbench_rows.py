"""Hundreds of thousands of submissions, like a clinic's after a year and a half: for bench workbench.

Responsible for: the usual payloads assessed by the real services, each row encrypted with its own data key,
so that every page can be opened; the rest by INSERT … SELECT; indexes last. Never: performs staff actions one
by one (it would take hours), or contains phone numbers that could be real.
"""

import datetime as dt
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from uuid_utils import uuid7

import app.storage.tables.partial_indexes  # noqa: F401 - they are dropped and created again, too
from app.encryption import DataKey, pad_to_multiple
from app.services.submissions.assessment import RetentionPolicy, SubmissionInput, assess_new
from app.storage.submissions import contact_index as blind
from app.storage.submissions.submissions import PLACES, FlagRecord, Record, Vault
from app.storage.tables.operations import audit_events
from app.storage.tables.operations import audit_events as audit_events_table
from app.storage.tables.review import case_views
from app.storage.tables.review import case_views as case_views_table
from app.storage.tables.review import flag_actions as flag_actions_table
from app.storage.tables.review import notes as notes_table
from app.storage.tables.submissions import alerts as alerts_table
from app.storage.tables.submissions import contact_index as contact_index_table
from app.storage.tables.submissions import flags, submissions
from app.storage.tables.submissions import flags as flags_table
from app.storage.tables.submissions import submissions as submissions_table
from benchmarks.payloads import bodies, edition

Row = dict[str, Any]
SPAN, KEPT = dt.timedelta(days=548), dt.timedelta(days=3650)
CHUNK = 10_000
STATES = {"closed": 0.8, "new": 0.07, "in_review": 0.05, "needs_contact": 0.03, "ready": 0.05}
ATTENTION = {1: 0.25, 2: 0.25, 3: 0.25, 4: 0.25}  # of flagged submissions
TARGETS = {1: dt.timedelta(hours=1), 2: dt.timedelta(hours=8), 3: dt.timedelta(hours=48)}
LANGUAGES = {"en": 0.7, "es": 0.2, "ht": 0.07, "pt-BR": 0.03}
FLAGGED, DRAFTS, TESTS, QUARANTINED, ASSIGNED, BOOKED, REACHABLE = 0.125, 0.01, 0.03, 0.003, 0.9, 0.5, 0.6
FILLED = (  # in the order in which rows may refer to each other
    submissions_table, flags_table, contact_index_table, alerts_table, flag_actions_table, notes_table,
)  # fmt: skip
BIG = (*FILLED, case_views_table, audit_events_table)


@dataclass(frozen=True, slots=True)
class Sample:
    """A respondent assessed by the real services, as bytes to be encrypted repeatedly."""

    record: Record
    answers: bytes
    provenance: bytes


@dataclass
class People:
    """All respondents, the earliest first. `team`: ids of staff; the last of them reads English only."""

    vault: Vault
    count: int
    team: Sequence[str]
    now: dt.datetime
    made: Mapping[Any, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.chance = random.Random(20261124)
        self.samples = samples(self.now)

    def chunks(self) -> Iterator[Mapping[Any, list[Row]]]:
        """Table to rows, CHUNK respondents at a time."""
        for number in range(self.count):
            self._come(number)
            if (number + 1) % CHUNK == 0 or number + 1 == self.count:
                yield self.made
                self.made = defaultdict(list)

    def _come(self, number: int) -> None:
        ago = SPAN * (1 - (number + self.chance.random()) / self.count)
        at = _whole(self.now - ago)
        attention = self._one(ATTENTION) if self.chance.random() < FLAGGED else None
        sample, key = self.chance.choice(self.samples[attention]), DataKey.fresh()
        row = self._plain(number, at, attention)
        for name, plain in (("answers", sample.answers), ("summary_provenance", sample.provenance)):
            row[name] = key.encrypt(plain, *PLACES[name], row["id"])
        row["contact"] = self._contact(row, key)
        row["wrapped_data_key"] = self.vault.keyring.wrap(key, row["id"])
        self.made[submissions].append(row)
        for flag in sample.record.flags:
            self._flag(row, flag, key)
        if row["review"] == "closed" and self.chance.random() < 0.1:
            self._note(row, key)

    def _plain(self, number: int, at: dt.datetime, attention: int | None) -> Row:
        draft = self.chance.random() < DRAFTS
        state = "new" if draft else self._one(STATES)
        assigned = state != "new" and self.chance.random() < ASSIGNED
        assignee = self.chance.choice(self.team) if assigned else None
        first = min(self.now, at + dt.timedelta(minutes=self.chance.expovariate(1 / 90)))
        looked = _whole(first) if state != "new" else None
        due = at + TARGETS[attention] if attention in TARGETS and state != "closed" else None
        return {
            "id": _id(at),
            "questionnaire": edition().id,
            "edition": edition().version,
            "language": "en" if assignee == self.team[-1] else self._one(LANGUAGES),
            "status": "draft" if draft else "submitted",
            "priority": attention if state != "closed" else None,
            "is_test": self.chance.random() < TESTS,
            "booking_reference": f"B-{number:07}" if self.chance.random() < BOOKED else None,
            "spam_reasons": "honeypot" if self.chance.random() < QUARANTINED else None,
            "version": 4 if state == "closed" else 1 + bool(looked) + bool(assignee),
            "created_at": at,
            "updated_at": looked or at,
            "submitted_at": None if draft else at,
            "retained_until": at + KEPT,
            "token_hash": self.chance.randbytes(32),
            "review": state,
            "assignee_id": assignee,
            "due_at": due,
            "first_viewed_at": looked,
            "legal_hold": self.chance.random() < 0.001,
            "merged_into_id": None,
        }

    def _contact(self, row: Row, key: DataKey) -> bytes | None:
        """Encrypt and index the contact details of a respondent: there are two for three submissions."""
        if self.chance.random() > REACHABLE:
            return None
        person = self.chance.randrange(self.count * 2 // 3 + 1)
        given = {"name": "Sam Example", "phone": f"+1 561 {person:07}", "email": f"p{person}@example.org"}
        for kind in blind.KINDS:
            [digest] = blind.digests(self.vault.keyring, kind, given[kind])
            found = {"submission_id": row["id"], "kind": kind, "digest": digest}
            self.made[contact_index_table].append(found)
        return key.encrypt(pad_to_multiple(to_json(given)), *PLACES["contact"], row["id"])

    def _flag(self, row: Row, known: FlagRecord, key: DataKey) -> None:
        at, closed = row["created_at"], row["review"] == "closed"
        due = at + TARGETS[known.priority] if known.priority in TARGETS else None
        flag = FlagRecord(_id(at), known.flag_code, known.priority, at, due_at=due)
        done = {
            "closed_at": row["first_viewed_at"] if closed else None,
            "escalated_at": due if due and due < self.now and not closed else None,
        }
        self.made[flags].append(self.vault.seal_flag(flag, row["id"], key) | done)
        about = {"submission_id": row["id"], "flag_id": flag.id}
        if due and not row["is_test"]:
            self.made[alerts_table].append(_alert(about, at))
        who = {
            "actor_kind": "staff",
            "actor_id": row["assignee_id"] or self.team[0],
            "created_at": row["first_viewed_at"],
        }
        for action in ("reached", "closed") if closed else ():
            self.made[flag_actions_table].append({"id": _id(at), "action": action} | about | who)

    def _note(self, row: Row, key: DataKey) -> None:
        name = _id(row["created_at"])
        body = key.encrypt(pad_to_multiple(to_json("Prefers calls in the afternoon.")), "notes", "body", name)
        who = {
            "actor_kind": "staff",
            "actor_id": row["assignee_id"] or self.team[0],
            "created_at": row["first_viewed_at"],
        }
        self.made[notes_table].append({"id": name, "submission_id": row["id"], "body": body} | who)

    def _one(self, shares: Mapping[Any, float]) -> Any:
        return self.chance.choices(list(shares), list(shares.values()))[0]


def samples(now: dt.datetime) -> dict[int | None, list[Sample]]:
    """The usual respondents by the attention they need."""
    found: dict[int | None, list[Sample]] = defaultdict(list)
    terms = RetentionPolicy.from_settings(hours=72, days=30)
    for body in map(json.loads, bodies()):
        given = SubmissionInput(body["answers"], body.get("contact", {}))
        record = assess_new(edition(), given, "no token", now=now, terms=terms).record
        sealed = (pad_to_multiple(to_json(each)) for each in (record.answers, record.summary_provenance))
        found[record.priority].append(Sample(record, *sealed))
    return found


def fill(url: str, people: People) -> None:
    """Store all respondents in a migrated database without submissions."""
    engine = sa.create_engine(url)
    with engine.connect() as session:
        _hurry(session)
        indexes = [index for table in BIG for index in table.indexes]
        for index in indexes:
            index.drop(session)
        session.commit()
        linked = 0
        for chunk in people.chunks():
            for table in FILLED:
                _pour(session, table, chunk[table])
            linked += _follow(session, chunk[submissions], people.team, linked)
            session.commit()
        for index in indexes:
            index.create(session)
        session.commit()
    _settle(engine)
    engine.dispose()


def _hurry(session: sa.Connection) -> None:
    """Disable durability and foreign keys: the rows are disposable and consistent."""
    postgres = (
        "session_replication_role = replica",
        "synchronous_commit = off",
        "maintenance_work_mem = '512MB'",
    )
    sqlite = ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY")
    pairs = (
        [("PRAGMA", each) for each in sqlite] if _is_sqlite(session) else [("SET", each) for each in postgres]
    )
    for word, setting in pairs:
        session.exec_driver_sql(f"{word} {setting}")
    session.commit()


def _pour(session: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    if not rows:
        return
    driver: Any = session.connection.driver_connection
    names = ", ".join(rows[0])
    if _is_sqlite(session):
        places = ", ".join("?" * len(rows[0]))
        values = ([_text(value) for value in row.values()] for row in rows)
        driver.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({places})", values)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(list(row.values()))


def _text(value: object) -> object:
    """A time as the product stores it in SQLite; any other value unchanged."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ", "microseconds")
    return value


def _follow(session: sa.Connection, rows: Sequence[Row], team: Sequence[str], linked: int) -> int:
    """Insert views and audit events of these rows; returns the number of events. `linked`: events before."""
    row, first, last = submissions.c, rows[0]["id"], rows[-1]["id"]
    these = row.id.between(first, last)
    who = sa.func.coalesce(row.assignee_id, team[0])
    seen = sa.select(who, row.id, row.version, row.first_viewed_at).where(
        these, row.first_viewed_at.is_not(None)
    )
    session.execute(
        sa.insert(case_views).from_select(
            ["staff_id", "submission_id", "viewed_version", "last_viewed_at"], seen
        )
    )
    nobody = sa.null()
    parts = sa.union_all(
        _events(row.created_at, "respondent", nobody, "submission.submitted", row.id).where(these),
        _events(row.first_viewed_at, "staff", who, "submission.viewed", row.id).where(
            these, row.first_viewed_at.is_not(None)
        ),
        _events(row.first_viewed_at, "staff", who, sa.literal("review.") + row.review, row.id).where(
            these, row.first_viewed_at.is_not(None)
        ),
        _events(flags.c.raised_at, "respondent", nobody, "flag.raised", flags.c.id, "flag").where(
            flags.c.submission_id.between(first, last)
        ),
    ).subquery()
    place = sa.func.row_number().over(order_by=parts.c.at) + linked
    asked = sa.select(parts, place, sa.literal(b"m" * 32)).order_by(parts.c.at)
    names = ["at", "actor_kind", "actor_id", "action", "object_id", "object_type", "chain_position", "mac"]
    kept = sa.insert(audit_events).from_select(names, asked).execution_options(preserve_rowcount=True)
    return session.execute(kept).rowcount


def _events(
    at: Any, kind: str, who: Any, action: Any, about: Any, what: str = "submission"
) -> sa.Select[Any]:
    named = action if isinstance(action, sa.ColumnElement) else sa.literal(action)
    columns = {"at": at, "kind": sa.literal(kind), "who": who, "action": named, "about": about}
    return sa.select(*(each.label(name) for name, each in columns.items()), sa.literal(what).label("what"))


def _settle(engine: sa.Engine) -> None:
    """Bring the database into the state it has after its own maintenance."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        if _is_sqlite(session):
            session.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            session.exec_driver_sql(statement)


def _alert(about: Row, at: dt.datetime) -> Row:
    told = {
        "kind": "raised",
        "recipient": "first",
        "channel": "email",
        "attempt_count": 1,
        "last_error": None,
    }
    return {"id": _id(at), "created_at": at, "next_attempt_at": at, "sent_at": at} | told | about


def _id(at: dt.datetime) -> str:
    return str(uuid7(nanoseconds=round(at.timestamp() * 1000) * 10**6))


def _whole(at: dt.datetime) -> dt.datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _is_sqlite(session: sa.Connection) -> bool:
    return session.dialect.name == "sqlite"
