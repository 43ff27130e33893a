"""Webhook endpoints, as an administrator creates, monitors and removes them."""

import datetime as dt
import re
from functools import partial

import pytest
from standardwebhooks import Webhook

from app.adapters.webhook_client import DeliveryResult
from app.clock import now
from app.services.events import webhook_deliveries
from app.services.events.webhook_endpoints import MAX_ENDPOINTS
from app.storage.events import webhook_deliveries as rows
from app.storage.events import webhook_endpoints
from app.storage.events.webhook_endpoints import Endpoint
from tests.conftest import Service
from tests.web.staff_client import Colleague

URL = "https://book.clinic.example/hooks"
PLAIN: dict[str, str | list[str]] = {"url": URL, "description": "Booking <system>"}
NOBODY = "019298a2-0000-7000-8000-000000000000"
ACTS = ("test", "pause", "resume", "rotate", "remove", f"deliveries/{NOBODY}/redeliver")
FRESH = ("rotate", "remove")


@pytest.fixture
def boss(service: Service) -> Colleague:
    return Colleague(service).inside("administrator")


def every(service: Service) -> list[Endpoint]:
    return service.read(webhook_endpoints.list_all)


def made(service: Service, boss: Colleague, **more: str | list[str]) -> Endpoint:
    before = {each.id for each in every(service)}
    assert boss.act("/staff/webhooks", **PLAIN | more).status_code == 200
    (new,) = (each for each in every(service) if each.id not in before)
    return new


def settle(
    service: Service, endpoint: Endpoint, outcome: DeliveryResult, at: dt.datetime | None = None
) -> None:
    """Attempt the deliveries that are due to this endpoint, with this result."""
    keyring, when = service.services.submissions.vault.keyring, at or now()
    work = partial(webhook_deliveries.claim, keyring=keyring, wanted={endpoint.id: 9}, now=when)
    for each in service.database.write_blocking(work):
        done = partial(
            webhook_deliveries.record_result,
            delivery=each.delivery,
            outcome=outcome,
            called=each.url,
            now=when,
        )
        service.database.write_blocking(partial(done, pauses=[60], jitter=1.0))


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["reviewer", "manager", "auditor"])
def test_webhooks_of_another_role_are_refused(service: Service, boss: Colleague, role: str) -> None:
    endpoint = made(service, boss)
    other = Colleague(service).inside(role)
    for path in (
        "/staff/webhooks",
        f"/staff/webhooks/{endpoint.id}",
        f"/staff/webhooks/{endpoint.id}/remove",
    ):
        assert other.get(path).status_code == 403
    for path in ("", *(f"/{endpoint.id}/{act}" for act in ACTS)):
        assert other.act(f"/staff/webhooks{path}", **PLAIN).status_code == 403
    assert every(service) == [endpoint]


def test_a_stranger_is_asked_to_sign_in(service: Service) -> None:
    nobody = Colleague(service)
    nobody.get("/staff/webhooks")
    assert nobody.location.startswith("/staff/sign-in")
    assert nobody.act("/staff/webhooks", **PLAIN).status_code == 401


def test_without_the_sessions_token_nothing_is_done(service: Service, boss: Colleague) -> None:
    endpoint = made(service, boss)
    for path in ("", *(f"/{endpoint.id}/{act}" for act in ACTS)):
        assert boss.post(f"/staff/webhooks{path}", {"token": "x", **PLAIN}).status_code == 403
    assert every(service) == [endpoint]


def test_a_password_given_a_while_ago_is_asked_for_again_before_secrets_are_made(
    service: Service, boss: Colleague
) -> None:
    endpoint = made(service, boss)
    boss.wait(dt.timedelta(minutes=6), seen=True)
    assert boss.get(f"/staff/webhooks/{endpoint.id}").status_code == 200, "looking asks for less"
    for path in ("", *(f"/{endpoint.id}/{act}" for act in FRESH)):
        boss.act(f"/staff/webhooks{path}", **PLAIN)
        assert boss.location.startswith("/staff/confirm"), path
    assert every(service) == [endpoint]


