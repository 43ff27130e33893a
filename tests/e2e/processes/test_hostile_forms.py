"""Hostile requests to the hosted form: each gets a page with the footer, nothing unescaped, no server error.

Never: accepts a 5xx, a redirect to another origin, or headers and cookies built from a request.
"""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import hostile_forms as hostile
from tests.e2e.processes.person import CONTACT, TOLD, Person, Sheet
from tests.e2e.processes.wire import Wire, WireAnswer, request
from tests.server import Server, serving

UNLIMITED = {"PRECONSULT_FORM_START_LIMIT_PER_NETWORK": "1000000", "PRECONSULT_FORM_START_LIMIT": "1000000"}
FORM = "application/x-www-form-urlencoded"
FOOTER = "is not for emergencies"
ECHOES = (b"<script>alert", b"<img src=x", b"onerror=alert(1)>", b">49<", b"$49")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("forms")
    with serving(folder, PRECONSULT_REQUEST_BODY_TIMEOUT_SECONDS="1", **UNLIMITED) as server:
        yield server
        assert _unhandled_exceptions(server) == []


@pytest.fixture(scope="module")
def victim(server: Server) -> Iterator[Person]:
    """A respondent on the page about pain."""
    person = at_page(server, "pain_types")
    yield person
    person.hang_up()


def at_page(server: Server, question: str) -> Person:
    person = Person(server)
    while person.sheet is None or person.form is None or not person.form.asks(question):
        assert person.step()
    person.hang_up()  # the next page may be requested later than an idle connection stays open
    return person


def test_a_hostile_form_gets_a_page_and_never_its_own_words(
    database_url: str, tmp_path: Path, thorough: bool
) -> None:
    with serving(tmp_path, database_url, **UNLIMITED) as server:
        person = at_page(server, "pain_types")
        assert person.form is not None
        places = {person.form.action}  # where submitted values are written to the database
        if "sqlite" in database_url or thorough:
            places |= {"/form", "/form/check", "/form/language", "/form/resume", "/form/save"}
        raw = {
            f"{name} to {place}": request(
                "POST",
                place,
                honest(content, person),
                content_type=FORM,
                cookie=cookie(person),
                connection="close",
            )
            for name, content in hostile.BODIES.items()
            for place in places
        }
        found = all_at_once(server, raw)
        assert {name: len(told) for name, told in found.items() if len(told) != 1} == {}
        assert {each for told in found.values() for each in found_issues(told[0])} == set()
        statuses = {told[0].status for told in found.values()}
        assert statuses == {303, 400, 403, 413, 422} | ({200} if len(places) > 1 else set())
        person.hang_up()
        person.look()  # whatever was sent, the respondent can continue
        person.finish()
        person.hang_up()
        assert person.at == "/form/summary"
        assert _unhandled_exceptions(server) == []


def test_hostile_cookies_and_kinds_get_a_page(server: Server, victim: Person) -> None:
    assert victim.form is not None
    content = honest(b"TOKEN&asked=pain_intensity&pain_intensity=5", victim)
    raw = {
        name: _headed("POST", victim.form.action, content, victim, headers)
        for name, headers in hostile.HEADERS.items()
    }
    raw |= {
        f"{name}, reading": _headed("GET", victim.form.action, b"", victim, headers)
        for name, headers in hostile.HEADERS.items()
    }
    found = all_at_once(server, raw)
    assert {name: len(told) for name, told in found.items() if len(told) > 1} == {}
    assert {(name, each) for name, told in found.items() if told for each in found_issues(told[0])} == set()
    foreign = ("an origin elsewhere", "from another site", "an origin that is none")
    assert {found[name][0].status for name in foreign} == {403}


def test_hostile_addresses_and_methods_get_an_honest_answer(server: Server, victim: Person) -> None:
    assert victim.form is not None
    step = victim.form.action.rpartition("/")[2]
    targets = [each.replace("STEP", step) for each in hostile.TARGETS]
    raw = {each: _headed("GET", each, b"", victim, {}) for each in targets}
    raw |= {
        f"{method} {place}": _headed(method, place, b"", victim, {})
        for method in hostile.METHODS
        for place in ("/form", "/form/check", victim.form.action, "/form/leave", "/form/summary.pdf")
    }
    found = all_at_once(server, raw)
    assert {name: len(told) for name, told in found.items() if len(told) > 1} == {}
    assert {(name, each) for name, told in found.items() if told for each in found_issues(told[0])} == set()
    assert {found[each][0].status for each in targets if "settings" in each or "passwd" in each} <= {303, 404}
    victim.look()
    assert victim.form is not None, "the session is still open"


