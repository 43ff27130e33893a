"""The staff app in Chromium: every page by role, actions with scripts and without, keyboard use, and markup
typed wherever text can be typed. The queue has two hundred synthetic cases.
"""

import httpx
import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import accounts, probes
from tests.e2e.browser.accounts import PASSWORD
from tests.e2e.browser.conftest import NewCase, Staff, a_case
from tests.e2e.browser.html import complaints
from tests.e2e.browser.mobile_device import Way, either_way, other_way, place
from tests.e2e.browser.staff_driver import Colleague
from tests.sample_answers import PAT, body
from tests.server import Server

ALL = ("reviewer", "manager", "administrator", "auditor")
WIDTHS = (1280, 768, 360)
OPEN = "() => document.querySelectorAll('details').forEach(each => { each.open = true })"
PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><script src=//evil.example/x.js></script>',
    "'onmouseover='alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>call</a>",
    "{{ 7 * 7 }}{% raw %}",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<style>@import '//evil.example/x.css'</style>",
    "<form action='//evil.example'><button autofocus>go</button></form>",
]


# --- rejected --------------------------------------------------------------------------------------


def test_a_stranger_is_led_to_the_door_and_sees_nothing(browser: Browser, staff_app: Server) -> None:
    stranger = Colleague(browser, staff_app, "nobody@clinic.example")
    for path in ("/staff", "/staff/audit", "/staff/people", "/staff/dashboard", "/staff/export"):
        stranger.go(path)
        assert stranger.heading == "Sign in"
    assert stranger.close() == []


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        ("reviewer", ["/staff/audit", "/staff/people", "/staff/export", "/staff/keys", "/staff/system"]),
        ("administrator", ["/staff/audit", "/staff/export", "/staff/articles/x"]),
        ("auditor", ["/staff/people", "/staff/export", "/staff/keys", "/staff/articles/x"]),
    ],
)
def test_a_page_that_is_not_for_a_role_says_so_and_shows_nothing(
    staff: Staff, role: str, refused: list[str]
) -> None:
    person = staff(role)
    for path in refused:
        person.go(path)
        assert person.page.locator("table, form:not(.out)").count() <= 1
        assert "permission" in person.words.lower() or "role" in person.words.lower(), path


# --- every page ------------------------------------------------------------------------------------


def test_every_page_reads_well_at_every_width_and_keeps_nobody_out(staff: Staff, thorough: bool) -> None:
    person = staff(*ALL)
    case = a_case(person, 2)
    pages = {
        "queue": "/staff?test=1",
        "queue, empty": "/staff?state=closed&language=ht",
        "case": case,
        "correct": f"{case}/correct",
        "corrections": f"{case}/corrections",
        "erase": f"{case}/erase",
        "article": "/staff/articles/ketamine-everything-to-know",
        "dashboard": "/staff/dashboard?test=1&days=30",
        "dashboard, empty": "/staff/dashboard?days=7",
        "audit": "/staff/audit",
        "access": f"/staff/audit/access/{case.rsplit('/', 1)[1]}",
        "people": "/staff/people",
        "account": "/staff/account",
        "export": "/staff/export",
        "keys": "/staff/keys",
        "system": "/staff/system",
        "nothing": "/staff/cases/nothing",
    }
    found_issues: dict[str, list[str]] = {}
    html: dict[str, str] = {}
    for name, path in pages.items():
        with person.page.expect_response(lambda answer: answer.request.is_navigation_request()) as sent:
            person.go(path)
        html[name] = sent.value.text()
        person.page.evaluate(OPEN)
        for width in WIDTHS:
            person.page.set_viewport_size({"width": width, "height": 900})
            person.picture(f"{name}-{width}")
            found_issues[f"{name} {width}"] = probes.sideways(person.page)
            if width != 768:
                found_issues[f"{name} {width}"] += probes.violations(person.page, sample=not thorough)
        person.page.set_viewport_size({"width": 1280, "height": 900})
    assert {state: found for state, found in found_issues.items() if found} == {}
    told = complaints(html)
    assert not told, "\n".join(told)


# --- actions ---------------------------------------------------------------------------------------


@other_way
def test_a_case_is_taken_looked_at_called_about_and_closed(staff: Staff, way: Way) -> None:
    person = staff("reviewer", way=way)
    person.go("/staff?test=1&state=new")
    row = person.page.locator("tr[data-case]:has(form.take)").nth(4 + place(way))
    address = row.locator("a.open").get_attribute("href")
    with person.page.expect_navigation():
        row.locator("form.take button").click()
    person.go(str(address))
    if person.page.get_by_role("button", name="Start the review").count():
        person.press("Start the review")
    assert "Review: In review" in person.words
    person.press("Show contact details")
    assert "It goes on record" not in person.page.inner_text("section[aria-labelledby=contact]")
    person.go(str(address))
    person.page.fill("#text", "Called; will call again on Monday.")
    person.press("Keep the note")
    assert "Called; will call again on Monday." in person.words
    while person.page.locator(".flag:not(.closed)").count():
        flag = person.page.locator(".flag:not(.closed)").first
        if flag.locator("details.closing").count():
            flag.locator("summary").click()
        person.press("Close the flag", within=".flag:not(.closed) >> nth=0")
    person.press("Ready for the visit")
    assert "Review: Ready" in person.words
    person.page.locator("details summary", has_text="History").click()
    assert "looked" in person.words.lower() or "viewed" in person.words.lower()


