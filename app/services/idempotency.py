"""The same request twice has one effect (draft-ietf-httpapi-idempotency-key-header).

Office: remembers the first answer to a key and gives it again. Refuses: the same key for another request.
A rival with the same key that has not committed yet is waited for rather than refused.
"""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass

from app.errors import Gone, IdempotencyKeyReused
from app.sealing import DataKey, padded
from app.storage import idempotency, submissions
from app.storage.database import Session
from app.storage.submissions import Vault

FINGERPRINT = 32  # bytes of SHA-256 before the kept answer


@dataclass(frozen=True, slots=True)
class Claim:
    """One key of one principal, and the request it stands for."""

    key_hash: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, principal: str, key: str, request: bytes) -> "Claim":
        """Keys of different principals never meet. `request`: method, path and body."""
        scoped = hashlib.sha256(f"{principal}\0{key}".encode()).digest()
        return cls(scoped, hashlib.sha256(request).digest())


def remember(
    session: Session, claim: Claim, submission: str, key: DataKey, answer: bytes, *, now: dt.datetime
) -> bool:
    """Keep `answer`, sealed, as the answer to this key; False when the key is taken."""
    plain = padded(claim.fingerprint + answer, 2048)
    sealed = key.seal(plain, "idempotency_keys", "response", claim.key_hash.hex())
    return idempotency.claim(session, claim.key_hash, submission, sealed, now)


def replay(session: Session, vault: Vault, claim: Claim, *, now: dt.datetime) -> tuple[str, bytes] | None:
    """(submission id, first answer) when the key was used for this same request; None when it is free.

    Raises IdempotencyKeyReused for another request, Gone when the submission has been erased.
    """
    remembered = idempotency.fetch(session, claim.key_hash)
    if remembered is None:
        return None
    key = submissions.data_key(session, vault, remembered.submission_id, now)
    if key is None or remembered.response is None:
        raise Gone("This request was carried out, and its submission has been erased since.")
    plain = key.open(remembered.response, "idempotency_keys", "response", claim.key_hash.hex())
    if not hmac.compare_digest(plain[:FINGERPRINT], claim.fingerprint):
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request; take a fresh one.")
    return remembered.submission_id, plain[FINGERPRINT:].rstrip(b" ")
