"""Standard Webhooks 1.0.0: sign and verify.

Responsible for: the signature of one message under one or more secrets. Never: reveals which secret
matched, directly or by the time a comparison takes.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
BYTES = 32  # length of a new secret; the specification asks for 24 to 64


def new_secret() -> str:
    """Return a new secret in the form receivers get it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def sign(message_id: str, timestamp: int, body: bytes, *keys: str) -> str:
    """Return the value of `webhook-signature`: one `v1,<base64>` for each secret, separated by spaces."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(signed, key)}" for key in keys)


def verify(message_id: str, timestamp: int, body: bytes, signature: str, keys: Sequence[str]) -> bool:
    """Return whether a signature matches one of the secrets. The caller checks the age of the timestamp."""
    ours = sign(message_id, timestamp, body, *keys).split()
    given = signature.encode("utf-8", "surrogatepass").split()
    fitting = [hmac.compare_digest(each, our.encode()) for each in given for our in ours]  # all are compared
    return any(fitting)


def _mac(signed: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError("a webhook secret is whsec_ and base64") from None
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
