"""A mail server on this machine that accepts e-mails, or fails in the ways real servers do.

Responsible for: SMTP with asyncio on its own thread, and a record of every accepted e-mail. Never: forwards
an e-mail.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HELLO = b"250-sink\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
OFFERS_TLS = b"250-sink\r\n250 STARTTLS\r\n"


@dataclass
class Sink:
    """The server's behaviour and what it has received.

    `answers`: replies that replace the positive reply to a command; `drop`: closes the connection after that
    command; `hang`: sends nothing from that command on.
    """

    tls: ssl.SSLContext | None = None
    wrapped: bool = False
    answers: dict[str, bytes] = field(default_factory=dict)
    drop: str = ""
    hang: str = ""
    port: int = 0
    letters: list[Message] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._talk(reader, writer)
        writer.transport.abort() if self.hang else writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure, to = self.wrapped, list[str]()
        verb = "CONNECT"
        while True:
            if self.hang == verb:
                await asyncio.sleep(60)  # simulates a server that hangs
            if verb == "EHLO" and self.tls and not secure:
                writer.write(OFFERS_TLS)
            else:
                writer.write(self.answers.get(verb) or _usual(verb))
            await writer.drain()
            if self.drop == verb:
                return
            if verb == "STARTTLS" and self.tls:
                await writer.start_tls(self.tls)
                secure = True
            if verb == "DATA" and "DATA" not in self.answers:
                verb = await self._take(reader, to)
                continue
            line = (await reader.readuntil(b"\r\n")).decode()
            self.said.append(line.strip())
            verb = line.split()[0].upper()
            if verb == "RCPT":
                to.append(line.partition("<")[2].partition(">")[0])

    async def _take(self, reader: asyncio.StreamReader, to: list[str]) -> str:
        raw = await reader.readuntil(b"\r\n.\r\n")
        if "TAKEN" not in self.answers:
            self.letters.append(message_from_bytes(raw[:-5]))
            self.recipients.append(list(to))
        return "TAKEN"


def _usual(verb: str) -> bytes:
    replies = {"CONNECT": b"220 sink\r\n", "EHLO": HELLO, "DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n",
               "AUTH": b"235 in\r\n", "STARTTLS": b"220 go on\r\n"}  # fmt: skip
    return replies.get(verb, b"250 ok\r\n")


@contextlib.contextmanager
def sink(**behaviour: Any) -> Iterator[Sink]:
    """A running mail server on its own port."""
    made, loop = Sink(**behaviour), asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=made.tls if made.wrapped else None)
    )
    made.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def certificate(folder: Path, name: str = "127.0.0.1") -> ssl.SSLContext:
    """An SSL context with a certificate for this machine or a name; writes `ca.pem`, which verifies it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    number = name[0].isdigit()
    address = x509.IPAddress(ipaddress.ip_address(name)) if number else x509.DNSName(name)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    (folder / "server.pem").write_bytes(private + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context
