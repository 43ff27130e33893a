"""Sessions of the staff app: what never starts one, what ends it, and what asks for the password again."""

import datetime as dt
from functools import partial

import pytest
import sqlalchemy as sa

from app.clock import now
from app.services.auth import sessions as staff_sessions
from app.services.auth import users
from app.storage.auth import users as people
from app.storage.tables.auth import staff_sessions as sessions
from tests.conftest import Service
from tests.web.staff_client import ANN, COOKIE, PASSWORD, Colleague, invite, with_factor

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


# --- rejected ----------------------------------------------------------------------------------------


def test_a_cookie_from_before_signing_in_is_never_taken_over(ann: Colleague) -> None:
    planted = "A" * 43
    ann.browser.cookies.clear()
    ann.headers = {"cookie": f"{COOKIE}={planted}"}
    ann.sign_in(ANN)
    assert ann.cookie not in ("", planted)
    thief = Colleague(ann.service)
    thief.browser.cookies.set(COOKIE, planted)
    assert thief.get("/staff/account").status_code == 303


def test_each_signing_in_has_a_secret_of_its_own_that_the_database_does_not_know(ann: Colleague) -> None:
    ann.sign_in(ANN)
    first = ann.cookie
    ann.browser.cookies.clear()
    ann.sign_in(ANN)
    assert ann.cookie != first
    rows = ann.service.read(lambda session: session.execute(sa.select(sessions)).all())
    assert len(rows) == 2
    assert first not in str(rows)


def test_the_cookie_is_for_this_site_alone_and_not_for_scripts(ann: Colleague) -> None:
    ann.sign_in(ANN)
    told_cookie = ann.page.headers.get_list("set-cookie")[0]
    assert told_cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(told_cookie.split("; "))


@pytest.mark.parametrize("tampered", ["", "x", "k1.00", "other"])
def test_a_form_without_the_token_of_its_session_changes_nothing(ann: Colleague, tampered: str) -> None:
    ann.sign_in(ANN)
    other = Colleague(ann.service)
    other.sign_in(ANN)
    token = other.token if tampered == "other" else tampered
    answer = ann.post("/staff/account/sessions", {"token": token, "session": "others"})
    assert (answer.status_code, ann.heading) == (403, "This is not yours to do")
    assert other.get("/staff/account").status_code == 200


# --- ended -------------------------------------------------------------------------------------------


def test_an_old_cookie_opens_nothing_after_signing_out(ann: Colleague) -> None:
    ann.sign_in(ANN)
    held = ann.cookie
    ann.act("/staff/sign-out")
    assert ann.page.headers["clear-site-data"] == '"cookies", "storage"'
    thief = Colleague(ann.service)
    thief.browser.cookies.set(COOKIE, held)
    assert thief.get("/staff/account").status_code == 303
    assert ann.service.audit_count("staff.signed_out") == 2


def test_a_session_not_used_for_fifteen_minutes_is_over(ann: Colleague) -> None:
    ann.sign_in(ANN)
    ann.wait(15 * MINUTE - dt.timedelta(seconds=20))
    assert ann.get("/staff/account").status_code == 200
    ann.wait(15 * MINUTE)
    assert ann.get("/staff/account").status_code == 303


def test_a_session_is_over_after_twelve_hours_however_busy(ann: Colleague) -> None:
    ann.sign_in(ANN)
    ann.wait(12 * HOUR - MINUTE, seen=True)
    assert ann.get("/staff/account").status_code == 200
    ann.wait(MINUTE, seen=True)
    assert ann.get("/staff/account").status_code == 303


def test_a_page_that_refreshes_itself_does_not_keep_a_session_alive(ann: Colleague) -> None:
    ann.sign_in(ANN)
    for _ in range(3):
        ann.wait(4 * MINUTE)
        assert ann.get("/staff/account", **{"x-refresh": "1"}).status_code == 200
    ann.wait(4 * MINUTE)
    assert ann.get("/staff/account").status_code == 303


def test_somebody_disabled_is_out_at_once(ann: Colleague) -> None:
    ann.sign_in(ANN)
    person = ann.service.read(partial(users.find_by_email, email=ANN))
    ann.service.database.write_blocking(
        partial(people.change, staff_id=person.id, disabled_at=now())  # even if the session still existed
    )
    assert ann.get("/staff/account").status_code == 303


