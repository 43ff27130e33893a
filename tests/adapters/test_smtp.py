"""E-mails to a mail server: settings that are rejected, and the results of server failures."""

import smtplib
import socket
import ssl
import time
from email.message import Message
from pathlib import Path

import pytest

from app.adapters import smtp
from app.adapters.smtp import Email, Mailer, SmtpServer
from app.environment import load_settings
from app.errors import StartupError
from app.main import create_app
from app.settings import Settings
from tests.conftest import LIBRARY
from tests.smtp_server import certificate, sink

FROM, ONE, TWO, BOSS = (f"{name}@clinic.example" for name in ("preconsult", "ann", "bo", "boss"))
LETTER = Email(
    "019298a2-0000-7000-8000-000000000000", escalation=False, subject="A subject", text="Some text.\n"
)


def post(port: int, scheme: str = "smtp", more: str = "", first: str = f"{ONE}, {TWO}") -> Mailer:
    made = Mailer.from_settings(f"{scheme}://{more}127.0.0.1:{port}", FROM, first, BOSS)
    assert made
    return made


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["mail.clinic.example", "http://mail.example", "smtp://", "smtp:mail", "smtp://:25", "smtps://h:0x",
     "smtps://h:99999", "smtps://user@h", "smtps://:s3cret@h", "smtps://user:s3cret@h/path",
     "smtps://user:s3cret@h?x", "smtps://user:s3cret@h#x", "smtp://user:s3cret@mail.example",
     "smtp+starttls://h\r\nx", "smtps://[::1", "smtps://user:s3cret@h\0"],
)  # fmt: skip
def test_a_server_that_can_not_be_used_is_refused_in_a_line_without_the_secret(url: str) -> None:
    with pytest.raises(StartupError, match=r"^PRECONSULT_SMTP_URL can't be used: ") as refused:
        Mailer.from_settings(url, FROM, ONE, "")
    assert "s3cret" not in str(refused.value)


ADDRESSES = [
    "x", "@x", "a@", "a b@c.example", "a@b.example;c@d.example", "a@b.example\r\nBcc: x@y.example",
    "<a@b.example>", "a@-b", "é@b.example", "x" * 65 + "@b.example", ",".join([ONE] * 21),
]  # fmt: skip


@pytest.mark.parametrize("wrong", ADDRESSES)
@pytest.mark.parametrize("place", ["ALERT_FROM", "ALERT_EMAILS", "ESCALATION_EMAILS"])
def test_what_is_no_address_is_refused(place: str, wrong: str) -> None:
    given = {"ALERT_FROM": FROM, "ALERT_EMAILS": ONE, "ESCALATION_EMAILS": ""} | {place: wrong}
    with pytest.raises(
        StartupError, match=f"^PRECONSULT_{place} can't be used: it is addresses as "
    ) as refused:
        Mailer.from_settings("smtp://127.0.0.1", *given.values())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("", FROM, "", ""), "ALERT_FROM"),
        (("", "", ONE, ""), "ALERT_EMAILS"),
        (("", "", "", BOSS), "ESCALATION_EMAILS"),
        (("smtp://h", "", ONE, ""), "ALERT_FROM"),
        (("smtp://h", f"{FROM},{ONE}", ONE, ""), "ALERT_FROM"),
        (("smtp://h", FROM, " , ", BOSS), "ALERT_EMAILS"),
    ],
)
def test_settings_that_would_tell_nobody_are_refused(given: tuple[str, ...], named: str) -> None:
    with pytest.raises(StartupError, match=f"^PRECONSULT_{named} can't be used: .*PRECONSULT_SMTP_URL"):
        Mailer.from_settings(*given)


def test_a_service_does_not_start_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.main.load_library", LIBRARY)
    with pytest.raises(StartupError, match=r"^PRECONSULT_ALERT_EMAILS"):
        create_app(Settings(data_dir=tmp_path, alert_emails=ONE))
    assert list(tmp_path.iterdir()) == []


# --- successful: settings --------------------------------------------------------------------------


def test_without_a_server_there_is_no_post() -> None:
    assert Mailer.from_settings("", "", "", "") is None


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("smtp://mail.example", ("smtp", "mail.example", 25, "", "")),
        ("smtps://u%40c:p%3Aw%2F@mail.example", ("smtps", "mail.example", 465, "u@c", "p:w/")),
        ("smtp+starttls://u:p@[::1]:2525", ("smtp+starttls", "::1", 2525, "u", "p")),
        ("smtp+starttls://mail.example/", ("smtp+starttls", "mail.example", 587, "", "")),
    ],
)
def test_a_server_is_read_from_its_address(url: str, read: tuple[object, ...]) -> None:
    server = SmtpServer.parse(url)
    assert (server.scheme, server.host, server.port, server.user, server.password) == read
    assert "p:w" not in repr(server)


def test_the_server_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smtp").write_text("smtps://u:p@mail.example\n")
    monkeypatch.setenv("PRECONSULT_SMTP_URL_FILE", str(tmp_path / "smtp"))
    assert load_settings().smtp_url == "smtps://u:p@mail.example"


