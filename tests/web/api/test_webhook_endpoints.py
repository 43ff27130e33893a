"""Webhook endpoints over REST: permissions, invalid requests, and what a booking system's engineer does."""

import datetime as dt
import threading
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from app.adapters.webhook_client import DeliveryResult
from app.clock import now
from app.services.events import webhook_deliveries, webhook_endpoints
from app.services.events.event_types import TYPES
from app.services.events.webhook_endpoints import MAX_ENDPOINTS
from app.storage.events import audit_log
from app.storage.events import webhook_endpoints as rows
from app.storage.tables import events
from tests.conftest import Service
from tests.sample_answers import PAT, body
from tests.web.conftest import Create, Document, Headers, bearer

NOBODY = "019298a2-0000-7000-8000-000000000000"
ROOT = "/v1/webhook-endpoints"
URL = "https://book.clinic.example/hooks"
PATHS: dict[str, tuple[str, Any]] = {
    "": ("GET", None), "PATCH": ("PATCH", {"paused": True}), "DELETE": ("DELETE", None),
    "/rotate-secret": ("POST", None), "/test": ("POST", None), "/deliveries": ("GET", None),
    f"/deliveries/{NOBODY}/redeliver": ("POST", None),
}  # fmt: skip
CHANGES = ("PATCH", "DELETE", "/rotate-secret")


@pytest.fixture
def booking(service: Service) -> Headers:
    return service.key("webhooks")


def make(service: Service, headers: Headers, **more: Any) -> Document:
    answer = service.client.post(ROOT, json={"url": URL} | more, headers=headers)
    assert answer.status_code == 201, answer.text
    document: Document = answer.json()
    return document


def send(service: Service, endpoint: str, path: str, headers: Headers, version: Any = "*") -> Any:
    method, content = PATHS[path]
    matched = {"if-match": version if version == "*" else f'"{version}"'} if version else {}
    address = f"{ROOT}/{endpoint}{path if path.startswith('/') else ''}"
    more = {} if content is None else {"json": content}
    return service.client.request(method, address, headers=headers | matched, **more)


def acts(service: Service) -> list[str]:
    """The audit actions on endpoints and deliveries, in order."""
    asked = audit_log.Filters()
    found = service.read(partial(audit_log.page, filters=asked, before=None, limit=100))
    return [each.action for each in reversed(found) if each.object_type in ("endpoint", "delivery")]


# --- rejected --------------------------------------------------------------------------------------


def test_without_the_scope_nothing_is_made_or_told(service: Service, create: Create) -> None:
    made = make(service, service.key("webhooks"))
    others = [service.key("events", "bookings", "review", "submissions:read"), bearer(create(PAT))]
    for headers, status in [({}, 401), *((each, 403) for each in others)]:
        assert service.client.post(ROOT, json={"url": URL}, headers=headers).status_code == status
        assert service.client.get(ROOT, headers=headers).status_code == status
        for path in PATHS:
            assert send(service, made["id"], path, headers).status_code == status
    assert acts(service) == ["endpoint.created"]


@pytest.mark.parametrize("path", PATHS)
def test_unknown_foreign_and_of_attention_look_the_same(
    service: Service, booking: Headers, path: str
) -> None:
    trial = make(service, service.key("webhooks", test=True))["id"]
    seeing = make(service, service.key("webhooks", "review"), attention=True)["id"]
    told = {
        send(service, name, path, booking).json()["detail"] for name in (NOBODY, "x", "%00", trial, seeing)
    }
    assert told == {"There is no such webhook endpoint."}
    assert service.client.get(ROOT, headers=booking).json() == {"items": []}


