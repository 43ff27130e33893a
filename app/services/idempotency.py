"""Idempotency: sending the same request twice has one effect (draft-ietf-httpapi-idempotency-key-header).

Responsible for: storing the first response to a key and returning it again. Never: accepts the same key for
another request. A concurrent request with the same key that has not committed yet is waited for, not refused.
"""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass

from app.encryption import DataKey, DecryptionError, Keyring, pad_to_multiple
from app.errors import Gone, IdempotencyKeyReused
from app.storage import idempotency
from app.storage.db.database import Session
from app.storage.submissions import submissions
from app.storage.submissions.submissions import Vault

FINGERPRINT = 32  # bytes of SHA-256 before the stored response


@dataclass(frozen=True, slots=True)
class Claim:
    """One idempotency key of one principal, and the fingerprint of its request."""

    key_hash: bytes
    fingerprint: bytes

    @classmethod
    def from_request(cls, principal: str, key: str, request: bytes) -> "Claim":
        """Return the claim of a key. `request`: method, path and body.

        Keys of different principals never collide.
        """
        scoped = hashlib.sha256(f"{principal}\0{key}".encode()).digest()
        return cls(scoped, hashlib.sha256(request).digest())


def remember(
    session: Session, claim: Claim, submission: str, key: DataKey, answer: bytes, *, now: dt.datetime
) -> bool:
    """Store `answer`, encrypted, as the response to this key; return False when the key is already used."""
    plain = pad_to_multiple(claim.fingerprint + answer, 2048)
    sealed = key.encrypt(plain, "idempotency_keys", "response", claim.key_hash.hex())
    return idempotency.reserve(session, claim.key_hash, submission, sealed, now)


def replay(session: Session, vault: Vault, claim: Claim, *, now: dt.datetime) -> tuple[str, bytes] | None:
    """Return (submission id, first response) when the key was used for this request; None when it is free.

    Raises IdempotencyKeyReused for another request, Gone when the submission has been erased.
    """
    remembered = idempotency.fetch(session, claim.key_hash)
    if remembered is None:
        return None
    key = submissions.data_key(session, vault, remembered.submission_id, now)
    if key is None or remembered.response is None:
        raise Gone("This request was carried out, and its submission has been erased since.")
    plain = key.decrypt(remembered.response, "idempotency_keys", "response", claim.key_hash.hex())
    if not hmac.compare_digest(plain[:FINGERPRINT], claim.fingerprint):
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request; take a fresh one.")
    return remembered.submission_id, plain[FINGERPRINT:].rstrip(b" ")


# --- objects without a submission ------------------------------------------------------------------


def remember_made(
    session: Session, keyring: Keyring, claim: Claim, made: str, answer: bytes, *, now: dt.datetime
) -> bool:
    """Store `answer` like `remember`, for objects without a data key; it is encrypted with the keyring."""
    plain = pad_to_multiple(claim.fingerprint + answer, 2048)
    sealed = keyring.seal(plain, "idempotency_keys", "response", claim.key_hash.hex())
    return idempotency.reserve(session, claim.key_hash, made, sealed, now)


def replay_made(session: Session, keyring: Keyring, claim: Claim) -> tuple[str, bytes] | None:
    """Return (id, first response) of what this same request created; None when the key is free.

    Raises IdempotencyKeyReused for another request, Gone when the response is no longer valid or readable.
    """
    remembered = idempotency.fetch(session, claim.key_hash)
    if remembered is None:
        return None
    plain = _opened(keyring, remembered.response or b"", claim)
    if plain is None:
        raise Gone("This request was carried out, and what it made has changed since; read what it is now.")
    if not hmac.compare_digest(plain[:FINGERPRINT], claim.fingerprint):
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request; take a fresh one.")
    return remembered.submission_id, plain[FINGERPRINT:].rstrip(b" ")


def _opened(keyring: Keyring, sealed: bytes, claim: Claim) -> bytes | None:
    """Decrypt a stored response; None when there is none or its key is no longer in the keyring."""
    try:
        return keyring.open(sealed, "idempotency_keys", "response", claim.key_hash.hex())
    except DecryptionError:
        return None


def forget(session: Session, made: str) -> None:
    """Delete the stored response about an object that has changed since; the key stays used."""
    idempotency.discard_response(session, made)
