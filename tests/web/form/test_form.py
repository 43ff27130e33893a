"""The hosted form without scripts: rejected requests, how input is handled, and whole journeys."""

import datetime as dt
import time
from functools import partial
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.rules.engine.edition import Edition
from app.services.submissions import form_sessions
from app.storage.tables.submissions import form_tokens
from app.web.form.layout import edition_of
from app.web.form.navigation import Flow
from app.web.html import form_security
from tests.conftest import LIBRARY, Service
from tests.sample_answers import CARA, MINA, NOA, PAT, PAT_CONTACT, Answers, body
from tests.web.conftest import Headers, everything, opened
from tests.web.form_client import Visitor

EDITION = LIBRARY().current("ketamine-preconsult")
assert EDITION
LANGUAGES = EDITION.meta.languages
START = {"info_only": True, "answering_for": "myself", "age_band": "25_44"}
ACTS = ["/form/check", "/form/save", "/form/delete", "/form/s/{step}"]
AWAY = ["/form/leave", "/form/clear"]
FOREIGN: list[dict[str, str]] = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
    {"sec-fetch-site": "nonsense"},
    {"origin": "https://evil.example"},
    {"origin": "http://testserver.evil.example"},
    {"origin": "http://testserver:81"},
]
SEEN = ["/form/check", "/form/save", "/form/delete", "/form/summary", "/form/s/000000000000"]
ROSA: Answers = {  # answers a question of every kind, and is in no danger
    **START,
    "answering_for": "someone_else",
    "urgent_signs": ["none_of_these"],
    "visit_reason": ["long_term_pain", "low_mood", "other"],
    "pain_types": ["crps", "fibromyalgia", "other_pain"],
    "pain_named_by_clinician": "some",
    "pain_duration": "1_to_5_years",
    "pain_intensity": 7,
    "pain_tried": ["surgery", "ketamine"],
    "pain_tried_helped": "a_little",
    "depression_told_by_clinician": "yes",
    "depression_treatments_tried": "0",
    "other_feelings": ["anxiety", "trauma"],
    "self_harm_thoughts": "past",
    "health_topics": ["liver", "bladder"],
    "takes_medicines": "yes",
    "ride_home": "not_sure",
    "contact_permission": "no",
}
CALLED = PAT | {f"contact_{kind}": value for kind, value in PAT_CONTACT.items()}
PLAIN = {"content-type": "application/x-www-form-urlencoded"}


def listed(service: Service, **query: Any) -> list[dict[str, Any]]:
    """The submissions as the list API returns them."""
    answer = service.client.get("/v1/submissions", params=query, headers=service.key("submissions:read"))
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


def kept(service: Service) -> dict[str, Any]:
    """The newest submission as the API returns it."""
    found = listed(service)[0]["id"]
    reader = service.key("submissions:read")
    document: dict[str, Any] = service.client.get(f"/v1/submissions/{found}", headers=reader).json()
    return document


def at(visitor: Visitor, name: str) -> str:
    """The path of the page that asks a question."""
    work = partial(
        form_sessions.read,
        submission_service=visitor.service.services.submissions,
        secret=visitor.secret,
        now=now(),
        late=True,
    )
    flow = Flow(visitor.service.read(work))
    group = next(each for each in flow.asked.item if name in {item.link_id for item in each.item})
    return f"/form/s/{flow.step(group.link_id)}"


def token(visitor: Visitor) -> str:
    return form_security.csrf_token(visitor.service.services, visitor.secret)


def asking(visitor: Visitor, *names: str, **values: str | list[str]) -> list[tuple[str, str]]:
    """The fields that a browser sends from a page with these questions."""
    pairs = [("token", token(visitor)), *(("asked", name) for name in (*names, *values))]
    for name, value in values.items():
        pairs += [(name, each) for each in ([value] if isinstance(value, str) else value)]
    return pairs


def shift_sessions(service: Service, hours: int) -> None:
    """Set the end of every session to `hours` before now."""
    over = sa.update(form_tokens).where(form_tokens.c.kind == "session")
    ended = now() - dt.timedelta(hours=hours)
    service.database.write_blocking(lambda session: session.execute(over.values(expires_at=ended)) and None)


@pytest.fixture
def begun(visitor: Visitor) -> Visitor:
    """A respondent who has started the form, to check that a rejected request changes nothing."""
    visitor.begin(START)
    return visitor


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", ["/form", "/form/language", "/form/resume", *ACTS])
def test_a_form_sent_by_another_website_is_refused(
    begun: Visitor, path: str, headers: dict[str, str]
) -> None:
    instance = form_security.new_form_id(begun.service.services, now() - dt.timedelta(minutes=1))
    fields = [*asking(begun, "info_only", visit_reason="low_mood"), ("info_only", "true")]
    fields += [("instance", instance), ("link", "x" * 43)]
    fields += [("language", "es")] if path == "/form/language" else []
    before, cookies = everything(begun.service), dict(begun.browser.cookies)
    answer = begun.post(path.format(step=at(begun, "visit_reason")[8:]), fields, **headers)
    assert answer.status_code == 403
    assert (everything(begun.service), dict(begun.browser.cookies)) == (before, cookies)


WRONG = ["none", "empty", "garbage", "dots", "accents", "long", "another session's", "an instance"]


def wrong_token(visitor: Visitor, wrong: str) -> list[tuple[str, str]]:
    """The fields of a form with a missing token or one of another session."""
    other, services = Visitor(visitor.service), visitor.service.services
    if wrong == "another session's":
        other.begin(START)
    given = {
        "none": [], "empty": [""], "garbage": ["garbage"], "long": ["x" * 9000],
        "dots": [f"{services.submissions.vault.keyring.newest}."],
        "accents": [f"{services.submissions.vault.keyring.newest}.é"],
        "another session's": [token(other)],
        "an instance": [form_security.new_form_id(services, now()).split(".", 2)[2]],
    }[wrong]  # fmt: skip
    return [*(("token", each) for each in given), ("asked", "ride_home"), ("ride_home", "no")]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("path", ACTS)
