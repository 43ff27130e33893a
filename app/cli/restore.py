"""`preconsult restore`: restores the database from a backup, and again erases, revokes and disables what
was ended since.

Responsible for: the embedded database, and applying the erasure ledger after pg_restore. Never: restores
what was erased.
"""

from functools import partial
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from app.cli.context import COMMAND, MAX_EVENTS_TO_LINK, keyring_at_hand, now, open_database
from app.container import open_ledger
from app.environment import load_settings
from app.errors import StartupError
from app.services.events import audit_chain, outbox
from app.settings import Settings
from app.storage.auth import sessions
from app.storage.db import sqlite_restore
from app.storage.db.database import Database
from app.storage.events import audit_log
from app.storage.events.audit_log import AuditAction

RESTORE_WARNING = (
    "Otherwise API keys and members of staff are as they were at the backup: look at roles, passwords and "
    "whom it lacks (preconsult keys list, preconsult staff list)."
)


@click.command("restore")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ledger-only", is_flag=True, help="After pg_restore: end again what the ledger names.")
def restore_database(file: Path | None, *, ledger_only: bool) -> None:
    """Restore the embedded database from the backup FILE; what was erased or ended since then stays so."""
    if ledger_only == (file is not None):
        raise click.UsageError("Name a backup, or say --ledger-only.")
    settings = load_settings()
    unlisted = not settings.ledger.exists()
    if file is None:
        with open_database(settings) as database:
            click.echo(_ended_again(database, settings))
        click.echo(RESTORE_WARNING)
    else:
        _put_back(file, settings)
    if unlisted:
        warning = (
            f"there was no erasure ledger {settings.ledger}: what was ended since the backup may be back"
        )
        click.echo(f"preconsult: {warning}.", err=True)


def _put_back(file: Path, settings: Settings) -> None:
    target = make_url(settings.database)
    if target.get_backend_name() != "sqlite":
        raise StartupError(
            "PostgreSQL is restored by pg_restore; then say `preconsult restore --ledger-only`."
        )
    where = Path(target.database or "")
    with sqlite_restore.prepare_copy(file, where) as copy:
        messages = _completed(settings.model_copy(update={"database_url": f"sqlite:///{copy.absolute()}"}))
        older = sqlite_restore.swap_in(copy, where)
    click.echo(f"Restored from {file}. {messages}")
    click.echo(f"Sessions of staff are over. {RESTORE_WARNING}")
    if older:
        click.echo(f"What was there is kept as {older}; delete it when you need it no more.")


def _completed(settings: Settings) -> str:
    """Migrate a copy of a backup, verify it, and apply the erasure ledger to it."""
    with open_database(settings) as database:
        keyring = keyring_at_hand(database, settings)
        found = database.read_blocking(partial(audit_chain.verify, keyring=keyring, now=now()))
        begun = found.linked > 0  # a backup by a release without the chain has none
        if begun and found.fault and found.fault.kind != "waiting":
            raise StartupError(f"The backup's audit chain is broken at position {found.fault.position}.")
        messages = _ended_again(database, settings)
        act = AuditAction("database.restored", "database", None)
        database.write_blocking(lambda session: audit_log.record(session, COMMAND, now(), act))
        database.write_blocking(
            partial(outbox.publish_pending, keyring=keyring, now=now(), limit=MAX_EVENTS_TO_LINK)
        )
        database.write_blocking(sessions.end_all_sessions)
        database.checkpoint()
    return messages


def _ended_again(database: Database, settings: Settings) -> str:
    again = open_ledger(settings).replay(database, now=now())
    return (
        f"{again.erased} submissions of the ledger erased again. "
        f"API keys revoked again: {again.revoked}; members of staff disabled again: {again.disabled}."
    )
