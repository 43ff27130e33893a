"""One-time links: opening one does not use it, the first page of the form does, once; and the return link."""

import datetime as dt
import threading
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.services.bookings import handoffs
from app.services.bookings.handoffs import NewHandoff
from app.services.submissions import form_sessions
from app.settings import Settings
from app.storage.bookings.handoffs import Handoff, fetch
from app.storage.events import audit_log
from app.storage.tables.submissions import submissions
from app.web.html import form_security
from tests.conftest import Service
from tests.sample_answers import CARA
from tests.web.conftest import opened
from tests.web.form_client import Visitor
from tests.web.staff_client import COMMAND

SITE = "https://book.clinic.example"
CALM = "This link does not open a form"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allowed_return_origins": SITE})


def hand_off(service: Service, *, test: bool = False, **more: Any) -> tuple[str, Handoff]:
    """The secret and the handoff of a new one-time link."""
    secret = form_sessions.new_secret()
    wanted = NewHandoff("B-1", test=test, returns=(SITE,), **more)
    made = handoffs.build(wanted, secret, key_id="testkey1", now=now())
    service.database.write_blocking(partial(handoffs.create, handoff=made, actor=COMMAND))
    return secret, made


def revoked(service: Service) -> str:
    secret, made = hand_off(service)
    end = partial(handoffs.revoke, handoff=made.id, test=False, version=None, now=now(), actor=COMMAND)
    service.database.write_blocking(end)
    return secret


def expired(service: Service) -> str:
    secret, made = hand_off(service)
    from app.storage.bookings import handoffs as rows  # noqa: PLC0415 - only this test needs it

    service.database.write_blocking(lambda session: rows.change(session, made.id, expires_at=now()))
    return secret


def used(service: Service) -> str:
    secret, _ = hand_off(service)
    other = Visitor(service)
    press(other, secret)
    other.send(CARA)
    return secret


def press(visitor: Visitor, secret: str) -> None:
    visitor.get("/r")
    visitor.send(link=secret)


def drafts(service: Service) -> list[Any]:
    asked = sa.select(submissions.c.id, submissions.c.booking_reference, submissions.c.is_test)
    return service.read(lambda session: [tuple(row) for row in session.execute(asked)])


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [revoked, expired, used, lambda _: form_sessions.new_secret()])
def test_a_link_that_opens_nothing_is_one_calm_page(service: Service, guest: Visitor, make: Any) -> None:
    secret = make(service)
    before = len(drafts(service))
    press(guest, secret)
    assert (guest.page.status_code, guest.heading) == (404, CALM)
    assert {each["href"] for each in guest.read.links} >= {"/form/go-on", "/form/resume"}
    assert secret not in guest.page.text
    assert len(drafts(service)) == before


@pytest.mark.parametrize("link", ["", "x", "x" * 9000, "\0", "é" * 43, "#", f"{SITE}/r#", "<b>"])
def test_what_is_no_link_opens_nothing(guest: Visitor, link: str) -> None:
    press(guest, link)
    assert (guest.page.status_code, guest.heading) == (404, CALM)


def test_a_button_pressed_on_another_site_begins_nothing(service: Service, guest: Visitor) -> None:
    secret, _ = hand_off(service)
    guest.post("/r", [("link", secret)], **{"sec-fetch-site": "cross-site"})
    assert guest.page.status_code == 403
    assert "handoff" not in str(guest.page.headers.get_list("set-cookie"))


def test_a_made_up_cookie_is_no_way_around_the_limit_of_forms(tmp_path: Path) -> None:
    with opened(tmp_path, form_start_limit_per_network=2) as service:
        told = []
        for _ in range(4):
            stranger = Visitor(service)
            stranger.get("/form")
            stranger.browser.cookies.set("preconsult_handoff", "x" * 43)
            stranger.send(CARA)
            told.append(stranger.page.status_code)
    assert told == [404, 404, 429, 429]


def test_a_look_uses_nothing_up_and_is_kept_by_nobody(service: Service, guest: Visitor) -> None:
    secret, made = hand_off(service)
    for path in (f"/r/{secret}", "/r", f"/r/{secret}"):
        guest.get(path)
        assert (guest.page.status_code, guest.page.headers["cache-control"]) == (200, "no-store")
        assert guest.page.headers["referrer-policy"] == "no-referrer"
        assert 'name="robots" content="noindex' in guest.page.text
    assert fetched(service, made) == made
    assert drafts(service) == []


def fetched(service: Service, made: Handoff) -> Handoff | None:
    return service.read(partial(fetch, handoff=made.id))


def test_a_link_taken_back_after_its_button_was_pressed_opens_nothing(
    service: Service, guest: Visitor
) -> None:
    secret, made = hand_off(service)
    press(guest, secret)
    end = partial(handoffs.revoke, handoff=made.id, test=False, version=None, now=now(), actor=COMMAND)
    service.database.write_blocking(end)
    guest.send(CARA)
    assert (guest.page.status_code, guest.heading) == (404, CALM)
    assert drafts(service) == []


