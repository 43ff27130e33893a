"""Tests of the service for webhook endpoints: which ones a caller sees, and concurrent changes."""

import asyncio
import datetime as dt
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from uuid_utils import uuid7

from app.adapters.address_policy import AddressPolicy
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound, PreconditionFailed
from app.services.events import webhook_deliveries, webhook_endpoints
from app.services.events.webhook_endpoints import PREVIOUS_SECRET_TTL, EndpointCommand, NewWebhookEndpoint
from app.storage.events import audit_log
from app.storage.events import outbox as feed
from app.storage.events import webhook_endpoints as rows
from app.storage.events.audit_log import Actor
from app.storage.events.outbox import Event
from app.storage.events.webhook_endpoints import Endpoint
from app.storage.tables import events
from tests.conftest import Service

ADMIN = Actor("staff", "019298a2-0000-7000-8000-00000000000a")
URL = "https://a.example.com/"
AT = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)
SEEING = EndpointCommand(ADMIN, AT, attention=True)


def do(service: Service, work: Any, *given: Any, **more: Any) -> Any:
    return service.database.write_blocking(lambda session: work(session, *given, **more))


def make(service: Service, turn: EndpointCommand = SEEING, *, test: bool = False, **more: Any) -> Endpoint:
    keyring = service.services.submissions.vault.keyring
    made: tuple[Endpoint, str] = do(
        service,
        webhook_endpoints.create,
        keyring,
        AddressPolicy(),
        turn,
        NewWebhookEndpoint(URL, **more),
        test=test,
    )
    return made[0]


# --- refused ---------------------------------------------------------------------------------------


def test_who_may_not_see_attention_does_not_see_an_endpoint_that_is_told_of_it(service: Service) -> None:
    endpoint, plain = make(service, attention=True), EndpointCommand(ADMIN, AT)
    keyring = service.services.submissions.vault.keyring
    for work in (
        partial(webhook_endpoints.get_endpoint, turn=plain, endpoint=endpoint.id),
        partial(webhook_endpoints.delete, turn=plain, endpoint=endpoint.id),
        partial(webhook_endpoints.rotate_secret, keyring=keyring, turn=plain, endpoint=endpoint.id),
        partial(webhook_endpoints.send_test, turn=plain, endpoint=endpoint.id),
        partial(webhook_endpoints.redeliver, turn=plain, endpoint=endpoint.id, delivery=endpoint.id),
        partial(
            webhook_endpoints.update,
            reach=AddressPolicy(),
            turn=plain,
            endpoint=endpoint.id,
            given={"url": URL},
        ),
    ):
        with pytest.raises(NotFound):
            do(service, work)
    assert service.read(partial(webhook_endpoints.list_endpoints, turn=plain)) == []
    with pytest.raises(Forbidden):
        make(service, plain, attention=True)
    with pytest.raises(InvalidRequest):
        make(service, plain, types=("attention.needed",))


@pytest.mark.parametrize("test", [True, False])
def test_each_mode_sees_its_own_and_staff_see_both(service: Service, test: bool) -> None:
    endpoint = make(service, test=test)
    for seen, known in ((test, True), (None, True), (not test, False)):
        turn = EndpointCommand(ADMIN, AT, seen, attention=True)
        assert service.read(partial(webhook_endpoints.list_endpoints, turn=turn)) == (
            [endpoint] if known else []
        )
    with pytest.raises(NotFound):
        service.read(
            partial(
                webhook_endpoints.get_endpoint,
                turn=EndpointCommand(ADMIN, AT, not test),
                endpoint=endpoint.id,
            )
        )


def test_a_change_that_is_refused_leaves_nothing_behind(service: Service) -> None:
    endpoint = make(service)
    wrong = {"url": "https://127.0.0.1/", "paused": True}
    with pytest.raises(InvalidRequest):
        do(service, webhook_endpoints.update, AddressPolicy(), SEEING, endpoint.id, wrong)
    assert service.read(partial(rows.list_all)) == [endpoint]
    assert service.read(partial(audit_log.count, action="endpoint.changed")) == 0


