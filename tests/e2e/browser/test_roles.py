"""Every role at its own work in Chromium, with scripts and without; the effect of each act is checked."""

import base64
import re
import time

import httpx

from tests.e2e.browser.accounts import PASSWORD
from tests.e2e.browser.conftest import NewCase, Staff
from tests.e2e.browser.mobile_device import Way, either_way, other_way
from tests.server import PATIENCE, Server
from tests.web.staff_client import code

# --- rejected --------------------------------------------------------------------------------------


def test_who_may_not_export_or_erase_is_offered_neither(staff: Staff, new_case: NewCase) -> None:
    person = staff("reviewer")
    case = new_case()
    person.go(case)
    assert person.page.get_by_role("link", name="Case as JSON").count() == 0
    assert person.page.get_by_text("Erase").count() == 0
    for path in (f"{case}/erase", f"{case}/export.json", "/staff/export.csv"):
        person.go(path)
        assert person.heading == "This is not yours to do"
        assert "role manager" in person.words


# --- accepted --------------------------------------------------------------------------------------


@other_way
def test_a_reviewer_corrects_an_answer_and_merges_a_duplicate(
    staff: Staff, way: Way, new_case: NewCase
) -> None:
    person = staff("reviewer", way=way)
    case, other = new_case(), new_case()
    person.go(f"{case}/correct")
    choice = person.page.locator("input[name=pain_duration]:not(:checked), input[type=radio]:not(:checked)")
    name = choice.first.get_attribute("name")
    choice.first.check()
    person.press("Keep")
    assert "before" in person.words.lower(), name
    person.page.locator("details summary", has_text="as the person saw it first").click()
    assert person.page.locator("details[open] .topic").first.is_visible()
    person.picture(f"corrections-{way}")
    person.go(case)
    while person.page.locator(".flag:not(.closed) details.closing").count():
        person.page.locator(".flag:not(.closed) details.closing > summary").first.click()
        person.press("Close the flag", within=".flag:not(.closed) >> nth=0")
    person.page.locator("details summary", has_text="sent it twice").click()
    person.page.fill("#into", other.rsplit("/", 1)[1])
    person.press("Merge into that case")
    assert other.rsplit("/", 1)[1] in person.page.content()
    person.go(other)
    assert case.rsplit("/", 1)[1] in person.page.content()


@either_way
def test_a_manager_exports_holds_and_erases(staff: Staff, way: Way, new_case: NewCase) -> None:
    person = staff("manager", way=way)
    case = new_case()
    person.go("/staff/export?test=1")
    with person.page.expect_download() as asked:
        person.page.get_by_role("link", name="With answers (CSV)").click()
    rows = asked.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) > 100
    assert rows[0].split(",")[0].strip('"') == "id"
    person.go(case)
    with person.page.expect_download() as asked:
        person.page.get_by_role("link", name="Case as JSON").click()
    assert case.rsplit("/", 1)[1] in asked.value.path().read_text()
    person.press("Keep it past its time: hold")
    person.go(f"{case}/erase")
    assert "under a hold" in person.words
    person.go(case)
    person.press("End the hold")
    person.page.get_by_role("link", name="Erase …").click()
    person.picture(f"erase-{way}")
    person.press("Erase it for good")
    person.go(case)
    assert person.heading == "There is nothing here"


@other_way
def test_an_administrator_lets_people_in_and_out_and_makes_keys(
    staff: Staff, staff_app: Server, way: Way
) -> None:
    person = staff("administrator", way=way)
    person.go("/staff/people")
    person.page.fill("[name=name]", f"Robin {way}")
    person.page.fill("[name=email]", f"robin-{way}@clinic.example")
    person.page.check("[name=role][value=reviewer]")
    person.press("Add and make a link")
    assert "/staff/welcome" in person.words
    person.picture(f"invited-{way}")
    person.go("/staff/people")
    person.page.get_by_role("link", name=f"Robin {way}").click()
    person.page.check("[name=role][value=manager]")
    person.press("Change the roles")
    person.press(f"Disable Robin {way}")
    assert "disabled since" in person.words
    person.press(f"Enable Robin {way} again")
    person.press("Make a new link")
    assert "/staff/welcome" in person.words
    person.go("/staff/keys")
    person.page.fill("[name=name]", f"Website {way}")
    person.page.check("[name=scope][value='submissions:read']")
    person.press("Make the key")
    key = person.page.locator("code.secret").inner_text()
    person.picture(f"key-made-{way}")
    address, headers = f"{staff_app.url}/v1/submissions", {"authorization": f"Bearer {key}"}
    assert httpx.get(address, headers=headers).status_code == 200
    person.go("/staff/keys")
    person.page.get_by_role("link", name=f"Revoke Website {way}").click()
    person.press("Revoke it")
    give_up = time.monotonic() + PATIENCE  # an API key row is cached for a second
    while httpx.get(address, headers=headers).status_code != 401:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    person.go("/staff/system")
    assert "Sealing keys" in person.words


@either_way
def test_an_auditor_sees_who_saw_a_person(staff: Staff, way: Way, new_case: NewCase) -> None:
    one, auditor = staff("reviewer", way=way), staff("auditor", way=way)
    case = new_case()
    one.go(case)
    auditor.go(f"/staff/audit?object={case.rsplit('/', 1)[1]}")
    assert "submission.viewed" in auditor.words
    auditor.page.locator("main a[href^='/staff/audit/access/']").first.click()
    assert "submission.viewed" in auditor.words
    auditor.go("/staff/audit")
    auditor.page.fill("#action", "access.read")
    auditor.press("Show")
    assert auditor.page.locator("tbody tr").count() >= 1


@other_way
def test_everybody_sets_up_a_second_factor_and_another_password(staff: Staff, way: Way) -> None:
    person = staff("reviewer", way=way)
    person.go("/staff/second-factor/set-up")
    person.picture(f"second-factor-{way}")
    key = person.page.locator("#key").inner_text().replace(" ", "")
    secret = base64.b32decode(key + "=" * (-len(key) % 8))
    person.page.fill("[name=code]", code(secret))
    person.press("Turn it on")
    codes = person.page.locator("ul.codes li").all_inner_texts()
    assert len(set(codes)) == 10
    person.go("/staff/account")
    fresh = "green hill 41 pepper"
    for name, words in (("current", PASSWORD), ("password", fresh), ("again", fresh)):
        person.page.fill(f"[name={name}]", words)
    person.press("Change it")
    assert "Your password is changed" in person.words
    person.press("Sign out", within="header")
    person.go("/staff/sign-in")
    person.page.fill("[name=email]", person.email)
    person.page.fill("[name=password]", fresh)
    person.press("Sign in")
    field = person.page.locator("[name=code]")
    field.fill(codes[0])
    person.page.locator("main form button[type=submit]").first.click()
    person.page.wait_for_url(re.compile("/staff($|[?])"))
    assert person.heading == "Queue"
