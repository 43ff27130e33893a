"""Webhook signatures: byte for byte those of the reference library, in both directions."""

import base64
import datetime as dt
import secrets

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from app.adapters.webhook_signature import BYTES, PREFIX, new_secret, sign, verify

BODIES = [
    b"",
    b"{}",
    b'{"type":"submission.submitted","data":{"x":"\xc3\xa9\xf0\x9f\x8e\x88"}}',
    b"a.b.c" * 9999,
]
IDS = ["msg_1", "019298a2-0000-7000-8000-000000000000", "with.dots.in.it"]


@pytest.fixture
def at() -> int:
    """Sign at the current time: the reference library rejects signatures older than five minutes."""
    return int(dt.datetime.now(dt.UTC).timestamp())


def heads(name: str, at: int, signature: str) -> dict[str, str]:
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("found_issues", ["id", "time", "body", "secret", "signature", "version"])
def test_what_was_changed_on_the_way_is_refused_by_both(found_issues: str, at: int) -> None:
    secret, name, content = new_secret(), "msg_1", b"{}"
    signature = sign(name, at, content, secret)
    changed = {
        "id": ("msg_2", at, content, signature, secret),
        "time": (name, at + 1, content, signature, secret),
        "body": (name, at, b"{ }", signature, secret),
        "secret": (name, at, content, signature, new_secret()),
        "signature": (name, at, content, signature[:-6] + "AAAAA=", secret),
        "version": (name, at, content, signature.replace("v1,", "v2,"), secret),
    }[found_issues]
    name, at, content, signature, key = changed
    assert not verify(name, at, content, signature, [key])
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(content, heads(name, at, signature), json_parse=False)


@pytest.mark.parametrize(
    "odd", ["", " ", "v1", "v1,", ",", "v1,=", "v1a," + "x" * 44, "\ud800", "é", "v1,\0", "v1," * 999]
)
def test_a_signature_that_is_none_is_refused(odd: str, at: int) -> None:
    assert not verify("msg_1", at, b"{}", odd, [new_secret()])


@pytest.mark.parametrize("odd", ["whsec_é", "whsec_*", "whsec_abc"])
def test_a_secret_that_is_none_can_not_sign(odd: str, at: int) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        sign("msg_1", at, b"{}", odd)


# --- successful ------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", BODIES)
@pytest.mark.parametrize("name", IDS)
def test_a_signature_is_the_reference_librarys_byte_for_byte(name: str, content: bytes, at: int) -> None:
    for _ in range(8):
        secret = new_secret()
        theirs = Webhook(secret).sign(name, dt.datetime.fromtimestamp(at, dt.UTC), content.decode())
        assert sign(name, at, content, secret) == theirs
        assert verify(name, at, content, theirs, [secret])
        Webhook(secret).verify(content, heads(name, at, sign(name, at, content, secret)), json_parse=False)


def test_two_secrets_sign_and_either_fits(at: int) -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    signature = sign("msg_1", at, b"{}", new, old)
    assert len(signature.split()) == 2
    for each in (old, new):
        assert verify("msg_1", at, b"{}", signature, [each])
        Webhook(each).verify(b"{}", heads("msg_1", at, signature))
    assert verify("msg_1", at, b"{}", signature, [other, old])
    assert not verify("msg_1", at, b"{}", signature, [other])
    assert not verify("msg_1", at, b"{}", signature, [])


def test_a_new_secret_is_random_and_long_enough() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(each.removeprefix(PREFIX))) for each in made} == {BYTES}
    assert 24 <= BYTES <= 64


def test_a_secret_without_its_prefix_is_the_same_secret(at: int) -> None:
    bare = base64.b64encode(secrets.token_bytes(24)).decode()
    assert sign("msg_1", at, b"{}", bare) == sign("msg_1", at, b"{}", PREFIX + bare)
