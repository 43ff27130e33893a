"""What an export needs beyond lists and cases: the decrypted answers of one page of a list.

Responsible for: the rows. Never: lets one row that cannot be decrypted block the others.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.encryption import DecryptionError
from app.storage.db.database import Session
from app.storage.submissions.submissions import PLACES, Vault
from app.storage.tables.submissions import submissions

Json = dict[str, Any]


def answers(session: Session, vault: Vault, ids: Sequence[str]) -> dict[str, Json | None]:
    """Map ids to answers, or to None where they can't be decrypted. Submissions erased in the meantime are
    left out.
    """
    row = submissions.c
    asked = sa.select(row.id, row.wrapped_data_key, row.answers).where(row.id.in_(ids))
    return {each["id"]: _opened(each, vault) for each in session.execute(asked).mappings()}


def _opened(row: sa.RowMapping, vault: Vault) -> Json | None:
    try:
        key = vault.keyring.unwrap(row["wrapped_data_key"], row["id"])
        found: Json = json.loads(key.decrypt(row["answers"], *PLACES["answers"], row["id"]))["answers"]
    except DecryptionError:
        return None
    return found
