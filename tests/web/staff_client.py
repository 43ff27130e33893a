"""A staff user whose browser runs no scripts: reads a page of the staff app and sends its fields.

Responsible for: signing in through the login page, or starting a session directly where login is not tested.
Never: uses addresses that no page contains, unless a test asks for it.
"""

import base64
import datetime as dt
import re
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from httpx2 import Response

from app.clock import now
from app.services.auth import sessions as staff_sessions
from app.services.auth import users
from app.services.auth.authorization import hash_token
from app.services.auth.two_factor import STEP
from app.services.auth.users import NewStaffUser
from app.storage.auth import sessions
from app.storage.auth import users as people
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.tables.auth import staff_sessions as staff_sessions_table
from tests.conftest import Service
from tests.web.form_client import Form, Read

PASSWORD = "blue river 92 walnut"
COMMAND = Actor("command")
COOKIE = "preconsult_staff"
ANN = "ann@clinic.example"


def code(secret: bytes, at: dt.datetime | None = None, step: int = 0) -> str:
    """The code that an authenticator app shows at that time, or this many steps later."""
    moment = int((at or now()).timestamp()) + step * STEP
    return TOTP(secret, 6, SHA1(), STEP).generate(moment).decode()


def invite(service: Service, email: str, *roles: str, name: str = "") -> str:
    """Add a staff user; returns the secret of the invitation link."""
    secret, wanted = users.new_secret(), NewStaffUser(email, roles or ("reviewer",), name)
    work = partial(users.add, wanted=wanted, secret=secret, now=now(), actor=COMMAND)
    service.database.write_blocking(work)
    return secret


@dataclass
class Colleague:
    """`peer`: where the connection comes from."""

    service: Service
    peer: str = "testclient"
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.browser = self.service.client.beside((self.peer, 50000), follow_redirects=False)
        self.page: Response
        self.id = ""

    # --- reading a page ----------------------------------------------------------------------------

    @property
    def read(self) -> Read:
        return Read(self.page.text)

    @property
    def heading(self) -> str:
        return self.read.headings[0]

    @property
    def location(self) -> str:
        """The target of the response's redirect."""
        return self.page.headers.get("location", "")

    def form(self, action: str) -> Form:
        """The form of this page with this action."""
        return next(each for each in self.read.forms if each.action == action)

    @property
    def cookie(self) -> str:
        return self.browser.cookies.get(COOKIE) or ""

    @property
    def token(self) -> str:
        """The CSRF token of this session's forms."""
        keyring = self.service.services.submissions.vault.keyring
        return keyring.sign("staff token", self.cookie.encode())

    # --- actions -----------------------------------------------------------------------------------

    def get(self, path: str, **headers: str) -> Response:
        return self._see(self.browser.get(path, headers=self.headers | headers))

    def post(self, path: str, data: dict[str, str | list[str]], **headers: str) -> Response:
        return self._see(self.browser.post(path, data=data, headers=self.headers | headers))

    def act(self, path: str, **data: str | list[str]) -> Response:
        """Send a form of this session without opening its page."""
        return self.post(path, {"token": self.token, **data})

    def send(self, action: str, **values: str) -> Response:
        """Send the form of this page, with these values."""
        pairs = self.form(action).filled({name: [value] for name, value in values.items()})
        return self.post(action, dict(pairs))

    def follow(self) -> Response:
        """Follow the redirect of the last response."""
        return self.get(self.location)

    def _see(self, page: Response) -> Response:
        """Assert what holds for every page, whatever its content."""
        self.page = page
        assert page.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        return page

    # --- signing in --------------------------------------------------------------------------------

    def sign_in(self, email: str, password: str = PASSWORD, then: str = "") -> Response:
        """Sign in on the login page with e-mail address and password."""
        self.get("/staff/sign-in" + (f"?next={then}" if then else ""))
        return self.send("/staff/sign-in", email=email, password=password)

    def accept(self, link: str, password: str = PASSWORD) -> Response:
        """Accept an invitation link and choose a password."""
        self.get("/staff/welcome")
        self.send("/staff/welcome", link=link)
        return self.send("/staff/welcome/password", password=password, again=password)

    def inside(self, *roles: str, email: str = "") -> "Colleague":
        """Start a session for a new user with these roles and a second factor, without the login page."""
        address = email or f"{'-'.join(roles) or 'nobody'}@clinic.example"
        invite(self.service, address, *roles)
        secret = users.new_secret()
        self.id = self.service.database.write_blocking(partial(_enter, email=address, secret=secret))
        self.browser.cookies.set(COOKIE, secret)
        return self

    def wait(self, passed: dt.timedelta, *, seen: bool = False) -> None:
        """Let this much time pass for this session; `seen`: with page requests during that time."""
        shift = partial(_shift, secret=self.cookie, passed=passed, seen=seen)
        self.service.database.write_blocking(shift)


def _enter(session: Session, *, email: str, secret: str) -> str:
    person = users.find_by_email(session, email)
    people.change(session, person.id, totp_secret_encrypted=b"k.none", password_hash="none")
    staff_sessions.create(session, person.id, secret, now=now())
    return person.id


def _shift(session: Session, *, secret: str, passed: dt.timedelta, seen: bool) -> None:
    found = sessions.fetch(session, hash_token(secret))
    assert found
    moved = {
        name: getattr(found[0], name) - passed for name in ("created_at", "reauthenticated_at", "expires_at")
    }
    if not seen:
        moved["last_seen_at"] = found[0].last_seen_at - passed
    table = staff_sessions_table
    session.execute(table.update().where(table.c.secret_hash == hash_token(secret)), moved)


def with_factor(colleague: Colleague) -> bytes:
    """Set up a second factor in an open session; returns the app's secret. Uses up the current step."""
    colleague.get("/staff/second-factor/set-up")
    key = re.search(r'id="key">([A-Z2-7 ]+)<', colleague.page.text)
    assert key
    secret = base64.b32decode(key[1].replace(" ", ""))
    colleague.send("/staff/second-factor/set-up", code=code(secret))
    assert colleague.heading == "Your recovery codes", colleague.page.text
    return secret


def recovery_codes(colleague: Colleague) -> list[str]:
    return re.findall(r"<li>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</li>", colleague.page.text)
