"""Tests of retention: everything due is erased, nothing early, and no reader is given what is due."""

import datetime as dt
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from uuid_utils import uuid7

from app.clock import now
from app.services.operations import retention
from app.services.submissions.lifecycle import erase
from app.storage.db.database import Session
from app.storage.events.audit_log import count
from app.storage.tables.base import metadata
from app.storage.tables.operations import audit_events
from app.storage.tables.submissions import flags, idempotency_keys, submissions
from tests.conftest import Service
from tests.sample_answers import CARA, NOA, body
from tests.web.conftest import bearer

HOUR = dt.timedelta(hours=1)


def rows(service: Service, table: sa.Table) -> int:
    return service.read(
        lambda session: session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    )


def test_nothing_goes_early_and_everything_goes_in_time(service: Service, website: dict[str, str]) -> None:
    headers = website | {"idempotency-key": "retention-1"}
    service.client.post("/v1/submissions", json=body(NOA), headers=headers)
    service.client.post("/v1/submissions", json=body(CARA, status="draft"), headers=website)
    moments = {71: (2, 1), 73: (1, 0), 24 * 30 - 1: (1, 0), 24 * 30 + 1: (0, 0)}
    for hours, left in moments.items():
        service.database.write_blocking(partial(retention.purge, now=now() + hours * HOUR))
        assert (rows(service, submissions), rows(service, idempotency_keys)) == left
    assert rows(service, flags) == 0
    assert service.read(partial(count, action="submission.erased")) == 2


def test_a_draft_with_a_flag_is_there_three_days_after_its_time_to_act_by(
    service: Service, website: dict[str, str]
) -> None:
    document = service.client.post("/v1/submissions", json=body(NOA, status="draft"), headers=website).json()
    key = service.key("review")
    seen = service.client.get(f"/v1/submissions/{document['id']}", headers=key).json()
    due = dt.datetime.fromisoformat(seen["flags"][0]["due_at"])
    assert dt.datetime.fromisoformat(seen["retained_until"]) == due + 72 * HOUR > now() + 72 * HOUR


def test_what_is_due_but_not_purged_yet_is_not_shown(service: Service, website: dict[str, str]) -> None:
    document = service.client.post("/v1/submissions", json=body(CARA), headers=website).json()
    past = sa.update(submissions).values(retained_until=now() - HOUR)
    service.database.write_blocking(lambda session: session.execute(past) and None)
    assert (
        service.client.get(f"/v1/submissions/{document['id']}", headers=bearer(document)).status_code == 404
    )


def test_what_was_kept_longer_meanwhile_is_not_erased(service: Service, website: dict[str, str]) -> None:
    document = service.client.post("/v1/submissions", json=body(CARA), headers=website).json()

    def run(session: Session) -> bool:
        return erase(session, document["id"], now=now(), actor=retention.SYSTEM_ACTOR, due=now())

    assert service.database.write_blocking(run) is False
    assert rows(service, submissions) == 1
    assert service.read(partial(count, action="submission.erased")) == 0


