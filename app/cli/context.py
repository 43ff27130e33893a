"""What commands share: the database of the settings, opened and checked, and who acts.

Responsible for: a schema at head before a command works, audit events linked after it wrote. Never: decides
what a command does.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click

from app.container import open_database, open_ledger
from app.errors import Refusal
from app.sealing import Keyring
from app.settings import Settings
from app.storage import schema
from app.storage.audit import Actor
from app.storage.database import Database

COMMAND = Actor("command")
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
    from app.services import feed  # noqa: PLC0415 - a command that only reads starts quicker without these
    from app.services.chain import Broken  # noqa: PLC0415
    from app.services.sealing_keys import known_keyring  # noqa: PLC0415

    with opened(settings) as database:
        yield database
        open_ledger(settings).settle(database)
        keyring = known_keyring(database, settings.keyring, settings.key_file)
        try:
            if keyring is not None:
                database.write_now(partial(feed.follow, keyring=keyring, now=now(), limit=LINKED))
        except Broken as broken:
            click.echo(f"preconsult: The audit chain is broken ({broken}): preconsult audit verify", err=True)


def keyring_at_hand(database: Database, settings: Settings) -> Keyring:
    """The keyring in force. Raises Refusal when it is not there."""
    from app.services.sealing_keys import known_keyring  # noqa: PLC0415 - as above

    keyring = known_keyring(database, settings.keyring, settings.key_file)
    if keyring is None:
        raise Refusal("The chain can't be checked: its sealing keys are not at hand, or none was made yet.")
    return keyring


def now() -> dt.datetime:
    """The time."""
    return dt.datetime.now(dt.UTC)