@either_way
def test_two_at_once_are_told_and_nobodys_words_are_lost(staff: Staff, way: Way, new_case: NewCase) -> None:
    one, other = staff("reviewer", way=way), staff("reviewer", way=way)
    address = new_case()
    one.go(address)
    other.go(address)
    one.page.fill("#text", "Spoke with the mother.")
    one.press("Keep the note")
    other.page.fill("#text", "A line of my own.")
    other.press("Keep the note")
    assert "Spoke with the mother." in other.words or "changed" in other.words.lower()
    assert "A line of my own." in other.words or other.page.locator("textarea").input_value()


@other_way
def test_a_note_typed_until_the_session_had_ended_is_sent_after_signing_in(
    staff: Staff, way: Way, new_case: NewCase
) -> None:
    person = staff("reviewer", way=way)
    address = new_case()
    person.go(address)
    person.page.fill("#text", "Asked twice for a call after six.")
    person.context.clear_cookies()
    person.press("Keep the note")
    assert person.heading == "You are signed out"
    person.picture(f"unsent-{way}")
    told = probes.violations(person.page) if way.scripts else []
    with person.page.expect_popup() as opened:
        person.page.get_by_role("link", name="in a new tab").click()
    door = opened.value
    for name, typed in (("email", person.email), ("password", PASSWORD)):
        door.fill(f"[name={name}]", typed)
    with door.expect_navigation():
        door.locator("main button").first.click()
    assert "/sign-in" not in door.url
    person.press("Send it again")
    assert person.heading == "Send it now?"
    person.picture(f"unsent-signed-in-{way}")
    told += probes.violations(person.page) if way.scripts else []
    person.press("Send it now")
    assert person.page.url.endswith(address)
    assert "Asked twice for a call after six." in person.words
    assert told == []


def test_the_queue_is_worked_by_keys(staff: Staff) -> None:
    person = staff("reviewer")
    person.go("/staff?test=1")
    first, second = (str(person.page.locator("a.open").nth(each).get_attribute("href")) for each in (0, 1))
    at = "document.activeElement.getAttribute('href')"
    for keys, expected in (("j", first), ("j", second), ("k", first)):
        person.page.keyboard.press(keys)
        assert person.page.evaluate(at) == expected
    person.page.keyboard.press("?")
    assert person.page.locator("#keys").get_attribute("open") is not None
    person.page.keyboard.press("k")
    person.go("/staff?test=1")
    person.page.keyboard.press("j")
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")
    assert person.page.url.endswith(first)
    person.page.go_back()
    assert person.heading == "Queue"


def test_signing_out_ends_it_and_the_back_button_shows_nothing(staff: Staff) -> None:
    person = staff("reviewer")
    person.go(a_case(person))
    person.press("Sign out", within="header")
    person.page.go_back()
    assert "Sign in" in person.page.inner_text("body") or person.heading == "Sign in"
    assert "Call script" not in person.page.inner_text("body")


# --- hostile text ----------------------------------------------------------------------------------


def test_markup_that_anybody_types_is_text_to_everybody(staff: Staff, staff_app: Server) -> None:
    person = staff(*ALL)
    headers = accounts.bearer(staff_app, "submissions:write", "review", test=True)
    contact = {"name": PAYLOADS[0], "phone": "+1 561 555 0142", "email": "pat@example.org"}
    sent = body(PAT, contact=contact)
    made = httpx.post(f"{staff_app.url}/v1/submissions", json=sent, headers=headers).json()
    person.go(f"/staff/cases/{made['id']}")
    person.page.fill("#text", "\n".join(PAYLOADS))
    person.press("Keep the note")
    assert [payload for payload in PAYLOADS if payload not in person.words] == []
    person.press("Show contact details")
    assert PAYLOADS[0] in person.words
    person.go("/staff?test=1")
    person.page.locator("details summary", has_text="Views").click()
    person.page.fill("#name", PAYLOADS[1])
    person.press("Keep")
    assert PAYLOADS[1] in person.page.inner_text("body")
    person.go("/staff/people")
    person.page.fill("[name=name]", PAYLOADS[2])
    person.page.fill("[name=email]", "markup@clinic.example")
    person.page.check("[name=role][value=reviewer]")
    person.press("Add and make a link")
    person.go("/staff/people")
    assert PAYLOADS[2] in person.words
    assert person.page.locator("main script, main iframe, main img, main svg:not(.chart)").count() == 0
