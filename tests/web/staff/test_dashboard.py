"""The dashboard and the exported files of the staff app, as a staff user gets them."""

import datetime as dt
import re
from functools import partial

import pytest
import sqlalchemy as sa
from httpx2 import Response
from uuid_utils import uuid7

from app.clock import now
from app.services.auth import sessions
from app.services.auth.permissions import ROLES, Role
from app.services.review import csv_export
from app.storage.auth import users
from app.storage.auth.users import Person
from app.storage.tables.operations import audit_events as audit_events_table
from app.web.staff import dashboard
from app.web.staff.cookies import SESSION
from tests.client import Client
from tests.conftest import Service
from tests.sample_answers import NOA, PAT, PAT_CONTACT
from tests.services.reporting.test_dashboard import HOUR, PastCases

FILES = ["/staff/export", "/staff/export.csv", "/staff/export.csv?answers=1"]
OF_A_CASE = [
    "/staff/cases/{}/export.json",
    "/staff/cases/{}/export.json?contact=1",
    "/staff/cases/{}/export.pdf",
]
STRANGE = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def past(service: Service) -> PastCases:
    return PastCases(service, now())


def member(past: PastCases, *roles: Role, ago: dt.timedelta = dt.timedelta(0)) -> Client:
    """The browser of a staff user who signed in `ago` before now."""
    secret, person_id = f"secret-{uuid7()}", str(uuid7())
    at = now() - ago
    person = Person(person_id, f"{person_id}@clinic.example", "Mo", roles, None, b"set up", None, at, None)
    past.service.database.write_blocking(partial(users.insert, new=person))
    begin = partial(sessions.create, staff_id=person_id, secret=secret, now=at)
    past.service.database.write_blocking(begin)
    browser = past.service.client.beside(follow_redirects=False)
    browser.cookies.set(SESSION, secret)
    return browser


def audit_actions(past: PastCases, like: str) -> list[str]:
    row = audit_events_table.c
    statement = sa.select(row.action).where(row.action.like(like)).order_by(row.id)
    return list(past.service.read(lambda session: session.execute(statement).scalars()))


def check_page(page: Response) -> str:
    """Assert what holds for every response of the staff app."""
    assert page.headers["cache-control"] == "no-store"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert " style=" not in page.text
    return page.text


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/staff/dashboard", *FILES, *(each.format(STRANGE) for each in OF_A_CASE)])
def test_a_stranger_is_sent_to_sign_in(past: PastCases, path: str) -> None:
    headers = past.service.key("review")
    browser = past.service.client.beside(follow_redirects=False)
    for more in ({}, headers):
        page = browser.get(path, headers=more)
        assert page.status_code == 303
        assert page.headers["location"].startswith("/staff/sign-in")


@pytest.mark.parametrize("role", [role for role in ROLES if role != "manager"])
def test_only_a_manager_takes_files(past: PastCases, role: Role) -> None:
    [case] = past.came(1, HOUR)
    browser = member(past, role)
    for path in (*FILES, *(each.format(case) for each in OF_A_CASE)):
        page = browser.get(path)
        assert page.status_code == 403
        check_page(page)
    assert audit_actions(past, "%exported") == []


def test_a_file_asks_for_the_password_again(past: PastCases) -> None:
    [case] = past.came(1, HOUR)
    browser = member(past, "manager", ago=dt.timedelta(minutes=6))
    for path in (*FILES, *(each.format(case) for each in OF_A_CASE)):
        page = browser.get(path)
        assert (page.status_code, page.headers["location"][:14]) == (303, "/staff/confirm")
    assert audit_actions(past, "%exported") == []
    assert browser.get("/staff/dashboard").status_code == 200


@pytest.mark.parametrize("case", [STRANGE, "x", "%00", "..%2f", "1" * 500])
def test_a_case_that_is_not_there_is_a_page_that_says_so(past: PastCases, case: str) -> None:
    browser = member(past, "manager")
    for path in OF_A_CASE:
        page = browser.get(path.format(case))
        assert page.status_code == 404
        check_page(page)


@pytest.mark.parametrize(
    "query",
    ["state=gone", "attention=5", "attention=x", "test=yes", "whose=x", "booking_reference=BK-7", "limit=9"],
)
def test_a_filter_that_is_not_known_takes_nothing(past: PastCases, query: str) -> None:
    browser = member(past, "manager")
    for path in ("/staff/export", "/staff/export.csv"):
        page = browser.get(f"{path}?{query}")
        assert page.status_code == 400
        check_page(page)
    assert audit_actions(past, "%exported") == []


