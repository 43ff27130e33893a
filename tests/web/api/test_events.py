"""The event feed over REST: who may read it, rejected cursors, what each key gets, and long polling."""

import base64
import threading
import time
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.services.events import outbox
from app.storage.tables.events import outbox_events
from tests.conftest import Service
from tests.sample_answers import CARA, NOA, PAT_CONTACT, body
from tests.web.conftest import Create, Headers

CALM = CARA | {"self_harm_thoughts": "no"}


@pytest.fixture
def reader(service: Service) -> Headers:
    return service.key("events")


def publish_all(service: Service) -> None:
    """Publish everything that was done so far to the feed."""
    work = partial(outbox.publish_pending, keyring=service.services.submissions.vault.keyring, limit=1000)
    while service.database.write_blocking(partial(work, now=now())):
        pass


def get(service: Service, headers: Headers, **query: Any) -> Any:
    return service.client.get("/v1/events", params=query, headers=headers)


def types(answer: Any) -> list[str]:
    return [each["type"] for each in answer.json()["events"]]


def cursor(*parts: str) -> str:
    return base64.urlsafe_b64encode(str(list(parts)).replace("'", '"').encode()).decode().rstrip("=")


# --- rejected --------------------------------------------------------------------------------------


def test_who_has_no_key_for_events_reads_none(service: Service, create: Create) -> None:
    create(NOA)
    publish_all(service)
    assert get(service, {}).status_code == 401
    others = service.key("submissions:read", "submissions:write", "review", "bookings", "webhooks", "fhir")
    assert get(service, others).status_code == 403


@pytest.mark.parametrize(
    "query",
    [{"after": each} for each in ("x", "\0", "W10", cursor("1"), cursor("x", "0"), cursor("-1", ""),
     cursor("1", "zz"), cursor("1", "0" * 9), cursor("9" * 30, ""), "x" * 201,
     base64.b64encode(b"[" * 90).decode())]
    + [{"limit": each} for each in (0, 1001, "x", "")] + [{"wait": each} for each in (-1, 31, "x")]
    + [{"type": each} for each in ("review", "webhook.test", "", "\0")] + [{"type": ["review.changed"] * 21}],
)  # fmt: skip
def test_a_question_that_is_amiss_is_refused(
    service: Service, reader: Headers, query: dict[str, Any]
) -> None:
    answer = get(service, reader, **query)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_cursor_from_another_past_is_gone_and_says_how_to_go_on(service: Service, reader: Headers) -> None:
    answer = get(service, reader, after=cursor("999999", "00000000"))
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:preconsult:problem:cursor-gone")
    assert "/v1/readiness" in answer.json()["detail"]


# --- accepted --------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_the_feed_is_thin_and_goes_on_from_next(service: Service, create: Create, reader: Headers) -> None:
    start = get(service, reader).json()["next"]
    made = create(NOA | {"contact_permission": "yes"}, contact=PAT_CONTACT, booking_reference="B-1")
    publish_all(service)
    answer = get(service, reader, after=start)
    assert answer.headers["cache-control"] == "no-store"
    (event,) = answer.json()["events"]
    assert event | {"id": "", "timestamp": ""} == {
        "id": "", "timestamp": "", "type": "submission.submitted", "data": {
            "submission_id": made["id"], "booking_reference": "B-1", "state": "submitted", "test": False,
        },
    }  # fmt: skip
    assert answer.json()["more"] is False
    assert types(get(service, reader, after=answer.json()["next"])) == []


@pytest.mark.both_databases
def test_a_reader_in_small_steps_sees_everything_once(
    service: Service, create: Create, reader: Headers
) -> None:
    names = [create(CALM)["id"] for _ in range(5)]
    publish_all(service)
    seen: list[str] = []
    document = get(service, reader, limit=2).json()
    while True:
        seen += [each["data"]["submission_id"] for each in document["events"]]
        if not document["more"]:
            break
        document = get(service, reader, limit=2, after=document["next"]).json()
    assert seen == names


@pytest.mark.both_databases
def test_attention_is_told_only_to_keys_that_may_review(
    service: Service, create: Create, reader: Headers
) -> None:
    create(NOA)
    publish_all(service)
    staff = service.key("events", "review")
    assert types(get(service, reader, type="attention.needed")) == []
    assert types(get(service, staff, type=["attention.needed", "review.changed"])) == ["attention.needed"]


def test_a_test_key_reads_tests_and_nothing_else(service: Service, create: Create, reader: Headers) -> None:
    create(CALM)
    create(CALM, test=True)
    publish_all(service)
    (live,) = get(service, reader).json()["events"]
    (trial,) = get(service, service.key("events", test=True)).json()["events"]
    assert (live["data"]["test"], trial["data"]["test"]) == (False, True)


# --- long polling ----------------------------------------------------------------------------------


def test_whoever_waits_is_told_as_soon_as_something_happens(
    running: Service, website: Headers, reader: Headers
) -> None:
    after = get(running, reader).json()["next"]
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(get(running, reader, after=after, wait=20)))
    waiting.start()
    running.client.post("/v1/submissions", json=body(CALM), headers=website)
    waiting.join()
    assert types(found[0]) == ["submission.submitted"]


def test_whoever_waits_in_vain_gets_an_empty_answer_with_a_cursor(service: Service, reader: Headers) -> None:
    after = get(service, reader).json()["next"]
    began = time.monotonic()
    document = get(service, reader, after=after, wait=1).json()
    assert document["events"] == []
    assert document["next"]
    assert time.monotonic() - began >= 1


def test_one_too_many_is_answered_at_once(
    service: Service, reader: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.services.long_poller, "_most", 0)
    after, began = get(service, reader).json()["next"], time.monotonic()
    assert types(get(service, reader, after=after, wait=30)) == []
    assert time.monotonic() - began < 25


def test_who_waits_when_the_process_stops_is_answered(service: Service, reader: Headers) -> None:
    after, began = get(service, reader).json()["next"], time.monotonic()

    async def stopping(scope: Any, receive: Any, send: Any) -> None:
        await service.client.app(scope | {"stopping": True}, receive, send)

    client = service.client.beside(app=stopping)
    answer = client.get("/v1/events", params={"after": after, "wait": 30}, headers=reader)
    assert types(answer) == []
    assert time.monotonic() - began < 25


@pytest.mark.both_databases
def test_everything_that_is_told_is_kept_in_order(service: Service, create: Create) -> None:
    for _ in range(3):
        create(NOA)
    publish_all(service)
    rows = service.read(
        lambda session: session.execute(sa.select(outbox_events.c.position, outbox_events.c.at)).all()
    )
    assert [tuple(each) for each in rows] == sorted(tuple(each) for each in rows)
