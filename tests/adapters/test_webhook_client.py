"""The webhook sender: the addresses it never connects to, and how it handles faulty receivers.

No URL and no name server can make it connect to such an address. No test opens a connection outside
loopback: names are resolved from a table.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpcore
import pytest

from app.adapters import webhook_client
from app.adapters.address_policy import AddressPolicy, BlockedAddress, Resolve, WebhookUrl, is_public
from app.adapters.webhook_client import MAX_READ_BYTES, DeliveryResult, WebhookClient
from tests.smtp_server import certificate
from tests.webhook_receivers import Receiver, receiver, reset, silent

OWN = AddressPolicy.from_settings((), "https://visit.clinic.example", development=False)
AT_HOME = AddressPolicy.from_settings((), "http://localhost:8000", development=True)
SYSTEM = ssl.create_default_context()
INSIDE = AddressPolicy((ipaddress.ip_network("127.0.0.0/8"),))
PUBLIC = "93.184.216.34"
BAD_URLS = [
    # no https, no host, no URL
    "", "https://", "https:///x", "http://hooks.example.com/", "ftp://hooks.example.com/", "file:///etc/passwd",
    "gopher://hooks.example.com/", "javascript:alert(1)", "//hooks.example.com/", "hooks.example.com",
    "https:hooks.example.com", "https:/hooks.example.com", "HTTPS://hooks.example.com", " https://a.example.com",
    # user, password, fragment, and what a lenient parser reads differently
    "https://user@hooks.example.com/", "https://user:pass@hooks.example.com/", "https://a.example.com#@b.example",
    "https://a.example.com\\@127.0.0.1/", "https://a.example.com\\.evil.example/", "https://a.example.com/#x",
    "https://127.0.0.1#.example.com", "https://[::1]@a.example.com/", "https://a.example.com/a b",
    "https://a.example.com/\r\nhost: x", "https://a.example.com/\0", "https://a.example.com/\t",
    "https://%31%32%37.0.0.1/", "https://a.example.com/\ud800", "https://a.example.com/" + "x" * 2000,
    # ports
    "https://a.example.com:80/", "https://a.example.com:22/", "https://a.example.com:25/",
    "https://a.example.com:0/", "https://a.example.com:65536/", "https://a.example.com:0443/",
    "https://a.example.com:-1/", "https://a.example.com:/", "https://a.example.com:443:443/",
    # this machine and this service
    "https://localhost/", "https://localhost:8443/", "https://LOCALHOST/", "https://localhost./",
    "https://a.localhost./", "https://intranet/", "https://visit.clinic.example/hook",
    "https://VISIT.clinic.example:8443/hook",
    # addresses, in plain and unusual notations
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://0x7f000001/",
    "https://0x7f.1/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://127.0.0.1./", "https://0/",
    "https://0.0.0.0/", "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://192.0.0.192/",
    "https://198.18.0.1/", "https://192.0.2.1/", "https://198.51.100.7/", "https://203.0.113.9/",
    "https://224.0.0.1/", "https://240.0.0.1/", "https://255.255.255.255/", "https://1.2.3/", "https://1.2.3.4.5/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/",
    "https://[fec0::1]/", "https://[fc00::1]/", "https://[fd00:ec2::254]/", "https://[ff02::1]/",
    "https://[2001:db8::1]/", "https://[3fff::1]/", "https://[100::1]/", "https://[5f00::1]/",
    "https://[2606:4700:4700:0:0:0:0:1111]/", "https://[::1/", "https://::1/", "https://[a.example.com]/",
    # invalid names, or names that resemble others
    "https://a..example.com/", "https://.example.com/", "https://-a.example.com/", "https://a.example.com./",
    "https://a_b.example.com/", "https://ⓔxample.com/", "https://exаmple.com/", "https://127。0。0。1/",
    "https://①②⑦.0.0.1/", "https://" + "a" * 64 + ".example.com/", "https://" + "a." * 130 + "com/",
]  # fmt: skip
BAD_ADDRESSES = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1",
    "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "233.252.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1",
    "::ffff:93.184.216.34", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::93.184.216.34",
    "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:0:7f00:1::",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "2002:5db8:d822::1", "2620:4f:8000::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "", "nonsense",
]  # fmt: skip
GOOD_ADDRESSES = [
    PUBLIC, "1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.254",
    "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "2003::1",
]  # fmt: skip


class Names:
    """A resolver with fixed answers: for the first query, the second, …; the last answer is repeated."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses to which a connection was opened; outside loopback they are only recorded."""
    opened: list[str] = []
    connect = httpcore.AnyIOBackend.connect_tcp

    async def noted(self: Any, host: str, *given: Any, **more: Any) -> Any:
        opened.append(host)
        if not ipaddress.ip_address(host).is_loopback:
            raise httpcore.ConnectError("no test goes there")
        return await connect(self, host, *given, **more)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", noted)
    return opened


