"""What the service has stored, as its operator and its staff see it, read from the API and the database.

Never: uses the pages, or writes anything except the end of a session.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx

from app.services.auth.authorization import hash_token
from tests.e2e.browser.respondent import Respondent
from tests.server import Server


@dataclass(frozen=True)
class StoredData:
    """`client` calls the service with an API key of the scope review."""

    server: Server
    client: httpx.Client

    def latest(self) -> dict[str, Any]:
        """The newest submission, as staff see it."""
        (newest,) = self._sql("SELECT id FROM submissions ORDER BY id DESC LIMIT 1")[0]
        answer = self.client.get(f"/v1/submissions/{newest}")
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def flags(self) -> list[str]:
        """The kinds of the flags of the newest submission."""
        return [each["flag"] for each in self.latest()["flags"]]

    def kept(self) -> int:
        """The number of submissions."""
        (count,) = self._sql("SELECT count(*) FROM submissions")[0]
        return int(count)

    def acts(self, action: str) -> int:
        """How many audit events have this action."""
        (count,) = self._sql("SELECT count(*) FROM audit_events WHERE action = ?", action)[0]
        return int(count)

    def end_session(self, of: Respondent, *, days: int = 0) -> None:
        """Let the session of this respondent expire: a minute ago, or a minute and `days` days ago."""
        (secret,) = [each["value"] for each in of.page.context.cookies() if each["name"] == "preconsult_form"]
        over = "UPDATE form_tokens SET expires_at = datetime('now', ?) || '.000000' WHERE secret_hash = ?"
        self._sql(over, f"-{days * 1440 + 1} minutes", hash_token(secret))

    def _sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with (
            closing(sqlite3.connect(self.server.data_dir / "preconsult.db", timeout=10)) as database,
            database,
        ):
            return database.execute(statement, values).fetchall()
