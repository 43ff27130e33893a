"""`preconsult staff`: who may sign in to the staff app, managed from the command line of the server.

Responsible for: the commands add (which also creates the first administrator), list, disable and reset.
Never: prints a link except once, alone, on stdout.
"""

from functools import partial

import click

from app.cli.context import COMMAND, now, open_database, open_database_for_write
from app.environment import load_settings
from app.services.auth import two_factor, users
from app.services.auth.permissions import ROLES
from app.services.auth.users import NewStaffUser
from app.settings import Settings
from app.storage.auth import users as people
from app.storage.auth.users import Person
from app.storage.db.database import Session


@click.group("staff")
def staff_group() -> None:
    """Users of the staff app: add, list, disable, reset."""


@staff_group.command("add")
@click.argument("email")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(list(ROLES)), help="Repeat.")
@click.option("--name", default="", help="As colleagues see it; else the e-mail address stands for it.")
def add(email: str, roles: tuple[str, ...], name: str) -> None:
    """Add a staff user; the one-time link to choose a password is printed alone on stdout."""
    settings, secret = load_settings(), users.new_secret()
    wanted = NewStaffUser(email, roles, name)
    with open_database_for_write(settings) as database:
        database.write_blocking(partial(users.add, wanted=wanted, secret=secret, now=now(), actor=COMMAND))
    click.echo(_link(settings, secret))


@staff_group.command("list")
def list_staff() -> None:
    """List all staff users: state, roles, e-mail address, name."""
    with open_database(load_settings()) as database:
        everybody, invited = database.read_blocking(
            lambda session: (people.list_all(session), people.pending_invitations(session, now()))
        )
    for person in everybody:
        state = _state(person, invited=person.id in invited)
        click.echo(f"{state:9}  {' '.join(person.roles)}  {person.email}  {person.name}")


@staff_group.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Disable a staff user; their sessions end at once."""
    with open_database_for_write(load_settings()) as database:
        database.write_blocking(partial(_disable, email=email))
    click.echo(f"{users.normalise_email(email)} is disabled.")


@staff_group.command("reset")
@click.argument("email")
@click.option("--second-factor", "forget", is_flag=True, help="Forget their second factor as well.")
def reset(email: str, *, forget: bool) -> None:
    """Reset the password of a staff user; the link to choose a new one is printed alone on stdout."""
    settings, secret = load_settings(), users.new_secret()
    with open_database_for_write(settings) as database:
        database.write_blocking(partial(_reset, email=email, secret=secret, forget=forget))
    click.echo(_link(settings, secret))


def _disable(session: Session, *, email: str) -> None:
    users.disable(session, users.find_by_email(session, email).id, now=now(), actor=COMMAND)


def _reset(session: Session, *, email: str, secret: str, forget: bool) -> None:
    person = users.find_by_email(session, email)
    users.reset(session, person.id, secret, now=now(), actor=COMMAND)
    if forget and person.totp_secret_encrypted is not None:
        two_factor.disable(session, person.id, now=now(), actor=COMMAND)


def _state(person: Person, *, invited: bool) -> str:
    if not person.active:
        return "disabled"
    return "active" if person.password_hash else "invited" if invited else "no link"


def _link(settings: Settings, secret: str) -> str:
    return users.invitation_url(str(settings.public_url), secret)[0]