def test_bodies_cut_short_or_slow_get_a_page_and_no_accident(server: Server, victim: Person) -> None:
    assert victim.form is not None
    content = honest(b"TOKEN&asked=pain_intensity&pain_intensity=5", victim)
    place, headers = victim.form.action, closing(victim)
    chunked = request("POST", place, content_length="", transfer_encoding="chunked", **headers)
    chunked = chunked.replace(b"content-length: \r\n", b"")
    slow = {
        "length too long": request("POST", place, content, **headers | {"content_length": "5000"}),
        "chunks that stop": chunked + b"5\r\nasked\r\n",
        "no body at all": request("POST", place, **headers | {"content_length": "9"}),
    }
    found = all_at_once(server, slow)
    statuses = {name: [each.status for each in told] for name, told in found.items()}
    assert list(statuses.values()) == [[408]] * len(slow)
    assert {each for told in found.values() for each in found_issues(told[0])} == set()
    short = request("POST", place, content, **headers | {"content_length": "9"})
    with Wire(server.port) as wire:  # the rest is not a valid request
        wire.send(short)
        assert [each.status // 100 for each in wire.answers()] in ([4], [4, 4])
    for _ in range(20):  # respondents who lose the network while they send
        with Wire(server.port) as wire:
            wire.send(request("POST", place, content, **headers)[:-5])
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    with Wire(server.port) as wire:
        wire.send(request("POST", place, content, **headers))
        assert [each.status for each in wire.answers()] == [303]
    assert _unhandled_exceptions(server) == []


MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}"


@pytest.mark.parametrize("name", ["pain_intensity", "contact_name", "contact_phone", "contact_email"])
def test_markup_in_a_text_field_is_shown_again_as_it_was_typed(server: Server, name: str) -> None:
    person = at_page(server, name)
    form = person.form
    assert form is not None
    given = TOLD | CONTACT | {"contact_email": "p@q.example", name: MARKUP}
    answer = person.ask("POST", form.action, form.filled(given))
    if answer.status == 422:
        assert f'value="{escape(MARKUP)}"'.replace("&#x27;", "&#39;").replace("&quot;", "&#34;").encode() in (
            answer.content
        )
        assert Sheet(answer.content).form(name) is not None
    else:  # a name may contain anything; it is masked from now on
        assert (name, answer.status) == ("contact_name", 303)
        person.at = answer.headers["location"]
        check = person.open("/form/check")
        assert "<…" in check.words
    for each in person.told:
        assert not any(echo in each.content for echo in ECHOES)
    person.hang_up()


# --- what is wrong with a response -----------------------------------------------------------------


def found_issues(answer: WireAnswer) -> list[str]:
    head = answer.head.lower()
    location = re.search(rb"\r\nlocation: ([^\r]*)", answer.head, re.IGNORECASE)
    found = {
        f"status {answer.status}": answer.status >= 500 and answer.status != 501,
        f"echo {answer.body[:80]!r}": any(each in answer.body for each in ECHOES),
        f"header {answer.head!r}": b"\r\nx-injected" in head or b"injected=1" in head,
        f"led to {location and location[1]!r}": location is not None and not location[1].startswith(b"/form"),
        f"foreign {answer.status}": hostile.FOREIGN.encode() in answer.head + answer.body,
        f"no footer {answer.status}": answer.content_type.startswith("text/html")
        and FOOTER not in Sheet(answer.body).footer
        and b"HEAD" not in answer.head,
        f"not private {answer.status}": answer.status < 400 and b"no-store" not in head,
    }
    return [name for name, wrong in found.items() if wrong]


def all_at_once(server: Server, requests: dict[str, bytes]) -> dict[str, list[WireAnswer]]:
    def ask(raw: bytes) -> list[WireAnswer]:
        with Wire(server.port) as wire:
            wire.send(raw)
            return wire.answers()

    with ThreadPoolExecutor(8) as threads:
        return dict(zip(requests, threads.map(ask, requests.values()), strict=True))


def honest(content: bytes, person: Person) -> bytes:
    """The body with the token and a form instance of regular pages filled in."""
    assert person.form is not None
    token = dict(person.form.filled({})).get("token", "")
    content = content.replace(b"TOKEN", b"token=" + token.encode())
    if b"INSTANCE" in content:
        form = person.open("/form").form("instance")
        assert form is not None
        content = content.replace(b"INSTANCE", b"instance=" + dict(form.filled({}))["instance"].encode())
    return content


def closing(person: Person) -> dict[str, Any]:
    """Headers of a regular form that close the connection after the response."""
    return {"content_type": FORM, "cookie": cookie(person), "connection": "close"}


def cookie(person: Person) -> str:
    return f"preconsult_form={person.secret}"


def _headed(method: str, target: str, content: bytes, person: Person, headers: dict[str, str]) -> bytes:
    """A request with unusual headers, byte for byte."""
    given = {"host": "127.0.0.1", "content-length": str(len(content)), "content-type": FORM}
    given |= {"cookie": cookie(person), "connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    raw = "\r\n".join(lines).replace("SECRET", person.secret).encode("latin-1")
    return raw + b"\r\n\r\n" + content


def _unhandled_exceptions(server: Server) -> list[str]:
    return [line for line in server.log.read_text().splitlines() if '"unhandled_exception"' in line]
