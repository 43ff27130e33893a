"""Retention: everything due is gone, nothing early, and a reader never meets what is due."""

import datetime as dt
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.services import retention
from app.services.submissions import forget
from app.storage.audit import count
from app.storage.database import Session
from app.storage.tables import audit_events, flags, idempotency_keys, submissions
from app.web.deps import now
from tests.conftest import Service
from tests.people import CARA, NOA, body
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
        service.database.write_now(partial(retention.purge, now=now() + hours * HOUR))
        assert (rows(service, submissions), rows(service, idempotency_keys)) == left
    assert rows(service, flags) == 0
    assert service.read(partial(count, action="submission.erased")) == 2


def test_what_is_due_but_not_purged_yet_is_not_shown(service: Service, website: dict[str, str]) -> None:
    document = service.client.post("/v1/submissions", json=body(CARA), headers=website).json()
    past = sa.update(submissions).values(retained_until=now() - HOUR)
    service.database.write_now(lambda session: session.execute(past) and None)
    assert (
        service.client.get(f"/v1/submissions/{document['id']}", headers=bearer(document)).status_code == 404
    )


def test_what_was_kept_longer_meanwhile_is_not_erased(service: Service, website: dict[str, str]) -> None:
    document = service.client.post("/v1/submissions", json=body(CARA), headers=website).json()

    def erase(session: Session) -> bool:
        return forget(session, document["id"], now=now(), actor=retention.PURGER, due=now())

    assert service.database.write_now(erase) is False
    assert rows(service, submissions) == 1
    assert service.read(partial(count, action="submission.erased")) == 0


def test_one_row_that_can_not_be_erased_keeps_nobody_else(
    service: Service, website: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [service.client.post("/v1/submissions", json=body(CARA), headers=website).json() for _ in range(3)]

    def poisoned(session: Session, submission: str, **more: Any) -> bool:
        if submission == made[1]["id"]:
            session.execute(sa.text("SELECT no_such_column FROM submissions"))
        return forget(session, submission, **more)

    monkeypatch.setattr("app.services.submissions.forget", poisoned)
    purged = service.database.write_now(partial(retention.purge, now=now() + 24 * 31 * HOUR))
    assert (purged.submissions, purged.failed, purged.more) == (2, 1, False)
    assert rows(service, submissions) == 1


def test_an_erased_submission_leaves_ids_in_the_audit_and_nothing_else(
    service: Service, website: dict[str, str]
) -> None:
    document = service.client.post("/v1/submissions", json=body(NOA), headers=website).json()
    headers = bearer(document) | {"if-match": "*"}
    assert service.client.delete(f"/v1/submissions/{document['id']}", headers=headers).status_code == 204
    kept = service.read(lambda session: session.execute(sa.select(audit_events)).mappings().all())
    about = [row["action"] for row in kept if row["object_id"] == document["id"]]
    assert about == ["submission.submitted", "submission.erased"]
    assert "self_harm" not in str(kept)