# --- accepted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", [False, True])
def test_a_link_leads_to_a_form_tied_to_the_booking(service: Service, guest: Visitor, *, test: bool) -> None:
    secret, made = hand_off(service, language="es", test=test)
    guest.get(f"/r/{secret}")
    guest.send()
    assert (guest.path, guest.read.lang) == ("/form", "es")
    assert drafts(service) == []
    guest.send(CARA)
    assert guest.path.startswith("/form/s/")
    ((name, reference, marked),) = drafts(service)
    assert (reference, marked) == ("B-1", test)
    now_it_is = fetched(service, made)
    assert now_it_is
    assert (now_it_is.submission_id, now_it_is.version) == (name, 2)
    assert now_it_is.opened_at
    assert service.read(partial(audit_log.count, action="handoff.opened")) == 1


def test_a_language_is_chosen_without_losing_the_link(service: Service, guest: Visitor) -> None:
    secret, _ = hand_off(service)
    guest.get(f"/r/{secret}")
    guest.send(language="es")
    assert (guest.read.lang, guest.form.value("link")) == ("es", secret)
    guest.send()
    assert (guest.path, guest.read.lang) == ("/form", "es")


@pytest.mark.both_databases
def test_the_first_page_sent_twice_opens_one_draft(service: Service, guest: Visitor) -> None:
    secret, _ = hand_off(service)
    press(guest, secret)
    pairs = guest.form.filled(
        {name: [str(value).lower()] for name, value in CARA.items() if guest.form.offers(name)}
    )
    instance = [("instance", form_security.new_form_id(service.services, now()))]
    pairs = [each for each in pairs if each[0] != "instance"] + instance
    cookies = dict(guest.browser.cookies)
    guest.post("/form", pairs)
    first = guest.path
    guest.browser.cookies.update(cookies)  # the second of two clicks is sent before the first is answered
    guest.post("/form", pairs)
    assert guest.path == first
    assert len(drafts(service)) == 1


@pytest.mark.both_databases
def test_two_who_begin_by_one_link_at_once_make_one_draft(service: Service) -> None:
    secret, _ = hand_off(service)
    two = [Visitor(service), Visitor(service)]
    for each in two:
        press(each, secret)
    rivals = [threading.Thread(target=each.send, args=(CARA,)) for each in two]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert sorted(each.page.status_code for each in two) == [200, 404]
    assert len(drafts(service)) == 1
    assert service.read(partial(audit_log.count, action="handoff.opened")) == 1


def test_whoever_was_asked_does_not_wait_behind_their_network(
    service: Service, guest: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(service.services.form_start_limiter), "take", lambda *_: 60)
    stranger = Visitor(service)
    stranger.begin(CARA)
    assert stranger.page.status_code == 429
    secret, _ = hand_off(service)
    press(guest, secret)
    guest.send(CARA)
    assert guest.page.status_code == 200


def test_the_cookie_of_a_link_is_short_lived_and_goes_with_the_first_page(
    service: Service, guest: Visitor
) -> None:
    secret, _ = hand_off(service)
    answer = guest.browser.post("/r", data={"link": secret}, follow_redirects=False)
    (kept,) = [each for each in answer.headers.get_list("set-cookie") if "handoff" in each]
    assert kept == f"preconsult_handoff={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"
    guest.get("/form")
    guest.send(CARA)
    assert "preconsult_handoff" not in guest.browser.cookies


@pytest.mark.parametrize("path", ["/form/clear", "/form/leave"])
def test_clearing_the_device_takes_the_link_along(service: Service, guest: Visitor, path: str) -> None:
    secret, _ = hand_off(service)
    press(guest, secret)
    guest.browser.post(path, data={"token": ""}, follow_redirects=False)
    assert "preconsult_handoff" not in guest.browser.cookies


# --- the return link -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "led"),
    [("/done", "/done?status={}"), ("/done?id=7", "/done?id=7&status={}"), ("/a#b", "/a?status={}#b"),
     ("", "?status={}")],
)  # fmt: skip
def test_a_person_may_go_back_to_the_booking_with_an_opaque_status(
    service: Service, guest: Visitor, given: str, led: str
) -> None:
    secret, _ = hand_off(service, return_url=SITE + given)
    press(guest, secret)
    guest.send(CARA)
    guest.get("/form/save")
    assert SITE + led.format("in_progress") in back(guest)
    guest.get("/form/go-on")
    guest.fill_in(CARA)
    guest.send()
    assert guest.path == "/form/summary"
    assert back(guest) == [SITE + led.format("submitted")]


def back(guest: Visitor) -> list[str]:
    found = [unescape(each["href"] or "") for each in guest.read.links]
    return [each for each in found if each.startswith("http")]


def test_without_a_way_back_none_is_offered(service: Service, guest: Visitor) -> None:
    secret, _ = hand_off(service)
    press(guest, secret)
    guest.fill_in(CARA)
    guest.send()
    assert guest.path == "/form/summary"
    assert back(guest) == []


def test_what_was_sent_long_before_the_visit_is_there_at_the_visit(service: Service, guest: Visitor) -> None:
    visit = now() + dt.timedelta(days=50)
    secret, _ = hand_off(service, appointment_at=visit)
    press(guest, secret)
    guest.go_through(CARA)
    asked = sa.select(submissions.c.status, submissions.c.retained_until)
    status, until = service.read(lambda session: session.execute(asked).one())
    assert status == "submitted"
    assert until == visit + service.services.submissions.terms.submitted
