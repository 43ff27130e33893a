"""The programs in docs/programs.md, extracted and run against a real server.

Never: corrects them; the tests only add what the page leaves to the reader.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import IO, Any

import httpx
import pytest

from tests.sample_answers import CARA, NOA, body
from tests.server import PATIENCE, Server, free_port, serving

PAGE = (Path(__file__).parents[3] / "docs" / "programs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CALM = CARA | {"self_harm_thoughts": "no"}  # raises no flag that has a due date
(BACKEND,) = (block for block in BLOCKS if "def submit" in block)
(BOOKING,) = (block for block in BLOCKS if "standardwebhooks" in block)


def test_they_are_as_short_as_is_promised() -> None:
    written = [[line for line in block.splitlines() if line.strip()] for block in (BACKEND, BOOKING)]
    assert len(written[0]) <= 20
    assert len(written[1]) <= 40


# --- a website's backend ---------------------------------------------------------------------------


class Website:
    """The example with what the reader has to supply: constants, and functions that show texts."""

    def __init__(self, url: str, key: str) -> None:
        self.shown: list[tuple[str, str]] = []
        self.pauses: list[float] = []
        clock = type("time", (), {"sleep": self.pauses.append})
        self._names: dict[str, Any] = {
            "httpx": httpx, "uuid": uuid, "time": clock, "PRECONSULT": url, "KEY": key,
            "show_alone": lambda told: self.shown.append(("alone", told["rule"])),
            "show_on_top": lambda told: self.shown.append(("on top", told["rule"])),
        }  # fmt: skip
        exec(BACKEND, self._names)

    def submit(self, answers: dict[str, Any], booking: str) -> dict[str, Any]:
        submission: dict[str, Any] = self._names["submit"](answers, booking)
        return submission


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("examples")) as found:
        yield found


def test_a_backend_that_can_not_reach_us_gives_up_after_a_few_tries() -> None:
    website = Website(f"http://127.0.0.1:{free_port()}", "pc_live_x")
    with pytest.raises(RuntimeError, match="Not saved"):
        website.submit(CARA, "B-1")
    assert website.pauses == [1, 2, 4, 0]


def test_a_backend_tells_what_is_amiss(server: Server) -> None:
    website = Website(server.url, server.key("submissions:write"))
    with pytest.raises(httpx.HTTPStatusError) as refused:
        website.submit({}, "B-1")
    assert refused.value.response.json()["errors"][0]["pointer"].startswith("/answers/")


@contextlib.contextmanager
def busy(url: str, *statuses: int) -> Iterator[str]:
    """An address that answers with these statuses first, and then with the server's own."""
    left = list(statuses)

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers["Content-Length"]))
            kept = httpx.post(f"{url}{self.path}", content=given, headers=dict(self.headers))
            status = left.pop(0) if left else kept.status_code
            self.send_response(status)  # worst case: stored, and not acknowledged
            self.send_header("Content-Length", str(len(kept.content)))
            self.end_headers()
            self.wfile.write(kept.content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as between:
        thread = threading.Thread(target=between.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{between.server_port}"
        finally:
            between.shutdown()
            thread.join()


def test_a_backend_hands_in_once_through_a_busy_moment_and_shows_interruptions_first(server: Server) -> None:
    with busy(server.url, 503, 429) as url:
        website = Website(url, server.key("submissions:write"))
        kept = website.submit(NOA, "B-2")
    assert website.pauses == [1, 2]
    assert website.shown[0] == ("alone", "S_NOW")
    headers = {"authorization": f"Bearer {server.key('submissions:read')}"}
    listed = httpx.get(f"{server.url}/v1/submissions?booking_reference=B-2", headers=headers).json()["items"]
    assert [each["id"] for each in listed] == [kept["id"]]
    assert kept["footer"]


# --- a booking system ------------------------------------------------------------------------------


class Booking:
    """The example as a separate process; `lines` is what it prints."""

    def __init__(
        self, folder: Path, server: Server, key: str, *references: str, port: int = 0, **more: str
    ) -> None:
        self.port, self.lines = port or free_port(), Queue[str]()
        (folder / "booking.py").write_text(BOOKING, encoding="utf-8")
        given = {"PRECONSULT": server.url, "KEY": key, "PORT": str(self.port)}
        given |= {"BOOKING": f"http://127.0.0.1:{self.port}", "PYTHONUNBUFFERED": "1"} | more
        with (folder / "booking.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "booking.py", *references], cwd=folder, env=os.environ | given, text=True,
                stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.put(line.strip())

    def waits_for(self, line: str) -> list[str]:
        """The lines it printed up to and including this one."""
        found, give_up = [""], time.monotonic() + PATIENCE
        while found[-1] != line:
            found.append(self.lines.get(timeout=max(0.1, give_up - time.monotonic())))
        return found[1:]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def booking(server: Server, tmp_path: Path) -> Iterator[Booking]:
    found = Booking(tmp_path, server, server.key("bookings", "webhooks"), "B-7")
    try:
        yield found
    finally:
        found.end()


def test_a_booking_system_asks_is_told_and_asks_how_far_it_is(server: Server, booking: Booking) -> None:
    reference, link = booking.lines.get(timeout=PATIENCE).split()
    assert reference == "B-7"
    assert link.startswith(server.url) or "#" in link
    booking.waits_for("B-7 not_started")
    website, staff = (
        {"authorization": f"Bearer {server.key(scope)}"} for scope in ("submissions:write", "review")
    )
    sent = httpx.post(
        f"{server.url}/v1/submissions", json=body(CALM, booking_reference="B-7"), headers=website
    ).json()
    booking.waits_for("B-7 submitted")
    for state in ("in_review", "ready"):
        httpx.put(
            f"{server.url}/v1/submissions/{sent['id']}/review",
            json={"review": state},
            headers=staff | {"if-match": "*"},
        ).raise_for_status()
        booking.waits_for(f"B-7 {state}")


def test_started_again_it_makes_no_second_endpoint_and_still_knows_our_signature(
    server: Server, tmp_path: Path
) -> None:
    key = server.key("bookings", "webhooks")
    headers = {"authorization": f"Bearer {key}"}
    before = len(httpx.get(f"{server.url}/v1/webhook-endpoints", headers=headers).json()["items"])
    port = free_port()
    for _ in range(2):
        booking = Booking(tmp_path, server, key, "B-9", port=port)
        try:
            links = booking.lines.get(timeout=PATIENCE)
        finally:
            booking.end()
    assert links.startswith("B-9 ")
    assert len(httpx.get(f"{server.url}/v1/webhook-endpoints", headers=headers).json()["items"]) == before + 1


def test_what_it_does_wrong_is_told_in_our_words(server: Server, tmp_path: Path) -> None:
    booking = Booking(tmp_path, server, server.key("submissions:write"), "B-10")
    assert booking.process.wait(PATIENCE) == 1
    booking.end()
    assert "urn:preconsult:problem:forbidden" in (tmp_path / "booking.log").read_text(encoding="utf-8")


def test_it_refuses_what_nobody_signed(booking: Booking) -> None:
    booking.lines.get(timeout=PATIENCE)
    forged = {"id": "x", "type": "submission.submitted", "data": {"booking_reference": "B-7"}}
    hooks = f"http://127.0.0.1:{booking.port}/hooks"
    signed = {"webhook-id": "x", "webhook-timestamp": str(int(time.time()))}
    for signature in ("v1,AAAA", "v1,!", "", "nothing", "v1,x v2,y"):
        given = signed | ({"webhook-signature": signature} if signature else {})
        answer = httpx.post(hooks, content=json.dumps(forged), headers=given)
        assert answer.status_code == 401