def test_one_row_that_can_not_be_erased_keeps_nobody_else(
    service: Service, website: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [service.client.post("/v1/submissions", json=body(CARA), headers=website).json() for _ in range(3)]

    def poisoned(session: Session, submission: str, **more: Any) -> bool:
        if submission == made[1]["id"]:
            session.execute(sa.text("SELECT no_such_column FROM submissions"))
        return erase(session, submission, **more)

    monkeypatch.setattr("app.services.submissions.lifecycle.erase", poisoned)
    purged = service.database.write_blocking(partial(retention.purge, now=now() + 24 * 31 * HOUR))
    assert (purged.submissions, purged.failed, purged.more) == (2, 1, False)
    assert rows(service, submissions) == 1


def test_poisoned_rows_at_the_front_keep_nobody_behind_them(
    service: Service, website: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are more failing rows than fit in a batch, and time goes on: each run gets to the end."""
    made = [service.client.post("/v1/submissions", json=body(CARA), headers=website).json() for _ in range(9)]
    monkeypatch.setattr(retention, "BATCH", 2)
    bad = {each["id"] for each in made[:5]}

    def poisoned(session: Session, submission: str, **more: Any) -> bool:
        if submission in bad:
            session.execute(sa.text("SELECT no_such_column FROM submissions"))
        return erase(session, submission, **more)

    monkeypatch.setattr("app.services.submissions.lifecycle.erase", poisoned)
    for days, left in ((29, 9), (31, 5), (32, 5)):
        run(service, now() + days * 24 * HOUR)
        assert rows(service, submissions) == left
    bad.clear()
    run(service, now() + 33 * 24 * HOUR)
    assert rows(service, submissions) == 0


def run(service: Service, at: dt.datetime) -> None:
    """Purge as the service does: batch after batch, skipping what could not be erased."""
    more, failed = True, 0
    while more:
        purged = service.database.write_blocking(partial(retention.purge, now=at, past=failed))
        more, failed = purged.more, failed + purged.failed


def filled(table: sa.Table, given: dict[str, Any]) -> dict[str, Any]:
    """A row of any table: the given values, and a value in every other required column."""
    samples: dict[type[Any], Any] = {str: "x", int: 1, bytes: b"x" * 40, bool: False}
    row = {
        column.name: samples.get(column.type.python_type, now())  # times have our own column type
        for column in table.columns
        if not column.nullable and not column.foreign_keys
    }
    wanted = {name: value for name, value in given.items() if name in table.columns}
    return row | ({"id": str(uuid7())} if "id" in table.columns else {}) | wanted


def hanging() -> list[sa.Table]:
    """Every table with a foreign key to submissions, so that new tables are covered too."""
    return [
        table
        for table in metadata.sorted_tables
        if any(key.column.table is submissions for key in table.foreign_keys)
    ]


def test_what_hangs_on_a_submission_goes_with_it_and_lingers_in_no_table(
    service: Service, website: dict[str, str]
) -> None:
    gone, stays = (
        service.client.post("/v1/submissions", json=body(NOA), headers=website).json()["id"] for _ in range(2)
    )

    def hang(session: Session) -> None:
        for number, submission in enumerate((gone, stays)):
            flag = session.execute(sa.select(flags.c.id).where(flags.c.submission_id == submission))
            given = {
                "submission_id": submission,
                "flag_id": flag.scalars().first(),
                "secret_hash": bytes([number]),
                "expires_at": now() + 9999 * HOUR,
                "kind": "phone",
                "staff_id": "somebody",
            }
            for table in hanging():
                sealed = {"kind": b"x"} if table is flags else {}
                session.execute(sa.insert(table), filled(table, given | sealed))

    service.database.write_blocking(hang)
    before = {table.name: rows(service, table) for table in hanging()}
    assert {
        "flags",
        "notes",
        "submission_versions",
        "case_views",
        "contact_index",
        "flag_actions",
        "form_tokens",
    } <= set(before)
    due = sa.update(submissions).where(submissions.c.id == gone).values(retained_until=now())
    service.database.write_blocking(lambda session: session.execute(due) and None)
    service.database.write_blocking(partial(retention.purge, now=now() + HOUR))
    after = {table.name: rows(service, table) for table in hanging()}
    assert after == {name: number // 2 for name, number in before.items()}

    def tables_with_its_id(session: Session) -> set[str]:
        return {
            table.name
            for table in metadata.sorted_tables
            for row in session.execute(sa.select(table)).all()
            if gone in map(str, row)
        }

    # ids only, as in the feed
    assert service.read(tables_with_its_id) <= {"audit_events", "events", "idempotency_keys"}


def test_an_erased_submission_leaves_ids_in_the_audit_and_nothing_else(
    service: Service, website: dict[str, str]
) -> None:
    document = service.client.post("/v1/submissions", json=body(NOA), headers=website).json()
    headers = bearer(document) | {"if-match": "*"}
    assert service.client.delete(f"/v1/submissions/{document['id']}", headers=headers).status_code == 204
    kept = service.read(
        lambda session: session.execute(sa.select(audit_events).order_by(audit_events.c.id)).mappings().all()
    )
    about = [row["action"] for row in kept if row["object_id"] == document["id"]]
    assert about == ["submission.submitted", "submission.erased"]
    assert "self_harm" not in str(kept)
