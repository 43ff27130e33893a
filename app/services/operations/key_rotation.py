"""Encryption keys: proving that the keyring is the right one, and wrapping everything with the newest key.

Responsible for: proofs of keys at start, and key rotation without downtime. Never: starts with a missing or
wrong key, or creates a first key beside data encrypted with another one.
"""

import datetime as dt
from functools import partial
from pathlib import Path

from app.encryption import Keyring, add_key, create_key_file, key_id, open_keyring
from app.errors import StartupError
from app.services.auth import two_factor
from app.services.events import webhook_endpoints
from app.storage.auth import api_keys
from app.storage.db.database import Database, Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions import submissions
from app.storage.submissions.submissions import Vault

BATCH = 500


def load_vault(database: Database, given: str, file: Path, *, now: dt.datetime) -> Vault:
    """Return the vault, its keyring proved against the database. Raises Refusal with a one-line message."""
    keyring = open_keyring(given, file)
    if keyring is None:
        proofs = database.read_blocking(api_keys.key_checks)
        if proofs:
            missing = ", ".join(sorted(proofs))
            raise StartupError(
                f"The sealing keys {missing} are missing; put {file} or PRECONSULT_ENCRYPTION_KEYS back."
            )
        create_key_file(file)
        keyring = open_keyring(given, file)
    assert keyring is not None  # noqa: S101 - the file exists now
    if database.read_blocking(partial(_lacking, keyring=keyring)) is not None:
        database.write_blocking(partial(_prove, keyring=keyring, now=now))
    return Vault(keyring)


def load_keyring(database: Database, given: str, file: Path) -> Keyring | None:
    """Return the keyring without creating one; None when it is not available or does not match the proofs."""
    keyring = open_keyring(given, file)
    proofs = database.read_blocking(api_keys.key_checks)
    fits = keyring is not None and all(keyring.verify_key_check(proof) for proof in proofs.values())
    return keyring if proofs and fits else None


def _lacking(session: Session, *, keyring: Keyring) -> str | None:
    """Return the newest key's id when its proof is not stored yet.

    Raises Refusal when a stored proof does not verify.
    """
    proofs = api_keys.key_checks(session)
    for name, proof in sorted(proofs.items()):
        if not keyring.verify_key_check(proof):
            raise StartupError(
                f"The sealing key {name} is missing or wrong; answers sealed under it would be lost."
            )
    return keyring.newest if keyring.newest not in proofs else None


def _prove(session: Session, *, keyring: Keyring, now: dt.datetime) -> None:
    """Store the newest key's proof.

    A replica that started in the meantime with other keys is detected.
    """
    api_keys.lock_table(session)
    if _lacking(session, keyring=keyring) is not None:
        api_keys.insert_key_check(session, keyring.newest, keyring.key_check_value(), now)


def rotate(database: Database, given: str, file: Path, *, now: dt.datetime, actor: Actor) -> tuple[str, int]:
    """Wrap every data key with the newest key, which is newly created where there is a key file.

    Stored data is not re-encrypted, except the secrets of second factors and webhook endpoints, and the
    service stays available. Returns (newest key id, number of data keys re-wrapped).
    """
    vault = load_vault(database, given, file, now=now)
    if not given:
        add_key(file)
        vault = load_vault(database, given, file, now=now)
    keyring, moved = vault.keyring, 0
    while more := _rewrap_all(database, keyring):  # requests in progress may have used the older key
        moved += more
    for reseal in (two_factor.reseal, webhook_endpoints.reencrypt_secrets):
        database.write_blocking(partial(reseal, keyring=keyring))
    rotated = AuditAction("sealing_key.rotated", "sealing_key", keyring.newest)
    database.write_blocking(lambda session: audit_log.record(session, actor, now, rotated))
    return keyring.newest, moved


def _rewrap_all(database: Database, keyring: Keyring) -> int:
    moved, last = 0, ""
    while batch := database.read_blocking(partial(submissions.wrapped_keys, after=last, limit=BATCH)):
        moved += database.write_blocking(partial(_rewrap, keyring=keyring, batch=batch))
        last = batch[-1][0]
    return moved


def _rewrap(session: Session, *, keyring: Keyring, batch: list[tuple[str, bytes]]) -> int:
    moved = 0
    for submission, wrapped in batch:
        if key_id(wrapped) != keyring.newest:
            newer = keyring.wrap(keyring.unwrap(wrapped, submission), submission)
            submissions.replace_wrapped_key(session, submission, wrapped, newer)
            moved += 1
    return moved
