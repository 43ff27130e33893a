"""Webhook receivers: real HTTP servers on loopback whose behaviour a test sets.

Never: uses fakes, or counts a request that did not arrive completely.
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request that arrived, and when."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


# A receiver's answer: a status, optionally with headers; or a function that acts on the open connection
Answer = int | tuple[int, dict[str, str]] | Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """`answer` returns the answer to each request; `taken` holds all requests in the order of arrival."""

    port: int
    answer: Callable[[Received], Answer] = lambda _received: 204
    taken: list[Received] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def wait(self, number: int, seconds: float = 30) -> list[Received]:
        """Wait for this number of requests and return them, or those that have arrived at the timeout."""
        until = time.monotonic() + seconds
        while len(self.taken) < number and time.monotonic() < until:
            time.sleep(0.02)
        return list(self.taken)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection with a reset."""
    line = handler.connection
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Send nothing until the client closes the connection."""
    with contextlib.suppress(OSError):
        handler.rfile.read(1)


@contextlib.contextmanager
def receiver(
    answer: Callable[[Received], Answer] | None = None, *, context: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """A receiver that listens until the block ends; over HTTPS if a `context` is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # the sender ended in the middle of the request
                self.close_connection = True
                return
            heads = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, heads, body, time.monotonic())
            with made.lock:
                made.taken.append(received)
                given = made.answer(received)
            _give(self, given)

        do_GET = do_POST  # noqa: N815 - the library defines this name

        def log_message(self, *_given: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.handle_error = lambda *_given: None  # type: ignore[method-assign] # a closed connection is expected
    made = Receiver(server.server_port)
    if answer is not None:
        made.answer = answer
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


def _give(handler: BaseHTTPRequestHandler, given: Answer) -> None:
    if callable(given):
        given(handler)
        return
    status, headers = given if isinstance(given, tuple) else (given, {})
    with contextlib.suppress(OSError):
        handler.send_response(status)
        for name, value in ({"content-length": "0"} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
