"""What the commands share: the configured database, opened and checked, and the actor.

Responsible for: migrating the schema to head before a command runs, and chaining audit events after it has
written. Never: decides what a command does.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click

from app import container
from app.container import open_ledger
from app.encryption import Keyring
from app.errors import StartupError
from app.settings import Settings
from app.storage.db import migrations
from app.storage.db.database import Database
from app.storage.events.audit_log import Actor

COMMAND = Actor("command")
MAX_EVENTS_TO_LINK = 10_000  # a command chains at most that many events; the service chains the rest


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Open the database, checked to be durable and migrated to head."""
    database = container.open_database(settings)
    try:
        database.check_durable()
        migrations.migrate(database)
        yield database
    finally:
        database.close()


@contextmanager
def open_database_for_write(settings: Settings) -> Iterator[Database]:
    """The same for a command that writes audit events: they are chained before it ends.

    If the keyring is not available, the service chains them later.
    """
    from app.services.events import outbox  # noqa: PLC0415 - a command that only reads starts faster without these
    from app.services.events.audit_chain import ChainBroken  # noqa: PLC0415
    from app.services.operations.key_rotation import load_keyring  # noqa: PLC0415

    with open_database(settings) as database:
        yield database
        open_ledger(settings).sync(database)
        keyring = load_keyring(database, settings.encryption_keys, settings.key_file)
        try:
            if keyring is not None:
                database.write_blocking(
                    partial(outbox.publish_pending, keyring=keyring, now=now(), limit=MAX_EVENTS_TO_LINK)
                )
        except ChainBroken as broken:
            click.echo(f"preconsult: The audit chain is broken ({broken}): preconsult audit verify", err=True)


def keyring_at_hand(database: Database, settings: Settings) -> Keyring:
    """Return the keyring in use. Raises Refusal when it is not available."""
    from app.services.operations.key_rotation import load_keyring  # noqa: PLC0415 - as above

    keyring = load_keyring(database, settings.encryption_keys, settings.key_file)
    if keyring is None:
        raise StartupError(
            "The chain can't be checked: its sealing keys are not at hand, or none was made yet."
        )
    return keyring


def now() -> dt.datetime:
    """Return the current time in UTC."""
    return dt.datetime.now(dt.UTC)
