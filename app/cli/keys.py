"""`preconsult keys`: API keys and encryption keys.

Responsible for: the commands create, list, revoke and rotate. Never: prints a secret except once, alone, on
stdout.
"""

from functools import partial

import click

from app.cli.context import COMMAND, now, open_database, open_database_for_write
from app.environment import load_settings
from app.services.auth import api_keys
from app.services.auth.api_keys import NewApiKey
from app.services.auth.authorization import SCOPES
from app.services.operations.key_rotation import rotate
from app.storage.auth import api_keys as keys


@click.group("keys")
def keys_group() -> None:
    """API keys (create, list, revoke) and the encryption key (rotate)."""


@keys_group.command("create")
@click.option("--name", required=True, help="Who will use it.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help=f"One of {', '.join(SCOPES)}; repeat for several."
)
@click.option("--test", is_flag=True, help="It sees and makes only test submissions.")
@click.option("--origin", "origins", multiple=True, help="For browsers: only from these origins.")
@click.option("--cidr", "cidrs", multiple=True, help="Only from these networks.")
@click.option("--expires", "days", type=click.IntRange(1, 3650), help="Days it lives.")
def create_key(
    name: str,
    scopes: tuple[str, ...],
    origins: tuple[str, ...],
    cidrs: tuple[str, ...],
    days: int | None,
    *,
    test: bool,
) -> None:
    """Create an API key. It is printed alone on stdout and is never shown again."""
    wanted = NewApiKey(name, scopes, test=test, origins=origins, cidrs=cidrs, days=days)
    with open_database_for_write(load_settings()) as database:
        click.echo(database.write_blocking(partial(api_keys.create, wanted=wanted, now=now(), actor=COMMAND)))


@keys_group.command("list")
def list_keys() -> None:
    """List every API key: id, mode, state, the day it was last used, scopes, name. Never shows the secret."""
    with open_database(load_settings()) as database:
        for key in database.read_blocking(keys.list_all):
            state = "live" if key.is_live(now()) else "revoked" if key.revoked_at else "expired"
            kind = "test" if key.is_test else "live"
            used = f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
            click.echo(f"{key.id}  {kind:4}  {state:7}  {used}  {' '.join(sorted(key.scopes))}  {key.name}")


@keys_group.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """Revoke an API key by its id. Every replica rejects it within a second."""
    with open_database_for_write(load_settings()) as database:
        database.write_blocking(partial(api_keys.revoke, key_id=key_id, now=now(), actor=COMMAND))
    click.echo(f"{key_id} is revoked.")


@keys_group.command("rotate")
def rotate_keys() -> None:
    """Create a new encryption key in the key file and re-wrap every data key with it; the service keeps
    running.

    When the keys come from the environment, no key is created and the newest of them is used.
    """
    settings = load_settings()
    with open_database_for_write(settings) as database:
        name, moved = rotate(database, settings.encryption_keys, settings.key_file, now=now(), actor=COMMAND)
    click.echo(f"{moved} data keys are wrapped under {name}.")
