"""What an export needs beyond lists and cases: the answers of one page of a list, opened.

Office: rows. Refuses: to let one that does not open keep the others.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.sealing import Unopenable
from app.storage.database import Session
from app.storage.submissions import Vault
from app.storage.tables import submissions

Json = dict[str, Any]


def answers(session: Session, vault: Vault, ids: Sequence[str]) -> dict[str, Json | None]:
    """Id to answers; None where they can't be opened. Who has been erased in the meantime is not there."""
    row = submissions.c
    asked = sa.select(row.id, row.data_key, row.answers).where(row.id.in_(ids))
    return {each["id"]: _opened(each, vault) for each in session.execute(asked).mappings()}


def _opened(row: sa.RowMapping, vault: Vault) -> Json | None:
    try:
        key = vault.keyring.unwrap(row["data_key"], row["id"])
        found: Json = json.loads(key.open(row["answers"], "submissions", "answers", row["id"]))["answers"]
    except Unopenable:
        return None
    return found
