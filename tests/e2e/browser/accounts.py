"""API keys, staff users and their sessions, created by the services in a running server's database.

Responsible for: what `preconsult keys create` and `preconsult staff add` do, without starting a process for
each. The tests of sign-in and of the commands do not use it. Never: changes what a test checks in the pages.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app.clock import now
from app.services.auth import api_keys, sessions, users
from app.storage.db.database import Database, Session
from app.storage.events.audit_log import Actor
from tests.server import Server

COMMAND = Actor("command")
PASSWORD = "blue river 92 walnut"


@contextmanager
def _database(server: Server) -> Iterator[Database]:
    database = Database(f"sqlite:///{server.data_dir / 'preconsult.db'}")
    try:
        yield database
    finally:
        database.close()


def api_key(server: Server, *scopes: str, test: bool = False, origin: str = "") -> str:
    """Create an API key and return it."""
    wanted = api_keys.NewApiKey("test", scopes, test, (origin,) if origin else ())
    with _database(server) as database:
        return database.write_blocking(partial(api_keys.create, wanted=wanted, now=now(), actor=COMMAND))


def bearer(server: Server, *scopes: str, test: bool = False) -> dict[str, str]:
    """The authorization header with a new API key."""
    return {"authorization": f"Bearer {api_key(server, *scopes, test=test)}"}


def invited(server: Server, email: str, roles: tuple[str, ...]) -> str:
    """Add a staff user without a password; returns the secret of the one-time link."""
    secret = users.new_secret()
    with _database(server) as database:
        database.write_blocking(partial(_add, email=email, roles=roles, secret=secret))
    return secret


def signed_in(server: Server, email: str, roles: tuple[str, ...]) -> str:
    """Add a staff user with the password PASSWORD and start a session; returns the value of its cookie."""
    link, secret = users.new_secret(), users.new_secret()

    def begin(session: Session) -> None:
        _add(session, email=email, roles=roles, secret=link)
        person = users.choose_password(session, link, _hash(), now=now(), actor=COMMAND)
        sessions.create(session, person.id, secret, now=now())

    with _database(server) as database:
        database.write_blocking(begin)
    return secret


def _add(session: Session, *, email: str, roles: tuple[str, ...], secret: str) -> None:
    users.add(session, users.NewStaffUser(email, roles), secret, now=now(), actor=COMMAND)


@cache
def _hash() -> str:
    """Any valid hash works: the server verifies with the parameters in the hash."""
    kdf = Argon2id(salt=b"0" * 16, length=32, iterations=1, lanes=1, memory_cost=64)
    return kdf.derive_phc_encoded(PASSWORD.encode())
