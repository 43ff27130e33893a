"""Tests of webhook deliveries: who gets which event, effects of each answer, order and unchanged bodies."""

import asyncio
import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook
from uuid_utils import uuid7

from app.adapters.address_policy import AddressPolicy
from app.adapters.smtp import Mailer
from app.adapters.webhook_client import DeliveryResult
from app.errors import Conflict, NotFound
from app.jobs.webhook_delivery import DELIVERY_ATTEMPTS, MAX_PER_ENDPOINT, WebhookDeliveryWorker
from app.services.events import event_types, webhook_deliveries, webhook_endpoints
from app.services.events.webhook_deliveries import FAILING_FOR, LEASE, RETENTION, SignedMessage
from app.services.events.webhook_endpoints import EndpointCommand, NewWebhookEndpoint
from app.services.operations import retention
from app.services.operations.key_rotation import rotate
from app.storage.events import outbox as feed
from app.storage.events import webhook_deliveries as rows
from app.storage.events import webhook_endpoints as places
from app.storage.events.audit_log import Actor
from app.storage.events.outbox import Event
from app.storage.events.webhook_deliveries import Delivery, DeliveryAttempt
from app.storage.events.webhook_endpoints import Endpoint
from app.storage.tables import events as told
from tests.conftest import Service
from tests.smtp_server import sink

MONDAY = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)
ADMIN = Actor("staff", "019298a2-0000-7000-8000-00000000000a")
CASE, OTHER = "019298a2-0000-7000-8000-000000000001", "019298a2-0000-7000-8000-000000000002"
PAUSES = (10, 100, 1000)
Said = Callable[[str, dict[str, str], bytes], DeliveryResult]
DONE, BROKEN = DeliveryResult(204, 12), DeliveryResult(500, 12)


@dataclass
class Sent:
    """A sender that sends nothing: it records what it is given and returns the outcome that `says` gives."""

    says: Said = lambda _url, _headers, _body: DONE
    taken: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def post(self, url: str, headers: Any, body: bytes) -> DeliveryResult:
        self.taken.append((url, dict(headers), body))
        return self.says(url, headers, body)

    async def close(self) -> None:
        pass

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.taken]


@dataclass
class DeliveryStack:
    """A service without background jobs, with a fake sender and a clock that the test sets."""

    service: Service
    sent: Sent = field(default_factory=Sent)
    at: dt.datetime = MONDAY
    position: int = 0

    def do(self, work: Callable[..., Any], *given: Any, **more: Any) -> Any:
        return self.service.database.write_blocking(lambda session: work(session, *given, **more))

    def turn(self, **more: Any) -> EndpointCommand:
        return EndpointCommand(ADMIN, self.at, attention=True, **more)

    def endpoint(self, url: str = "https://a.example.com/", test: bool = False, **more: Any) -> Endpoint:
        made: tuple[Endpoint, str] = self.do(
            webhook_endpoints.create,
            self.keyring,
            AddressPolicy(),
            self.turn(),
            NewWebhookEndpoint(url, **more),
            test=test,
        )
        return made[0]

    @property
    def keyring(self) -> Any:
        return self.service.services.submissions.vault.keyring

    def tell(self, kind: str = "submission.submitted", case: str = CASE, **more: Any) -> Event:
        """Publish an event: add it to the outbox and queue its deliveries."""
        self.position += 1
        plain = {"handoff_id": None, "booking_reference": "b-1", "state": "submitted", "is_test": False}
        event = Event(
            position=self.position, id=str(uuid7()), type=kind, at=self.at, submission_id=case,
            requires_review_scope=kind in event_types.RESTRICTED, **plain | more,
        )  # fmt: skip

        def follow(session: Any) -> None:
            feed.insert(session, [event])
            webhook_deliveries.fan_out(session, [event], now=self.at)

        self.do(follow)
        return event

    def rounds(self, number: int = 1, post: Mailer | None = None, sent: Sent | None = None) -> None:
        """Run the delivery job `number` times in one process, each run to its end."""
        sender: Any = sent or self.sent
        url = "https://visit.clinic.example/"

        async def turn() -> None:
            delivering = WebhookDeliveryWorker(self.service.database, self.keyring, sender, PAUSES, post, url)
            for _ in range(number):
                await delivering.run_once()
                while delivering._under_way:
                    await asyncio.sleep(0.001)

        asyncio.run(turn())

    def wait(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)

    def kept(self) -> list[Delivery]:
        asked = sa.select(*(told.webhook_deliveries.c[name] for name in Delivery._fields))
        ordered = asked.order_by(told.webhook_deliveries.c.id)
        return self.service.read(lambda session: [Delivery(*row) for row in session.execute(ordered)])

    def tries(self, delivery: str) -> list[DeliveryAttempt]:
        return self.service.read(partial(rows.attempts, delivery_ids=[delivery]))[delivery]

    def look(self, endpoint: Endpoint) -> Endpoint:
        found = self.service.read(partial(places.fetch, endpoint=endpoint.id))
        assert found
        return found


