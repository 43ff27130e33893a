"""The second factor and one-time links: what is rejected, and what is accepted only once."""

from functools import partial
from typing import Any

import pytest

from app.clock import now
from app.services.auth import users
from app.services.auth.users import INVITATION_TTL
from app.storage.auth import users as people
from tests.conftest import Service
from tests.web.staff_client import ANN, PASSWORD, Colleague, code, invite, recovery_codes, with_factor

# --- rejected ----------------------------------------------------------------------------------------


def test_a_role_that_needs_a_second_factor_sees_nothing_before_it_is_set_up(service: Service) -> None:
    boss = Colleague(service)
    boss.accept(invite(service, "boss@clinic.example", "administrator"))
    for path in ("/staff/people", "/staff/account"):
        boss.get(path)
        assert boss.location == "/staff/second-factor/set-up"
    boss.act("/staff/people", email="new@clinic.example", role="reviewer")
    assert boss.location == "/staff/second-factor/set-up"
    assert service.audit_count("staff.added") == 1
    boss.follow()
    assert 'href="/staff/people"' not in boss.page.text
    with_factor(boss)
    assert boss.get("/staff/people").status_code == 200


def test_a_role_that_needs_a_second_factor_keeps_it(service: Service) -> None:
    boss = Colleague(service).inside("administrator")
    assert boss.act("/staff/account/second-factor/remove").status_code == 403


@pytest.mark.parametrize("wrong", ["", "000000x", "12345", "1234567", "x" * 5000, "\0", "१२३४५६"])
def test_what_is_no_code_opens_nothing(ann: Colleague, wrong: str) -> None:
    ann.sign_in(ANN)
    with_factor(ann)
    ann.act("/staff/sign-out")
    ann.sign_in(ANN)
    ann.follow()
    assert ann.send("/staff/second-factor", code=wrong).status_code == 422


@pytest.mark.both_databases
def test_the_step_between_is_signed_and_short_and_ends_with_the_password(ann: Colleague) -> None:
    ann.sign_in(ANN)
    secret = with_factor(ann)
    ann.act("/staff/sign-out")
    ann.sign_in(ANN)
    step = ann.browser.cookies.get("preconsult_staff_step") or ""
    staff_id, until, rest = step.split(".", 2)
    later = f"{staff_id}.{int(until) + 600}.{rest}"
    over = f"{staff_id}.{int(now().timestamp()) - 1}.{rest}"
    for forged in ("", "x", "a.b.c", later, over, f"{staff_id}.{until}", f"{staff_id}.{'9' * 3000}.x"):
        other = Colleague(ann.service)
        other.browser.cookies.set("preconsult_staff_step", forged)
        other.post("/staff/second-factor", {"code": code(secret, step=1)})
        assert (other.page.status_code, other.cookie) == (401, "")
    person = ann.service.read(partial(users.find_by_email, email=ANN))
    ann.service.database.write_blocking(partial(people.change, staff_id=person.id, password_hash="other"))
    ann.post("/staff/second-factor", {"code": code(secret, step=1)})
    assert (ann.page.status_code, ann.cookie) == (401, "")


@pytest.mark.parametrize("link", ["", "x", "A" * 43, "A" * 5000, "/staff/welcome#", "\0"])
def test_a_link_nobody_was_given_opens_nothing(service: Service, link: str) -> None:
    stranger = Colleague(service)
    stranger.get("/staff/welcome")
    assert stranger.send("/staff/welcome", link=link).status_code == 422
    data: dict[str, Any] = {"link": link, "password": PASSWORD, "again": PASSWORD}
    assert stranger.post("/staff/welcome/password", data).status_code == 422
    assert stranger.cookie == ""