def test_without_second_addresses_the_first_are_told_again() -> None:
    made = Mailer.from_settings("smtp://h", FROM, ONE, "")
    assert made
    assert made.escalation_recipients == (ONE,)


# --- failures --------------------------------------------------------------------------------------


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="refused"):
            post(taken.getsockname()[1]).send(LETTER)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"CONNECT": b"421 busy\r\n"}, smtplib.SMTPConnectError),
        ({"CONNECT": b"no mail server\r\n"}, smtplib.SMTPException),
        ({"MAIL": b"451 later\r\n"}, smtplib.SMTPSenderRefused),
        ({"RCPT": b"450 greylisted\r\n"}, smtplib.SMTPRecipientsRefused),
        ({"RCPT": b"550 nobody\r\n"}, smtplib.SMTPRecipientsRefused),
        ({"DATA": b"452 full\r\n"}, smtplib.SMTPDataError),
        ({"TAKEN": b"554 no\r\n"}, smtplib.SMTPDataError),
        ({"EHLO": b"250 " + b"x" * 10000 + b"\r\n"}, smtplib.SMTPException),
    ],
)
def test_what_the_server_refuses_is_not_sent(answers: dict[str, bytes], error: type[Exception]) -> None:
    with sink(answers=answers) as server:
        with pytest.raises(error):
            post(server.port).send(LETTER)
        assert server.letters == []


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "RCPT", "DATA"])
def test_a_server_that_hangs_up_has_not_taken_it(verb: str) -> None:
    with sink(drop=verb, answers={"TAKEN": b""}) as server, pytest.raises(OSError, match=r"."):
        post(server.port).send(LETTER)


@pytest.mark.parametrize("verb", ["CONNECT", "RCPT", "TAKEN"])
def test_a_server_that_says_nothing_is_left(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "STEP", 0.3)
    begun = time.monotonic()
    with sink(hang=verb) as server, pytest.raises(OSError, match=r"."):
        post(server.port).send(LETTER)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("secure", [False, True])
def test_a_server_that_takes_too_long_in_all_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, secure: bool
) -> None:
    monkeypatch.setattr(smtp, "WHOLE", 0.5)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls = certificate(tmp_path) if secure else None
    begun = time.monotonic()
    with sink(tls=tls, wrapped=secure, hang="RCPT") as server, pytest.raises(OSError, match=r"."):
        post(server.port, "smtps" if secure else "smtp").send(LETTER)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(scheme: str, tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with sink(tls=tls, wrapped=scheme == "smtps") as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            post(server.port, scheme, "u:s3cret@").send(LETTER)
        assert not any("AUTH" in line for line in server.said)


def test_where_tls_is_asked_for_and_not_offered_nothing_is_said() -> None:
    with sink() as server:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            post(server.port, "smtp+starttls", "u:s3cret@").send(LETTER)
        assert [line.split()[0] for line in server.said] == ["ehlo"]


def test_an_address_refused_for_a_while_keeps_the_letter_from_being_done() -> None:
    with sink(answers={"RCPT": b"450 later\r\n"}) as server, pytest.raises(smtplib.SMTPRecipientsRefused):
        post(server.port, first=ONE).send(LETTER)


# --- successful: sending ---------------------------------------------------------------------------


def text(letter: Message) -> str:
    return bytes(letter.get_payload(decode=True)).decode()


def test_a_letter_says_what_it_is_told_and_no_more() -> None:
    with sink() as server:
        assert post(server.port).send(LETTER) is False
        assert server.recipients == [[ONE, TWO]]
        (letter,) = server.letters
        assert text(letter).strip() == "Some text."
        assert dict(letter.items()).keys() == {
            "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
            "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
        }  # fmt: skip
        assert (letter["From"], letter["To"], letter["Subject"]) == (FROM, f"{ONE}, {TWO}", "A subject")
        assert letter["Message-ID"] == f"<{LETTER.id}@clinic.example>"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert server.said[0] == "ehlo clinic.example"


def test_the_second_letter_goes_to_the_second_addresses() -> None:
    with sink() as server:
        post(server.port).send(Email("x", escalation=True, subject="s", text="t"))
        assert server.recipients == [[BOSS]]


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_letter_goes_by_tls_with_a_password(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with sink(tls=tls, wrapped=scheme == "smtps") as server:
        assert post(server.port, scheme, "u:p@").send(LETTER) is False
        assert len(server.letters) == 1
        assert any(line.startswith("AUTH ") for line in server.said)


@pytest.mark.parametrize("behaviour", [{"drop": "TAKEN"}, {"answers": {"QUIT": b"500 what\r\n"}}])
def test_a_server_that_took_it_may_say_goodbye_as_it_likes(behaviour: dict[str, object]) -> None:
    with sink(**behaviour) as server:
        assert post(server.port).send(LETTER) is False
        assert len(server.letters) == 1