# --- concurrent ------------------------------------------------------------------------------------


def test_of_many_changes_to_one_version_one_is_made(service: Service) -> None:
    endpoint = make(service)
    turn = EndpointCommand(ADMIN, AT, attention=True, version=1)

    async def at_once() -> list[Any]:
        works = [
            partial(
                webhook_endpoints.update,
                reach=AddressPolicy(),
                turn=turn,
                endpoint=endpoint.id,
                given={"description": each},
            )
            for each in "abcdefgh"
        ]
        found = (service.database.write(work) for work in works)
        return await asyncio.gather(*found, return_exceptions=True)

    outcomes = asyncio.run(at_once())
    assert sum(isinstance(each, PreconditionFailed) for each in outcomes) == 7
    assert service.read(partial(audit_log.count, action="endpoint.changed")) == 1


def test_an_endpoint_removed_while_it_is_told_is_no_accident(service: Service) -> None:
    """Publishing goes on whichever comes first: an endpoint that no longer exists gets no delivery."""
    wanted, kept = [make(service) for _ in range(8)], make(service)
    told_of = [_event(position) for position in range(1, 9)]

    def follow(session: Any, event: Event) -> None:
        feed.insert(session, [event])
        webhook_deliveries.fan_out(session, [event], now=AT)

    async def at_once() -> list[Any]:
        works: list[Any] = []
        for endpoint, event in zip(wanted, told_of, strict=True):
            works += [
                partial(webhook_endpoints.delete, turn=SEEING, endpoint=endpoint.id),
                partial(follow, event=event),
            ]
        found = (service.database.write(work) for work in works)
        return await asyncio.gather(*found, return_exceptions=True)

    assert asyncio.run(at_once()) == [None] * 16
    left = service.read(
        lambda session: session.execute(sa.select(events.webhook_deliveries.c.endpoint_id)).scalars().all()
    )
    assert left == [kept.id] * 8


# --- secrets ---------------------------------------------------------------------------------------


def test_no_more_than_two_secrets_sign_and_the_former_for_a_day(service: Service) -> None:
    endpoint, keyring = make(service), service.services.submissions.vault.keyring
    for _ in range(2):
        do(service, webhook_endpoints.rotate_secret, keyring, SEEING, endpoint.id)
    found = service.read(partial(rows.fetch, endpoint=endpoint.id))
    assert found
    assert len(webhook_endpoints.active_secrets(found, keyring, AT)) == 2
    assert len(webhook_endpoints.active_secrets(found, keyring, AT + PREVIOUS_SECRET_TTL)) == 1
    assert keyring.open(endpoint.secret, "webhook_endpoints", "secret", endpoint.id).decode() not in (
        webhook_endpoints.active_secrets(found, keyring, AT)
    )


def test_a_secret_changed_while_it_is_sealed_anew_stays_as_changed(service: Service) -> None:
    endpoint = make(service)
    before = (endpoint.id, endpoint.secret, endpoint.previous_secret)
    do(
        service,
        webhook_endpoints.rotate_secret,
        service.services.submissions.vault.keyring,
        SEEING,
        endpoint.id,
    )
    kept = service.read(partial(rows.sealed_secrets))
    assert do(service, rows.reseal, before, b"x", None) is False
    assert service.read(partial(rows.sealed_secrets)) == kept
    assert do(service, webhook_endpoints.reencrypt_secrets, service.services.submissions.vault.keyring) == 0


def test_a_test_to_a_paused_endpoint_is_a_conflict(service: Service) -> None:
    endpoint = make(service)
    do(service, webhook_endpoints.update, AddressPolicy(), SEEING, endpoint.id, {"paused": True})
    with pytest.raises(Conflict):
        do(service, webhook_endpoints.send_test, SEEING, endpoint.id)


def _event(position: int) -> Event:
    case = str(uuid7())
    return Event(
        position, str(uuid7()), "review.changed", AT, is_test=False, requires_review_scope=False,
        submission_id=case, handoff_id=None, booking_reference=None, state="submitted",
    )  # fmt: skip