def test_a_key_for_browsers_has_not_this_scope(service: Service) -> None:
    with pytest.raises(Exception, match="submissions:write alone"):
        service.key("webhooks", origins=["https://a.example"])


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"url": ""}, {"url": None}, {"url": 1}, {"url": "x" * 2001}, {"url": "http://book.clinic.example"},
        {"url": "https://10.0.0.1/"}, {"url": "https://[::ffff:127.0.0.1]/"}, {"url": "https://a@b.example/"},
        {"url": "https://b.example/\0"}, {"url": "https://b.example:80/"}, {"url": URL, "types": ["x"]},
        {"url": URL, "types": ["webhook.test"]}, {"url": URL, "types": "x"}, {"url": URL, "types": None},
        {"url": URL, "types": ["review.changed"] * 2}, {"url": URL, "types": ["review.changed"] * 11},
        {"url": URL, "types": ["attention.needed"]}, {"url": URL, "description": "x" * 201},
        {"url": URL, "description": "a\0b"}, {"url": URL, "description": "a\nb"}, {"url": URL, "secret": "x"},
        {"url": URL, "attention": "yes"}, {"url": URL, "test": True}, {"url": URL, "description": "\u202e"},
    ],
)  # fmt: skip
def test_a_body_that_is_amiss_is_refused_and_names_the_place(
    service: Service, booking: Headers, wrong: Any
) -> None:
    answer = service.client.post(ROOT, json=wrong, headers=booking)
    assert answer.status_code == 422, answer.text
    (found_issues,) = answer.json()["errors"]
    assert found_issues["pointer"].split("/")[1] in {*wrong, "url"}
    assert service.read(partial(rows.list_all)) == []


def test_this_service_itself_is_not_reached(service: Service, booking: Headers) -> None:
    answer = service.client.post(
        ROOT, json={"url": str(service.services.settings.public_url)}, headers=booking
    )
    assert answer.status_code == 422


def test_half_a_surrogate_pair_is_malformed(service: Service, booking: Headers) -> None:
    content = b'{"url": "https://b.example/", "description": "\\ud800"}'
    headers = booking | {"content-type": "application/json"}
    assert service.client.post(ROOT, content=content, headers=headers).status_code == 400


def test_to_be_told_of_attention_needs_the_scope_review(service: Service, booking: Headers) -> None:
    answer = service.client.post(ROOT, json={"url": URL, "attention": True}, headers=booking)
    assert answer.status_code == 403
    made = make(service, service.key("webhooks", "review"), attention=True, types=["attention.needed"])
    assert made["attention"]


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_names_the_version_it_is_meant_for(service: Service, booking: Headers, path: str) -> None:
    made = make(service, booking)["id"]
    assert send(service, made, path, booking, version=None).status_code == 428
    assert send(service, made, path, booking, version=2).status_code == 412
    assert send(service, made, path, booking, version=1).status_code in (200, 204)


@pytest.mark.parametrize(
    "wrong",
    [{"url": None}, {"paused": None}, {"paused": 1}, {"url": "https://10.0.0.1/"}, {"test": True}, []],
)
def test_a_patch_that_is_amiss_changes_nothing(service: Service, booking: Headers, wrong: Any) -> None:
    made = make(service, booking)
    answer = service.client.patch(f"{ROOT}/{made['id']}", json=wrong, headers=booking | {"if-match": "*"})
    assert answer.status_code == 422
    kept = service.client.get(f"{ROOT}/{made['id']}", headers=booking).json()
    assert kept == {name: value for name, value in made.items() if name != "secret"}


