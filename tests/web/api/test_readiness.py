"""Readiness over REST: permissions, cheap repetition and long polling; a booking key sees nothing else."""

import threading
import time
from typing import Any

import pytest
from fastapi import FastAPI

from tests.conftest import Service
from tests.factories import Team, somebody
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT, body
from tests.web.conftest import Create, Headers

PATH = "/v1/readiness/B-1"
MEMBERS = {"booking_reference", "state", "updated_at", "submitted_at", "appointment_at", "edition"}
THEIRS = ("/v1/handoffs", "/v1/readiness")  # what a booking key is for


@pytest.fixture
def booking(service: Service) -> Headers:
    return service.key("bookings")


def _app(service: Service) -> FastAPI:
    found = service.client.app
    assert isinstance(found, FastAPI)
    return found


def ask(service: Service, headers: Headers, *references: str, **query: Any) -> Any:
    asked: dict[str, Any] = {"booking_reference": list(references)} | query
    return service.client.get("/v1/readiness", params=asked, headers=headers)


# --- rejected --------------------------------------------------------------------------------------


def test_who_has_no_booking_key_learns_nothing(service: Service, create: Create) -> None:
    create(CARA, booking_reference="B-1")
    others = service.key("submissions:read", "submissions:write", "review", "events", "webhooks", "fhir")
    for headers, wanted in (({}, 401), (others, 403)):
        assert service.client.get(PATH, headers=headers).status_code == wanted
        assert ask(service, headers, "B-1").status_code == wanted


@pytest.mark.parametrize("reference", ["Pat Quill", "x" * 101, "%00", "a%2Fb", "é"])
def test_what_is_no_reference_is_refused(service: Service, booking: Headers, reference: str) -> None:
    assert service.client.get(f"/v1/readiness/{reference}", headers=booking).status_code in (404, 422)


@pytest.mark.parametrize(
    ("references", "query"),
    [((), {}), (["B-1"] * 201, {}), (["B 1"], {}), (["\0"], {}), (["B-1"], {"wait": 31}),
     (["B-1"], {"wait": "x"})],
)  # fmt: skip
def test_a_list_that_is_amiss_is_refused(
    service: Service, booking: Headers, references: list[str], query: dict[str, Any]
) -> None:
    answer = ask(service, booking, *references, **query)
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.both_databases
def test_a_booking_key_opens_nothing_that_could_show_answers(service: Service, create: Create) -> None:
    """Every operation of the API, except the few that are public and those for booking keys."""
    made = create(NOA | PAT, contact=PAT_CONTACT, booking_reference="B-1")
    case = Team(service, somebody(service, "manager")).assessment(made["id"])
    headers = service.key("bookings", "events", "webhooks")
    told = [*PAT_CONTACT.values(), "self-harm", "S_NOW", "crps", *(each.id for each in case.record.flags)]
    parts = {"submission": made["id"], "flag": case.record.flags[0].id, "booking_reference": "B-1"}
    for path, operations in _app(service).openapi()["paths"].items():
        for method, operation in operations.items():
            if {} in operation.get("security", [{}]):
                continue  # public, with or without a key
            names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]
            address = path.format(**{name: parts.get(name, made["id"]) for name in names})
            sent: Any = {"answers": {}} if method == "patch" else {} if method in ("post", "put") else None
            answer = service.client.request(method, address, headers=headers | {"if-match": "*"}, json=sent)
            own = (*THEIRS, "/v1/events", "/v1/webhook-endpoints")
            if not path.startswith(own):
                assert answer.status_code == 403, (method, path)
            assert [each for each in told if each in answer.text] == [], (method, path)


# --- accepted --------------------------------------------------------------------------------------


def test_a_booking_is_told_by_its_state_and_times_alone(
    service: Service, create: Create, booking: Headers
) -> None:
    unknown = service.client.get(PATH, headers=booking)
    assert unknown.json() == {"booking_reference": "B-1", "state": "not_started"} | dict.fromkeys(
        MEMBERS - {"booking_reference", "state"}
    )
    made = create(NOA, booking_reference="B-1")
    found = service.client.get(PATH, headers=booking)
    assert found.headers["cache-control"] == "no-store"
    assert found.json() == {
        "booking_reference": "B-1", "state": "submitted", "updated_at": made["submitted_at"],
        "submitted_at": made["submitted_at"], "appointment_at": None, "edition": made["edition"],
    }  # fmt: skip


def test_what_has_not_changed_is_not_sent_again(service: Service, create: Create, booking: Headers) -> None:
    first = service.client.get(PATH, headers=booking)
    known = booking | {"if-none-match": first.headers["etag"]}
    again = service.client.get(PATH, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    create(CARA, booking_reference="B-1")
    assert service.client.get(PATH, headers=known).status_code == 200


@pytest.mark.both_databases
def test_a_days_list_is_told_in_the_order_asked(service: Service, create: Create, booking: Headers) -> None:
    create(CARA, booking_reference="B-1")
    create(CARA, booking_reference="B-2", status="draft")
    answer = ask(service, booking, "B-3", "B-2", "B-1")
    told = [(each["booking_reference"], each["state"]) for each in answer.json()["readiness"]]
    assert told == [("B-3", "not_started"), ("B-2", "in_progress"), ("B-1", "submitted")]
    known = booking | {"if-none-match": answer.headers["etag"]}
    assert ask(service, known, "B-3", "B-2", "B-1").status_code == 304
    assert ask(service, booking, *[f"B-{number}" for number in range(200)]).status_code == 200


def test_a_test_key_hears_of_tests_alone(service: Service, create: Create, booking: Headers) -> None:
    create(CARA, booking_reference="B-1", test=True)
    trial = service.key("bookings", test=True)
    states = [service.client.get(PATH, headers=each).json()["state"] for each in (booking, trial)]
    assert states == ["not_started", "submitted"]


def test_whoever_waits_is_told_when_it_changes(service: Service, website: Headers, booking: Headers) -> None:
    known = booking | {"if-none-match": service.client.get(PATH, headers=booking).headers["etag"]}
    found: list[Any] = []
    waiting = threading.Thread(
        target=lambda: found.append(service.client.get(PATH, params={"wait": 20}, headers=known))
    )
    waiting.start()
    service.client.post("/v1/submissions", json=body(CARA, booking_reference="B-1"), headers=website)
    waiting.join()
    assert found[0].json()["state"] == "submitted"


def test_whoever_waits_in_vain_is_told_so(service: Service, booking: Headers) -> None:
    known = booking | {"if-none-match": service.client.get(PATH, headers=booking).headers["etag"]}
    began = time.monotonic()
    assert service.client.get(PATH, params={"wait": 1}, headers=known).status_code == 304
    assert time.monotonic() - began >= 1