def post(
    url: str,
    reach: AddressPolicy = AT_HOME,
    *,
    resolve: Resolve | None = None,
    trusted: ssl.SSLContext = SYSTEM,
    times: int = 1,
) -> list[DeliveryResult]:
    async def send() -> list[DeliveryResult]:
        sender = WebhookClient(reach, resolve=resolve or Names(["127.0.0.1"]), trusted=trusted)
        try:
            return [await sender.post(url, {"webhook-id": "x"}, b"{}") for _ in range(times)]
        finally:
            await sender.close()

    return asyncio.run(send())


# --- never contacted -------------------------------------------------------------------------------


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_leads_elsewhere_is_refused_and_nothing_is_opened(url: str, lines: list[str]) -> None:
    with pytest.raises(BlockedAddress):
        WebhookUrl.parse(url, OWN)
    (outcome,) = post(url, OWN, resolve=Names(["127.0.0.1"]))
    assert (outcome.status, outcome.error, lines) == (None, "BlockedAddress", [])


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_name_that_leads_to_an_address_that_is_not_public_opens_nothing(
    address: str, lines: list[str]
) -> None:
    (outcome,) = post("https://hooks.example.com/x", OWN, resolve=Names([address]))
    assert (outcome.status, outcome.error, lines) == (None, "BlockedAddress", [])


def test_of_several_addresses_only_the_public_ones_are_tried(lines: list[str]) -> None:
    names = Names(["127.0.0.1", PUBLIC, "::1", "10.0.0.1", "2606:4700:4700::1111"])
    (outcome,) = post("https://hooks.example.com/x", OWN, resolve=names)
    assert (outcome.error, lines) == ("ConnectError", [PUBLIC, "2606:4700:4700::1111"])


@pytest.mark.parametrize("reach", [OWN, AT_HOME, AddressPolicy(development=True)])
def test_a_name_that_is_public_when_asked_first_and_loopback_after_opens_no_line_to_loopback(
    reach: AddressPolicy, lines: list[str]
) -> None:
    with receiver() as services:
        names = Names([PUBLIC], ["127.0.0.1"], ["::1"], ["127.0.0.1"])
        outcomes = post(f"https://hooks.example.com:{services.port}/x", reach, resolve=names, times=4)
    assert [each.error for each in outcomes] == ["ConnectError"] + ["BlockedAddress"] * 3
    assert (lines, services.taken) == ([PUBLIC], [])
    assert names.asked == 4, "asked once for each line that is opened"


def test_a_name_that_nobody_knows_is_told_as_that(lines: list[str]) -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror

    (outcome,) = post("https://hooks.example.com/x", OWN, resolve=unknown)
    assert (outcome.error, lines) == ("gaierror", [])


def test_loopback_by_http_is_for_development_and_where_the_url_says_so() -> None:
    for url in ("http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/"):
        assert WebhookUrl.parse(url, AT_HOME).scheme == "http"
        with pytest.raises(BlockedAddress):
            WebhookUrl.parse(url, OWN)
    for url in ("http://hooks.example.com/", "http://127.0.0.2:9000/", "http://localhost:8000/hook"):
        with pytest.raises(BlockedAddress):
            WebhookUrl.parse(url, AT_HOME)


def test_a_network_that_the_clinic_has_listed_may_be_reached_and_no_other(lines: list[str]) -> None:
    inside = AddressPolicy((ipaddress.ip_network("10.1.0.0/16"),))
    assert WebhookUrl.parse("https://10.1.2.3:8443/hook", inside).port == 8443
    for url in ("https://10.2.0.1/", "http://10.1.2.3/", "https://[::ffff:10.1.2.3]/"):
        with pytest.raises(BlockedAddress):
            WebhookUrl.parse(url, inside)
    outcomes = post("https://hooks.clinic.lan/x", inside, resolve=Names(["10.1.2.3"], ["10.2.0.1"]), times=2)
    assert [each.error for each in outcomes] == ["ConnectError", "BlockedAddress"]
    assert lines == ["10.1.2.3"]


