"""One-time links over REST: permissions, invalid requests, creation, revocation, renewal, shown once."""

import datetime as dt
import json
import re
import threading
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.services.operations import retention
from app.settings import Settings
from app.storage.events import audit_log
from app.storage.tables.events import handoffs
from app.storage.tables.submissions import idempotency_keys
from tests.conftest import Service
from tests.web.conftest import Headers

NONE_OF_OURS = "019298a2-0000-7000-8000-000000000000"
DAY = dt.timedelta(days=1)
SITE = "https://book.clinic.example"
ACTS = ("revoke", "reissue")
TIMES = {"created_at", "updated_at", "expires_at", "appointment_at", "revoked_at", "opened_at"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allowed_return_origins": SITE})


@pytest.fixture
def booking(service: Service) -> Headers:
    return service.key("bookings")


def stamp(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def make(service: Service, headers: Headers, expect: int = 201, **body: Any) -> Any:
    body = {"booking_reference": "B-1"} | body
    answer = service.client.post("/v1/handoffs", json=body, headers=headers)
    assert answer.status_code == expect, answer.text
    return answer.json()


def act(service: Service, headers: Headers, name: str, how: str, version: Any = 1) -> Any:
    matched = {} if version is None else {"if-match": version if version == "*" else f'"{version}"'}
    return service.client.post(f"/v1/handoffs/{name}/{how}", headers=headers | matched)


def kept(service: Service) -> int:
    count = sa.select(sa.func.count()).select_from(handoffs)
    return service.read(lambda session: int(session.execute(count).scalar_one()))


def secret_of(document: Any) -> str:
    return str(document["link"].partition("#")[2])


# --- rejected --------------------------------------------------------------------------------------


def test_who_has_no_booking_key_makes_and_sees_nothing(service: Service, booking: Headers) -> None:
    name = make(service, booking)["id"]
    others = [
        {},
        service.key("submissions:read", "submissions:write", "review", "events", "webhooks", "fhir"),
    ]
    for headers in others:
        wanted = 401 if not headers else 403
        make(service, headers, expect=wanted)
        for path in ("/v1/handoffs", f"/v1/handoffs/{name}"):
            assert service.client.get(path, headers=headers).status_code == wanted
        for how in ACTS:
            assert act(service, headers, name, how).status_code == wanted
    assert kept(service) == 1


def test_what_is_not_there_and_what_is_not_a_test_is_not_found(service: Service, booking: Headers) -> None:
    name, trial = make(service, booking)["id"], service.key("bookings", test=True)
    tried = make(service, trial)
    assert tried["test"] is True
    for headers, each in (
        (booking, NONE_OF_OURS),
        (booking, "x"),
        (booking, "%00"),
        (trial, name),
        (booking, tried["id"]),
    ):
        assert service.client.get(f"/v1/handoffs/{each}", headers=headers).status_code == 404
        for how in ACTS:
            assert act(service, headers, each, how).status_code == 404
    shown = [service.client.get("/v1/handoffs", headers=each).json()["items"] for each in (booking, trial)]
    assert [[each["id"] for each in items] for items in shown] == [[name], [tried["id"]]]


AMISS: dict[str, list[Any]] = {
    "booking_reference": [None, "", 7, "Pat Quill", "x" * 101, "a\0", ["B-1"]],
    "appointment_at": [
        "tomorrow", 1, "2027-01-01T10:00:00", "2020-01-01T10:00:00Z", "0001-01-01T00:00:00+23:00", "2" * 41,
    ],
    "expires_at": ["2020-01-01T10:00:00Z", "9999-01-01T10:00:00Z", "", 5],
    "language": ["x" * 36, "en_US", "e\0", 1],
    "return_url": [
        "https://evil.example/", f"{SITE}.evil.example/", f"{SITE}:444/", f"{SITE}@evil.example/", "", 7,
        "javascript:alert(1)", f"{SITE}/ \n", f"{SITE}/\\evil", f'{SITE}/"><b>', f"{SITE}/{'x' * 2000}",
        "//book.clinic.example/", f"{SITE}/é",
    ],
    "name": ["Pat Quill"],
}  # fmt: skip


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("name", "value"), [(name, each) for name, listed in AMISS.items() for each in listed]
)
def test_a_body_that_is_amiss_is_refused_without_an_echo(
    service: Service, booking: Headers, name: str, value: Any
) -> None:
    problem = make(service, booking, expect=422, **{name: value})
    assert f"/{name}" in [each["pointer"] for each in problem["errors"]]
    assert not re.search(r"evil|Quill|xxxx", json.dumps(problem))
    assert kept(service) == 0


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJ4Il0", "\0", "W1tbW1tb", "x" * 201])
def test_a_cursor_that_is_not_ours_is_refused(service: Service, booking: Headers, cursor: str) -> None:
    answer = service.client.get("/v1/handoffs", params={"cursor": cursor}, headers=booking)
    assert answer.status_code == 422


@pytest.mark.parametrize("how", ACTS)
def test_a_change_names_the_version_it_is_meant_for(service: Service, booking: Headers, how: str) -> None:
    name = make(service, booking)["id"]
    assert act(service, booking, name, how, version=None).status_code == 428
    assert act(service, booking, name, how, version=7).status_code == 412
    assert act(service, booking, name, how, version="x").status_code == 412
    assert act(service, booking, name, how, version="*").status_code == 200


@pytest.mark.both_databases
def test_what_was_taken_back_is_not_made_anew(service: Service, booking: Headers) -> None:
    name = make(service, booking)["id"]
    assert act(service, booking, name, "revoke").json()["state"] == "revoked"
    assert act(service, booking, name, "revoke").json()["state"] == "revoked", "sent again, it is as it is"
    assert act(service, booking, name, "reissue", version="*").status_code == 409
    assert service.read(partial(audit_log.count, action="handoff.revoked")) == 1


# --- accepted --------------------------------------------------------------------------------------


def test_a_link_is_told_once_and_only_its_hash_is_kept(service: Service, booking: Headers) -> None:
    made = make(service, booking, language="es", return_url=f"{SITE}/done?id=7")
    secret = secret_of(made)
    assert made["link"] == f"http://127.0.0.1:8000/r#{secret}"
    assert made["plain_link"] == f"http://127.0.0.1:8000/r/{secret}"
    answer = service.client.get(f"/v1/handoffs/{made['id']}", headers=booking)
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {key: value for key, value in made.items() if key not in ("link", "plain_link")}
    assert answer.json() | dict.fromkeys(TIMES) == {
        "id": made["id"], "booking_reference": "B-1", "state": "waiting", "language": "es", "test": False,
        "return_url": f"{SITE}/done?id=7", "submission_id": None, **dict.fromkeys(TIMES),
    }  # fmt: skip
    row = service.read(lambda session: dict(session.execute(sa.select(handoffs)).mappings().one()))
    assert secret not in repr(row)
    assert service.read(partial(audit_log.count, action="handoff.created")) == 1
    again = service.client.get(f"/v1/handoffs/{made['id']}", headers=booking | {"if-none-match": '"1"'})
    assert again.status_code == 304
    service.database.write_blocking(
        lambda session: session.execute(sa.update(handoffs).values(expires_at=now()))
    )
    over = service.client.get(f"/v1/handoffs/{made['id']}", headers=booking | {"if-none-match": '"1"'})
    assert (over.status_code, over.json()["state"]) == (200, "expired"), "the clock changes no version"


@pytest.mark.parametrize(
    ("given", "days"),
    [({}, 14), ({"appointment_at": 3}, 3), ({"appointment_at": 200}, 90), ({"expires_at": 90}, 90),
     ({"appointment_at": 3, "expires_at": 5}, 5)],
)  # fmt: skip
def test_a_link_lives_until_the_appointment_or_two_weeks(
    service: Service, booking: Headers, given: dict[str, int], days: int
) -> None:
    at = now()
    times: dict[str, Any] = {name: stamp(at + each * DAY) for name, each in given.items()}
    made = make(service, booking, **times)
    lives = dt.datetime.fromisoformat(made["expires_at"]) - at
    assert abs(lives - days * DAY) < dt.timedelta(minutes=1)


def test_a_lost_link_is_made_anew_and_the_one_before_opens_nothing(
    service: Service, booking: Headers
) -> None:
    made = make(service, booking)
    fresh = act(service, booking, made["id"], "reissue")
    assert fresh.headers["etag"] == '"2"'
    assert secret_of(fresh.json()) != secret_of(made)
    assert {**fresh.json(), "link": "", "plain_link": "", "updated_at": ""} == {
        **made, "link": "", "plain_link": "", "updated_at": "",
    }  # fmt: skip
    pressed = [
        service.client.post("/r", data={"link": secret_of(each)}, follow_redirects=False).status_code
        for each in (made, fresh.json())
    ]
    assert pressed == [404, 303]
    assert act(service, booking, made["id"], "reissue").status_code == 412


@pytest.mark.both_databases
def test_links_are_listed_by_booking_the_newest_first_a_page_at_a_time(
    service: Service, booking: Headers
) -> None:
    names = [make(service, booking, booking_reference=f"B-{number % 2}")["id"] for number in range(6)]
    wanted = [name for place, name in enumerate(names) if place % 2 == 1][::-1]
    address, found = "/v1/handoffs?booking_reference=B-1&limit=2", []
    while address:
        answer = service.client.get(address, headers=booking)
        found += [each["id"] for each in answer.json()["items"]]
        address = answer.json()["next"]
        assert ("link" in answer.headers) is bool(address)
    assert found == wanted
    assert "link" not in answer.json()["items"][0]


# --- repeated requests -----------------------------------------------------------------------------


def again(service: Service, headers: Headers, key: str, **body: Any) -> Any:
    body = {"booking_reference": "B-1"} | body
    return service.client.post("/v1/handoffs", json=body, headers=headers | {"idempotency-key": key})


@pytest.mark.both_databases
def test_the_same_request_again_gets_the_same_link_and_another_is_refused(
    service: Service, booking: Headers
) -> None:
    first, second = again(service, booking, "k" * 8), again(service, booking, "k" * 8)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == f"/v1/handoffs/{first.json()['id']}"
    assert again(service, booking, "k" * 8, booking_reference="B-2").status_code == 422
    assert again(service, booking, "short").status_code == 422
    assert again(service, service.key("bookings"), "k" * 8).json()["id"] != first.json()["id"]
    assert kept(service) == 2


@pytest.mark.both_databases
def test_a_kept_answer_is_sealed_and_goes_with_the_first_change(service: Service, booking: Headers) -> None:
    made = again(service, booking, "k" * 8).json()
    asked = sa.select(idempotency_keys.c.response)
    assert secret_of(made).encode() not in service.read(lambda session: session.execute(asked).scalar_one())
    act(service, booking, made["id"], "reissue")
    gone = again(service, booking, "k" * 8)
    assert gone.status_code == 410
    assert kept(service) == 1


@pytest.mark.both_databases
def test_sixteen_at_once_with_one_key_make_one_link(service: Service, booking: Headers) -> None:
    found: list[Any] = []
    rivals = [
        threading.Thread(target=lambda: found.append(again(service, booking, "race-race"))) for _ in range(16)
    ]
    for each in rivals:
        each.start()
    for each in rivals:
        each.join()
    assert {each.status_code for each in found} <= {201, 409}
    assert len({each.json()["id"] for each in found if each.status_code == 201}) == 1
    assert kept(service) == 1


@pytest.mark.both_databases
def test_links_whose_time_is_long_over_are_forgotten(service: Service, booking: Headers) -> None:
    make(service, booking)
    service.database.write_blocking(partial(retention.purge, now=now() + 43 * DAY))
    assert kept(service) == 1
    service.database.write_blocking(partial(retention.purge, now=now() + 45 * DAY))
    assert kept(service) == 0
