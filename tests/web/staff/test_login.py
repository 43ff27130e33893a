"""Login to the staff app: who is rejected, how often a user may try, and where it leads."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from app.services.auth import passwords, users
from app.storage.db.database import Session
from app.storage.tables.auth import throttles
from app.storage.tables.operations import audit_events
from app.web.staff.access_control import safe_redirect, unprotected_routes
from app.web.staff.layout import staff_routes
from tests.conftest import Service
from tests.web.staff_client import ANN, PASSWORD, Colleague, invite

FOREIGN: list[dict[str, str]] = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "http://testserver.evil.example"},
]


def let_pass(session: Session, passed: dt.timedelta) -> None:
    """Move the throttles into the past, as if this much time had passed."""
    for row in session.execute(sa.select(throttles)).all():
        moved = sa.update(throttles).where(throttles.c.bucket_key == row.bucket_key)
        session.execute(moved, {"theoretical_arrival_at": row.theoretical_arrival_at - passed})


# --- rejected ----------------------------------------------------------------------------------------


def test_the_service_does_not_start_with_a_route_that_nobody_has_declared(service: Service) -> None:
    app = service.client.app
    assert isinstance(app, FastAPI)
    assert unprotected_routes(app) == []

    @app.get("/staff/forgotten")
    async def forgotten() -> None: ...

    assert unprotected_routes(app) == ["/staff/forgotten"]


def test_a_stranger_is_sent_to_sign_in_and_may_do_nothing(service: Service) -> None:
    stranger = Colleague(service)
    for route in staff_routes(service.client.app):  # type: ignore[arg-type]
        if route.endpoint.__dict__["needs"] == "anybody":
            continue
        path = route.path.format(staff_id="x") if "staff_id" in route.path else route.path
        if "GET" in route.methods:
            stranger.get(path)
            assert stranger.page.status_code == 303
            assert stranger.location.startswith("/staff/sign-in"), path
        else:
            stranger.post(path, {})
            assert (stranger.page.status_code, stranger.heading) == (401, "You are signed out"), path


@pytest.mark.parametrize("email", [ANN, "nobody@clinic.example", "", "x" * 300, "a\0b", "<b>@clinic.example"])
def test_every_wrong_try_is_answered_alike(ann: Colleague, email: str) -> None:
    right_email = email == ANN
    answer = ann.sign_in(email, "not the password at all")
    assert answer.status_code == 422
    assert "do not belong together" in answer.text
    assert ann.cookie == ""
    assert "<b>@" not in answer.text
    assert ann.service.audit_count("staff.sign_in_failed") == 1
    asked = sa.select(audit_events.c.object_id).where(audit_events.c.action == "staff.sign_in_failed")
    known = ann.service.read(lambda session: session.execute(asked).scalar_one())
    assert (known is not None) == right_email


def test_somebody_disabled_is_answered_like_a_wrong_password(ann: Colleague) -> None:
    wrong = ann.sign_in(ANN, "not the password at all").text
    person = ann.service.read(partial(users.find_by_email, email=ANN))
    boss = Colleague(ann.service).inside("administrator")
    boss.act(f"/staff/people/{person.id}/disable")
    assert ann.sign_in(ANN).text == wrong
    assert ann.service.audit_count("staff.signed_in") == 1


@pytest.mark.both_databases
def test_a_password_far_too_long_is_refused_without_hashing(
    ann: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_kdf", None)
    monkeypatch.setattr(passwords, "_fits", None)
    ann.get("/staff/sign-in")
    assert ann.sign_in(ANN, "x" * 50_000).status_code == 422
    answer = ann.browser.post("/staff/sign-in", data={"email": ANN, "password": "x" * 100_000})
    assert answer.status_code == 413


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_website_signs_nobody_in_and_nobody_out(ann: Colleague, headers: dict[str, str]) -> None:
    ann.post("/staff/sign-in", {"email": ANN, "password": PASSWORD}, **headers)
    assert (ann.page.status_code, ann.cookie) == (403, "")
    ann.sign_in(ANN)
    ann.post("/staff/sign-out", {"token": ann.token}, **headers)
    assert ann.page.status_code == 403
    assert ann.get("/staff/account").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/form", "/staffed", "/staff/../form", "/staff//evil",
     "/staff\\evil", "/staff?a=\r\nb", "javascript:alert(1)", "/staff/" + "x" * 700],
)  # fmt: skip
def test_signing_in_leads_nowhere_but_to_the_workbench(ann: Colleague, path: str) -> None:
    assert safe_redirect(path) == "/staff"
    ann.post("/staff/sign-in", {"email": ANN, "password": PASSWORD, "next": path})
    assert ann.location == "/staff"


# --- too often ---------------------------------------------------------------------------------------


def test_the_sixth_try_in_a_row_has_to_wait_whatever_the_headers_say(ann: Colleague) -> None:
    for _ in range(5):
        assert ann.sign_in(ANN, "not the password at all").status_code == 422
    for number in range(3):
        ann.headers = {"x-forwarded-for": f"203.0.113.{number}", "forwarded": f"for=203.0.113.{number}"}
        answer = ann.sign_in(ANN)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 30
        assert ann.cookie == ""
    assert ann.service.audit_count("staff.sign_in_failed") == 5


def test_the_owner_gets_in_from_another_network_meanwhile(ann: Colleague) -> None:
    for _ in range(7):
        ann.sign_in(ANN, "not the password at all")
    assert ann.page.status_code == 429
    owner = Colleague(ann.service, "198.51.100.7")
    assert owner.sign_in(ANN).status_code == 303
    assert owner.get("/staff/account").status_code == 200


@pytest.mark.both_databases
def test_one_network_may_not_try_many_accounts(ann: Colleague) -> None:
    """An attempt becomes free every two seconds, so a slow machine gets more before it is rejected."""
    answers: list[int] = []
    while 429 not in answers and len(answers) < 300:
        answers.append(ann.sign_in(f"n{len(answers)}@clinic.example", "x").status_code)
    assert answers[:29] == [422] * 29
    assert answers[-1] == 429


@pytest.mark.both_databases
def test_waiting_helps(ann: Colleague) -> None:
    for _ in range(6):
        ann.sign_in(ANN, "not the password at all")
    assert ann.page.status_code == 429
    ann.service.database.write_blocking(partial(let_pass, passed=31 * dt.timedelta(seconds=1)))
    assert ann.sign_in(ANN, "not the password at all").status_code == 422
    assert ann.sign_in(ANN).status_code == 429
    ann.service.database.write_blocking(partial(let_pass, passed=31 * dt.timedelta(seconds=1)))
    assert ann.sign_in(ANN).status_code == 303
    ann.browser.cookies.clear()
    assert [ann.sign_in(ANN, "x").status_code for _ in range(5)] == [422] * 5


# --- accepted ----------------------------------------------------------------------------------------


def test_signing_in_leads_to_where_one_was_going(ann: Colleague) -> None:
    ann.get("/staff/account?done=password")
    assert ann.location == "/staff/sign-in?next=%2Fstaff%2Faccount%3Fdone%3Dpassword"
    ann.follow()
    ann.send("/staff/sign-in", email=ANN.upper(), password=PASSWORD)
    assert ann.location == "/staff/account?done=password"
    assert ann.follow().status_code == 200
    assert ann.get("/staff/sign-in").status_code == 303


@pytest.mark.both_databases
def test_sixteen_sign_in_at_once(production_passwords: None, ann: Colleague) -> None:
    for number in range(16):
        invited = Colleague(ann.service, f"198.51.{number}.1")
        invited.accept(invite(ann.service, f"c{number}@clinic.example"))
    clients = [Colleague(ann.service, f"203.0.{number}.1") for number in range(16)]
    with ThreadPoolExecutor(16) as hands:
        answers = list(
            hands.map(lambda each: each[1].sign_in(f"c{each[0]}@clinic.example"), enumerate(clients))
        )
    assert [answer.status_code for answer in answers] == [303] * 16
