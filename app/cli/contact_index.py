"""`preconsult contact-index`: the index that finds cases by phone number or e-mail address.

Responsible for: the command rebuild, and its progress on stderr. Never: prints a contact detail or the id
of a submission.
"""

import sys

import click

from app.cli.context import COMMAND, now, open_database_for_write
from app.environment import load_settings
from app.errors import StartupError
from app.services.operations.key_rotation import load_vault
from app.services.submissions import contact_index_backfill
from app.storage.submissions import contact_index


@click.group("contact-index")
def contact_index_group() -> None:
    """The index for searches by phone number or e-mail address: rebuild."""


@contact_index_group.command("rebuild")
def rebuild_index() -> None:
    """Index every submission that is not in the index yet; the service keeps running. The exit status is 1
    when one could not be decrypted.
    """
    settings = load_settings()
    with open_database_for_write(settings) as database:
        vault = load_vault(database, settings.encryption_keys, settings.key_file, now=now())
        missing = database.read_blocking(contact_index.count_missing)
        label = f"Indexing {missing} submissions"
        with click.progressbar(length=missing, label=label, file=sys.stderr) as bar:
            report = contact_index_backfill.backfill(
                database, vault, now=now(), actor=COMMAND, progress=bar.update
            )
    click.echo(f"{report.processed - report.failed} submissions indexed.")
    if report.failed:
        raise StartupError(f"{report.failed} submissions could not be decrypted and are not in the index.")