@pytest.fixture
def stack(service: Service, monkeypatch: pytest.MonkeyPatch) -> DeliveryStack:
    made = DeliveryStack(service)
    monkeypatch.setattr("app.jobs.webhook_delivery.now", lambda: made.at)
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 1.0)
    return made


# --- who is not notified ---------------------------------------------------------------------------


def test_an_endpoint_is_told_of_its_own_mode_alone(stack: DeliveryStack) -> None:
    live, trial = stack.endpoint(), stack.endpoint(test=True)
    stack.tell(is_test=True)
    assert [each.endpoint_id for each in stack.kept()] == [trial.id]
    stack.tell()
    assert [each.endpoint_id for each in stack.kept()] == [trial.id, live.id]


def test_an_endpoint_is_told_of_the_types_it_names_alone(stack: DeliveryStack) -> None:
    stack.endpoint(types=("submission.erased", "review.changed"))
    stack.tell()
    stack.tell("review.changed")
    assert [each.type for each in stack.kept()] == ["review.changed"]


def test_of_attention_is_told_who_may_alone(stack: DeliveryStack) -> None:
    stack.endpoint()
    seeing = stack.endpoint(attention=True)
    stack.tell("attention.needed")
    assert [each.endpoint_id for each in stack.kept()] == [seeing.id]


def test_what_was_told_before_an_endpoint_was_made_is_not_sent_to_it(stack: DeliveryStack) -> None:
    stack.tell()
    stack.endpoint()
    assert stack.kept() == []