@pytest.mark.parametrize("act", ACTS)
def test_what_is_not_there_is_told_as_a_page(boss: Colleague, act: str) -> None:
    for name in (NOBODY, "x", "%00"):
        answer = boss.act(f"/staff/webhooks/{name}/{act}")
        assert answer.status_code == (303 if act == "remove" and name != "%00" else 404)
    assert boss.get(f"/staff/webhooks/{NOBODY}").status_code == 404


# --- invalid input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "target"),
    [
        ({"url": ""}, "url"), ({"url": "http://book.clinic.example/"}, "url"), ({"url": "x" * 3000}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"), ({"url": "https://a@b.example/"}, "url"),
        ({"description": "x" * 201}, "description"), ({"description": "a\0b"}, "description"),
        ({"type": ["everything"]}, "new"), ({"type": ["attention.needed"]}, "new"),
        ({"type": ["x\0"]}, "new"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_told_at_its_place_and_not_made(
    service: Service, boss: Colleague, wrong: dict[str, str | list[str]], target: str
) -> None:
    answer = boss.act("/staff/webhooks", **PLAIN | wrong)
    assert answer.status_code == 422
    assert f'href="#{target}"' in answer.text
    assert f'id="{target}"' in answer.text
    assert "Booking &lt;system&gt;" in answer.text or "description" in wrong, "what was typed stays"
    assert every(service) == []


@pytest.mark.both_databases
def test_the_twenty_first_is_not_made(service: Service, boss: Colleague) -> None:
    for number in range(MAX_ENDPOINTS):
        made(service, boss, description=f"number {number}")
    assert boss.act("/staff/webhooks", **PLAIN).status_code == 422
    assert len(every(service)) == MAX_ENDPOINTS


# --- accepted --------------------------------------------------------------------------------------


def test_an_endpoint_is_made_and_its_secret_shown_once(service: Service, boss: Colleague) -> None:
    boss.get("/staff/webhooks")
    assert "There is no endpoint yet" in boss.page.text
    boss.send("/staff/webhooks", url=URL, description="Booking <system>", type="review.changed")
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", boss.page.text)
    assert found
    Webhook(found[0])
    (endpoint,) = every(service)
    assert (endpoint.types, endpoint.is_test, endpoint.requires_review_scope) == (
        ("review.changed",),
        False,
        False,
    )
    for path in ("/staff/webhooks", f"/staff/webhooks/{endpoint.id}"):
        assert "Booking &lt;system&gt;" in boss.get(path).text
        assert "whsec_" not in boss.page.text
    assert service.audit_count("endpoint.created") == 1


def test_one_may_be_for_tests_or_for_attention(service: Service, boss: Colleague) -> None:
    trial = made(service, boss, test="1", attention="1", type=["attention.needed", "attention.needed"])
    assert (trial.is_test, trial.requires_review_scope, trial.types) == (True, True, ("attention.needed",))


def test_a_test_is_sent_and_what_came_of_it_is_seen(service: Service, boss: Colleague) -> None:
    endpoint = made(service, boss)
    boss.get(f"/staff/webhooks/{endpoint.id}")
    boss.send(f"/staff/webhooks/{endpoint.id}/test")
    assert boss.location == f"/staff/webhooks/{endpoint.id}#deliveries"
    settle(service, endpoint, DeliveryResult(None, 1234, "TimeoutError"))
    boss.get(f"/staff/webhooks/{endpoint.id}")
    assert "TimeoutError" in boss.page.text
    assert "1234 ms" in boss.page.text
    assert "Failing since" in boss.page.text
    settle(service, endpoint, DeliveryResult(204, 5), now() + dt.timedelta(minutes=2))
    boss.get(f"/staff/webhooks/{endpoint.id}?state=delivered")
    assert "204" in boss.page.text
    assert "Failing since" not in boss.page.text
    for odd in ("?state=failed", "?state=x", "?before=x%00", "?state=delivered&before=" + NOBODY):
        assert boss.get(f"/staff/webhooks/{endpoint.id}{odd}").status_code == 200


@pytest.mark.both_databases
def test_what_ended_is_sent_once_more_and_once_only(service: Service, boss: Colleague) -> None:
    endpoint = made(service, boss)
    boss.act(f"/staff/webhooks/{endpoint.id}/test")
    settle(service, endpoint, DeliveryResult(204, 5))
    ((delivery, *_),) = [
        service.read(partial(rows.page, endpoint=endpoint.id, state=None, after=None, limit=9))
    ]
    boss.get(f"/staff/webhooks/{endpoint.id}")
    path = f"/staff/webhooks/{endpoint.id}/deliveries/{delivery.id}/redeliver"
    boss.send(path)
    assert boss.page.status_code == 303
    assert boss.act(path).status_code == 409, "it is on its way"
    assert service.audit_count("delivery.redelivered") == 1


def test_it_is_paused_and_resumed_and_the_same_button_twice_does_it_once(
    service: Service, boss: Colleague
) -> None:
    endpoint = made(service, boss)
    for act in ("pause", "pause", "resume", "resume"):
        assert boss.act(f"/staff/webhooks/{endpoint.id}/{act}").status_code == 303
    assert (service.audit_count("endpoint.paused"), service.audit_count("endpoint.resumed")) == (1, 1)
    boss.act(f"/staff/webhooks/{endpoint.id}/pause")
    boss.get(f"/staff/webhooks/{endpoint.id}")
    assert {each.action.rpartition("/")[2] for each in boss.read.forms} >= {"resume", "rotate"}
    assert not {each.action.rpartition("/")[2] for each in boss.read.forms} & {"pause", "test"}


def test_a_fresh_secret_is_shown_once_and_the_one_before_named(service: Service, boss: Colleague) -> None:
    endpoint = made(service, boss)
    boss.get(f"/staff/webhooks/{endpoint.id}")
    boss.send(f"/staff/webhooks/{endpoint.id}/rotate")
    assert "whsec_" in boss.page.text
    assert "The secret before signs too until" in boss.page.text
    boss.get(f"/staff/webhooks/{endpoint.id}")
    assert "whsec_" not in boss.page.text
    assert "two; the one before signs until" in boss.page.text


def test_it_is_removed_after_a_question(service: Service, boss: Colleague) -> None:
    endpoint = made(service, boss)
    boss.act(f"/staff/webhooks/{endpoint.id}/test")
    boss.get(f"/staff/webhooks/{endpoint.id}/remove")
    assert "One message waits for it and will not be sent" in boss.page.text
    boss.send(f"/staff/webhooks/{endpoint.id}/remove")
    assert (boss.location, every(service)) == ("/staff/webhooks", [])
    assert boss.act(f"/staff/webhooks/{endpoint.id}/remove").status_code == 303
    assert service.audit_count("endpoint.removed") == 1


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("status", "words"), [(410, "there no more"), (500, "for a whole day nothing arrived")]
)
def test_one_that_stands_still_is_told_on_the_page_of_the_system(
    service: Service, boss: Colleague, status: int, words: str
) -> None:
    endpoint = made(service, boss)
    boss.act(f"/staff/webhooks/{endpoint.id}/test")
    settle(service, endpoint, DeliveryResult(status, 5))
    settle(service, endpoint, DeliveryResult(status, 5), now() + dt.timedelta(hours=25))
    boss.get("/staff/system")
    assert words in boss.page.text
    assert f'href="/staff/webhooks/{endpoint.id}"' in boss.page.text
    assert words in boss.get(f"/staff/webhooks/{endpoint.id}").text
    auditor = Colleague(service).inside("auditor", email="audit@x.org")
    auditor.get("/staff/system")
    assert words in auditor.page.text
    assert "/staff/webhooks" not in auditor.page.text
    boss.act(f"/staff/webhooks/{endpoint.id}/resume")
    assert words not in boss.get("/staff/system").text
