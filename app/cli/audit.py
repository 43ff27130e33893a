"""`preconsult audit`: the audit chain.

Responsible for: the commands verify and head. Never: prints the content of an event.
"""

from functools import partial
from pathlib import Path

import click

from app.cli.context import keyring_at_hand, now, open_database
from app.environment import load_settings
from app.errors import StartupError
from app.services.events import audit_chain
from app.services.events.audit_chain import ChainBroken
from app.storage.operations import append_only_file


@click.group("audit")
def audit_group() -> None:
    """The audit log: verify its chain, publish its head."""


@audit_group.command("verify")
@click.option(
    "--anchor",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of published heads: only that tells a roll-back to an older copy.",
)
def verify_chain(anchor: Path | None) -> None:
    """Verify the whole chain. The exit status is 1 when an event was changed, moved, removed or inserted."""
    settings = load_settings()
    anchors = audit_chain.parse_anchors(append_only_file.lines(anchor)) if anchor else None
    with open_database(settings) as database:
        keyring = keyring_at_hand(database, settings)
        found = database.read_blocking(
            partial(audit_chain.verify, keyring=keyring, now=now(), anchors=anchors)
        )
    since = f" (the oldest since {found.oldest:%Y-%m-%d %H:%M:%SZ})" if found.oldest else ""
    click.echo(f"{found.linked} events are linked, {found.waiting} wait to be{since}.")
    if found.fault:
        raise StartupError(
            f"The audit chain is broken at position {found.fault.position}: {found.fault.detail}."
        )
    verdict = f"{len(anchors)} published heads fit" if anchors else "without published heads nobody can tell"
    click.echo(f"The chain is whole; that it is no older copy: {verdict}.")


@audit_group.command("head")
def print_head() -> None:
    """Print the head of the chain as one JSON line, for an anchor file stored elsewhere."""
    settings = load_settings()
    with open_database(settings) as database:
        try:
            click.echo(
                database.read_blocking(
                    partial(audit_chain.head_line, keyring=keyring_at_hand(database, settings))
                )
            )
        except ChainBroken as broken:
            raise StartupError(f"The audit chain is broken: {broken}.") from None