def test_a_form_without_the_token_of_its_session_is_refused(begun: Visitor, path: str, wrong: str) -> None:
    fields = wrong_token(begun, wrong)
    before = everything(begun.service)
    answer = begun.post(path.format(step=at(begun, "ride_home")[8:]), fields)
    assert answer.status_code == 403
    assert everything(begun.service) == before
    assert begun.secret


@pytest.mark.parametrize("path", AWAY)
@pytest.mark.parametrize("wrong", WRONG)
def test_leaving_from_an_older_page_of_ours_ends_the_session_all_the_same(
    visitor: Visitor, path: str, wrong: str
) -> None:
    visitor.begin(START)
    visitor.post(path, wrong_token(visitor, wrong))
    assert not visitor.secret
    assert visitor.get("/form/check").status_code == 403


@pytest.mark.parametrize("path", AWAY)
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_website_ends_no_session(begun: Visitor, path: str, headers: dict[str, str]) -> None:
    before, secret = everything(begun.service), begun.secret
    begun.post(path, [("token", token(begun))], **headers)
    assert (everything(begun.service), begun.secret) == (before, secret)


@pytest.mark.parametrize(
    "wrong", ["none", "garbage", "dots", "another time", "another purpose", "old", "future", "NUL", "long"]
)
def test_a_form_that_is_not_one_of_ours_begins_nothing_and_is_shown_again_with_what_was_typed(
    visitor: Visitor, wrong: str
) -> None:
    services, moment = visitor.service.services, now()
    good = form_security.new_form_id(services, moment - dt.timedelta(minutes=1))
    made, nonce, signature = good.split(".", 2)
    other = services.submissions.vault.keyring.sign("x", f"{made}.{nonce}".encode())
    instance = {
        "none": [], "garbage": "garbage", "dots": "..",
        "another time": f"{int(made) - 1}.{nonce}.{signature}",
        "another purpose": f"{made}.{nonce}.{other}",
        "old": form_security.new_form_id(services, moment - form_security.OLDEST),
        "NUL": good + "\0", "long": good + "x" * 9000,
        "future": form_security.new_form_id(services, moment + dt.timedelta(minutes=1)),
    }[wrong]  # fmt: skip
    before = everything(visitor.service)
    visitor.open()
    answer = visitor.send(START, instance=instance)
    assert answer.status_code == 422
    assert everything(visitor.service) == before
    assert not visitor.secret
    assert visitor.form.checked("info_only") == ["true"]
    assert "open for a long time" in answer.text
    visitor.send()
    assert visitor.secret, "the form it was shown again on works"


def test_a_form_is_good_for_a_day(visitor: Visitor) -> None:
    visitor.begin(START, age=form_security.OLDEST.total_seconds() - 60)
    assert visitor.secret


@pytest.mark.parametrize("path", [*SEEN, "/form/summary.txt", "/form/summary.pdf"])
def test_without_a_session_no_page_is_shown(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert visitor.heading == "The form was closed"


@pytest.mark.parametrize("path", ["/form/check", "/form/save", "/form/s/000000000000"])
@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 4000, "%00"])
def test_a_cookie_that_opens_nothing_does_nothing(visitor: Visitor, path: str, cookie: str) -> None:
    visitor.browser.cookies.set("preconsult_form", cookie)
    before = everything(visitor.service)
    answer = visitor.post(path, [("token", form_security.csrf_token(visitor.service.services, cookie))])
    assert answer.status_code == 403
    assert everything(visitor.service) == before


def test_the_cookie_of_another_opens_their_form_and_not_the_one_the_page_was_made_for(
    visitor: Visitor,
) -> None:
    other = Visitor(visitor.service)
    other.begin(START | {"age_band": "65_plus"})
    visitor.begin(START)
    fields = asking(visitor, visit_reason="low_mood")
    page, before = at(visitor, "visit_reason"), everything(visitor.service)
    visitor.browser.cookies.set("preconsult_form", other.secret, domain="testserver.local", path="/")
    assert visitor.secret == other.secret
    assert visitor.post(page, fields).status_code == 403
    assert visitor.post(page, asking(visitor, visit_reason="low_mood")).status_code == 404
    assert everything(visitor.service) == before


@pytest.mark.parametrize("step", ["000000000000", "visit_reason", "reason", "x" * 3000, "%00", "%C3%A9"])
def test_an_address_that_is_no_page_of_this_form_takes_nothing(visitor: Visitor, step: str) -> None:
    visitor.begin(START)
    before = everything(visitor.service)
    assert visitor.post(f"/form/s/{step}", asking(visitor, visit_reason="low_mood")).status_code == 404
    assert everything(visitor.service) == before
    visitor.get(f"/form/s/{step}")
    assert (visitor.page.status_code, visitor.path) == (200, at(visitor, "urgent_signs"))


