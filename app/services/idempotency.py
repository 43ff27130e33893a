"""Idempotency: sending the same request twice has one effect (draft-ietf-httpapi-idempotency-key-header).

Responsible for: storing the first response to a key and returning it again. Never: accepts the same key for
another request. A concurrent request with the same key that has not committed yet is waited for, not refused.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.encryption import DataKey, DecryptionError, Keyring, pad_to_multiple
from app.errors import Gone, IdempotencyKeyReused, InFlight
from app.storage import idempotency
from app.storage.db.database import Session
from app.storage.idempotency import StoredResponse
from app.storage.submissions import submissions
from app.storage.submissions.submissions import Vault

FINGERPRINT = 32  # bytes of SHA-256 before the stored response
RESPONSE_BYTES = 2048  # stored responses are padded to a multiple of this


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


@dataclass(frozen=True, slots=True)
class Created:
    """What a request created: its id and the response; `replayed`: an earlier request with this key did."""

    id: str
    content: bytes
    replayed: bool = False


class ResponseStore(Protocol):
    """How the first response is encrypted."""

    def encrypt(self, plain: bytes, row: str) -> bytes:
        """Encrypt a response for the row of its key."""

    def decrypt(self, session: Session, stored: StoredResponse, row: str) -> bytes:
        """Decrypt a stored response. Raises Gone when it is no longer valid or readable."""


class SubmissionResponses:
    """Responses about a submission, under its data key: erased together with it."""

    def __init__(self, vault: Vault, key: DataKey | None = None, *, now: dt.datetime) -> None:
        self._vault, self._key, self._now = vault, key, now

    def encrypt(self, plain: bytes, row: str) -> bytes:
        """Encrypt a response under the data key of the new submission."""
        assert self._key is not None  # noqa: S101 - only a store for reading has none
        return self._key.encrypt(plain, "idempotency_keys", "response", row)

    def decrypt(self, session: Session, stored: StoredResponse, row: str) -> bytes:
        """Decrypt a stored response. Raises Gone when the submission has been erased."""
        key = submissions.data_key(session, self._vault, stored.submission_id, self._now)
        if key is None or stored.response is None:
            raise Gone("This request was carried out, and its submission has been erased since.")
        return key.decrypt(stored.response, "idempotency_keys", "response", row)


class KeyringResponses:
    """Responses about objects without a data key of their own."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def encrypt(self, plain: bytes, row: str) -> bytes:
        """Encrypt a response under the newest key."""
        return self._keyring.seal(plain, "idempotency_keys", "response", row)

    def decrypt(self, session: Session, stored: StoredResponse, row: str) -> bytes:
        """Decrypt a stored response. Raises Gone when the object has changed since."""
        try:
            return self._keyring.open(stored.response or b"", "idempotency_keys", "response", row)
        except DecryptionError:
            detail = "This request was carried out, and what it made has changed since; read what it is now."
            raise Gone(detail) from None


def run_once(
    session: Session,
    store: ResponseStore,
    claim: Claim | None,
    created: Created,
    insert: Callable[[Session], None],
    *,
    now: dt.datetime,
) -> Created:
    """Insert what a request creates, or return what the first request with its key created.

    Raises IdempotencyKeyReused and Gone as `replay`, InFlight when the first request was rolled back.
    """
    if claim is not None and not _reserve(session, store, claim, created, now):
        again = replay(session, store, claim)
        if again is None:
            raise InFlight("Another request with this key was just undone; try again.", retry_after=1)
        return again
    insert(session)
    return created


def replay(session: Session, store: ResponseStore, claim: Claim) -> Created | None:
    """Return what this same request created before; None when the key is free.

    Raises IdempotencyKeyReused for another request, Gone when the response is no longer valid.
    """
    stored = idempotency.fetch(session, claim.key_hash)
    if stored is None:
        return None
    plain = store.decrypt(session, stored, claim.key_hash.hex())
    if not hmac.compare_digest(plain[:FINGERPRINT], claim.fingerprint):
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request; take a fresh one.")
    return Created(stored.submission_id, plain[FINGERPRINT:].rstrip(b" "), replayed=True)


def forget(session: Session, created: str) -> None:
    """Delete the stored response about an object that has changed since; the key stays used."""
    idempotency.discard_response(session, created)


def _reserve(
    session: Session, store: ResponseStore, claim: Claim, created: Created, now: dt.datetime
) -> bool:
    """Store the response under its key; return False when the key is already used."""
    plain = pad_to_multiple(claim.fingerprint + created.content, RESPONSE_BYTES)
    encrypted = store.encrypt(plain, claim.key_hash.hex())
    return idempotency.reserve(session, claim.key_hash, created.id, encrypted, now)