@pytest.mark.parametrize("address", GOOD_ADDRESSES)
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.example.com", "hooks.example.com", 443, "/"),
        ("https://Hooks.Example.com/a/B?c=%20d@e", "hooks.example.com", 443, "/a/B?c=%20d@e"),
        ("https://hooks.example.com:8443?x=1", "hooks.example.com", 8443, "/?x=1"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://93.184.216.34/", PUBLIC, 443, "/"),
        ("https://[2606:4700:4700::1111]:8443/", "[2606:4700:4700::1111]", 8443, "/"),
    ],
)
def test_a_url_is_taken_apart_as_it_stands(url: str, host: str, port: int, path: str) -> None:
    target = WebhookUrl.parse(url, OWN)
    assert (target.host, target.port, target.path) == (host, port, path)


# --- faulty receivers ------------------------------------------------------------------------------


@pytest.fixture
def services() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(services: Receiver, status: int) -> None:
    with receiver() as other:
        services.answer = lambda _received: (status, {"location": other.url, "set-cookie": "a=b"})
        outcomes = post(services.url, times=2)
        assert [each.status for each in outcomes] == [status, status]
        assert other.taken == []
    assert all("cookie" not in each.headers for each in services.taken)


def test_proxies_of_the_environment_are_not_asked(
    services: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert post(services.url)[0].status == 204
        assert proxy.taken == []


def test_a_receiver_that_hangs_is_left(services: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_client, "WHOLE", 0.2)
    services.answer = lambda _received: silent
    (outcome,) = post(services.url)
    assert (outcome.status, outcome.error) == (None, "TimeoutError")


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (reset, "ReadError"),
        (lambda handler: handler.connection.close(), "RemoteProtocolError"),
        (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "RemoteProtocolError"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 204 " + b"x" * 200_000), "RemoteProtocolError"),
    ],
)
def test_a_line_that_breaks_or_talks_nonsense_is_told_by_its_class(
    services: Receiver, act: Callable[[BaseHTTPRequestHandler], None], error: str
) -> None:
    services.answer = lambda _received: act
    (outcome,) = post(services.url)
    assert outcome.status is None
    assert outcome.error in (error, "ReadError")


def test_of_an_endless_answer_no_more_is_read_than_so_much(services: Receiver) -> None:
    written = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            for _ in range(2000):
                handler.wfile.write(b"x" * MAX_READ_BYTES)
                written.append(1)
        except OSError:
            return

    services.answer = lambda _received: endless
    assert post(services.url)[0].status == 200
    assert len(written) < 2000


def test_nobody_at_home_is_told_as_that(services: Receiver) -> None:
    with receiver() as gone:
        url = gone.url
    assert post(url)[0].error == "ConnectError"


# --- certificates ----------------------------------------------------------------------------------


@pytest.fixture
def wrapped(tmp_path: Path) -> Iterator[tuple[Receiver, list[str]]]:
    """An HTTPS receiver, and the server names that clients requested from it."""
    named: list[str] = []
    context = certificate(tmp_path, "hooks.example.com")
    context.sni_callback = lambda _line, name, _context: named.append(name)
    with receiver(context=context) as made:
        yield made, named


def test_a_certificate_that_nobody_vouches_for_is_refused(wrapped: tuple[Receiver, list[str]]) -> None:
    made, _ = wrapped
    (outcome,) = post(f"https://hooks.example.com:{made.port}/x", INSIDE)
    assert (outcome.error, made.taken) == ("SSLCertVerificationError", [])


def test_a_certificate_of_another_name_is_refused(
    wrapped: tuple[Receiver, list[str]], tmp_path: Path
) -> None:
    made, _ = wrapped
    trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    (outcome,) = post(f"https://other.example.com:{made.port}/x", INSIDE, trusted=trusted)
    assert (outcome.error, made.taken) == ("SSLCertVerificationError", [])


def test_the_line_goes_to_the_checked_address_and_speaks_of_the_name(
    wrapped: tuple[Receiver, list[str]], tmp_path: Path
) -> None:
    made, named = wrapped
    trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    (outcome,) = post(f"https://Hooks.example.com:{made.port}/x?y=1", INSIDE, trusted=trusted)
    assert (outcome.status, outcome.error) == (204, None)
    assert (made.taken[0].headers["host"], made.taken[0].path) == (f"hooks.example.com:{made.port}", "/x?y=1")
    assert (made.taken[0].body, named) == (b"{}", ["hooks.example.com"])
