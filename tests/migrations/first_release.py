"""The rows that the first release (revision 0001) wrote, column by column.

Responsible for: a keyring, a few encrypted submissions and a draft, with exactly the columns and the
associated data of that release. Never: uses the tables of later releases.
"""

from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json

from app.clock import now
from app.encryption import DataKey, create_key_file, open_keyring, pad_to_multiple
from app.services.submissions.assessment import (
    Assessment,
    RetentionPolicy,
    SubmissionInput,
    assess_new,
    new_token,
)
from app.storage.db.database import Database, Session
from app.storage.submissions.submissions import FlagRecord, Record, Vault
from tests.conftest import LIBRARY
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT

PLAIN = (
    "id", "questionnaire", "edition", "language", "status", "booking_reference", "version", "created_at",
    "updated_at", "submitted_at", "retained_until", "token_hash",
)  # fmt: skip
FLAG_PLAIN = ("id", "priority", "raised_at", "answer_changed_at")
GIVEN = (
    SubmissionInput(NOA, language="en", booking_reference="visit-1"),
    SubmissionInput(PAT | NOA | {"contact_permission": "yes"}, PAT_CONTACT, language="en"),
    SubmissionInput(
        {"answering_for": "myself"} | {name: NOA[name] for name in ("age_band", "self_harm_thoughts")},
        language="en", complete=False,
    ),
    SubmissionInput(CARA | {"health_topics": ["pregnant_breastfeeding"]}, language="en", test=True),
)  # fmt: skip


def create_vault(database: Database, file: Path) -> Vault:
    """Create the key file and store its check value, as that release did at its first start."""
    create_key_file(file)
    keyring = open_keyring("", file)
    assert keyring is not None
    check = keyring.seal(b"preconsult", "sealing_keys", "proof")
    row = {"id": keyring.newest, "proof": check, "created_at": now()}
    database.write_blocking(partial(_insert, table="sealing_keys", rows=[row]))
    return Vault(keyring)


def store(database: Database, vault: Vault) -> list[Assessment]:
    """Store all of them as that release did, and return them."""
    edition = LIBRARY().find("ketamine-preconsult", "1.0.0")
    assert edition is not None
    stored = []
    for given in GIVEN:
        made = assess_new(
            edition, given, new_token(), now=now(), terms=RetentionPolicy.from_settings(hours=72, days=30)
        )
        record, key = made.record, made.key
        row = _submission(record, key) | {"data_key": _wrapped(vault, key, record.id)}
        database.write_blocking(partial(_insert, table="submissions", rows=[row]))
        rows = [_flag(each, record.id, key) for each in record.flags]
        database.write_blocking(partial(_insert, table="flags", rows=rows))
        stored.append(made)
    return stored


def _submission(record: Record, key: DataKey) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in PLAIN}
    row |= {"attention": record.priority, "test": record.is_test}
    fields = {
        "answers": record.answers,
        "contact": record.contact or None,
        "trace": record.summary_provenance,
    }
    for name, value in fields.items():
        row[name] = value and key.encrypt(pad_to_multiple(to_json(value)), "submissions", name, record.id)
    return row


def _flag(flag: FlagRecord, submission: str, key: DataKey) -> dict[str, Any]:
    kind = key.encrypt(pad_to_multiple(flag.flag_code.encode(), 64), "flags", "kind", flag.id)
    return {name: getattr(flag, name) for name in FLAG_PLAIN} | {"submission_id": submission, "kind": kind}


def _wrapped(vault: Vault, key: DataKey, submission: str) -> bytes:
    return vault.keyring.seal(key._key, "submissions", "data_key", submission)


def _insert(session: Session, *, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(sa.insert(sa.Table(table, sa.MetaData(), autoload_with=session)), rows)
