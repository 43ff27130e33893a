"""Nothing that a person entered is readable at rest, in a backup, in a log or in an error.

Never: trusts a scanner that has not been seen to find planted values.
"""

import base64
import hashlib
import re
import subprocess
import zlib
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa

from tests.e2e.processes.canaries import (
    CONTACT,
    HEALTH,
    NAME,
    STRAY,
    contact_forms,
    files_below,
    sightings,
    sightings_deflated,
    sightings_in,
)
from tests.e2e.processes.conversation import REFERENCE, Conversation
from tests.e2e.processes.truth import column, rows
from tests.postgres_server import Postgres
from tests.server import Server, serving

STAFF = ("submissions:write", "submissions:read", "review")


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.encode(),
        lambda text: text.lower().encode(),
        lambda text: text.upper().encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode().hex().encode(),
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
        lambda text: base64.urlsafe_b64encode(b"xy" + text.encode()),
        lambda text: quote_plus(text).encode(),
    ],
)
def test_the_scanner_finds_a_planted_canary(written: object, tmp_path: Path) -> None:
    assert callable(written)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\x00\xffnoise" * 99 + written(NAME) + b"\xfe" * 99)
    assert sightings_in(files_below(tmp_path), contact_forms())
    assert sightings_deflated(b"\x07" * 32 + zlib.compress(written(NAME)), [NAME])


def test_nothing_told_in_confidence_can_be_read_anywhere_or_comes_back_in_an_error(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with serving(tmp_path, database_url, PRECONSULT_LOG_LEVEL="debug") as server:
        talk = Conversation(server, server.key(*STAFF))
        talk.hold(database_url)
        while_it_runs = _at_rest(server, database_url, request)
    _no_error_repeats_what_it_was_told(talk)
    secrets = [talk.key[-38:-6], *(token[4:] for token in talk.tokens), *_sealing_keys(tmp_path)]
    secrets += talk.visits.secrets
    assert len(talk.visits.secrets) > 8
    assert {200, 303, 403, 404, 405, 422} < set(talk.visits.troubles)
    assert talk.visits.troubles[-1] in (500, 503)  # SQLite reports a missing table as busy
    hashes = {bytes(each) for each in column(database_url, "SELECT secret_hash FROM form_tokens")}
    assert hashes >= {hashlib.sha256(secret.encode()).digest() for secret in talk.visits.hashed}
    confided = [*contact_forms(), *HEALTH, *STRAY.values(), *secrets]
    places = while_it_runs | {f"stopped/{name}": each for name, each in files_below(tmp_path).items()}
    places.pop("stopped/keyring")
    assert sightings_in(places, confided) == []
    assert sightings_in(places, [REFERENCE]), "the scanner saw no row at all"
    assert _in_values(database_url, confided) == []


def _no_error_repeats_what_it_was_told(talk: Conversation) -> None:
    problems = [answer for answer in talk.told if answer.status >= 400]
    assert {answer.status for answer in problems} == {
        400, 401, 404, 405, 406, 409, 410, 412, 413, 415, 422, 428, 500,
    }  # fmt: skip
    confided = [*contact_forms(), *CONTACT.values(), *STRAY.values(), talk.key[-38:-6]]
    for answer in problems:
        assert answer.headers["content-type"] == "application/problem+json"
        content = re.sub(rb'"pointer": ?"[^"]*"', b"", answer.content)  # a pointer names the invalid member
        head = "\n".join(answer.headers.values()).encode()
        assert sightings(content + head, confided) == []


def _at_rest(server: Server, url: str, request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Everything on disk, and a backup, while the service still runs (its -wal and -shm are there)."""
    if "sqlite" in url:
        server.command("backup", str(server.data_dir / "backup.db"))
        found = files_below(server.data_dir, but="^keyring$")
        assert {"preconsult.db", "preconsult.db-wal", "preconsult.db-shm", "backup.db"} <= set(found)
        return found
    postgres: Postgres = request.getfixturevalue("postgres")
    rows(url, "CHECKPOINT")
    [number] = column(url, "SELECT oid FROM pg_database WHERE datname = current_database()")
    name = url.partition("@/")[2].partition("?")[0]
    dump = subprocess.run(
        [str(postgres.pg_dump), "-h", str(postgres.home), "-U", "postgres", name],
        check=True, capture_output=True,
    )  # fmt: skip
    assert b"COPY public.submissions" in dump.stdout
    pages = files_below(postgres.home / "data" / "base" / str(number))
    told = {"dump": dump.stdout, "log of postgres": (postgres.home / "log").read_bytes()}
    return pages | told | files_below(server.data_dir, but="^keyring$")


def _in_values(url: str, confided: list[str]) -> list[str]:
    """Canaries in single values of every table, also in deflated ones and those a dump prints as hex."""
    engine, found = sa.create_engine(url), []
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        for table in tables.tables.values():
            for row in connection.execute(sa.select(table)):
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    found += [f"{table.name}: {told}" for told in sightings(raw, confided)]
                    found += [f"{table.name}: {told}" for told in sightings_deflated(raw, confided)]
    engine.dispose()
    return found


def _sealing_keys(data_dir: Path) -> list[str]:
    return [line.partition(":")[2] for line in (data_dir / "keyring").read_text().split()]