def test_an_endpoint_that_is_gone_gets_no_more_and_nothing_that_waits(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    stack.tell("review.changed")
    stack.sent.says = lambda *_: DeliveryResult(410, 5)
    stack.rounds(3)
    assert len(stack.sent.taken) == 1
    assert [each.state for each in stack.kept()] == ["failed", "failed"]
    stack.tell()
    assert len(stack.kept()) == 2
    found = stack.look(endpoint)
    assert (found.paused_reason, found.version, stack.service.audit_count("endpoint.paused")) == (
        "gone",
        2,
        1,
    )


def test_a_paused_endpoint_collects_and_is_sent_nothing(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.do(webhook_endpoints.update, AddressPolicy(), stack.turn(), endpoint.id, {"paused": True})
    told = [stack.tell().id, stack.tell("review.changed").id]
    stack.rounds(3)
    assert (stack.sent.taken, len(stack.kept())) == ([], 2)
    stack.do(webhook_endpoints.update, AddressPolicy(), stack.turn(), endpoint.id, {"paused": False})
    stack.rounds(2)
    assert stack.sent.ids == told


def test_an_event_that_is_kept_no_longer_is_given_up(stack: DeliveryStack) -> None:
    stack.endpoint()
    stack.tell()
    stack.do(lambda session: session.execute(sa.delete(told.outbox_events)) and None)
    stack.rounds()
    (delivery,) = stack.kept()
    assert (stack.sent.taken, delivery.state) == ([], "failed")
    assert [each.error for each in stack.tries(delivery.id)] == ["EventGone"]


# --- what is sent ----------------------------------------------------------------------------------


def test_what_goes_out_is_the_event_signed(stack: DeliveryStack) -> None:
    made, secret = stack.do(
        webhook_endpoints.create,
        stack.keyring,
        AddressPolicy(),
        stack.turn(),
        NewWebhookEndpoint("https://a.example.com/x"),
        test=False,
    )
    event = stack.tell()
    stack.at = dt.datetime.now(dt.UTC)  # the library checks against its own clock
    stack.rounds()
    ((url, headers, body),) = stack.sent.taken
    assert url == "https://a.example.com/x"
    assert json.loads(body) == event_types.event_payload(event)
    assert Webhook(secret).verify(body, headers)["id"] == event.id == headers["webhook-id"]
    assert headers["content-type"] == "application/json"
    (delivery,) = stack.kept()
    assert (delivery.state, delivery.attempt_count, delivery.finished_at) == ("delivered", 1, stack.at)
    (attempt,) = stack.tries(delivery.id)
    assert (attempt.status, attempt.latency_ms, attempt.error) == (204, 12, None)
    assert stack.look(made).failing_since is None


def test_every_try_has_the_same_id_and_body_and_a_signature_of_its_own(stack: DeliveryStack) -> None:
    stack.endpoint()
    stack.tell()
    stack.sent.says = lambda *_: BROKEN
    for pause in (0, *PAUSES):
        stack.wait(pause)
        stack.rounds()
    assert len(stack.sent.taken) == 4
    assert len({(url, body, headers["webhook-id"]) for url, headers, body in stack.sent.taken}) == 1
    assert len({headers["webhook-signature"] for _, headers, _ in stack.sent.taken}) == 4


def test_two_secrets_sign_for_a_day_and_then_one(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.do(webhook_endpoints.rotate_secret, stack.keyring, stack.turn(), endpoint.id)
    for number, seconds in ((2, 0), (2, 86_399), (1, 1)):
        stack.wait(seconds)
        stack.tell(case=str(uuid7()))
        stack.rounds()
        assert len(stack.sent.taken[-1][1]["webhook-signature"].split()) == number


# --- what an answer leads to -----------------------------------------------------------------------


def test_what_failed_is_tried_again_after_pauses_and_then_given_up(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    stack.sent.says = lambda *_: DeliveryResult(None, 15_000, "TimeoutError")
    for tries, pause in enumerate(PAUSES, 1):
        stack.rounds(2)
        (delivery,) = stack.kept()
        assert (delivery.state, delivery.attempt_count) == ("pending", tries)
        assert delivery.next_attempt_at == stack.at + dt.timedelta(seconds=pause)
        stack.wait(pause)
    stack.rounds(2)
    (delivery,) = stack.kept()
    assert (delivery.state, delivery.attempt_count, delivery.finished_at) == ("failed", 4, stack.at)
    assert [each.error for each in stack.tries(delivery.id)] == ["TimeoutError"] * 4
    assert stack.look(endpoint).failing_since == MONDAY


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [
        (429, "60", 60), (503, "60", 60), (503, "3", 10), (429, "999999", 86_400), (503, "", 10),
        (503, "Mon, 23 Nov 2026 15:02:00 GMT", 120), (429, "Mon, 23 Nov 2026 15:02:00", 10),
        (503, "Mon, 23 Nov 2020 15:02:00 GMT", 10), (429, "soon", 10), (429, "-5", 10), (429, "9" * 99, 10),
        (500, "60", 10), (302, "60", 10), (404, "60", 10),
    ],
)  # fmt: skip
def test_a_receiver_may_ask_for_a_longer_pause_of_a_day_at_most(
    stack: DeliveryStack, status: int, asked: str, seconds: int
) -> None:
    stack.endpoint()
    stack.tell()
    stack.sent.says = lambda *_: DeliveryResult(status, 5, None, asked)
    stack.rounds()
    assert stack.kept()[0].next_attempt_at == MONDAY + dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [100, 199, 300, 302, 304, 400, 401, 404, 409, 500, 503, 999])
def test_only_two_hundreds_are_a_yes(stack: DeliveryStack, status: int) -> None:
    stack.endpoint()
    stack.tell()
    stack.sent.says = lambda *_: DeliveryResult(status, 5)
    stack.rounds()
    assert stack.kept()[0].state == "pending"


def test_an_endpoint_that_only_failed_for_a_day_is_paused_and_somebody_is_told(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.sent.says = lambda *_: BROKEN
    with sink() as server:
        post = Mailer.from_settings(
            f"smtp://127.0.0.1:{server.port}", "p@clinic.example", "d@clinic.example", ""
        )
        stack.tell()
        stack.rounds(post=post)
        stack.wait(FAILING_FOR.total_seconds() - 1)
        stack.rounds(post=post)
        assert (stack.look(endpoint).paused_at, server.letters) == (None, [])
        stack.wait(3600)
        stack.rounds(post=post)
        found = stack.look(endpoint)
        assert (found.paused_at, found.paused_reason) == (stack.at, "failing")
        (letter,) = server.letters
    link = f"https://visit.clinic.example/staff/webhooks/{endpoint.id}"
    assert letter.get_payload(decode=True) == f"{letter['subject']}.\r\n\r\n{link}".encode()
    assert stack.service.read(places.stalled) == [found]
    assert stack.service.audit_count("endpoint.paused") == 1
    stack.sent.says = lambda *_: DONE
    stack.do(webhook_endpoints.update, AddressPolicy(), stack.turn(), endpoint.id, {"paused": False})
    stack.rounds()
    assert stack.kept()[0].state == "delivered", "resumed by hand, it is sent what waited"
    assert (stack.look(endpoint).failing_since, stack.service.read(places.stalled)) == (None, [])


def test_one_success_in_between_ends_the_failing(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    stack.sent.says = lambda *_: BROKEN
    stack.rounds()
    stack.sent.says = lambda *_: DONE
    stack.wait(PAUSES[0])
    stack.rounds()
    assert stack.look(endpoint).failing_since is None
    stack.tell()
    stack.sent.says = lambda *_: BROKEN
    stack.wait(FAILING_FOR.total_seconds())
    stack.rounds()
    assert stack.look(endpoint).failing_since == stack.at


# --- order and claims ------------------------------------------------------------------------------


def test_what_is_of_one_submission_goes_out_in_order_and_others_do_not_wait(stack: DeliveryStack) -> None:
    stack.endpoint()
    first, second = stack.tell(), stack.tell("review.changed")
    other = stack.tell(case=OTHER)
    stack.sent.says = lambda _url, headers, _body: BROKEN if headers["webhook-id"] == first.id else DONE
    stack.rounds(3)
    assert stack.sent.ids == [first.id, other.id]
    third = stack.tell("review.changed")
    stack.rounds(3)
    stack.sent.says = lambda *_: DONE
    stack.wait(PAUSES[0])
    stack.rounds(3)
    assert stack.sent.ids == [first.id, other.id, first.id, second.id, third.id]


def test_what_is_given_up_frees_what_waits_behind_it(stack: DeliveryStack) -> None:
    stack.endpoint()
    first, second = stack.tell(), stack.tell("review.changed")
    stack.sent.says = lambda _url, headers, _body: BROKEN if headers["webhook-id"] == first.id else DONE
    for pause in (0, *PAUSES):
        stack.wait(pause)
        stack.rounds(2)
    assert stack.sent.ids == [first.id] * 4 + [second.id]


def test_of_two_that_claim_each_gets_its_own_and_what_is_left_is_taken_after_a_while(
    stack: DeliveryStack,
) -> None:
    endpoint = stack.endpoint()
    for number in range(MAX_PER_ENDPOINT + 1):
        stack.tell(case=str(uuid7()), booking_reference=f"b-{number}")
    wanted = {endpoint.id: MAX_PER_ENDPOINT}

    def claim() -> list[str]:
        found = stack.do(webhook_deliveries.claim, stack.keyring, wanted, now=stack.at)
        return [each.delivery.id for each in found]

    first, second = claim(), claim()
    assert (len(first), len(second), set(first) & set(second), claim()) == (MAX_PER_ENDPOINT, 1, set(), [])
    stack.wait(LEASE.total_seconds())  # the process that claimed them has died
    assert claim() == first


def test_that_another_place_is_gone_says_nothing_of_the_one_it_was_changed_to(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    (message,) = stack.do(webhook_deliveries.claim, stack.keyring, {endpoint.id: 1}, now=stack.at)
    change = partial(webhook_endpoints.update, reach=AddressPolicy(), turn=stack.turn(), endpoint=endpoint.id)
    stack.do(lambda session: change(session, given={"url": "https://new.example.com/hook"}))
    settle = partial(
        webhook_deliveries.record_result, called=message.url, now=stack.at, pauses=PAUSES, jitter=1.0
    )
    assert stack.do(settle, message.delivery, DeliveryResult(410, 5)) is None
    assert stack.look(endpoint).paused_at is None
    assert stack.kept()[0].state == "pending"


def test_at_another_address_what_was_put_off_is_sent_at_once(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    stack.sent.says = lambda *_: DeliveryResult(500, 5)
    stack.rounds()
    stack.wait(60)
    stack.rounds()
    change = partial(webhook_endpoints.update, reach=AddressPolicy(), turn=stack.turn(), endpoint=endpoint.id)
    stack.do(lambda session: change(session, given={"url": "https://new.example.com/hook"}))
    assert stack.look(endpoint).failing_since is None
    stack.sent.says = lambda *_: DONE
    stack.rounds()
    assert stack.kept()[0].state == "delivered"


def test_a_try_that_was_broken_off_is_not_counted(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    (message,) = stack.do(webhook_deliveries.claim, stack.keyring, {endpoint.id: 1}, now=stack.at)
    stack.do(webhook_deliveries.release, [message.delivery], now=stack.at)
    assert stack.kept()[0].attempt_count == 0
    (message,) = stack.do(webhook_deliveries.claim, stack.keyring, {endpoint.id: 1}, now=stack.at)
    assert message.delivery.attempt_count == 1


def test_an_endpoint_whose_secret_can_not_be_opened_here_holds_up_nobody_else(stack: DeliveryStack) -> None:
    odd, fine = stack.endpoint("https://odd.example.com/"), stack.endpoint("https://fine.example.com/")
    stack.do(lambda session: places.change(session, odd.id, secret=b"under another key"))
    stack.tell()
    stack.rounds()
    states = {each.endpoint_id: each.state for each in stack.kept()}
    assert states == {odd.id: "pending", fine.id: "delivered"}
    (kept,) = (each for each in stack.kept() if each.endpoint_id == odd.id)
    assert [each.error for each in stack.tries(kept.id)] == ["DecryptionError"]


def test_of_many_that_are_slow_none_keeps_another_from_its_turn(stack: DeliveryStack) -> None:
    names = [stack.endpoint(f"https://e{number}.example.com/").id for number in range(12)]
    delivering = WebhookDeliveryWorker(stack.service.database, stack.keyring, stack.sent, PAUSES, None, "")  # type: ignore[arg-type]
    busy = dict.fromkeys(names[:8], MAX_PER_ENDPOINT - 1)

    async def wait() -> None:
        await asyncio.sleep(60)  # hangs on purpose

    async def turn() -> dict[str, int]:
        for name, number in busy.items():
            for _ in range(number):
                task = asyncio.create_task(wait())
                delivery = Delivery(name, name, name, 1, name, "x", "pending", 1, stack.at, stack.at)
                delivering._under_way[task] = SignedMessage(delivery, "", b"", {})
        wanted = delivering._wanted(dict.fromkeys(names, False))
        for task in list(delivering._under_way):
            task.cancel()
        return wanted

    wanted = asyncio.run(turn())
    assert set(list(wanted)[:2]) <= set(names[8:])


def test_who_settles_late_changes_nothing_of_a_later_try(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    wanted = {endpoint.id: 1}
    (late,) = stack.do(webhook_deliveries.claim, stack.keyring, wanted, now=stack.at)
    stack.wait(LEASE.total_seconds())
    (newer,) = stack.do(webhook_deliveries.claim, stack.keyring, wanted, now=stack.at)
    settle = partial(
        stack.do, webhook_deliveries.record_result, called=late.url, now=stack.at, pauses=PAUSES, jitter=1.0
    )
    settle(late.delivery, BROKEN)
    assert stack.kept()[0].next_attempt_at == stack.at + LEASE
    settle(newer.delivery, DONE)
    settle(late.delivery, BROKEN)
    assert stack.kept()[0].state == "delivered"
    assert len(stack.tries(newer.delivery.id)) == 3


def test_what_was_broken_off_is_let_go(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    (claimed,) = stack.do(webhook_deliveries.claim, stack.keyring, {endpoint.id: 1}, now=stack.at)
    stack.do(webhook_deliveries.release, [claimed.delivery], now=stack.at)
    stack.rounds()
    assert stack.kept()[0].state == "delivered"


def test_an_answer_for_an_endpoint_that_was_removed_meanwhile_is_nobodys(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    (claimed,) = stack.do(webhook_deliveries.claim, stack.keyring, {endpoint.id: 1}, now=stack.at)
    stack.do(webhook_endpoints.delete, stack.turn(), endpoint.id)
    settle = partial(
        webhook_deliveries.record_result, called=claimed.url, now=stack.at, pauses=PAUSES, jitter=1.0
    )
    assert stack.do(settle, claimed.delivery, DONE) is None
    assert stack.kept() == []


def test_a_receiver_that_hangs_takes_its_own_places_and_no_more(stack: DeliveryStack) -> None:
    hanging, quick = stack.endpoint("https://h.example.com/"), stack.endpoint("https://q.example.com/")
    for number in range(3 * MAX_PER_ENDPOINT):
        stack.tell(case=str(uuid7()), booking_reference=f"b-{number}")
    arrived: list[str] = []

    class Slow(Sent):
        async def post(self, url: str, headers: Any, body: bytes) -> DeliveryResult:
            arrived.append(url)
            if url == hanging.url:
                await asyncio.sleep(60)  # hangs on purpose
            return DONE

    async def turn() -> None:
        delivering = WebhookDeliveryWorker(stack.service.database, stack.keyring, Slow(), PAUSES, None, "")  # type: ignore[arg-type]
        for _ in range(6):
            await delivering.run_once()
            await asyncio.sleep(0.05)
        for task in list(delivering._under_way):
            task.cancel()
        await delivering.shutdown()

    asyncio.run(turn())
    assert (arrived.count(hanging.url), arrived.count(quick.url)) == (MAX_PER_ENDPOINT, 3 * MAX_PER_ENDPOINT)


def test_a_sender_that_breaks_leaves_the_delivery_to_its_lease(stack: DeliveryStack) -> None:
    stack.endpoint()
    stack.tell()

    def crash(*_: Any) -> DeliveryResult:
        raise KeyError

    stack.sent.says = crash
    stack.rounds(2)
    assert len(stack.sent.taken) == 1
    stack.sent.says = lambda *_: DONE
    stack.wait(LEASE.total_seconds())
    stack.rounds()
    assert stack.kept()[0].state == "delivered"


def test_tries_are_counted_by_the_class_of_their_answer(stack: DeliveryStack) -> None:
    names = ("2xx", "5xx", "none")
    before = [DELIVERY_ATTEMPTS.labels(name)._value.get() for name in names]
    stack.endpoint()
    stack.tell()
    answers = iter([DeliveryResult(503, 5), DeliveryResult(None, 5, "ConnectError"), DONE])
    stack.sent.says = lambda *_: next(answers)
    for _ in range(3):
        stack.rounds()
        stack.wait(3600)
    counted = [DELIVERY_ATTEMPTS.labels(name)._value.get() for name in names]
    assert [after - earlier for after, earlier in zip(counted, before, strict=True)] == [1, 1, 1]
    assert (
        'preconsult_webhook_delivery_attempts_total{answer="2xx"}'
        in stack.service.client.get("/metrics").text
    )


# --- manual actions, and expiry --------------------------------------------------------------------


def test_a_test_goes_to_one_endpoint_and_tells_of_nothing(stack: DeliveryStack) -> None:
    endpoint, _other = stack.endpoint(), stack.endpoint("https://b.example.com/")
    stack.do(webhook_endpoints.send_test, stack.turn(), endpoint.id)
    stack.rounds()
    ((url, _, body),) = stack.sent.taken
    document = json.loads(body)
    assert (url, document["type"], document["data"]) == (endpoint.url, "webhook.test", {"test": False})
    assert stack.service.read(lambda session: session.execute(sa.select(told.outbox_events)).all()) == []


def test_what_ended_is_sent_once_more_by_hand_with_the_same_id_and_body(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.tell()
    stack.tell("review.changed")
    stack.rounds(2)
    delivery = stack.kept()[0]
    stack.do(webhook_endpoints.redeliver, stack.turn(), endpoint.id, delivery.id)
    with pytest.raises(Conflict):
        stack.do(webhook_endpoints.redeliver, stack.turn(), endpoint.id, delivery.id)
    with pytest.raises(NotFound):
        stack.do(webhook_endpoints.redeliver, stack.turn(), endpoint.id, CASE)
    stack.sent.says = lambda *_: BROKEN
    stack.rounds()
    stack.sent.says = lambda *_: DONE
    stack.tell("review.changed")
    stack.rounds()
    assert len(stack.sent.taken) == 4, "it does not keep what came after it"
    stack.wait(PAUSES[0])
    stack.rounds()
    first, _, again, _, last = stack.sent.taken
    assert first[2] == again[2] == last[2]
    assert stack.service.audit_count("delivery.redelivered") == 1


def test_what_became_of_deliveries_is_known_for_a_month(stack: DeliveryStack) -> None:
    stack.endpoint()
    stack.tell()
    stack.rounds()
    stack.tell()
    stack.sent.says = lambda *_: BROKEN
    stack.rounds()
    stack.wait(RETENTION.total_seconds())
    stack.do(retention.purge, now=stack.at)
    assert len(stack.kept()) == 2
    stack.wait(1)
    stack.do(retention.purge, now=stack.at)
    assert [each.state for each in stack.kept()] == ["pending"]


def test_secrets_are_sealed_anew_when_the_sealing_key_is_rotated(stack: DeliveryStack) -> None:
    endpoint = stack.endpoint()
    stack.do(webhook_endpoints.rotate_secret, stack.keyring, stack.turn(), endpoint.id)
    before = webhook_endpoints.active_secrets(stack.look(endpoint), stack.keyring, stack.at)
    settings = stack.service.services.settings
    name, _ = rotate(stack.service.database, "", settings.key_file, now=stack.at, actor=ADMIN)
    found = stack.look(endpoint)
    assert found.previous_secret
    assert found.secret.startswith(name.encode())
    assert found.previous_secret.startswith(name.encode())
    assert webhook_endpoints.active_secrets(found, stack.keyring, stack.at) == before
    assert len(set(before)) == 2