@pytest.mark.both_databases
def test_there_are_twenty_of_each_mode_however_many_come_at_once(service: Service, booking: Headers) -> None:
    for _ in range(MAX_ENDPOINTS - 2):
        make(service, booking)
    outcomes: list[int] = []

    def post() -> None:
        outcomes.append(service.client.post(ROOT, json={"url": URL}, headers=booking).status_code)

    hands = [threading.Thread(target=post) for _ in range(6)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sorted(outcomes) == [201] * 2 + [409] * 4
    make(service, service.key("webhooks", test=True))


# --- accepted --------------------------------------------------------------------------------------


def test_an_endpoint_is_made_and_its_secret_is_shown_once(service: Service, booking: Headers) -> None:
    answer = service.client.post(ROOT, json={"url": URL, "types": ["review.changed"]}, headers=booking)
    made = answer.json()
    secret = made.pop("secret")
    Webhook(secret)
    assert (answer.headers["location"], answer.headers["etag"]) == (f"{ROOT}/{made['id']}", '"1"')
    assert answer.headers["cache-control"] == "no-store"
    assert made | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "", "url": URL, "types": ["review.changed"], "description": "", "attention": False,
        "test": False, "paused": False, "paused_because": None, "paused_at": None, "failing_since": None,
        "former_secret_until": None, "created_at": "", "updated_at": "",
    }  # fmt: skip
    assert service.client.get(f"{ROOT}/{made['id']}", headers=booking).json() == made
    assert service.client.get(ROOT, headers=booking).json() == {"items": [made]}
    kept = service.read(partial(rows.fetch, endpoint=made["id"]))
    assert kept
    assert secret.encode() not in kept.secret
    assert webhook_endpoints.active_secrets(kept, service.services.submissions.vault.keyring, now()) == [
        secret
    ]


@pytest.mark.both_databases
def test_the_same_request_twice_makes_one_endpoint(service: Service, booking: Headers) -> None:
    headers = booking | {"idempotency-key": "endpoint-0001"}
    first = service.client.post(ROOT, json={"url": URL}, headers=headers)
    again = service.client.post(ROOT, json={"url": URL}, headers=headers)
    assert (first.json(), first.status_code) == (again.json(), again.status_code)
    assert again.headers["idempotency-replayed"] == "true"
    other = service.client.post(ROOT, json={"url": URL + "/x"}, headers=headers)
    assert other.json()["type"] == "urn:preconsult:problem:idempotency-key-reused"
    send(service, first.json()["id"], "/rotate-secret", booking)
    assert service.client.post(ROOT, json={"url": URL}, headers=headers).status_code == 410, "not that secret"
    submission = service.client.post(
        "/v1/submissions", json=body(PAT), headers=headers | service.key("submissions:write")
    )
    assert submission.status_code == 201
    assert len(service.read(partial(rows.list_all))) == 1