def test_codes_are_not_guessed_from_many_networks(ann: Colleague) -> None:
    ann.sign_in(ANN)
    with_factor(ann)
    told = []
    for number in range(33):
        thief = Colleague(ann.service, peer=f"198.51.{number}.7")
        thief.sign_in(ANN)
        thief.follow()
        told.append(thief.send("/staff/second-factor", code="000000").status_code)
    assert told == [422] * 30 + [429] * 3


# --- once --------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_the_password_alone_opens_nothing_where_there_is_a_second_factor(ann: Colleague) -> None:
    ann.sign_in(ANN)
    secret = with_factor(ann)
    ann.act("/staff/sign-out")
    ann.sign_in(ANN, then="/staff/account")
    assert (ann.location, ann.cookie) == ("/staff/second-factor?next=%2Fstaff%2Faccount", "")
    assert ann.get("/staff/account").status_code == 303
    ann.get("/staff/second-factor?next=/staff/account")
    assert ann.send("/staff/second-factor", code=code(secret)).status_code == 422, "used for setting up"
    ann.send("/staff/second-factor", code=code(secret, step=1))
    assert ann.location == "/staff/account"
    assert ann.follow().status_code == 200


@pytest.mark.both_databases
def test_a_code_opens_once_and_a_recovery_code_too(ann: Colleague) -> None:
    ann.sign_in(ANN)
    with_factor(ann)
    codes = recovery_codes(ann)
    assert len(set(codes)) == 10
    for number, expected in ((0, 303), (0, 422), (1, 303)):
        ann.browser.cookies.clear()
        ann.sign_in(ANN)
        ann.follow()
        answer = ann.send("/staff/second-factor", code=codes[number].upper())
        assert answer.status_code == expected
    assert ann.service.audit_count("staff.recovery_code_used") == 2
    assert "8 recovery codes are left" in ann.get("/staff/account").text


@pytest.mark.both_databases
def test_a_link_works_once_and_for_three_days(service: Service) -> None:
    link = invite(service, ANN)
    late = now() + INVITATION_TTL
    with pytest.raises(Exception, match="does not open"):
        service.read(partial(users.resolve_invitation, secret=link, now=late))
    colleague = Colleague(service)
    assert colleague.accept(link).status_code == 303
    again = Colleague(service)
    again.get("/staff/welcome")
    assert again.send("/staff/welcome", link=link).status_code == 422


def test_looking_at_a_link_does_not_use_it_and_works_without_scripts(service: Service) -> None:
    link = invite(service, ANN)
    colleague = Colleague(service)
    for _ in range(2):
        colleague.get(f"/staff/welcome/{link}")
    colleague.send("/staff/welcome")
    assert colleague.heading == "Choose a password"


# --- accepted ----------------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        ("short", "short", "at least 12"),
        ("ann@clinic.example", "ann@clinic.example", "easily guessed"),
        ("passwordpassword", "passwordpassword", "easily guessed"),
        ("x" * 257, "x" * 257, "at most 256"),
        (PASSWORD, PASSWORD + "x", "not what you typed above"),
        (PASSWORD, "", "not what you typed above"),
    ],
)
def test_a_password_that_will_not_do_is_told_why(
    service: Service, password: str, again: str, words: str
) -> None:
    link = invite(service, ANN)
    colleague = Colleague(service)
    colleague.get("/staff/welcome")
    colleague.send("/staff/welcome", link=link)
    answer = colleague.send("/staff/welcome/password", password=password, again=again)
    assert answer.status_code == 422
    assert words in answer.text
    assert colleague.send("/staff/welcome/password", password=PASSWORD, again=PASSWORD).status_code == 303


def test_a_link_leads_to_a_password_and_in(service: Service) -> None:
    colleague = Colleague(service)
    colleague.accept(f"http://testserver/staff/welcome#{invite(service, ANN, name='Ann <Lee>')}")
    assert colleague.location == "/staff"
    colleague.get("/staff/account")
    assert "Ann &lt;Lee&gt;" in colleague.page.text
    assert service.audit_count("staff.signed_in") == service.audit_count("staff.password_set") == 1