@pytest.mark.both_databases
def test_other_roles_another_password_and_a_new_link_end_sessions(ann: Colleague) -> None:
    boss = Colleague(ann.service).inside("administrator")
    person = ann.service.read(partial(users.find_by_email, email=ANN))
    for act, form in (("roles", {"role": "reviewer"}), ("reset", {})):
        ann.sign_in(ANN)
        assert ann.get("/staff/account").status_code == 200
        boss.act(f"/staff/people/{person.id}/{act}", **form)
        assert ann.get("/staff/account").status_code == 303


# --- asking for the password again -------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_grave_act_asks_for_the_password_again_and_is_not_done_before(service: Service) -> None:
    boss = Colleague(service)
    boss.accept(invite(service, "boss@clinic.example", "administrator"))
    with_factor(boss)
    boss.wait(5 * MINUTE)
    boss.act("/staff/people", email="new@clinic.example", role="reviewer")
    assert boss.location == "/staff/confirm?next=%2Fstaff%2Fpeople"
    assert service.audit_count("staff.added") == 1
    boss.follow()
    assert boss.send("/staff/confirm", password="not the password at all").status_code == 422
    assert boss.send("/staff/confirm", password=PASSWORD).status_code == 303
    assert boss.location == "/staff/people"
    boss.act("/staff/people", email="new@clinic.example", role="reviewer")
    assert boss.page.status_code == 200
    assert service.audit_count("staff.added") == 2


def test_an_act_on_one_person_leads_back_to_that_person(service: Service) -> None:
    boss = Colleague(service).inside("administrator")
    boss.wait(5 * MINUTE)
    boss.act(f"/staff/people/{boss.id}/roles", role="auditor")
    assert boss.location == f"/staff/confirm?next=%2Fstaff%2Fpeople%2F{boss.id}"


# --- accepted ----------------------------------------------------------------------------------------


def test_a_changed_password_ends_all_other_sessions(ann: Colleague) -> None:
    other = Colleague(ann.service)
    other.sign_in(ANN)
    ann.sign_in(ANN)
    fresh = "green hill 41 pepper"
    ann.get("/staff/account")
    wrong = ann.send("/staff/account/password", current="not this", password=fresh, again=fresh)
    assert wrong.status_code == 422
    ann.send("/staff/account/password", current=PASSWORD, password=fresh, again=fresh)
    assert ann.location == "/staff/account?done=password"
    assert ann.follow().status_code == 200
    assert other.get("/staff/account").status_code == 303
    assert other.sign_in(ANN).status_code == 422
    assert other.sign_in(ANN, fresh).status_code == 303


@pytest.mark.both_databases
def test_sessions_are_listed_and_ended_one_by_one_or_all(ann: Colleague) -> None:
    others = [Colleague(ann.service) for _ in range(3)]
    for each in (*others, ann):
        each.sign_in(ANN)
    held = ann.service.read(lambda session: staff_sessions.get_active(session, others[0].cookie, now=now()))
    assert held
    ann.get("/staff/account")
    assert ann.page.text.count('name="session"') == 4
    ann.act("/staff/account/sessions", session=held.session.id)
    assert [each.get("/staff/account").status_code for each in others] == [303, 200, 200]
    ann.act("/staff/account/sessions", session="others")
    assert [each.get("/staff/account").status_code for each in others] == [303, 303, 303]
    for unknown in ("no-such", "", "a\0b", "x" * 5000, held.session.id):
        assert ann.act("/staff/account/sessions", session=unknown).status_code == 404
    boss = Colleague(ann.service).inside("administrator")
    mine = ann.service.read(lambda session: staff_sessions.get_active(session, ann.cookie, now=now()))
    assert mine
    assert boss.act("/staff/account/sessions", session=mine.session.id).status_code == 404


@pytest.mark.both_databases
def test_what_is_over_is_forgotten(ann: Colleague) -> None:
    ann.sign_in(ANN)
    forget = partial(users.purge_expired, now=now())
    assert ann.service.database.write_blocking(forget) == 0 or ann.get("/staff/account").status_code == 200
    later = partial(users.purge_expired, now=now() + 100 * HOUR)
    assert ann.service.database.write_blocking(later) >= 1
    assert ann.get("/staff/account").status_code == 303