@pytest.mark.parametrize("path", ["/form", "/form/language", "/form/resume", *ACTS, *AWAY])
@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("text/plain", b"a=b", 415),
        ("", b"a=b", 415),
        (PLAIN["content-type"], b"&".join([b"a=b"] * (form_security.MAX_FIELDS + 1)), 400),
        (PLAIN["content-type"], b"token=%ff", 400),
        (PLAIN["content-type"], b"%ff=token", 400),
        (PLAIN["content-type"], b"token=%ed%a0%80", 400),
        (PLAIN["content-type"], "token=é".encode(), 400),
        (PLAIN["content-type"], b"a=" + b"x" * 70_000, 413),
    ],
    ids=["json", "multipart", "text", "none", "fields", "value", "name", "surrogate", "bytes", "large"],
)
def test_a_body_that_is_no_form_is_refused(
    begun: Visitor, path: str, kind: str, content: bytes, status: int
) -> None:
    before, address = everything(begun.service), path.format(step=at(begun, "visit_reason")[8:])
    headers = {"content-type": kind} if kind else {}
    answer = begun.browser.post(address, content=content, headers=headers)
    assert answer.status_code == status
    assert everything(begun.service) == before
    assert begun.secret


@pytest.mark.parametrize("back", [
    "https://evil.example", "//evil.example", "/\\evil.example", "/form//evil.example", "/formevil",
    "/form/../../evil", "/form/@evil.example", "javascript:alert(1)", "/form\r\nx: y", "/form?next=//evil",
    "/form?check=1&x=//evil", "/staff", "", " /form", "/form\0", "/form/s/A%2f", "/form?check=2", "/form#x",
])  # fmt: skip
def test_a_change_of_language_leads_to_a_page_of_the_form_and_nowhere_else(
    visitor: Visitor, back: str
) -> None:
    answer = visitor.browser.post(
        "/form/language", data={"language": "es", "back": back}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/form/go-on")


def test_a_form_that_was_sent_takes_no_more(visitor: Visitor) -> None:
    visitor.go_through(CARA)
    before = everything(visitor.service)
    for path in (at(visitor, "ride_home"), at(visitor, "visit_reason")):
        visitor.post(path, asking(visitor, ride_home="no"))
        assert (visitor.page.status_code, visitor.path) == (200, "/form/summary")
        assert "You had sent the form already" in visitor.page.text
        visitor.get(path)
        assert visitor.path == "/form/summary"
    assert everything(visitor.service) == before
    visitor.post("/form/check", [("token", token(visitor))])
    assert visitor.path == "/form/summary"
    visitor.get("/form/check")
    assert visitor.path == "/form/summary"


def test_deleting_twice_says_that_it_is_deleted(visitor: Visitor) -> None:
    visitor.begin(START)
    cookie, tab = visitor.secret, [("token", token(visitor))]
    for _ in range(2):
        visitor.browser.cookies.set("preconsult_form", cookie)
        visitor.post("/form/delete", tab)
        assert visitor.heading == "Your answers are deleted"


def test_looking_changes_nothing(visitor: Visitor) -> None:
    visitor.begin(CARA)
    visitor.get("/form/save")
    visitor.send()
    link = visitor.page.text.partition("/form/resume#")[2][:43]
    pages = [
        "/form", "/form?language=es", "/form/go-on", "/form/check", "/form/save", "/form/delete",
        "/form/privacy", "/form/deleted", "/form/cleared", "/form/left", "/form/leave", "/form/clear",
        f"/form/resume/{link}", f"/form/resume?link={link}", "/form/summary",
        at(visitor, "self_harm_thoughts"),
        f"{at(visitor, 'self_harm_thoughts')}?self_harm_thoughts=now&token={token(visitor)}",
    ]  # fmt: skip
    before, secret = everything(visitor.service), visitor.secret
    for page in pages:
        visitor.get(page)
        assert everything(visitor.service) == before, page
        assert visitor.secret == secret


# --- abuse -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "more", "reasons"),
    [
        (60, {}, []),
        (60, {"website": "https://evil.example"}, ["honeypot"]),
        (0, {}, ["too_fast"]),
        (0, {"website": "x"}, ["honeypot", "too_fast"]),
    ],
    ids=str,
)
def test_what_looks_like_a_robot_is_kept_and_marked_for_those_who_read(
    service: Service, guest: Visitor, age: float, more: dict[str, str], reasons: list[str]
) -> None:
    guest.open(age=age)
    guest.send(START, **more)
    guest.fill_in(CARA)
    guest.send()
    assert guest.path == "/form/summary"
    assert [row["quarantine"] for row in listed(service)] == [reasons]
    assert [row["quarantine"] for row in listed(service, test=True)] == []
    document = kept(service)
    assert (document["quarantine"], document["status"], document["answers"]) == (reasons, "submitted", CARA)
    staff = service.key("review")
    path = f"/v1/submissions/{document['id']}"
    assert service.client.get(path, headers=staff).json()["quarantine"] == reasons
    assert "quarantine" not in guest.page.text


def test_a_respondent_is_not_told_that_their_form_is_marked(service: Service, website: Headers) -> None:
    made = service.client.post("/v1/submissions", json=body(CARA), headers=website).json()
    mine = {"authorization": f"Bearer {made['access_token']}"}
    assert "quarantine" not in made
    assert "quarantine" not in service.client.get(f"/v1/submissions/{made['id']}", headers=mine).json()


def test_too_many_forms_from_one_network_are_asked_to_wait(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 480_000 * 3600 + 900.0)  # no new hour begins during the test
    with opened(tmp_path, trusted_proxies="10.0.0.0/8") as service:
        services = Visitor(service, "192.0.2.7")
        for _ in range(30):
            services.begin(START)
            assert services.page.status_code == 200
        before = everything(service)
        for peer, forwarded in (
            ("192.0.2.250", {}),
            ("192.0.2.8", {"x-forwarded-for": "198.51.100.1"}),
            ("10.0.0.2", {"x-forwarded-for": "198.51.100.1, 192.0.2.9"}),
        ):
            late = Visitor(service, peer)
            late.browser.headers.update(forwarded)
            late.begin(START)
            assert late.page.status_code == 429
            assert 1 <= int(late.page.headers["retry-after"]) <= 3600
            assert late.heading == "Please wait a little"
            assert not late.secret
        assert everything(service) == before
        for peer, forwarded in (("198.51.100.7", {}), ("10.0.0.2", {"x-forwarded-for": "203.0.113.5"})):
            other = Visitor(service, peer)
            other.browser.headers.update(forwarded)
            other.begin(START)
            assert other.secret
        services.fill_in(CARA)
        services.send()
        assert services.path == "/form/summary", "who has begun can go on"


