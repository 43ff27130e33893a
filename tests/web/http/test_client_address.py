"""The client's address: taken from headers of our own proxies, and of no other sender."""

import ipaddress
from collections.abc import Iterator

import pytest

from app.web.http.client_address import UNKNOWN, client_address, client_network
from tests.conftest import Service
from tests.sample_answers import CARA, body
from tests.web.conftest import opened

PROXY, ATTACKER, VICTIM = "10.0.0.2", "203.0.113.66", "192.0.2.7"
PROXIES = tuple(ipaddress.ip_network(each) for each in ("10.0.0.0/8", "2001:db8:aaaa::/48"))
PORT = 50000
SPOOFED = [
    {"x-forwarded-for": VICTIM},
    {"x-forwarded-for": f"{VICTIM}, {PROXY}"},
    {"X-FORWARDED-FOR": f"{PROXY}, {VICTIM}, 127.0.0.1"},
    {"forwarded": f"for={VICTIM};by={PROXY}"},
    {"x-real-ip": VICTIM},
    {"cf-connecting-ip": VICTIM},
    {"true-client-ip": VICTIM},
    {"x-client-ip": VICTIM},
    {"x-cluster-client-ip": VICTIM},
    {"x-original-forwarded-for": VICTIM},
    {"x-forwarded": VICTIM},
    {"x-remote-addr": VICTIM},
    {"via": f"1.1 {VICTIM}"},
]


def seen(peer: str | None, *lines: str, **others: str) -> str | None:
    """The client of a request from `peer` with these X-Forwarded-For lines and other headers."""
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in lines]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in others.items()]
    return client_address({"headers": headers, "client": (peer, PORT) if peer is not None else None}, PROXIES)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service behind PROXIES."""
    named = ", ".join(str(each) for each in PROXIES)
    with opened(tmp_path_factory.mktemp("data"), trusted_proxies=named) as made:
        yield made


def status_from(service: Service, peer: str, headers: dict[str, str]) -> int:
    """The status of a create request from `peer` with a key that is bound to the victim's network."""
    bound = service.key("submissions:write", cidrs=("192.0.2.0/24",))
    there = service.client.beside((peer, PORT))
    return there.post("/v1/submissions", json=body(CARA), headers=bound | headers).status_code


@pytest.mark.parametrize("headers", SPOOFED)
def test_a_stranger_who_writes_another_address_is_refused_its_key(
    service: Service, headers: dict[str, str]
) -> None:
    assert status_from(service, ATTACKER, headers) == 403


@pytest.mark.parametrize("headers", SPOOFED)
def test_a_stranger_behind_the_proxy_who_writes_another_address_is_refused_its_key(
    service: Service, headers: dict[str, str]
) -> None:
    written = {name.lower(): value for name, value in headers.items()}
    sent = written.pop("x-forwarded-for", None)
    appended = f"{sent}, {ATTACKER}" if sent else ATTACKER  # as nginx and other proxies do
    assert status_from(service, PROXY, written | {"x-forwarded-for": appended}) == 403


def test_a_key_bound_to_a_network_works_from_there_directly_and_through_the_proxy(service: Service) -> None:
    assert status_from(service, VICTIM, {}) == 201
    assert status_from(service, PROXY, {"x-forwarded-for": VICTIM}) == 201
    assert status_from(service, f"::ffff:{PROXY}", {"x-forwarded-for": f"::ffff:{VICTIM}"}) == 201


def test_nobody_is_believed_when_no_proxy_is_named() -> None:
    headers = [(b"x-forwarded-for", VICTIM.encode())]
    for peer in (PROXY, "127.0.0.1", "::1"):
        assert client_address({"headers": headers, "client": (peer, PORT)}, ()) == peer


def test_what_stands_left_of_the_first_stranger_is_not_believed() -> None:
    assert seen(PROXY, f"{VICTIM}, {ATTACKER}") == ATTACKER
    assert seen(PROXY, f"{VICTIM}, {PROXY}, {ATTACKER}, 10.0.0.9") == ATTACKER
    assert seen(PROXY, VICTIM, ATTACKER) == ATTACKER


@pytest.mark.parametrize(
    "garbage",
    [
        "", " ", ",", "unknown", "_hidden", "localhost", "192.0.2", "192.0.2.07", "192.0.2.256", "3221225991",
        "0xc0000207", "192.0.2.7/24", "192.0.2.7 203.0.113.66", "192.0.2.7;x", "192.0.2.7:", "192.0.2.7:x",
        "for=192.0.2.7", '"192.0.2.7"', "[192.0.2.7", "2001:db8::1::2", "[]:443", "\xb9\xb2.0.2.7", "\x00",
        "[" + ":" * 60000, "1" * 60000, "::ffff:192.0.2.7.1",
    ],
)  # fmt: skip
def test_a_hop_that_is_no_address_leaves_the_last_proxy_that_spoke(garbage: str) -> None:
    assert seen(PROXY, garbage) == PROXY
    assert seen(PROXY, f"{VICTIM}, {garbage}") == PROXY
    assert seen(PROXY, f"{VICTIM}, {garbage}, 10.0.0.9") == "10.0.0.9"


@pytest.mark.parametrize("peer", [None, "", "testclient", "/run/preconsult.sock"])
def test_a_peer_without_an_address_is_nobody_whatever_it_writes(peer: str | None) -> None:
    assert seen(peer, VICTIM) is None
    assert seen(peer, x_real_ip=VICTIM, forwarded=f"for={VICTIM}") is None


def test_the_client_is_the_rightmost_hop_that_is_no_proxy_of_ours() -> None:
    assert seen(VICTIM) == VICTIM
    assert seen(PROXY) == PROXY
    assert seen(PROXY, VICTIM) == VICTIM
    assert seen(PROXY, f"{VICTIM},10.0.0.9 ,\t10.0.0.8") == VICTIM
    assert seen(PROXY, "10.0.0.9, 10.0.0.8") == "10.0.0.9"
    assert seen("2001:db8:aaaa::1", "2001:DB8:0::7") == "2001:db8::7"


def test_several_header_lines_are_one_list() -> None:
    assert seen(PROXY, f"{ATTACKER}, {VICTIM}", "10.0.0.9", "10.0.0.8") == VICTIM


def test_one_address_is_the_same_however_it_is_written() -> None:
    assert seen(f"::ffff:{VICTIM}") == VICTIM
    assert seen(f"::ffff:{PROXY}", f"::ffff:{VICTIM}") == VICTIM
    assert seen(PROXY, f"{VICTIM}:40123") == VICTIM
    assert seen(PROXY, f"[::FFFF:{VICTIM}]:40123") == VICTIM
    assert seen(PROXY, "[2001:db8::7]") == "2001:db8::7"
    assert seen("fe80::1%eth0") == "fe80::1"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, UNKNOWN),
        ("testclient", UNKNOWN),
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.250", "192.0.2.0/24"),
        ("2001:db8:1:ffff:a:b:c:d", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
    ],
)
def test_a_network_is_a_24_or_a_48(address: str | None, expected: str) -> None:
    assert client_network(address) == expected