def test_too_many_cases_are_a_page_and_no_file(past: PastCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_export, "MAX_ROWS", 1)
    past.came(2, HOUR)
    page = member(past, "manager").get("/staff/export.csv")
    assert page.status_code == 422
    assert "narrow the filter" in check_page(page)


def test_where_no_pdf_is_made_the_page_says_what_to_do(
    past: PastCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    [case] = past.came(1, HOUR)
    monkeypatch.setattr("app.web.html.pdf.installed", lambda: False)
    page = member(past, "manager").get(f"/staff/cases/{case}/export.pdf")
    assert page.status_code == 501
    assert "makes no PDF" in check_page(page)
    assert audit_actions(past, "%exported") == []


# --- accepted --------------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize("role", ROLES)
def test_everybody_sees_the_dashboard_and_nobody_a_person(past: PastCases, role: Role) -> None:
    past.came(7, HOUR, NOA, booking_reference="BK-7")
    past.came(3, 2 * HOUR, PAT, contact=PAT_CONTACT)
    page = member(past, role).get("/staff/dashboard?days=7")
    text = check_page(page)
    assert "10 questionnaires arrived in the last 7 days" in text
    assert text.count('<svg class="chart') == text.count("<details>") >= 4
    assert 'aria-current="page">Last 7 days' in text
    for secret in (*PAT_CONTACT.values(), "BK-7", "Pat"):
        assert secret not in text


def test_an_empty_clinic_has_a_dashboard_too_and_any_period_is_one_of_three(past: PastCases) -> None:
    browser = member(past, "auditor")
    for query in ("", "?days=7", "?days=90", "?days=0", "?days=x", "?days=30&test=1", "?days=" + "9" * 5000):
        page = browser.get(f"/staff/dashboard{query}")
        assert page.status_code == 200
        assert "arrived in the last" in check_page(page)


def test_charts_are_counted_every_ten_minutes(past: PastCases, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, at = member(past, "reviewer"), now()
    clock = [at]
    monkeypatch.setattr(dashboard, "now", lambda: clock[0])
    for minutes, number in ((0, "No questionnaire"), (9, "No questionnaire"), (10, "6 questionnaires")):
        clock[0] = at + dt.timedelta(minutes=minutes)
        assert f"{number} arrived" in browser.get("/staff/dashboard").text
        if not minutes:
            past.came(6, HOUR)
    clock[0] = at - HOUR  # the clock was set back
    assert "6 questionnaires arrived" in browser.get("/staff/dashboard").text


@pytest.mark.both_databases
def test_a_list_leaves_as_csv_and_is_on_record(past: PastCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_export, "ROWS", 2)
    past.came(5, HOUR, NOA, booking_reference="=1+1")
    past.came(1, HOUR)
    browser = member(past, "manager")
    offer = check_page(browser.get("/staff/export?attention=1"))
    assert "(attention: 1)" in offer
    ways = [each.replace("&amp;", "&") for each in re.findall(r'href="(/staff/export\.csv[^"]*)"', offer)]
    assert ways == ["/staff/export.csv?attention=1", "/staff/export.csv?answers=1&attention=1"]
    assert audit_actions(past, "%exported") == []
    plain, full = (browser.get(each) for each in ways)
    for page in (plain, full):
        assert page.headers["content-type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(r'attachment; filename="cases-[\d-]+\.csv"', page.headers["content-disposition"])
        assert len(page.text.splitlines()) == 6
        assert '"\'=1+1"' in check_page(page)
    assert "self_harm_thoughts" not in plain.text
    assert "self_harm_thoughts" in full.text
    assert audit_actions(past, "%exported") == ["list.exported", "answers.exported", *["case.exported"] * 5]


def test_a_case_leaves_as_json_and_pdf(past: PastCases) -> None:
    [case] = past.came(1, HOUR, PAT, contact=PAT_CONTACT)
    browser = member(past, "manager")
    plain = browser.get(f"/staff/cases/{case}/export.json")
    assert plain.headers["content-disposition"] == f'attachment; filename="case-{case}.json"'
    assert "contact" not in plain.json()
    assert browser.get(f"/staff/cases/{case}/export.json?contact=1").json()["contact"] == PAT_CONTACT
    pdf = browser.get(f"/staff/cases/{case}/export.pdf")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert audit_actions(past, "%exported") == [
        "case.exported",
        "contact.exported",
        "case.exported",
        "summary.exported",
    ]