def test_everybody_waits_when_too_many_forms_are_begun_in_all(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 480_000 * 3600 + 900.0)
    with opened(tmp_path, form_start_limit=3) as service:
        statuses = []
        for number in range(4):
            visitor = Visitor(service, f"198.51.{number}.1")
            visitor.begin(START)
            statuses.append(visitor.page.status_code)
        assert statuses == [200, 200, 200, 429]


def test_a_first_page_with_something_amiss_does_not_count_as_a_form(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 480_000 * 3600 + 900.0)
    with opened(tmp_path, form_start_limit_per_network=1) as service:
        visitor = Visitor(service)
        for _ in range(3):
            visitor.begin({})
            assert visitor.page.status_code == 422
        visitor.begin(START)
        assert visitor.secret


# --- invalid answers -------------------------------------------------------------------------------


def test_the_first_page_says_what_is_amiss_and_begins_nothing(visitor: Visitor) -> None:
    before = everything(visitor.service)
    visitor.begin({})
    assert visitor.page.status_code == 422
    assert targets(visitor, "#q") == ["#q1"]
    assert "<title>Error: " in visitor.page.text
    assert everything(visitor.service) == before


def test_a_page_says_what_is_amiss_with_each_question_and_keeps_what_was_chosen(visitor: Visitor) -> None:
    visitor.begin({"info_only": True, "answering_for": "someone_else"})
    assert visitor.page.status_code == 422
    assert targets(visitor, "#q") == ["#q2"]
    assert visitor.form.checked("answering_for") == ["someone_else"]
    assert "<title>Error: " in visitor.page.text
    assert kept(visitor.service)["answers"] == {"info_only": True, "answering_for": "someone_else"}


def targets(visitor: Visitor, stem: str) -> list[str]:
    """The targets of the error summary's links; asserts that each is on the page."""
    found = [href for each in visitor.read.links if (href := each["href"] or "").startswith(stem)]
    assert [each for each in found if f'id="{each[1:]}"' not in visitor.page.text] == []
    return found


def test_an_option_that_stands_alone_is_refused_beside_others_and_all_stay_chosen(visitor: Visitor) -> None:
    visitor.begin(START)
    visitor.send({"urgent_signs": ["none_of_these", "new_weakness"]})
    assert visitor.page.status_code == 422
    assert visitor.form.checked("urgent_signs") == ["new_weakness", "none_of_these"]
    assert "None of these" in visitor.page.text
    assert targets(visitor, "#q") == ["#q1"]
    assert "urgent_signs" not in kept(visitor.service)["answers"]


