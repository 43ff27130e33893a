"""Hostile requests: each gets a proper response and causes no server error; other clients are still served.

Never: accepts a 5xx, responses to smuggled requests, or memory that grows with the size of requests.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.e2e.processes import hostile
from tests.e2e.processes.truth import column
from tests.e2e.processes.wire import Wire, WireAnswer, request
from tests.e2e.processes.writers import PATH, Answer, Attempt, Line
from tests.sample_answers import body
from tests.server import Server, serving

SCOPES = ("submissions:write", "submissions:read")
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("hostile"), PRECONSULT_REQUEST_BODY_TIMEOUT_SECONDS="1") as server:
        yield server
        unhandled = [line for line in server.log.read_text().splitlines() if '"unhandled_exception"' in line]
        assert unhandled == []


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.key(*SCOPES)


def test_a_hostile_body_is_refused_or_kept_as_it_is(database_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, database_url) as server, Line(server, server.key(*SCOPES, "review")) as line:
        found = {
            (name, path): answer
            for name, content in hostile.BODIES.items()
            for path in (PATH, "/v1/evaluations")
            for answer in [line.ask("POST", path, content, content_type="application/json")]
        }
        kept = {name: answer.json() for (name, path), answer in found.items() if answer.status == 201}
        read = {name: line.ask("GET", f"{PATH}/{each['id']}") for name, each in kept.items()}
        draft = line.ask("POST", PATH, json.dumps(body({}, status="draft")).encode()).json()
        services = f"{PATH}/{draft['id']}"
        patched = [
            line.ask("PATCH", services, content, if_match="*", content_type="application/json")
            for content in hostile.BODIES.values()
        ]
    assert {each: answer.status for each, answer in found.items() if not _is_honest(answer)} == {}
    assert {answer.status for answer in patched} <= {200, 400, 422}
    assert set(kept) == {
        "-0",
        "-0.0",
        "5.0",
        "1e-400",
        "brackets in a string",
        "SQL",
        "a template",
        "right to left",
    }
    assert {answer.status for answer in read.values()} == {200}
    assert all(answer.json() for answer in read.values())  # the response is valid UTF-8 and JSON
    assert column(database_url, "SELECT count(*) FROM submissions") == [len(kept) + 1]
    assert '"unhandled_exception"' not in server.log.read_text()


def test_a_body_of_another_kind_is_refused(server: Server, key: str) -> None:
    with Line(server, key) as line:
        found = {
            kind: line.ask("POST", PATH, hostile.GOOD_BYTES, **headers)
            for kind, headers in hostile.KINDS.items()
        }
    accepted = {"latin": 201}  # the charset is ignored: JSON is UTF-8 (RFC 8259)
    assert {kind: answer.status for kind, answer in found.items() if answer.status != 415} == accepted
    assert all(_is_honest(answer) for answer in found.values())


def _is_honest(answer: Answer) -> bool:
    kind = answer.headers["content-type"]
    return answer.status in (200, 201) or (400 <= answer.status < 500 and kind == "application/problem+json")


def test_ambiguous_requests_are_refused_and_nothing_smuggled_is_answered(server: Server) -> None:
    found = _all_at_once(server, hostile.REFUSED)
    assert {name: told for name, told in found.items() if len(told) > 1} == {}
    statuses = {name: told[0].status for name, told in found.items() if told}
    assert {name: each for name, each in statuses.items() if not (400 <= each < 500 or each == 501)} == {}


def test_odd_requests_are_answered_once_and_never_with_their_own_words(server: Server) -> None:
    found = _all_at_once(server, hostile.BORNE)
    assert {name: len(told) for name, told in found.items() if len(told) != 1} == {"two at once": 2}
    assert {name: told[0].status for name, told in found.items() if told[0].status >= 500} == {}
    for told in found.values():
        assert hostile.FOREIGN.encode() not in told[0].head + told[0].body
        assert b"x-injected" not in told[0].head.lower()
        assert b"class Settings" not in told[0].body


def _all_at_once(server: Server, requests: dict[str, bytes]) -> dict[str, list[WireAnswer]]:
    def ask(raw: bytes) -> list[WireAnswer]:
        with Wire(server.port) as wire:
            wire.send(raw)
            return wire.answers()

    # all at once, because many of them end with a second of silence
    with ThreadPoolExecutor(len(requests)) as threads:
        return dict(zip(requests, threads.map(ask, requests.values()), strict=True))


def test_a_body_without_end_is_refused_before_it_fills_the_memory(server: Server, key: str) -> None:
    assert server.process is not None
    process, most = psutil.Process(server.process.pid), [0]
    before = process.memory_info().rss
    head = request("POST", PATH, key=key, content_length="", transfer_encoding="chunked")
    head = head.replace(b"content-length: \r\n", b"")
    with Wire(server.port) as wire:
        wire.send(head)
        for _ in range(100):
            wire.send(b"100000\r\n" + b"[" * MEGABYTE + b"\r\n")
            most[0] = max(most[0], process.memory_info().rss)
        answers = wire.answers()
        assert wire.closed
    assert [answer.status for answer in answers] in ([413], [])  # it may close before we read
    assert most[0] - before < 64 * MEGABYTE


def test_a_body_that_says_it_is_large_is_refused_before_it_is_sent(server: Server, key: str) -> None:
    with Wire(server.port) as wire:
        wire.send(request("POST", PATH, key=key, content_length=str(10 * MEGABYTE), expect="100-continue"))
        [answer] = wire.answers()
        assert (answer.status, answer.content_type) == (413, "application/problem+json")
        assert wire.closed


def test_a_slow_body_is_dropped(server: Server, key: str) -> None:
    whole = request("POST", PATH, hostile.GOOD_BYTES, key=key)
    with Wire(server.port) as wire:
        wire.send(whole[:-300])
        for place in range(8):
            time.sleep(0.2)
            wire.send(whole[place - 300 : place - 299])
        [answer] = wire.answers()
        assert (answer.status, answer.content_type) == (408, "application/problem+json")
        assert wire.closed


def test_300_rude_connections_keep_nobody_from_submitting_and_are_dropped(
    server: Server, key: str, thorough: bool
) -> None:
    whole = request("POST", PATH, hostile.GOOD_BYTES, key=key)
    reading = request("GET", "/v1/questionnaires/ketamine-preconsult") * 200
    deaf = 75 if thorough else 24  # they never read; responses that fill their buffers take long to make
    sendings = [b"", whole[:70], whole[:-9]] * ((300 - deaf) // 3) + [reading] * deaf
    with contextlib.ExitStack() as rude:
        wires = [rude.enter_context(Wire(server.port)) for _ in sendings]
        for wire, sent in zip(wires, sendings, strict=True):
            wire.socket.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                wire.socket.send(sent)
        with Line(server, key) as line:
            assert [line.post(Attempt(number)).status for number in range(20)] == [201] * 20
            assert line.ask("GET", "/readyz").status == 200
        for wire in wires[:-deaf]:  # the server does not wait forever for an incomplete request
            wire.socket.settimeout(20)
            assert [answer.status for answer in wire.answers()] in ([], [408])
            assert wire.closed


def test_400_clients_who_vanish_leave_nothing_behind(server: Server, key: str) -> None:
    assert server.process is not None
    process = psutil.Process(server.process.pid)

    def vanish(number: int) -> None:
        attempt = Attempt(1000 + number)
        with Wire(server.port) as wire:
            wire.send(request("POST", PATH, attempt.body, key=key)[: None if number % 2 else -5])
            at_once = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # close with a reset
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(vanish, range(400)))
    with Line(server, key) as line:
        assert [line.post(Attempt(number)).status for number in range(50)] == [201] * 50
    give_up = time.monotonic() + 20
    while len(process.net_connections()) > 2 and time.monotonic() < give_up:
        time.sleep(0.1)
    assert len(process.net_connections()) <= 2
    assert threading.active_count() < 50
