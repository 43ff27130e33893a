"""SMTP mailer. This file opens the connections to the mail server of the clinic.

Responsible for: sending one e-mail at a time by SMTP, with a time limit for each step and for the whole.
Never: accepts settings it can't use (one line, without their value), untrusted certificates or a password
in clear text, or discloses the content of an e-mail.
"""

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from typing import Any
from urllib.parse import unquote, urlsplit

from app.errors import StartupError

STEP, WHOLE = 10.0, 30.0  # seconds for one response of the server, and for a whole e-mail
PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,186}[A-Za-z0-9])?")
MAX_RECIPIENTS = 20
FIRST_PERMANENT_CODE = 500  # SMTP codes below this are not permanent errors


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail. `id` is the same for each attempt to send it; `escalation`: it goes to the escalation
    addresses.
    """

    id: str
    escalation: bool
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server, and how to connect to it."""

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """Parse `smtp://host:25`, `smtps://user:password@host:465` or `smtp+starttls://…`. Raises Refusal."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
        except ValueError:
            host, port, user, password = "", 0, "", ""
        more = bool(host) and (parts.path.strip("/") or parts.query or parts.fragment)
        if not host or not port or more or bool(user) != bool(password) or not url.isprintable():
            raise _wrong(
                "SMTP_URL", "it reads smtp://host:25, smtps://user:password@host or smtp+starttls://…"
            )
        if password and parts.scheme == "smtp" and host not in LOOPBACK:
            raise _wrong("SMTP_URL", "it would send a password in clear; take smtps or smtp+starttls")
        return cls(parts.scheme, host, port, user, password)


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends e-mails to `recipients`, or to `escalation_recipients` when no one has acted in time."""

    server: SmtpServer
    sender: str
    recipients: tuple[str, ...]
    escalation_recipients: tuple[str, ...]

    @classmethod
    def from_settings(cls, url: str, sender: str, first: str, second: str) -> "Mailer | None":
        """Create the mailer from settings, or None when no server is configured. Without escalation
        addresses the first addresses are used instead.

        Raises Refusal with one clear line.
        """
        named = {"ALERT_FROM": sender, "ALERT_EMAILS": first, "ESCALATION_EMAILS": second}
        senders, *to = (_addresses(name, text) for name, text in named.items())
        if not url:
            idle = next((name for name, text in named.items() if text.strip()), None)
            if idle:
                raise _wrong(idle, "nothing is sent without PRECONSULT_SMTP_URL")
            return None
        server = SmtpServer.parse(url)
        if len(senders) != 1:
            raise _wrong("ALERT_FROM", "with PRECONSULT_SMTP_URL it names the one address to send from")
        if not to[0]:
            raise _wrong("ALERT_EMAILS", "with PRECONSULT_SMTP_URL it names who is told")
        return cls(server, senders[0], to[0], to[1] or to[0])

    def send(self, email: Email) -> bool:
        """Send an e-mail; True when some addresses were permanently rejected. Raises OSError or
        SMTPException.
        """
        to = self.escalation_recipients if email.escalation else self.recipients
        with _connection(self.server, self.sender.rpartition("@")[2]) as line:
            refused = line.send_message(self._written(email, to), self.sender, list(to))
        if any(code < FIRST_PERMANENT_CODE for code, _ in refused.values()):
            raise smtplib.SMTPRecipientsRefused(refused)
        return bool(refused)

    def _written(self, email: Email, to: Sequence[str]) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = self.sender, ", ".join(to), email.subject
        message["Date"] = localtime()
        message["Message-ID"] = f"<{email.id}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents automatic replies
        message.set_content(email.text)
        return message


class _DeadlineMixin:
    """Closes a connection after `WHOLE` seconds, whatever the server does; smtplib limits single steps
    only.
    """

    sock: socket.socket | None

    def __init__(self, *given: Any, **more: Any) -> None:
        self.timer = threading.Timer(WHOLE, self.cut)
        self.timer.daemon = True
        self.timer.start()
        try:
            super().__init__(*given, **more)
        except BaseException:
            self.timer.cancel()
            raise

    def cut(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError, ValueError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _Plain(_DeadlineMixin, smtplib.SMTP):
    pass


class _Wrapped(_DeadlineMixin, smtplib.SMTP_SSL):
    pass


@contextlib.contextmanager
def _connection(server: SmtpServer, own: str) -> Iterator[smtplib.SMTP]:
    """Open a connection to the server, logged in where it needs that. `own` is this client's host name."""
    trusted = ssl.create_default_context()
    more: dict[str, Any] = {"local_hostname": own, "timeout": STEP}
    if server.scheme == "smtps":
        line: _Plain | _Wrapped = _Wrapped(server.host, server.port, context=trusted, **more)
    else:
        line = _Plain(server.host, server.port, **more)
    try:
        if server.scheme == "smtp+starttls":
            line.starttls(context=trusted)  # raises where it is not offered
        if server.user:
            line.login(server.user, server.password)
        yield line
        with contextlib.suppress(OSError):  # the e-mail is accepted; a failed QUIT does not matter
            line.quit()
    finally:
        line.timer.cancel()
        line.close()


def _addresses(name: str, text: str) -> tuple[str, ...]:
    """Parse comma-separated addresses. Raises Refusal."""
    found = tuple(each.strip() for each in text.split(",") if each.strip())
    if len(found) > MAX_RECIPIENTS or not all(ADDRESS.fullmatch(each) for each in found):
        raise _wrong(
            name, f"it is addresses as intake@clinic.example, comma-separated, at most {MAX_RECIPIENTS}"
        )
    return found


def _wrong(name: str, reason: str) -> StartupError:
    return StartupError(f"PRECONSULT_{name} can't be used: {reason}.")