@pytest.mark.both_databases
def test_of_the_same_request_eight_times_at_once_one_is_carried_out(
    service: Service, booking: Headers
) -> None:
    headers, told = booking | {"idempotency-key": "endpoint-0002"}, []

    def post() -> None:
        told.append(service.client.post(ROOT, json={"url": URL}, headers=headers))

    hands = [threading.Thread(target=post) for _ in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert {each.status_code for each in told} == {201}
    assert len({each.json()["id"] for each in told}) == 1


def test_it_is_changed_by_merge_patch(service: Service, booking: Headers) -> None:
    made = make(service, booking, types=["review.changed"], description="Booking")
    path = f"{ROOT}/{made['id']}"
    headers = booking | {"if-match": '"1"', "content-type": "application/merge-patch+json"}
    answer = service.client.patch(
        path, content=b'{"url": "https://b.example/x", "types": null}', headers=headers
    )
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    changed = answer.json()
    assert (changed["url"], changed["types"], changed["description"]) == (
        "https://b.example/x",
        [],
        "Booking",
    )
    last = service.client.patch(path, json={"description": None}, headers=booking | {"if-match": "*"}).json()
    assert (last["description"], last["url"]) == ("", "https://b.example/x")
    assert acts(service) == ["endpoint.created", "endpoint.changed", "endpoint.changed"]


def test_it_is_paused_and_resumed(service: Service, booking: Headers) -> None:
    made = make(service, booking)["id"]
    paused = send(service, made, "PATCH", booking).json()
    assert (paused["paused"], paused["paused_because"]) == (True, "by_hand")
    assert send(service, made, "/test", booking).status_code == 409
    path = f"{ROOT}/{made}"
    for _ in range(2):
        answer = service.client.patch(
            path, json={"paused": False}, headers=booking | {"if-match": "*"}
        ).json()
        assert (answer["paused"], answer["paused_because"], answer["paused_at"]) == (False, None, None)
    assert acts(service) == ["endpoint.created", "endpoint.paused", "endpoint.resumed"]


def test_a_fresh_secret_signs_beside_the_one_before(service: Service, booking: Headers) -> None:
    made = make(service, booking)
    answer = send(service, made["id"], "/rotate-secret", booking, version=1)
    fresh = answer.json()
    assert answer.headers["etag"] == '"2"'
    assert fresh["secret"] != made["secret"]
    assert dt.datetime.fromisoformat(fresh["former_secret_until"]) > now()
    kept = service.read(partial(rows.fetch, endpoint=made["id"]))
    assert kept
    signing = webhook_endpoints.active_secrets(kept, service.services.submissions.vault.keyring, now())
    assert signing == [fresh["secret"], made["secret"]]
    assert "secret" not in service.client.get(f"{ROOT}/{made['id']}", headers=booking).json()
    assert acts(service) == ["endpoint.created", "endpoint.secret_rotated"]


@pytest.mark.both_databases
def test_it_is_removed_with_all_that_waits(service: Service, booking: Headers) -> None:
    made = make(service, booking)["id"]
    send(service, made, "/test", booking)
    assert send(service, made, "DELETE", booking, version=1).status_code == 204
    assert send(service, made, "DELETE", booking, version=1).status_code == 404
    assert service.read(lambda session: session.execute(sa.select(events.webhook_deliveries)).all()) == []
    assert acts(service) == ["endpoint.created", "endpoint.tested", "endpoint.removed"]


@pytest.mark.both_databases
def test_what_was_sent_is_listed_and_sent_once_more(service: Service, booking: Headers) -> None:
    made = make(service, booking)["id"]
    sent = [send(service, made, "/test", booking).json() for _ in range(3)]
    assert {each["state"] for each in sent} == {"pending"}
    assert sent[0]["type"] not in TYPES
    keyring = service.services.submissions.vault.keyring
    claimed = service.database.write_blocking(
        partial(webhook_deliveries.claim, keyring=keyring, wanted={made: 1}, now=now())
    )
    for each, outcome in zip(claimed, (DeliveryResult(204, 5),), strict=True):
        settle = partial(
            webhook_deliveries.record_result, delivery=each.delivery, outcome=outcome, called=each.url
        )
        service.database.write_blocking(partial(settle, now=now(), pauses=[1], jitter=1.0))
    path = f"{ROOT}/{made}/deliveries"
    first = service.client.get(path, params={"limit": 2}, headers=booking).json()
    rest = service.client.get(first["next"], headers=booking).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == [each["id"] for each in reversed(sent)]
    assert rest["next"] is None
    (done,) = service.client.get(path, params={"state": "delivered"}, headers=booking).json()["items"]
    assert [each["status"] for each in done["attempts"]] == [204]
    assert (done["next_try_at"], done["tries"]) == (None, 1)
    waiting = sent[2]["id"]
    assert service.client.post(f"{path}/{waiting}/redeliver", headers=booking).status_code == 409
    assert service.client.post(f"{path}/x%00/redeliver", headers=booking).status_code == 404
    again = service.client.post(f"{path}/{done['id']}/redeliver", headers=booking)
    assert (again.status_code, again.json()["state"], again.json()["event_id"]) == (
        202,
        "pending",
        done["event_id"],
    )
    assert len(again.json()["attempts"]) == 1
    for wrong in ({"limit": 0}, {"limit": 201}, {"state": "x"}, {"cursor": "x"}, {"cursor": "x" * 201}):
        assert service.client.get(path, params=wrong, headers=booking).status_code == 422
    assert acts(service)[-1] == "delivery.redelivered"
