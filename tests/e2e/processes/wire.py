"""HTTP as bytes on a socket: for requests that no client library would send.

Responsible for: sending the given bytes, and reading responses until the server closes or falls silent.
Never: corrects a request, or connects to anything but 127.0.0.1.
"""

import contextlib
import io
import re
import socket
import time
from dataclasses import dataclass
from typing import Self

SILENCE = 1.0  # seconds without a byte after which no more responses are expected
PATIENCE = 20.0  # seconds for the first byte


@dataclass(frozen=True)
class WireAnswer:
    status: int
    head: bytes
    body: bytes

    @property
    def content_type(self) -> str:
        found = re.search(rb"\r\ncontent-type: ([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode() if found else ""


def request(method: str, target: str, body: bytes = b"", *, key: str = "", **more: str) -> bytes:
    """A well-formed request, to be sent as it is or modified."""
    headers = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body))}
    headers |= {"authorization": f"Bearer {key}"} if key else {}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Wire:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, sent: bytes) -> None:
        """Send; a server that closed the connection early has already responded, or never will."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(sent)

    def answers(self) -> list[WireAnswer]:
        """Every response until the server closes or falls silent."""
        got, give_up = b"", time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            self.socket.settimeout(SILENCE if got else PATIENCE)
            try:
                piece = self.socket.recv(1 << 16)
            except TimeoutError:
                break
            except ConnectionError:
                piece = b""
            if not piece:
                self.closed = True
                break
            got += piece
        return list(_parsed(io.BytesIO(got)))


def _parsed(stream: io.BytesIO) -> list[WireAnswer]:
    found = []
    while head := _head(stream):
        status = int(head.split(b" ", 2)[1])
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        body = stream.read(int(length[1])) if length else b""
        if length is None and status not in (204, 304):
            body = stream.read()
        found.append(WireAnswer(status, head, body))
    return found


def _head(stream: io.BytesIO) -> bytes:
    lines = []
    while (line := stream.readline()) not in (b"", b"\r\n"):
        lines.append(line)
    return b"".join(lines)
