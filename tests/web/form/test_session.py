"""The form apart from its questions: resume link, leaving, summary and copies, deletion, branding."""

import gzip
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from app.services.submissions.lifecycle import SubmissionService
from app.storage.tables.submissions import form_tokens, submissions
from app.web.html import form_security
from tests.conftest import LIBRARY, Service
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT
from tests.web.conftest import everything, opened
from tests.web.form_client import Visitor

EDITION = LIBRARY().current("ketamine-preconsult")
assert EDITION
START = {"info_only": True, "answering_for": "myself", "age_band": "25_44"}
FORM_PAGES = ["/form/summary", "/form/summary.txt", "/form/summary.pdf", "/form/save", "/form/delete"]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02"
    "fea735811d0000000049454e44ae426082"
)


def link_of(visitor: Visitor) -> str:
    """A new resume link, complete, as shown on the page."""
    visitor.get("/form/save")
    visitor.send()
    found = re.search(r'value="(http[^"]+/form/resume#[^"]+)"', visitor.page.text)
    assert found, visitor.page.text
    return found[1]


def come_back(visitor: Visitor, link: str) -> None:
    """Paste a link into the page that asks for one."""
    visitor.get("/form/resume")
    visitor.send(link=link)


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    ["", " ", "x", "x" * 43, "x" * 9000, "\0", "é" * 43, "#", "/", "http://testserver/form/resume#", "<b>"],
    ids=lambda link: link[:12].encode("unicode_escape").decode(),
)
def test_what_is_no_link_opens_nothing_and_one_is_asked_for_again(visitor: Visitor, link: str) -> None:
    before = everything(visitor.service)
    come_back(visitor, link)
    assert (visitor.page.status_code, visitor.path) == (422, "/form/resume")
    assert "does not open a form" in visitor.page.text
    assert 'href="#link"' in visitor.page.text
    assert "<b>" not in visitor.page.text
    assert everything(visitor.service) == before
    assert not visitor.secret


def test_the_secret_of_a_session_and_the_token_of_the_api_are_no_links(visitor: Visitor) -> None:
    visitor.begin(START)
    for tried in (visitor.secret, form_security.csrf_token(visitor.service.services, visitor.secret)):
        other = Visitor(visitor.service)
        come_back(other, tried)
        assert other.page.status_code == 422
        assert not other.secret


def test_looking_at_a_link_opens_nothing(visitor: Visitor) -> None:
    visitor.begin(START)
    secret = link_of(visitor).partition("#")[2]
    other, before = Visitor(visitor.service), everything(visitor.service)
    for _ in range(2):
        other.get(f"/form/resume/{secret}")
        assert (other.page.status_code, other.secret) == (200, "")
    assert everything(visitor.service) == before
    assert other.form.value("link") == secret
    other.send()
    assert other.secret


@pytest.mark.parametrize("secret", ["x", "x" * 44, "%3Cscript%3E", "x" * 42 + "%0A", "%C3%A9" * 43])
def test_a_path_that_holds_no_link_is_not_repeated(visitor: Visitor, secret: str) -> None:
    visitor.get(f"/form/resume/{secret}")
    assert visitor.page.status_code in (200, 404)
    assert "<script>" not in visitor.page.text.lower().replace("<script src", "")
    if visitor.page.status_code == 200:
        assert [each.get("name") for each in visitor.form.inputs if each.get("type") == "hidden"] == []


def test_what_was_erased_is_opened_by_no_link_and_no_session(guest: Visitor) -> None:
    guest.begin(START)
    link, other = link_of(guest), Visitor(guest.service)
    come_back(other, link)
    guest.get("/form/delete")
    guest.send()
    assert (guest.path, guest.heading) == ("/form/deleted", "Your answers are deleted")
    assert not guest.secret
    assert other.get("/form/check").status_code == 403
    come_back(Visitor(guest.service), link)
    other.get("/form/go-on")
    assert other.path == "/form"
    come_back(other, link)
    assert other.page.status_code == 422


