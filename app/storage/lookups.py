"""Blind look-ups: a phone number or an e-mail address finds its submissions, and nobody can read it here.

Office: of each, 16 bytes of an HMAC-SHA256 by the newest sealing key, derived for this alone; a search asks
for the digests by every key of the keyring, so that rotation loses nothing and nothing is written again.
Refuses: values in clear, prefixes and parts; a number written in another way is the same number.
"""

import contextlib
import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Literal, get_args

import sqlalchemy as sa

from app.sealing import Keyring, Unopenable
from app.storage.database import Session
from app.storage.submissions import Vault, fetch
from app.storage.tables import lookups, submissions

Kind = Literal["phone", "email"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PURPOSE, SIZE = "lookup", 16
HERE = "1"  # the country of a number of ten digits: the United States and their neighbours


def keep(session: Session, keyring: Keyring, submission: str, contact: Mapping[str, str]) -> None:
    """Let a new submission be found by its contact details."""
    rows = [
        {"submission_id": submission, "kind": kind, "digest": _cut(keyring.digest(PURPOSE, message))}
        for kind in KINDS
        if kind in contact and (message := _message(kind, contact[kind]))
    ]
    if rows:
        session.execute(sa.insert(lookups), rows)


def replace(session: Session, keyring: Keyring, submission: str, contact: Mapping[str, str]) -> None:
    """Let a submission be found by the contact details it has now, and by no older ones."""
    session.execute(sa.delete(lookups).where(lookups.c.submission_id == submission))
    keep(session, keyring, submission, contact)


def digests(keyring: Keyring, kind: Kind, value: str) -> list[bytes]:
    """What a phone number or an e-mail address may be kept as; none for what can be no such thing."""
    message = _message(kind, value)
    return [_cut(each) for each in keyring.digests(PURPOSE, message)] if message else []


def find(session: Session, keyring: Keyring, kind: Kind, value: str, *, limit: int = 100) -> list[str]:
    """Ids of the submissions with this phone number or e-mail address, the newest first."""
    found = lookups.c.kind == kind, lookups.c.digest.in_(digests(keyring, kind, value))
    asked = sa.select(lookups.c.submission_id).where(*found).order_by(lookups.c.submission_id.desc())
    return list(session.execute(asked.limit(limit)).scalars())


def lacking(session: Session, vault: Vault, after: str, until: str, limit: int) -> str | None:
    """Let the next submissions that can't be found yet be found; the last one's id, None when there are none.

    They are those with ids past `after` and below `until`.
    """
    known = sa.exists().where(lookups.c.submission_id == submissions.c.id)
    asked = sa.select(submissions.c.id).where(
        submissions.c.id > after, submissions.c.id < until, submissions.c.contact.is_not(None), ~known
    )
    ids = list(session.execute(asked.order_by(submissions.c.id).limit(limit)).scalars())
    for each in ids:
        with contextlib.suppress(Unopenable):  # nobody else is kept waiting for it
            found = fetch(session, vault, each, lock=True)
            replace(session, vault.keyring, each, found[0].contact if found else {})
    return ids[-1] if ids else None


def id_at(at: dt.datetime) -> str:
    """Where ids made at that time begin (UUIDv7 counts milliseconds)."""
    digits = f"{max(0, int(at.timestamp() * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def normal(kind: Kind, value: str) -> str:
    """One spelling of a phone number or an e-mail address; empty for what can be none."""
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
    """What a digest is of: `kind|value`; nothing for what can be no such thing."""
    spelled = normal(kind, value)
    return f"{kind}|{spelled}".encode("utf-8", "replace") if spelled else b""


def _cut(digest: bytes) -> bytes:
    return digest[:SIZE]
