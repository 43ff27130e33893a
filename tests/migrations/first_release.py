"""The rows that the first release (revision 0001) wrote, column by column.

Responsible for: a few encrypted submissions and a draft, with exactly the columns of that release. Never:
writes columns of later releases.
"""

from functools import partial

import sqlalchemy as sa

from app.clock import now
from app.services.submissions.assessment import (
    Assessment,
    RetentionPolicy,
    SubmissionInput,
    assess_new,
    new_token,
)
from app.storage.db.database import Database, Session
from app.storage.submissions.submissions import Vault
from app.storage.tables.submissions import flags, submissions
from tests.conftest import LIBRARY
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT

SUBMISSIONS = (
    "id", "questionnaire", "edition", "language", "status", "attention", "test", "booking_reference",
    "version", "created_at", "updated_at", "submitted_at", "retained_until", "token_hash", "data_key",
    "answers", "contact", "trace",
)  # fmt: skip
FLAGS = ("id", "submission_id", "kind", "priority", "raised_at", "answer_changed_at")
GIVEN = (
    SubmissionInput(NOA, language="en", booking_reference="visit-1"),
    SubmissionInput(PAT | NOA | {"contact_permission": "yes"}, PAT_CONTACT, language="en"),
    SubmissionInput(
        {"answering_for": "myself"} | {name: NOA[name] for name in ("age_band", "self_harm_thoughts")},
        language="en", complete=False,
    ),
    SubmissionInput(CARA | {"health_topics": ["pregnant_breastfeeding"]}, language="en", test=True),
)  # fmt: skip


def keep(database: Database, vault: Vault) -> list[Assessment]:
    """Store all of them as that release did, and return them."""
    edition = LIBRARY().find("ketamine-preconsult", "1.0.0")
    assert edition is not None
    kept = []
    for given in GIVEN:
        drawn = assess_new(
            edition, given, new_token(), now=now(), terms=RetentionPolicy.from_settings(hours=72, days=30)
        )
        database.write_blocking(partial(_insert, vault=vault, drawn=drawn))
        kept.append(drawn)
    return kept


def _insert(session: Session, *, vault: Vault, drawn: Assessment) -> None:
    record, key = drawn.record, drawn.key
    row = vault.encrypt_record(record, key)
    session.execute(sa.insert(submissions).values({name: row[name] for name in SUBMISSIONS}))
    for flag in record.flags:
        row = vault.seal_flag(flag, record.id, key)
        session.execute(sa.insert(flags).values({name: row[name] for name in FLAGS}))
