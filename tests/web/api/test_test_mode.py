"""Test mode: what a `pc_test_…` key creates is marked, and changes no count of staff or live clients."""

import datetime as dt
import re
from collections.abc import Iterator
from functools import partial

import pytest

from app.clock import now
from app.services.reporting import dashboard
from app.services.reporting.dashboard import Period
from app.storage.review import queue
from tests.conftest import Service
from tests.sample_answers import CARA, NOA, Answers, body
from tests.web.conftest import Headers
from tests.web.staff_client import Colleague

SUBMISSIONS = "/v1/submissions"


@pytest.fixture
def tester(service: Service) -> Headers:
    """A client in test mode with every scope that a client needs here."""
    return service.key("submissions:write", "submissions:read", "bookings", "events", test=True)


@pytest.fixture
def live(service: Service) -> Headers:
    """The same with a live key."""
    return service.key("submissions:write", "submissions:read", "bookings", "events")


def made(service: Service, key: Headers, answers: Answers, **more: object) -> str:
    answer = service.client.post(SUBMISSIONS, json=body(answers, **more), headers=key)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


def counted(service: Service, boss: Colleague) -> Iterator[object]:
    """Every count that staff see: queue, overdue cases, dashboard, and the queue page itself."""
    at, submission_service = now(), service.services.submissions
    yield service.read(lambda session: queue.counts(session, at))
    yield service.read(lambda session: queue.overdue(session, at))
    period = Period(7, at, submission_service.terms.hours, test=False)
    count = partial(
        dashboard.build_charts,
        vault=submission_service.vault,
        library=submission_service.library,
        period=period,
        idle=dt.timedelta(hours=1),
    )
    yield repr(service.read(count))
    yield re.findall(r"/staff/cases/[0-9a-f-]{36}", boss.get("/staff/queue").text)
    yield re.findall(r">\s*(\d+)\s*<", boss.get("/staff/queue").text)


@pytest.mark.both_databases
def test_a_test_key_does_not_know_of_live_submissions_nor_a_live_list_of_tests(
    service: Service, tester: Headers, live: Headers
) -> None:
    real, trial = made(service, live, CARA), made(service, tester, CARA)
    assert service.client.get(f"{SUBMISSIONS}/{real}", headers=tester).status_code == 404
    for key, known in ((tester, trial), (live, real)):
        listed = service.client.get(SUBMISSIONS, headers=key).json()["items"]
        assert [each["id"] for each in listed] == [known]


def test_what_a_test_key_makes_is_marked(service: Service, tester: Headers) -> None:
    trial = made(service, tester, CARA)
    assert service.client.get(f"{SUBMISSIONS}/{trial}", headers=tester).json()["test"] is True


@pytest.mark.both_databases
def test_no_count_of_the_staff_moves(service: Service, tester: Headers, live: Headers) -> None:
    boss = Colleague(service).inside("reviewer")
    for answers in (CARA, NOA):
        made(service, live, answers)
    before = list(counted(service, boss))
    for answers, status in ((CARA, "submitted"), (NOA, "submitted"), (NOA, "draft")):
        made(service, tester, answers, status=status)
        made(service, live, answers, status=status, test=True)
    assert list(counted(service, boss)) == before
    made(service, live, NOA)
    assert list(counted(service, boss)) != before


def test_a_booking_seen_in_test_mode_is_another_than_the_live_one(
    service: Service, tester: Headers, live: Headers
) -> None:
    made(service, tester, CARA, booking_reference="B-1")
    states = [
        service.client.get("/v1/readiness/B-1", headers=key).json().get("state", "unknown")
        for key in (tester, live)
    ]
    assert states[0] == "submitted"
    assert states[1] != "submitted"
