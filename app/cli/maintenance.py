"""`preconsult migrate`, `backup` and `purge`: maintenance of the database.

Responsible for: migrating the schema, copying the database, and erasing what is due. Never: prints the
content of a submission.
"""

import datetime as dt
from functools import partial
from pathlib import Path

import click

from app.cli.context import COMMAND, now, open_database, open_database_for_write
from app.environment import load_settings
from app.services.operations import retention, system_status
from app.storage.db import migrations
from app.storage.operations import retention as expiry


@click.command("migrate")
def migrate() -> None:
    """Migrate the database schema to this release; does nothing when it is up to date."""
    with open_database(load_settings()) as database:
        click.echo(f"The schema is at {migrations.current(database)}.")


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup_database(file: Path) -> None:
    """Copy the embedded database to FILE while the service runs. Store the encryption keys elsewhere."""
    with open_database_for_write(load_settings()) as database:
        migrations.backup(database, file)
        database.write_blocking(partial(system_status.record_backup, now=now(), actor=COMMAND))
    click.echo(f"Backed up to {file}. Without the sealing keys nobody can read it: back them up separately.")


@click.command("purge")
@click.option(
    "--now",
    "at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
    help="Erase, for good, what will be due then, too.",
)
@click.option("--dry-run", is_flag=True, help="Only tell how many submissions that is.")
def purge_due(at: dt.datetime | None, *, dry_run: bool) -> None:
    """Erase what is past its retention period; the service does so by itself every ten minutes."""
    moment = at.replace(tzinfo=dt.UTC) if at else now()
    submissions = freed = failed = 0
    settings = load_settings()
    with open_database_for_write(settings) as database:
        if dry_run:
            due = database.read_blocking(partial(expiry.overdue, now=moment))
            click.echo(f"{due} submissions would be erased; nothing was.")
            return
        more = True
        while more:
            work = partial(retention.purge, now=moment, past=failed, event_retention=settings.event_retention)
            purged = database.write_blocking(work)
            submissions += purged.submissions
            freed += purged.idempotency_keys
            failed += purged.failed
            more = purged.more
    if failed:
        click.echo(f"preconsult: {failed} could not be erased; the next run tries again.", err=True)
    click.echo(f"{submissions} submissions erased, {freed} idempotency keys freed.")
