"""Contact index (a blind index): finds submissions by phone number or e-mail address without storing either
in readable form.

Responsible for: storing, for each value, 16 bytes of an HMAC-SHA256 under a key derived from the newest
encryption key for this purpose alone. A search asks for the digests under every key of the keyring, so that
a rotation loses nothing and requires no rewrite. Never: stores values in clear text, or matches prefixes
and parts. A number written in another way is the same number.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import sqlalchemy as sa

from app.encryption import DecryptionError, Keyring
from app.storage.db.database import Session
from app.storage.submissions.submissions import Vault, fetch
from app.storage.tables.submissions import contact_index, submissions

Kind = Literal["phone", "email"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PURPOSE, SIZE = "lookup", 16
HERE = "1"  # the country code of a ten-digit number: the United States and their neighbours


class Batch(NamedTuple):
    """One batch of a backfill: the last id (None when nothing was left), and how many submissions were
    processed and how many of them could not be decrypted.
    """

    last: str | None
    processed: int
    failed: int


def index(session: Session, keyring: Keyring, submission: str, contact: Mapping[str, str]) -> None:
    """Index a new submission by its contact details."""
    rows = [
        {"submission_id": submission, "kind": kind, "digest": _cut(keyring.digest(PURPOSE, message))}
        for kind in KINDS
        if kind in contact and (message := _message(kind, contact[kind]))
    ]
    if rows:
        session.execute(sa.insert(contact_index), rows)


def reindex(session: Session, keyring: Keyring, submission: str, contact: Mapping[str, str]) -> None:
    """Index a submission by its current contact details, and remove the entries of older ones."""
    session.execute(sa.delete(contact_index).where(contact_index.c.submission_id == submission))
    index(session, keyring, submission, contact)


def digests(keyring: Keyring, kind: Kind, value: str) -> list[bytes]:
    """Return the digests a phone number or e-mail address may be stored as; none for a value that can be
    neither.
    """
    message = _message(kind, value)
    return [_cut(each) for each in keyring.digests(PURPOSE, message)] if message else []


def find(session: Session, keyring: Keyring, kind: Kind, value: str, *, limit: int = 100) -> list[str]:
    """Return the ids of the submissions with this phone number or e-mail address, newest first."""
    found = contact_index.c.kind == kind, contact_index.c.digest.in_(digests(keyring, kind, value))
    asked = (
        sa.select(contact_index.c.submission_id).where(*found).order_by(contact_index.c.submission_id.desc())
    )
    return list(session.execute(asked.limit(limit)).scalars())


def count_missing(session: Session) -> int:
    """Return the number of submissions with contact details that are not in the index."""
    return session.execute(sa.select(sa.func.count()).where(*_missing())).scalar_one()


def backfill(session: Session, vault: Vault, after: str, limit: int) -> Batch:
    """Index the next submissions after the id `after` that are not in the index yet."""
    asked = sa.select(submissions.c.id).where(submissions.c.id > after, *_missing())
    ids = list(session.execute(asked.order_by(submissions.c.id).limit(limit)).scalars())
    failed = 0
    for each in ids:
        try:
            found = fetch(session, vault, each, lock=True)
        except DecryptionError:  # the others are indexed all the same
            failed += 1
        else:
            reindex(session, vault.keyring, each, found[0].contact if found else {})
    return Batch(ids[-1] if ids else None, len(ids), failed)


def normalise(kind: Kind, value: str) -> str:
    """Return the normalised form of a phone number or e-mail address; empty for a value that can be
    neither.
    """
    text = value.strip().lower()
    return _number(text.partition("x")[0]) if kind == "phone" else unicodedata.normalize("NFC", text)


def _number(text: str) -> str:
    digits = "".join(re.findall("[0-9]", text))
    if text.startswith("+") and digits:
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    if len(digits) == 10:
        return f"+{HERE}{digits}"
    return f"+{digits}" if len(digits) == 11 and digits.startswith(HERE) else digits


def _message(kind: Kind, value: str) -> bytes:
    """Return the message to digest, `kind|value`; empty for a value that can be neither."""
    spelled = normalise(kind, value)
    return f"{kind}|{spelled}".encode("utf-8", "replace") if spelled else b""


def _missing() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of submissions with contact details that are not in the index."""
    indexed = sa.exists().where(contact_index.c.submission_id == submissions.c.id)
    return submissions.c.contact.is_not(None), ~indexed


def _cut(digest: bytes) -> bytes:
    return digest[:SIZE]
