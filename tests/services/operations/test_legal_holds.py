"""Tests of legal holds: a hold stops purge and deletion, and what is due when can be counted."""

import datetime as dt
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.errors import Forbidden, NotFound, UnderLegalHold
from app.services.auth.authorization import (
    ApiClient,
    FormSessionPrincipal,
    Principal,
    Respondent,
    StaffPrincipal,
)
from app.services.auth.permissions import permitted
from app.services.operations import legal_holds, retention
from app.services.operations.legal_holds import ErasureForecast
from app.storage.auth.api_keys import ApiKey
from app.storage.events.audit_log import Actor
from app.storage.tables.review import submission_versions
from app.storage.tables.submissions import submissions
from tests.conftest import Service
from tests.sample_answers import CARA, body
from tests.web.conftest import bearer

DAY = dt.timedelta(days=1)
MANAGER = StaffPrincipal("a-manager", permitted(["manager"]))
WHO = Actor("staff", "a-manager", "a-request")


class Files:
    """The submissions of a service with its own clock."""

    def __init__(self, service: Service, website: dict[str, str]) -> None:
        self.service, self.website, self.at = service, website, now()

    def make(self, **more: Any) -> dict[str, Any]:
        answer = self.service.client.post("/v1/submissions", json=body(CARA, **more), headers=self.website)
        made: dict[str, Any] = answer.json()
        return made

    def do(self, work: Any, submission: str, principal: Principal = MANAGER) -> bool:
        asked = partial(work, submission=submission, principal=principal, now=self.at, actor=WHO)
        done: bool = self.service.database.write_blocking(asked)
        return done

    def purge(self) -> int:
        return self.service.database.write_blocking(partial(retention.purge, now=self.at)).submissions

    def left(self) -> int:
        asked = sa.select(sa.func.count()).select_from(submissions)
        return self.service.read(lambda session: session.execute(asked).scalar_one())

    def going(self, zone: str = "UTC", days: int = 30) -> ErasureForecast:
        return self.service.read(partial(legal_holds.forecast, zone=zone, now=self.at, days=days))


@pytest.fixture
def files(service: Service, website: dict[str, str]) -> Files:
    return Files(service, website)


def a_key(*scopes: str) -> ApiClient:
    key = ApiKey(
        "k",
        "k",
        b"",
        frozenset(scopes),
        is_test=False,
        origins=frozenset(),
        cidrs=(),
        created_at=now(),
        expires_at=None,
    )
    return ApiClient(key)


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "principal",
    [
        StaffPrincipal("s", permitted(["reviewer"])),
        StaffPrincipal("s", permitted(["administrator", "auditor"])),
        StaffPrincipal("s", permitted([])),
        a_key("review", "submissions:write", "submissions:read"),
        Respondent(bytes(32)),
        FormSessionPrincipal("x"),
    ],
)
def test_nobody_holds_or_releases_without_the_permission(files: Files, principal: Principal) -> None:
    made = files.make()["id"]
    for work in (legal_holds.place_hold, legal_holds.release_hold):
        with pytest.raises(Forbidden):
            files.do(work, made, principal)
    assert files.service.audit_count("submission.held") == 0


@pytest.mark.parametrize(
    "unknown", ["", "x", "\0", "0" * 36, "00000000-0000-7000-8000-000000000000", "é" * 999]
)
def test_what_is_not_there_can_not_be_held(files: Files, unknown: str) -> None:
    for work in (legal_holds.place_hold, legal_holds.release_hold):
        with pytest.raises(NotFound):
            files.do(work, unknown)


def test_what_should_be_gone_can_not_be_held_any_more(files: Files) -> None:
    made = files.make()["id"]
    files.at += 31 * DAY
    with pytest.raises(NotFound):
        files.do(legal_holds.place_hold, made)


def test_nobody_erases_what_is_held(files: Files) -> None:
    document = files.make()
    files.do(legal_holds.place_hold, document["id"])
    headers = bearer(document) | {"if-match": "*"}
    for who in (headers, files.website | {"if-match": "*"}):
        answer = files.service.client.delete(f"/v1/submissions/{document['id']}", headers=who)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:preconsult:problem:on-hold")
    with pytest.raises(UnderLegalHold):
        files.service.database.write_blocking(
            lambda session: files.service.services.submissions.erase(
                session,
                document["id"],
                FormSessionPrincipal(document["id"]),
                version=None,
                now=files.at,
                actor=WHO,
            )
        )
    assert (files.left(), files.service.audit_count("submission.erased")) == (1, 0)


# --- allowed ---------------------------------------------------------------------------------------


def test_a_hold_outlives_the_time_and_a_release_lets_it_go(files: Files) -> None:
    held, other = files.make(), files.make()
    assert files.do(legal_holds.place_hold, held["id"])
    files.at += 31 * DAY
    assert (files.purge(), files.left()) == (1, 1)
    read = partial(
        files.service.services.submissions.read,
        submission=held["id"],
        principal=FormSessionPrincipal(held["id"]),
        now=files.at,
    )
    assert files.service.read(read).record.legal_hold
    assert files.do(legal_holds.release_hold, held["id"])
    with pytest.raises(NotFound):
        files.service.read(read)
    assert (files.purge(), files.left()) == (1, 0)
    assert other["id"] != held["id"]


def test_a_hold_and_a_release_are_on_record_once_each(files: Files) -> None:
    made = files.make()["id"]
    assert [files.do(legal_holds.place_hold, made) for _ in range(3)] == [True, False, False]
    assert [files.do(legal_holds.release_hold, made) for _ in range(3)] == [True, False, False]
    assert files.service.audit_count("submission.held") == 1
    assert files.service.audit_count("submission.released") == 1


def test_what_is_released_can_be_erased(files: Files) -> None:
    document = files.make()
    files.do(legal_holds.place_hold, document["id"])
    files.do(legal_holds.release_hold, document["id"])
    headers = bearer(document) | {"if-match": "*"}
    answer = files.service.client.delete(f"/v1/submissions/{document['id']}", headers=headers)
    assert (answer.status_code, files.left()) == (204, 0)


def test_what_goes_when_is_counted_by_days_of_the_clinic(files: Files) -> None:
    for draft in (True, True, False):
        files.make(**({"status": "draft"} if draft else {}))
    held = files.make()["id"]
    files.do(legal_holds.place_hold, held)
    for zone in ("UTC", "America/New_York", "Pacific/Kiritimati"):
        found = files.going(zone, days=32)
        assert sum(number for _, number in found.days) == 3
        assert sorted(number for _, number in found.days if number) in ([1, 2], [1, 1, 1])
        assert (found.overdue, found.held, len(found.days)) == (0, 1, 32)
    assert sum(number for _, number in files.going(days=10).days) == 2
    files.at += 4 * DAY
    assert files.going().overdue == 2
    files.purge()
    assert files.going().overdue == 0


def test_a_draft_under_a_hold_is_kept_as_it_was_when_its_person_changes_it(files: Files) -> None:
    made = files.make(status="draft")
    files.do(legal_holds.place_hold, made["id"])
    headers = bearer(made) | {"if-match": "*"}
    change = {"answers": {"ride_home": "no"}}
    path = f"/v1/submissions/{made['id']}"
    assert files.service.client.patch(path, json=change, headers=headers).status_code == 200
    kept = files.service.read(
        lambda session: session.execute(sa.select(submission_versions.c.version)).scalars().all()
    )
    assert len(kept) == 1
