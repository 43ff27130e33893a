"""A booking system that is exactly the one of docs/programs.md, from the one-time link to `ready`.

The booking system is a process of its own; a respondent and staff act in real Chromium; every byte between
the service and the booking system passes through a recording proxy. Never: inspects the internals of the
three.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

from playwright.sync_api import Browser

from tests.e2e.browser import accounts
from tests.e2e.browser.mobile_device import Device, Way, other_way
from tests.e2e.browser.staff_driver import Colleague
from tests.e2e.processes.canaries import sightings
from tests.e2e.processes.test_examples import Booking
from tests.sample_answers import FULL, PAT_CONTACT
from tests.server import PATIENCE, Server, free_port

SECRET = [  # linkIds, codes, topics, rules, flags and passages: all that reveals anything of a respondent
    *FULL, "crps", "low_mood", "past", "prescribed_medicine", "bp_heart", "1_to_5_years", "Things to discuss",
    "P_CRPS", "M_TRD", "S_PAST", "K_BP_HEART", "G_ALWAYS", "self_harm",
    "interruption", "summary",
    *PAT_CONTACT.values(),
]  # fmt: skip


class Wire(ThreadingTCPServer):
    """A port that forwards to another one and stores every byte in both directions."""

    def __init__(self, port: int) -> None:
        self.bytes, self.target = bytearray(), port
        super().__init__(("127.0.0.1", 0), Carrier)
        self.port: int = self.server_address[1]
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._serving.start()

    def end(self) -> None:
        """Wait until both ends have closed the connection."""
        self.shutdown()
        self._serving.join()
        self.server_close()


class Carrier(BaseRequestHandler):
    """One connection: forwards what arrives from either end to the other."""

    def handle(self) -> None:
        wire = self.server
        assert isinstance(wire, Wire)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", wire.target)) as far:
            back = threading.Thread(target=carry, args=(far, self.request, wire.bytes))
            back.start()
            carry(self.request, far, wire.bytes)
            back.join()


def carry(one: socket.socket, other: socket.socket, kept: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := one.recv(65536):
            kept += piece
            other.sendall(piece)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@other_way
def test_a_booking_system_made_from_the_manual_learns_when_it_is_done_and_nothing_else(
    browser: Browser, staff_app: Server, tmp_path: Path, way: Way
) -> None:
    reference, port = f"B-{way}", free_port()
    to_us, to_them = Wire(staff_app.port), Wire(port)
    key = accounts.api_key(staff_app, "bookings", "webhooks")
    booking = Booking(
        tmp_path, staff_app, key, reference, port=port,
        PRECONSULT=f"http://127.0.0.1:{to_us.port}", BOOKING=f"http://127.0.0.1:{to_them.port}",
    )  # fmt: skip
    try:
        link = booking.lines.get(timeout=PATIENCE).split()[1]
        booking.waits_for(f"{reference} not_started")
        answered(browser, staff_app, link, way)
        booking.waits_for(f"{reference} submitted")
        begun = partial(booking.waits_for, f"{reference} in_review")
        reviewed(browser, staff_app, reference, begun, way)
        booking.waits_for(f"{reference} ready")
    finally:
        booking.end()
        to_us.end()
        to_them.end()
    assert reference.encode() in to_us.bytes
    assert b"webhook-signature" in to_them.bytes
    assert sightings(bytes(to_us.bytes + to_them.bytes), SECRET) == []
    log = (tmp_path / "booking.log").read_bytes()
    assert sightings(log, SECRET) == []


def answered(browser: Browser, staff_app: Server, link: str, way: Way) -> None:
    """The respondent opens the link, presses its button, answers and sends."""
    device = Device(browser, staff_app.url, way)
    person = device.respondent()
    path = link[link.index("/r#") :]
    person.page.goto(staff_app.url + (path if way.scripts else path.replace("#", "/")))
    person.saw("handoff")
    person.go_on()
    person.saw("start")
    person.fill_in(FULL)
    person.send()
    assert person.heading == "Things to discuss with a clinician"
    assert device.close() == []


def reviewed(
    browser: Browser, staff_app: Server, reference: str, begun: Callable[[], object], way: Way
) -> None:
    """A staff user finds the case by its booking, closes what is open, and marks it as ready.

    `begun` waits until the other side knows that the review has begun.
    """
    staff = Colleague(browser, staff_app, f"intake-{way}@clinic.example", way=way).come_in()
    staff.go("/staff")
    staff.page.fill("form.search [name=text]", reference)
    staff.press("Find")
    if staff.page.locator("a.open").count():
        with staff.page.expect_navigation():
            staff.page.locator("a.open").first.click()
    staff.press("Start the review")
    begun()
    while staff.page.locator(".flag:not(.closed)").count():
        flag = staff.page.locator(".flag:not(.closed)").first
        if flag.locator("details.closing").count():
            flag.locator("summary").click()
        staff.press("Close the flag", within=".flag:not(.closed) >> nth=0")
    staff.press("Ready for the visit")
    assert "Review: Ready" in staff.words
    assert staff.close() == []