@pytest.mark.parametrize(
    ("typed", "value", "status"),
    [
        ("7", 7, 200), (" 7 ", 7, 200), ("07", 7, 200), ("0", 0, 200), ("10", 10, 200), ("", None, 200),
        ("   ", None, 200), ("11", None, 422), ("-1", None, 422), ("+7", None, 422), ("7.0", None, 422),
        ("7,5", None, 422), ("1e1", None, 422), ("0x7", None, 422), ("seven", None, 422), ("７", None, 422),
        ("٧", None, 422), ("1_0", None, 422), ("9" * 7, None, 422), ("9" * 5000, None, 422),
        ("7\0", None, 422), ("<b>7</b>", None, 422),
    ],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it_and_nothing_is_guessed(
    visitor: Visitor, typed: str, value: int | None, status: int
) -> None:
    visitor.begin(START)
    page = at(visitor, "pain_intensity")
    visitor.post(at(visitor, "visit_reason"), asking(visitor, visit_reason="long_term_pain"))
    fields = asking(visitor, pain_types="crps", pain_intensity=typed)
    assert visitor.post(page, fields).status_code == status
    assert kept(visitor.service)["answers"].get("pain_intensity") == value
    assert kept(visitor.service)["answers"]["pain_types"] == ["crps"]
    if status == 422:
        assert visitor.form.value("pain_intensity") == typed
        assert "<b>" not in visitor.page.text


@pytest.mark.parametrize("value", ["no_such_option", "x" * 60_000, "\0", "<script>alert(1)</script>", "é🙂"])
def test_a_value_that_no_page_offers_is_told_and_never_kept(visitor: Visitor, value: str) -> None:
    visitor.begin(START)
    answer = visitor.post(at(visitor, "visit_reason"), asking(visitor, visit_reason=["low_mood", value]))
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "visit_reason" not in kept(visitor.service)["answers"]


def test_of_a_field_that_comes_twice_where_one_answer_goes_the_first_counts(visitor: Visitor) -> None:
    visitor.begin(START)
    page = at(visitor, "takes_medicines")
    visitor.post(page, asking(visitor, takes_medicines=["yes", "no"]))
    assert kept(visitor.service)["answers"]["takes_medicines"] == "yes"


def test_an_option_that_comes_twice_is_told(visitor: Visitor) -> None:
    visitor.begin(START)
    page = at(visitor, "health_topics")
    assert visitor.post(page, asking(visitor, health_topics=["liver", "liver"])).status_code == 422
    assert "health_topics" not in kept(visitor.service)["answers"]


def test_only_what_the_page_has_asked_is_taken_from_it(visitor: Visitor) -> None:
    visitor.begin(START)
    page = at(visitor, "ride_home")
    visitor.post(page, asking(visitor, ride_home="no"))
    visitor.post(page, [("token", token(visitor)), ("asked", "takes_medicines"), ("takes_medicines", "yes"),
                        ("ride_home", "yes"), ("visit_reason", "low_mood"), ("asked", "visit_reason"),
                        ("asked", "no_such"), ("no_such", "x")])  # fmt: skip
    assert kept(visitor.service)["answers"] == START | {"ride_home": "no", "takes_medicines": "yes"}


def test_contact_details_that_can_not_be_used_are_told_beside_good_ones(visitor: Visitor) -> None:
    visitor.begin(CARA)
    page = at(visitor, "contact_permission")
    fields = asking(
        visitor, contact_permission="yes", contact_name="x" * 5000, contact_phone="12", contact_email="a@b.c"
    )
    assert visitor.post(page, fields).status_code == 422
    assert visitor.page.text.count('class="error"') == 2
    assert visitor.form.value("contact_phone") == "12"
    visitor.get("/form/check")
    assert "a…@b.c" in visitor.page.text


def test_answers_that_are_missing_are_listed_with_the_way_to_each(visitor: Visitor) -> None:
    visitor.begin(START)
    visitor.post("/form/check", [("token", token(visitor))])
    assert visitor.page.status_code == 422
    assert len(targets(visitor, "#r")) == 3
    visitor.get("/form/go-on")
    assert visitor.path == at(visitor, "urgent_signs")


# --- expired ---------------------------------------------------------------------------------------


def test_a_page_sent_after_the_session_ended_is_kept_and_nothing_is_shown(guest: Visitor) -> None:
    guest.begin(START)
    page, fields = at(guest, "ride_home"), asking(guest, ride_home="no", self_harm_thoughts="now")
    shift_sessions(guest.service, 1)
    assert guest.post(page, fields).status_code == 403
    assert guest.heading == "The form was closed"
    assert kept(guest.service)["answers"]["ride_home"] == "no"
    found_issues = asking(guest, takes_medicines="no_such_option", ride_home="not_sure")
    assert guest.post(page, found_issues).status_code == 403, "not even the page with what is amiss on it"
    assert "not_sure" not in guest.page.text
    assert kept(guest.service)["answers"]["ride_home"] == "not_sure"
    assert guest.get("/form/check").status_code == 403
    shift_sessions(guest.service, 25)
    assert guest.post(page, asking(guest, ride_home="yes")).status_code == 403
    assert kept(guest.service)["answers"]["ride_home"] == "not_sure"


@pytest.mark.both_databases
def test_the_first_page_sent_twice_opens_one_form(guest: Visitor) -> None:
    guest.open()
    instance = form_security.new_form_id(guest.service.services, now() - dt.timedelta(minutes=1))
    fields = guest.form.filled({"info_only": ["true"]})
    fields = [(name, instance if name == "instance" else value) for name, value in fields]
    first = Visitor(guest.service)
    for each in (guest, first):
        assert each.post("/form", fields).status_code == 200
    assert len(listed(guest.service)) == 1
    assert guest.secret != first.secret
    first.fill_in(CARA)
    guest.get(at(guest, "pain_types"))
    assert guest.form.checked("pain_types") == ["crps"]


@pytest.mark.both_databases
def test_two_tabs_and_a_form_sent_twice_are_harmless(guest: Visitor) -> None:
    guest.begin(CARA)
    guest.fill_in(CARA)
    tab = [("token", token(guest))]
    for _ in range(3):
        guest.post("/form/check", tab)
        assert guest.path == "/form/summary"
    assert [row["status"] for row in listed(guest.service)] == ["submitted"]


# --- successful ------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [CARA, NOA, ROSA, CALLED], ids=["cara", "noa", "rosa", "called"])
def test_a_whole_journey_keeps_the_answers_as_they_were_given(guest: Visitor, answers: Answers) -> None:
    guest.go_through(answers)
    document = kept(guest.service)
    assert document["answers"] == {name: each for name, each in answers.items() if "contact_" not in name} | {
        "contact_permission": answers["contact_permission"]
    }
    assert (document["status"], document["test"], document["quarantine"]) == ("submitted", False, [])
    assert guest.heading == document["summary"]["title"]
    words = unescape(guest.page.text)
    assert all(topic["text"] in words for topic in document["summary"]["topics"])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("answers", [CARA, NOA, ROSA], ids=["cara", "noa", "rosa"])
def test_form_rest_and_stateless_evaluation_give_the_same_digest(
    shared: Service, answers: Answers, language: str
) -> None:
    visitor, writer = Visitor(shared), shared.key("submissions:write")
    visitor.go_through(answers, language)
    wanted = body(answers, language=language)
    made = shared.client.post("/v1/submissions", json=wanted, headers=writer).json()["summary"]
    asked = shared.client.post("/v1/evaluations", json=wanted, headers=writer).json()["summary"]
    by_form = next(
        row["id"] for row in listed(shared) if row["id"] != made.get("id") and row["language"] == language
    )
    reader = shared.key("submissions:read")
    rows = [
        shared.client.get(f"/v1/submissions/{row['id']}", headers=reader).json()
        for row in listed(shared, limit=2)
    ]
    assert by_form in {row["id"] for row in rows}
    assert {row["summary"]["digest"] for row in rows} == {made["digest"], asked["digest"]}
    assert {row["language"] for row in rows} == {language}
    assert made["digest"] == asked["digest"]
    assert visitor.heading == made["title"]
    assert f'lang="{language}"' in visitor.page.text


@pytest.mark.both_databases
def test_the_digest_is_the_same_on_every_database(guest: Visitor, website: Headers) -> None:
    guest.go_through(ROSA)
    by_form = kept(guest.service)["summary"]["digest"]
    made = guest.service.client.post("/v1/submissions", json=body(ROSA), headers=website).json()
    assert made["summary"]["digest"] == by_form


def test_somebody_under_18_is_stopped_and_no_health_answer_is_kept(guest: Visitor) -> None:
    guest.begin(MINA)
    assert "adults 18 and over" in guest.page.text
    assert guest.heading == "Where to get help"
    guest.fill_in(MINA)
    guest.send()
    assert guest.path == "/form/summary"
    document = kept(guest.service)
    assert (document["answers"], document["summary"]["topics"]) == (MINA, [])
    assert [each["rule"] for each in document["summary"]["interruptions"]] == ["U18"]
    assert "You told us" not in guest.page.text


@pytest.mark.parametrize(
    ("answers", "rule", "heading"),
    [
        ({"urgent_signs": ["new_weakness"]}, "S_URGENT", "Call 911"),
        ({"self_harm_thoughts": "now"}, "S_NOW", "Call 988"),
        ({"self_harm_thoughts": "recent"}, "S_RECENT", "Call 988"),
    ],
    ids=["urgent", "now", "recent"],
)
def test_what_an_answer_raises_comes_straight_after_its_page_and_stays_on_top(
    guest: Visitor, answers: Answers, rule: str, heading: str
) -> None:
    name = next(iter(answers))
    guest.begin(START)
    guest.post(at(guest, name), asking(guest, **answers))
    text = _edition(guest).phrasebooks["en"].rules[rule]
    assert guest.page.status_code == 200
    assert heading in guest.heading
    assert text in unescape(guest.page.text)
    assert [each for each in guest.read.forms if each.attributes.get("class") == "questions"] == []
    onward = next(each["href"] for each in guest.read.links if each.get("class") == "continue")
    flagged = listed(guest.service)[0]
    assert (flagged["status"], flagged["attention"]) == ("draft", 1 if rule != "S_RECENT" else 2)
    for page in (onward or "", "/form/check", "/form/save", "/form/privacy"):
        guest.get(page)
        assert text in unescape(guest.page.text), page
    guest.get("/form/go-on")
    guest.fill_in(CARA | answers)
    guest.send()
    assert unescape(guest.page.text).index(text) < guest.page.text.index(
        kept(guest.service)["summary"]["title"]
    )


def _edition(visitor: Visitor) -> Edition:
    return edition_of(visitor.service.services)


def test_what_is_raised_comes_before_what_is_amiss_on_the_same_page(visitor: Visitor) -> None:
    visitor.begin(START)
    fields = asking(visitor, other_feelings=["none", "anxiety"], self_harm_thoughts="now")
    visitor.post(at(visitor, "self_harm_thoughts"), fields)
    assert visitor.page.status_code == 200
    assert "988" in visitor.heading
    onward = next(each["href"] for each in visitor.read.links if each.get("class") == "continue")
    visitor.get(onward or "")
    assert visitor.path == at(visitor, "self_harm_thoughts")


def test_an_answer_that_brings_up_more_on_its_page_shows_it_before_going_on(visitor: Visitor) -> None:
    visitor.begin(START)
    visitor.post(at(visitor, "visit_reason"), asking(visitor, visit_reason="low_mood"))
    page = at(visitor, "depression_told_by_clinician")
    visitor.post(page, asking(visitor, depression_told_by_clinician="yes"))
    assert visitor.path == page
    assert visitor.form.offers("depression_treatments_tried")
    assert "more question" in visitor.page.text


def test_a_changed_answer_says_what_is_not_asked_any_more_and_loses_nothing_until_the_form_is_sent(
    guest: Visitor,
) -> None:
    guest.begin(CARA)
    guest.fill_in(CARA)
    page = at(guest, "visit_reason")
    guest.post(f"{page}?check=1", asking(guest, visit_reason="low_mood"))
    words = _edition(guest).phrasebooks["en"].items["pain_types"].text
    assert guest.path == "/form/check"
    assert words in guest.page.text.partition('<div class="notice">')[2]
    assert kept(guest.service)["answers"]["pain_types"] == ["crps"]
    guest.post(f"{page}?check=1", asking(guest, visit_reason=["low_mood", "long_term_pain"]))
    assert guest.path == "/form/check"
    guest.send()
    assert kept(guest.service)["answers"] == CARA
    other = Visitor(guest.service)
    other.begin(CARA)
    other.fill_in(CARA)
    other.post(f"{at(other, 'visit_reason')}?check=1", asking(other, visit_reason="low_mood"))
    other.get("/form/check")
    other.send()
    assert "pain_types" not in kept(guest.service)["answers"]


def test_pages_say_how_far_one_is_and_back_leads_to_the_page_before(visitor: Visitor) -> None:
    visitor.begin(CARA)
    pages: list[str] = []
    while visitor.path != "/form/check":
        pages += [] if visitor.path in pages else [visitor.path]
        assert f"Part {pages.index(visitor.path) + 3} of 8" in visitor.page.text
        visitor.send(CARA)
    for earlier in reversed(pages):
        back = [each["href"] for each in visitor.read.links if each["href"] in (*pages, "/form")]
        assert back[-1] == earlier
        visitor.get(earlier)
        assert visitor.path == earlier


def test_an_address_tells_neither_the_question_nor_the_answer(visitor: Visitor) -> None:
    other = Visitor(visitor.service)
    for each in (visitor, other):
        each.begin(CARA)
    assert at(visitor, "self_harm_thoughts") != at(other, "self_harm_thoughts")
    ids = [item.link_id for item in _edition(visitor).questionnaire.by_id.values()]
    visitor.fill_in(CARA)
    links = " ".join(str(each["href"]) for each in visitor.read.links)
    assert [name for name in ids if name in links] == []


# --- contact ---------------------------------------------------------------------------------------


def test_a_contact_detail_is_kept_shown_masked_replaced_and_taken_out(guest: Visitor) -> None:
    guest.begin(PAT)
    page, asked = at(guest, "contact_permission"), ["contact_name", "contact_phone", "contact_email"]
    guest.post(
        page, asking(guest, contact_permission="yes", **{f"contact_{k}": v for k, v in PAT_CONTACT.items()})
    )
    assert _contact(guest) == PAT_CONTACT
    guest.get(page)
    for value in PAT_CONTACT.values():
        assert value not in guest.page.text
    words = unescape(guest.page.text)
    assert all(each in words for each in ("P…", "a number that ends in 42", "p…@example.org"))
    assert [guest.form.value(name) for name in asked] == ["", "", ""]
    guest.send()
    assert _contact(guest) == PAT_CONTACT, "left empty, it stays"
    guest.get(page)
    guest.send({"contact_phone": "+1 561 555 0199"}, remove=["contact_email"])
    assert _contact(guest) == {"name": PAT_CONTACT["name"], "phone": "+1 561 555 0199"}
    guest.get(page)
    guest.send({"contact_permission": "no"})
    assert _contact(guest) == {}


def _contact(visitor: Visitor) -> dict[str, str]:
    work = partial(
        form_sessions.read,
        submission_service=visitor.service.services.submissions,
        secret=visitor.secret,
        now=now(),
    )
    return dict(visitor.service.read(work).record.contact)


# --- language --------------------------------------------------------------------------------------


def test_a_language_is_remembered_on_the_device_and_kept_with_the_form(visitor: Visitor) -> None:
    visitor.open("es")
    assert visitor.read.lang == "es"
    assert visitor.browser.cookies["preconsult_language"] == "es"
    visitor.get("/form", **{"accept-language": "ht"})
    assert visitor.read.lang == "es"
    visitor.send(START)
    assert visitor.read.lang == "es"
    assert kept(visitor.service)["language"] == "es"
    visitor.post("/form/language", [("language", "ht"), ("back", visitor.path)])
    assert (visitor.read.lang, visitor.path) == ("ht", at(visitor, "age_band"))


def test_a_language_switch_on_a_page_keeps_what_was_typed_there(visitor: Visitor) -> None:
    visitor.begin(START)
    visitor.send({"urgent_signs": ["prefer_not_to_say"]}, language="pt-BR")
    assert (visitor.read.lang, visitor.path) == ("pt-BR", at(visitor, "urgent_signs"))
    assert visitor.form.checked("urgent_signs") == ["prefer_not_to_say"]
    visitor.send({"urgent_signs": ["new_weakness", "none_of_these"]}, language="es")
    assert (visitor.page.status_code, visitor.read.lang) == (200, "es")
    assert visitor.form.checked("urgent_signs") == ["new_weakness", "none_of_these"]


def test_what_a_language_switch_saves_is_told_at_once(visitor: Visitor) -> None:
    visitor.begin(START)
    visitor.send({"urgent_signs": ["chest_or_breathing"]}, language="es")
    assert (visitor.read.lang, visitor.heading) == ("es", "Llame al 911")


def test_what_a_page_sent_too_late_calls_for_is_told_at_once_and_not_kept(visitor: Visitor) -> None:
    visitor.go_through(CARA)
    before = everything(visitor.service)
    danger = [("token", token(visitor)), ("asked", "self_harm_thoughts"), ("self_harm_thoughts", "now")]
    visitor.post(at(visitor, "self_harm_thoughts"), danger)
    assert visitor.heading == "Call 988"
    assert everything(visitor.service) == before


def test_what_a_page_after_the_session_calls_for_is_told_at_once(visitor: Visitor) -> None:
    visitor.begin(CARA)
    danger = [("token", token(visitor)), ("asked", "self_harm_thoughts"), ("self_harm_thoughts", "now")]
    page = at(visitor, "self_harm_thoughts")
    shift_sessions(visitor.service, 1)
    visitor.post(page, danger)
    assert visitor.heading == "Call 988"
    assert kept(visitor.service)["attention"] == 1
    assert visitor.get("/form/check").status_code == 403


def test_a_form_sent_after_the_session_is_sent_and_nothing_of_it_is_shown(visitor: Visitor) -> None:
    visitor.begin(CARA)
    visitor.fill_in(CARA)
    tab = [("token", token(visitor))]
    shift_sessions(visitor.service, 1)
    visitor.post("/form/check", tab)
    assert visitor.heading == "Your answers are sent"
    assert "CRPS" not in visitor.page.text
    assert kept(visitor.service)["status"] == "submitted"


def test_a_browser_that_keeps_no_cookies_is_told(visitor: Visitor) -> None:
    visitor.begin(START)
    visitor.browser.cookies.clear()
    visitor.get("/form/go-on?new=1")
    assert visitor.heading == "The form can not go on here"
    visitor.get("/form/go-on")
    assert visitor.heading == "Before you start"


def test_a_first_page_left_on_a_screen_opens_nobodys_answers(visitor: Visitor) -> None:
    visitor.open()
    instance = form_security.new_form_id(visitor.service.services, now() - dt.timedelta(minutes=1))
    fields = visitor.form.filled({"info_only": ["true"]})
    fields = [(name, instance if name == "instance" else value) for name, value in fields]
    visitor.post("/form", fields)
    visitor.fill_in(CARA)
    passer_by = Visitor(visitor.service)
    passer_by.post("/form", fields)
    assert (passer_by.page.status_code, passer_by.heading) == (422, "Before you start")
    assert not passer_by.secret


def test_a_language_switch_on_the_first_page_keeps_what_was_chosen_and_begins_nothing(
    visitor: Visitor,
) -> None:
    before = everything(visitor.service)
    visitor.open()
    visitor.send(START, language="ht")
    assert (visitor.read.lang, visitor.form.checked("info_only")) == ("ht", ["true"])
    assert everything(visitor.service) == before
    visitor.send()
    assert (visitor.read.lang, kept(visitor.service)["language"]) == ("ht", "ht")


@pytest.mark.parametrize("wanted", ["xx", "", "es\r\nset-cookie: a=b", "../en", "\0", "EN-us"])
def test_a_language_that_is_not_served_is_the_first_one(visitor: Visitor, wanted: str) -> None:
    visitor.post("/form/language", [("language", wanted), ("back", "/form")])
    assert visitor.read.lang == "en"
    assert {each.name for each in visitor.browser.cookies.jar} == {"preconsult_language"}


def test_a_browser_gets_the_language_it_asks_for(visitor: Visitor) -> None:
    for header, language in (
        ("pt-PT, pt;q=0.9", "en"),
        ("pt-BR", "pt-BR"),
        ("fr, es-MX;q=0.8", "es"),
        ("*", "en"),
    ):
        visitor.get("/form", **{"accept-language": header})
        assert visitor.read.lang == language, header


def test_a_translation_nobody_signed_off_is_not_served_in_production_unless_that_is_allowed(
    tmp_path: Any, visitor: Visitor
) -> None:
    with opened(tmp_path) as service:
        strict = Visitor(service)
        strict.open("es")
        assert strict.read.lang == "en"
        assert "Español" not in strict.page.text
        strict.browser.cookies.set("preconsult_language", "ht")
        strict.get("/form", **{"accept-language": "es"})
        assert strict.read.lang == "en"
        assert 'class="unreviewed"' not in strict.page.text
    visitor.open("es")
    assert (visitor.read.lang, 'class="unreviewed"' in visitor.page.text) == ("es", True)
    visitor.send(START)
    assert 'class="unreviewed"' in visitor.page.text
    visitor.open("en")
    assert 'class="unreviewed"' not in visitor.page.text


# --- cookies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "name", "parts"),
    [
        ({}, "preconsult_form", {"path=/", "httponly", "samesite=lax"}),
        (
            {"public_url": "https://form.clinic.example"},
            "__Host-preconsult_form",
            {"path=/", "httponly", "samesite=lax", "secure"},
        ),
        (
            {"public_url": "https://form.clinic.example", "frame_ancestors": "https://www.clinic.example"},
            "__Host-preconsult_form",
            {"path=/", "httponly", "samesite=none", "secure", "partitioned"},
        ),
    ],
    ids=["plain", "https", "framed"],
)
def test_the_cookie_of_a_session_is_as_closed_as_it_can_be(
    tmp_path: Any, settings: dict[str, str], name: str, parts: set[str]
) -> None:
    with opened(tmp_path, **settings) as service:
        visitor = Visitor(service, base="https://form.clinic.example")
        visitor.open()
        fields = visitor.form.filled({"info_only": ["true"]})
        answer = visitor.browser.post("/form", data=dict(fields), follow_redirects=False)
        [cookie] = answer.headers.get_list("set-cookie")
        pair, *attributes = cookie.split("; ")
        assert pair.partition("=")[0] == name
        assert len(pair.partition("=")[2]) == 43
        assert {each.lower() for each in attributes} == parts
        assert visitor.get("/form/check").status_code == 200
        policy = visitor.page.headers["content-security-policy"]
        framers = settings.get("frame_ancestors", "'none'")
        assert f"frame-ancestors {framers}" in policy
        assert "x-frame-options" not in visitor.page.headers


