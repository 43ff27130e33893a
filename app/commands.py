"""What commands share: the settings' database, opened and checked; and the commands on records.

Office: `preconsult audit verify|head`, `preconsult purge`, `preconsult restore`. Refuses: to print anything
of an event.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from app.errors import Refusal
from app.main import open_database, open_ledger
from app.sealing import Keyring
from app.services import chain, feed, retention
from app.services.chain import Broken
from app.services.sealing_keys import known_keyring
from app.settings import Settings, load_settings
from app.storage import audit, expiry, ledger, restore, schema, staff_sessions
from app.storage.audit import Act, Actor
from app.storage.database import Database

BACK = (
    "Otherwise API keys and members of staff are as they were at the backup: look at roles, passwords and "
    "whom it lacks (preconsult keys list, preconsult staff list)."
)
LINKED = 10_000  # a command links at most that many events; the rest is for the service


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, durable and at head."""
    database = open_database(settings)
    try:
        database.check_durable()
        schema.migrate(database)
        yield database
    finally:
        database.close()


@contextmanager
def writing(settings: Settings) -> Iterator[Database]:
    """The same for a command that leaves audit events: they are linked before it ends.

    Without the keyring at hand they wait for the service.
    """
    with opened(settings) as database:
        yield database
        open_ledger(settings).settle(database)
        keyring = known_keyring(database, settings.keyring, settings.key_file)
        try:
            if keyring is not None:
                database.write_now(partial(feed.follow, keyring=keyring, now=now(), limit=LINKED))
        except Broken as broken:
            click.echo(f"preconsult: The audit chain is broken ({broken}): preconsult audit verify", err=True)


def now() -> dt.datetime:
    """The time."""
    return dt.datetime.now(dt.UTC)


@click.group("audit")
def audit_group() -> None:
    """The audit trail: verify its chain, publish its head."""


@audit_group.command("verify")
@click.option(
    "--anchor",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of published heads: only that tells a roll-back to an older copy.",
)
def verify_chain(anchor: Path | None) -> None:
    """Walk the whole chain; status 1 when an event was changed, moved, taken out or put in."""
    settings = load_settings()
    anchors = chain.parse_anchors(ledger.lines(anchor)) if anchor else None
    with opened(settings) as database:
        keyring = _keyring(database, settings)
        found = database.read_now(partial(chain.verify, keyring=keyring, now=now(), anchors=anchors))
    since = f" (the oldest since {found.oldest:%Y-%m-%d %H:%M:%SZ})" if found.oldest else ""
    click.echo(f"{found.linked} events are linked, {found.waiting} wait to be{since}.")
    if found.fault:
        raise Refusal(f"The audit chain is broken at position {found.fault.position}: {found.fault.told}.")
    told = f"{len(anchors)} published heads fit" if anchors else "without published heads nobody can tell"
    click.echo(f"The chain is whole; that it is no older copy: {told}.")


@audit_group.command("head")
def print_head() -> None:
    """The end of the chain as one JSON line, for an anchor file somewhere else."""
    settings = load_settings()
    with opened(settings) as database:
        try:
            click.echo(database.read_now(partial(chain.published, keyring=_keyring(database, settings))))
        except Broken as broken:
            raise Refusal(f"The audit chain is broken: {broken}.") from None


@click.command("purge")
@click.option(
    "--now",
    "at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
    help="Erase, for good, what will be due then, too.",
)
@click.option("--dry-run", is_flag=True, help="Only tell how many submissions that is.")
def purge_due(at: dt.datetime | None, *, dry_run: bool) -> None:
    """Erase what is kept longer than promised; the service does so by itself every ten minutes."""
    moment = at.replace(tzinfo=dt.UTC) if at else now()
    submissions = freed = failed = 0
    settings = load_settings()
    with writing(settings) as database:
        if dry_run:
            due = database.read_now(partial(expiry.overdue, now=moment))
            click.echo(f"{due} submissions would be erased; nothing was.")
            return
        more = True
        while more:
            work = partial(retention.purge, now=moment, past=failed, told_for=settings.told_for)
            purged = database.write_now(work)
            submissions += purged.submissions
            freed += purged.idempotency_keys
            failed += purged.failed
            more = purged.more
    if failed:
        click.echo(f"preconsult: {failed} could not be erased; the next run tries again.", err=True)
    click.echo(f"{submissions} submissions erased, {freed} idempotency keys freed.")


@click.command("restore")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ledger-only", is_flag=True, help="After pg_restore: end again what the ledger names.")
def restore_database(file: Path | None, *, ledger_only: bool) -> None:
    """Put the embedded database back to a backup, FILE; what was erased or ended since then stays so."""
    if ledger_only == (file is not None):
        raise click.UsageError("Name a backup, or say --ledger-only.")
    settings = load_settings()
    unlisted = not settings.ledger.exists()
    if file is None:
        with opened(settings) as database:
            click.echo(_ended_again(database, settings))
        click.echo(BACK)
    else:
        _put_back(file, settings)
    if unlisted:
        told = f"there was no erasure ledger {settings.ledger}: what was ended since the backup may be back"
        click.echo(f"preconsult: {told}.", err=True)


def _put_back(file: Path, settings: Settings) -> None:
    target = make_url(settings.database)
    if target.get_backend_name() != "sqlite":
        raise Refusal("PostgreSQL is restored by pg_restore; then say `preconsult restore --ledger-only`.")
    where = Path(target.database or "")
    with restore.candidate(file, where) as copy:
        told = _completed(settings.model_copy(update={"database_url": f"sqlite:///{copy.absolute()}"}))
        older = restore.exchange(copy, where)
    click.echo(f"Restored from {file}. {told}")
    click.echo(f"Sessions of staff are over. {BACK}")
    if older:
        click.echo(f"What was there is kept as {older}; delete it when you need it no more.")


def _completed(settings: Settings) -> str:
    """Bring a copy of a backup up to date, check it, and end what has been ended since."""
    with opened(settings) as database:
        keyring = _keyring(database, settings)
        found = database.read_now(partial(chain.verify, keyring=keyring, now=now()))
        begun = found.linked > 0  # a backup by a release before there was a chain has none
        if begun and found.fault and found.fault.kind != "waiting":
            raise Refusal(f"The backup's audit chain is broken at position {found.fault.position}.")
        told = _ended_again(database, settings)
        act = Act("database.restored", "database", None)
        database.write_now(lambda session: audit.record(session, Actor("command"), now(), act))
        database.write_now(partial(feed.follow, keyring=keyring, now=now(), limit=LINKED))
        database.write_now(staff_sessions.end_every)
        database.checkpoint()
    return told


def _ended_again(database: Database, settings: Settings) -> str:
    again = open_ledger(settings).replay(database, now=now())
    return (
        f"{again.erased} submissions of the ledger erased again. "
        f"API keys revoked again: {again.revoked}; members of staff disabled again: {again.disabled}."
    )


def _keyring(database: Database, settings: Settings) -> Keyring:
    keyring = known_keyring(database, settings.keyring, settings.key_file)
    if keyring is None:
        raise Refusal("The chain can't be checked: its sealing keys are not at hand, or none was made yet.")
    return keyring
