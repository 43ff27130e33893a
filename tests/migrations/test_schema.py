"""Migrations: up, down, up; equal to the tables; several at once; no earlier data is lost."""

import json
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic_core import to_json

from app.clock import now
from app.errors import StartupError
from app.services.auth.authorization import FormSessionPrincipal
from app.services.operations.key_rotation import load_vault
from app.services.submissions.assessment import Assessment, RetentionPolicy
from app.services.submissions.lifecycle import SubmissionService
from app.services.submissions.verification import verify
from app.settings import Settings
from app.storage.db import migrations
from app.storage.db.database import Database
from app.storage.submissions.submissions import Vault
from app.storage.tables.partial_indexes import metadata
from tests.conftest import LIBRARY
from tests.migrations import first_release


def tables(database: Database) -> set[str]:
    return set(sa.inspect(database.engine).get_table_names())


def test_from_empty_up_down_and_up_again(database: Database) -> None:
    assert migrations.current(database) is None
    migrations.migrate(database)
    assert migrations.current(database) == migrations.head()
    assert tables(database) >= set(metadata.tables)
    migrations.migrate(database, "base")
    assert tables(database) <= {"alembic_version"}
    migrations.migrate(database)
    assert database.read_blocking(migrations.supports_schema)


def test_the_tables_are_what_the_newest_migration_makes(database: Database) -> None:
    migrations.migrate(database)
    with database.engine.connect() as session:
        context = MigrationContext.configure(
            session, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_replicas_may_migrate_at_the_same_time(database_url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        database = Database(database_url)
        try:
            migrations.migrate(database)
        except BaseException as error:
            failures.append(error)
        finally:
            database.close()

    replicas = [threading.Thread(target=start) for _ in range(4)]
    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.join()
    assert failures == []
    database = Database(database_url)
    assert migrations.current(database) == migrations.head()
    database.close()


def test_a_newer_schema_is_served_and_left_as_it_is(database: Database) -> None:
    migrations.migrate(database)
    newer = sa.text("UPDATE alembic_version SET version_num = '9999'")
    database.write_blocking(lambda session: session.execute(newer) and None)
    migrations.migrate(database)
    assert migrations.current(database) == "9999"
    assert database.read_blocking(migrations.supports_schema)


def test_every_migration_says_why_and_that_the_previous_release_still_serves() -> None:
    versions = sorted((migrations.MIGRATIONS / "versions").glob("*.py"))
    assert versions
    for version in versions:
        text = version.read_text(encoding="utf-8")
        assert "Why: " in text
        assert "previous release" in text
        assert version.name[:15].replace("-", "").isdigit()


def test_a_backup_never_replaces_a_file(database: Database, tmp_path: Path) -> None:
    migrations.migrate(database)
    copy = tmp_path / "copy.db"
    if not database.is_sqlite:
        with pytest.raises(StartupError, match="pg_dump"):
            migrations.backup(database, copy)
        return
    migrations.backup(database, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StartupError, match="never replaces"):
        migrations.backup(database, copy)
    again = Database(f"sqlite:///{copy}")
    assert migrations.current(again) == migrations.head()
    again.close()


@pytest.mark.parametrize("revision", ["0001", "0004"])
def test_rows_of_the_first_release_are_read_and_verified_after_the_upgrade(
    database: Database, settings: Settings, revision: str
) -> None:
    """It ran on every schema up to 0004; from 0005 on, tables and columns have other names."""
    migrations.migrate(database, revision)
    stored = first_release.store(database, first_release.create_vault(database, settings.key_file))
    migrations.migrate(database)
    vault = load_vault(database, settings.encryption_keys, settings.key_file, now=now())
    for before in stored:
        assert_reads_as_before(database, vault, before)


def assert_reads_as_before(database: Database, vault: Vault, before: Assessment) -> None:
    """Check with the current service: every field, the flags, and a summary that verifies byte for byte."""
    submission_service = SubmissionService(LIBRARY(), vault, RetentionPolicy.from_settings(hours=72, days=30))
    holder, at = FormSessionPrincipal(before.record.id), before.record.updated_at
    found = database.read_blocking(
        partial(submission_service.read, submission=holder.submission, principal=holder, now=at)
    )
    told = before.record
    answers, provenance = json.loads(to_json(told.answers)), json.loads(to_json(told.summary_provenance))
    flags = tuple(replace(flag, due_at=None) for flag in told.flags)  # that release had no due dates
    expected = replace(
        told, answers=answers, summary_provenance=provenance, spam_reasons=None, due_at=None, flags=flags
    )
    assert found.record == expected
    assert found.record.flags
    if before.made is not None:
        assert verify(found)["identical"] is True
        assert found.summary()["digest"] == before.made["digest"]