# --- switched off ----------------------------------------------------------------------------------


def test_a_question_that_is_switched_off_is_asked_nowhere_and_the_crisis_line_stays(tmp_path: Any) -> None:
    with opened(tmp_path, disabled_questions="self_harm") as service:
        visitor = Visitor(service)
        visitor.go_through({name: each for name, each in ROSA.items() if name != "self_harm_thoughts"})
        public = "/v1/questionnaires/ketamine-preconsult"
        document, schema = (service.client.get(f"{public}{end}") for end in ("", "/answer-schema"))
        assert "self_harm_notice" not in document.text
        assert "self_harm_thoughts" not in document.text
        assert "takes_medicines" in document.text
        assert schema.json()["$defs"]["self_harm_thoughts"]["allOf"][-1] == {"not": {}}
        assert "self_harm_thoughts" not in kept(service)["answers"]
        writer = service.key("submissions:write")
        made = service.client.post("/v1/evaluations", json=body(NOA), headers=writer).json()["summary"]
        assert [each["rule"] for each in made["interruptions"]] == ["S_NOW"]


def test_a_page_of_the_form_without_the_question_does_not_ask_it(tmp_path: Any, visitor: Visitor) -> None:
    visitor.begin(START)
    visitor.get(at(visitor, "self_harm_thoughts"))
    assert visitor.form.offers("self_harm_thoughts")
    with opened(tmp_path, disabled_questions=" self_harm ,") as service:
        quiet = Visitor(service)
        quiet.begin(START)
        quiet.get(at(quiet, "other_feelings"))
        assert quiet.form.offers("other_feelings")
        assert "self_harm" not in quiet.page.text
        assert service.client.beside().get("/form").status_code == 200