@pytest.mark.parametrize("path", ["/form/summary", "/form/summary.txt", "/form/summary.pdf"])
def test_there_is_no_summary_before_the_form_is_sent(visitor: Visitor, path: str) -> None:
    visitor.begin(START)
    visitor.get(path)
    assert visitor.page.headers["content-type"].startswith("text/html")
    assert visitor.path.startswith("/form/s/")


def test_without_typst_no_pdf_is_offered_and_the_page_says_what_to_do_instead(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    visitor.go_through(CARA)
    assert "/form/summary.pdf" not in visitor.page.text
    assert "choose to save it as a PDF" in visitor.page.text
    answer = visitor.get("/form/summary.pdf")
    assert answer.status_code == 501
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["/form/nowhere", "/form/s", "/form/s/a/b", "/form/logo", "/form/summary.doc"]
)
def test_an_address_that_is_none_is_told_as_a_page(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert visitor.heading == "There is nothing here"


def test_an_accident_is_told_as_a_page_without_its_reason(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.begin(START)
    monkeypatch.setattr(SubmissionService, "read", lambda *_args, **_more: 1 / 0)
    answer = visitor.get("/form/check")
    assert answer.status_code == 500
    assert visitor.heading == "That did not work"
    assert "division" not in answer.text


@pytest.mark.parametrize("path", ["/examples/embed", "/examples/own-form", "/docs"])
def test_what_is_for_development_is_not_there_in_production(visitor: Visitor, path: str) -> None:
    assert visitor.browser.get(path).status_code == 404


# --- the resume link -------------------------------------------------------------------------------


def test_a_link_opens_the_form_on_another_device_where_it_was_left(guest: Visitor) -> None:
    guest.begin(START, "es")
    link, left = link_of(guest), "urgent_signs"
    assert link.startswith("http://127.0.0.1:8000/form/resume#")
    assert link.partition("#")[2] not in str(guest.page.url)
    other = Visitor(guest.service)
    come_back(other, f"  {link}\n")
    assert other.read.lang == "es"
    assert other.form.offers(left)
    other.fill_in(CARA)
    other.send()
    assert other.path == "/form/summary"
    guest.get("/form/go-on")
    assert guest.path == "/form/summary"


def test_the_link_is_told_until_when_it_opens_and_by_its_path_for_browsers_without_scripts(
    tmp_path: Path,
) -> None:
    zone = {"clinic_time_zone": "America/New_York", "public_url": "https://form.clinic.example"}
    with opened(tmp_path, **zone) as service:
        visitor = Visitor(service, base="https://form.clinic.example")
        visitor.begin(START)
        link = link_of(visitor)
        assert link.replace("#", "/") in visitor.page.text
        assert re.search(
            r"It works until \w+ \d{1,2}, \d{4}, \d{1,2}:\d\d [AP]M \((EST|EDT)\)", visitor.page.text
        )
        other = Visitor(service, base="https://form.clinic.example")
        other.get(link.replace("#", "/"))
        other.send()
        assert other.form.offers("urgent_signs")


def test_a_link_to_a_form_that_was_sent_opens_its_summary(guest: Visitor) -> None:
    guest.go_through(CARA)
    link, other = link_of(guest), Visitor(guest.service)
    come_back(other, link)
    assert (other.path, other.heading) == ("/form/summary", "Things to discuss with a clinician")


# --- leaving ---------------------------------------------------------------------------------------


def test_leaving_ends_the_session_at_once_and_keeps_what_was_saved(guest: Visitor) -> None:
    guest.begin(START)
    link, token = link_of(guest), form_security.csrf_token(guest.service.services, guest.secret)
    cookie = guest.secret
    guest.post("/form/leave", [("token", token)])
    assert (guest.path, guest.secret) == ("/form/left", "")
    assert "health" not in guest.page.text.lower()
    guest.browser.cookies.set("preconsult_form", cookie)
    assert guest.get("/form/check").status_code == 403
    other = Visitor(guest.service)
    come_back(other, link)
    assert other.form.offers("urgent_signs")


def test_leaving_leads_where_the_clinic_says(tmp_path: Path) -> None:
    with opened(tmp_path, exit_url="https://weather.example/today") as service:
        visitor = Visitor(service)
        visitor.begin(START)
        data = {"token": form_security.csrf_token(service.services, visitor.secret)}
        answer = visitor.browser.post("/form/leave", data=data, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "https://weather.example/today")
        assert answer.headers["cache-control"] == "no-store"
        assert "Max-Age=0" in answer.headers["set-cookie"]


def test_clearing_the_device_ends_the_session_and_empties_the_cache(guest: Visitor) -> None:
    guest.begin(START)
    data = {"token": form_security.csrf_token(guest.service.services, guest.secret)}
    answer = guest.browser.post("/form/clear", data=data, follow_redirects=False)
    there = "/form/cleared?language=en"
    assert (answer.headers["location"], answer.headers["clear-site-data"]) == (there, '"cache"')
    assert not guest.secret
    assert guest.get("/form/cleared").status_code == 200
    assert guest.get("/form/check").status_code == 403


@pytest.mark.parametrize("path", ["/form/leave", "/form/clear"])
def test_leaving_without_a_session_is_leaving_all_the_same(visitor: Visitor, path: str) -> None:
    before = everything(visitor.service)
    assert visitor.post(path, [("token", "")]).status_code == 200
    assert visitor.path in ("/form/left", "/form/cleared")
    assert everything(visitor.service) == before


# --- the summary -----------------------------------------------------------------------------------


def test_the_summary_is_read_in_the_language_chosen_and_kept_as_it_was(guest: Visitor) -> None:
    guest.go_through(CARA)
    english = guest.page.text
    guest.post("/form/language", [("language", "pt-BR"), ("back", "/form/summary")])
    assert (guest.read.lang, guest.heading) == ("pt-BR", EDITION.texts["pt-BR"].summary.title)  # type: ignore[union-attr]
    assert 'lang="en"' in guest.page.text, "quotations stay in English"
    guest.post("/form/language", [("language", "en"), ("back", "/form/summary")])
    assert guest.read.headings == ["Things to discuss with a clinician"]
    assert _words(guest.page.text) == _words(english)


def _words(page: str) -> list[str]:
    return re.sub(r'value="[^"]*"', "", page).split()


def test_the_summary_can_be_taken_along_as_text_and_as_a_tagged_pdf(guest: Visitor) -> None:
    guest.go_through(NOA)
    text = guest.get("/form/summary.txt")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.headers["content-disposition"] == 'attachment; filename="before-your-visit.txt"'
    assert text.text.startswith("Thank you for telling us. You deserve support right now.")
    assert "Things to discuss with a clinician" in text.text
    assert EDITION.phrasebooks["en"].footer in text.text  # type: ignore[union-attr]
    file = guest.get("/form/summary.pdf")
    assert file.headers["content-type"] == "application/pdf"
    assert file.headers["content-disposition"] == 'attachment; filename="before-your-visit.pdf"'
    assert file.content.startswith(b"%PDF-")
    assert file.content == guest.get("/form/summary.pdf").content


def test_nothing_of_the_contact_details_is_on_the_summary_or_in_its_copies(visitor: Visitor) -> None:
    visitor.go_through(PAT | {f"contact_{kind}": value for kind, value in PAT_CONTACT.items()})
    for path in ("/form/summary", "/form/summary.txt", "/form/save", "/form/delete", "/form/privacy"):
        visitor.get(path)
        assert [each for each in PAT_CONTACT.values() if each in unescape(visitor.page.text)] == []


def test_deleting_asks_first_and_then_leaves_nothing(guest: Visitor) -> None:
    guest.go_through(NOA)
    guest.get("/form/delete")
    assert guest.page.status_code == 200
    assert _rows(guest.service, submissions) == 1
    guest.send()
    assert guest.path == "/form/deleted"
    assert (_rows(guest.service, submissions), _rows(guest.service, form_tokens)) == (0, 0)


def test_what_the_clinic_has_to_keep_is_not_deleted_and_says_so(guest: Visitor) -> None:
    guest.go_through(NOA)
    guest.get("/form/delete")
    held = submissions.update().values(legal_hold=True)
    guest.service.database.write_blocking(lambda session: session.execute(held) and None)
    guest.send()
    assert (guest.page.status_code, _rows(guest.service, submissions)) == (409, 1)
    assert "The clinic has to keep it for now." in guest.page.text


def _rows(service: Service, table: Any) -> int:
    return service.read(lambda session: len(session.execute(table.select()).all()))


# --- the clinic's branding -------------------------------------------------------------------------


def test_the_clinics_name_logo_colours_contact_and_privacy_text_are_shown_as_words(tmp_path: Path) -> None:
    logo = tmp_path / "logo.PNG"
    logo.write_bytes(PIXEL)
    look = {
        "clinic_name": "<b>Clinic</b> & Co", "clinic_contact": "Call <i>us</i>", "clinic_color": "#00468B",
        "clinic_privacy": "First.\r\n\r\nSecond <script>.\n\n\n\n", "clinic_logo": logo,
        "draft_retention_hours": 1, "submission_retention_days": 90,
    }  # fmt: skip
    with opened(tmp_path, **look) as service:
        visitor = Visitor(service)
        visitor.get("/form/privacy")
        page = visitor.page.text
        for words in ("&lt;b&gt;Clinic&lt;/b&gt; &amp; Co", "Call &lt;i&gt;us&lt;/i&gt;"):
            assert words in page
        assert "<p>First.</p>\n<p>Second &lt;script&gt;.</p>" in page
        assert "kept for 1 hour after" in page
        assert "kept for 90 days." in page
        sheet, image = (re.search(rf'"(/form/{name}\?v=\w+)"', page) for name in ("theme.css", "logo"))
        assert sheet
        assert image
        found = visitor.browser.get(sheet[1])
        assert found.headers["content-type"] == "text/css; charset=utf-8"
        assert "--accent: #00468b" in found.text
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
        shown = visitor.browser.get(image[1])
        assert (shown.headers["content-type"], shown.content) == ("image/png", PIXEL)
        assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_without_a_logo_none_is_shown(visitor: Visitor) -> None:
    visitor.open()
    assert "/form/logo" not in visitor.page.text
    assert "<img" not in visitor.page.text


# --- the start page, the script for frames, static files -------------------------------------------


def test_the_front_door_leads_to_the_form_in_production(visitor: Visitor) -> None:
    answer = visitor.browser.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/form")


def test_the_front_door_is_the_operators_start_page_in_development(guest: Visitor) -> None:
    page = guest.browser.get("/")
    assert page.status_code == 200
    for address in ("/form", "/docs", "/livez", "/examples/embed", "/examples/own-form"):
        assert address in page.text
    for path in ("/examples/embed", "/examples/own-form"):
        assert guest.browser.get(path).status_code == 200


def test_the_script_for_frames_may_be_loaded_from_anywhere(visitor: Visitor) -> None:
    answer = visitor.browser.get("/embed.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=300"


def test_static_files_are_compressed_and_kept_while_their_address_holds(visitor: Visitor) -> None:
    visitor.open()
    found = re.findall(r'"(/static/[^"]+)"', visitor.page.text)
    assert len(found) >= 3
    for address in found:
        with visitor.browser.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable", address
        assert answer.headers["content-encoding"] == "gzip"
        plain = visitor.browser.get(address.partition("?")[0], headers={"accept-encoding": "identity"})
        assert plain.headers["cache-control"] == "public, max-age=300"
        assert "content-encoding" not in plain.headers
        assert gzip.decompress(raw) == plain.content
        assert len(raw) < len(plain.content)
    missing = visitor.browser.get("/static/none.css?v=1")
    assert missing.status_code == 404
    assert "immutable" not in missing.headers.get("cache-control", "")


def test_pages_are_not_compressed_since_they_hold_secrets_beside_what_was_typed(visitor: Visitor) -> None:
    visitor.begin(START)
    answer = visitor.get("/form/check", **{"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers


def test_probes_and_the_api_are_not_pages(shared: Service) -> None:
    answer = shared.client.beside().get("/livez")
    assert answer.json() == {"status": "ok"}
