"""Tests of staff users, sessions and second factors: what is refused, what has expired, what works once."""

import datetime as dt
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from app.clock import now
from app.encryption import DecryptionError
from app.errors import Conflict, InvalidRequest, NotFound, SessionEnded, TooManyRequests
from app.services.auth import login, sessions, two_factor, users
from app.services.auth.login import LoginAttempt
from app.services.auth.permissions import ROLES
from app.services.auth.sessions import IDLE, LIVES
from app.services.auth.users import INVITATION_TTL, NewStaffUser
from app.services.operations.key_rotation import rotate
from app.settings import STAFF_ROLES
from app.storage.auth import users as people
from app.storage.auth.users import Person
from app.storage.events.audit_log import Actor, count
from tests.conftest import Service

AT = now() + dt.timedelta(days=1)  # ahead of the clock: what expires in a test has not for the service
ME = Actor("command")
SECOND = dt.timedelta(seconds=1)


class Office:
    """The staff users of a service with its own clock."""

    def __init__(self, service: Service) -> None:
        self.service, self.at = service, AT
        self.keyring = service.services.submissions.vault.keyring

    def do(self, work: Callable[..., Any], *given: Any, **more: Any) -> Any:
        return self.service.database.write_blocking(
            lambda session: work(session, *given, now=self.at, **more)
        )

    def add(self, email: str, *roles: str) -> tuple[Person, str]:
        secret = users.new_secret()
        return self.do(users.add, NewStaffUser(email, roles or ("reviewer",)), secret, actor=ME), secret

    def person(self, staff_id: str) -> Person:
        return self.service.read(partial(users.find, staff_id=staff_id))

    def with_factor(self, staff_id: str) -> tuple[bytes, list[str]]:
        """The secret of a second factor that is set up, and the recovery codes."""
        offer = two_factor.new_enrolment(self.keyring, staff_id)
        secret = two_factor.read_enrolment(self.keyring, staff_id, offer)
        assert secret
        code = self.code(secret)
        return secret, self.do(two_factor.enrol, self.keyring, staff_id, offer, code, actor=ME)

    def code(self, secret: bytes, steps: int = 0) -> str:
        moment = int(self.at.timestamp()) + steps * two_factor.STEP
        return TOTP(secret, 6, SHA1(), two_factor.STEP).generate(moment).decode()

    def give(self, staff_id: str, code: str) -> bool:
        found: bool = self.do(two_factor.verify_code, self.keyring, self.person(staff_id), code, actor=ME)
        return found

    def told(self, action: str) -> int:
        return self.service.read(partial(count, action=action))


def at_once(*acts: Callable[[], object]) -> None:
    """Call these at the same time, each in its own thread."""
    hands = [threading.Thread(target=act) for act in acts]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()


@pytest.fixture
def office(service: Service) -> Office:
    return Office(service)


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "roles", "name"),
    [("", ["reviewer"], ""), ("x", ["reviewer"], ""), ("a b@c.example", ["reviewer"], ""),
     ("a@c..example", ["reviewer"], ""), ("a@c.example\n", ["boss"], ""), ("a@c.example", [], ""),
     ("a@c.example", ["reviewer", "boss"], ""), ("a@c.example", ["reviewer"], "x" * 101),
     ("a@c.example", ["reviewer"], "a\nb"), ("a@c.example", ["reviewer"], "\u202eevil")],
)  # fmt: skip
def test_nobody_is_added_whose_details_are_amiss(
    office: Office, email: str, roles: list[str], name: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        office.do(users.add, NewStaffUser(email, roles, name), "s", actor=ME)
    assert refused.value.errors
    assert office.told("staff.added") == 0


def test_an_address_is_there_once_however_it_is_written(office: Office) -> None:
    office.add("ann@clinic.example")
    with pytest.raises(Conflict):
        office.add(" ANN@clinic.example ")


def test_a_link_is_over_after_three_days_and_replaced_by_a_newer_one(office: Office) -> None:
    ann, link = office.add("ann@clinic.example")
    office.at = AT + INVITATION_TTL - SECOND
    assert office.do(users.resolve_invitation, link).id == ann.id
    office.at = AT + INVITATION_TTL
    with pytest.raises(NotFound):
        office.do(users.resolve_invitation, link)
    office.at = AT
    office.do(users.reset, ann.id, "another", actor=ME)
    with pytest.raises(NotFound):
        office.do(users.resolve_invitation, link)
    assert office.do(users.resolve_invitation, "another").id == ann.id


def test_a_link_used_by_two_at_once_sets_one_password(office: Office) -> None:
    ann, link = office.add("ann@clinic.example")
    told: list[str] = []

    def use(mine: str) -> None:
        try:
            office.do(users.choose_password, link, mine, actor=ME)
            told.append(mine)
        except NotFound:
            pass

    at_once(*(partial(use, f"hash {number}") for number in range(6)))
    assert told == [office.person(ann.id).password_hash]


def test_an_administrator_who_was_only_invited_is_nobody_to_leave_it_to(office: Office) -> None:
    one, link = office.add("one@clinic.example", "administrator")
    office.do(users.choose_password, link, "hash", actor=ME)
    office.add("two@clinic.example", "administrator")
    with pytest.raises(Conflict):
        office.do(users.disable, one.id, actor=ME)


def test_two_administrators_do_not_disable_each_other_at_once(office: Office) -> None:
    invited = [office.add(f"{name}@clinic.example", "administrator") for name in ("one", "two")]
    for _, link in invited:
        office.do(users.choose_password, link, "hash", actor=ME)
    both = [person.id for person, _ in invited]
    refused: list[str] = []

    def disable(whom: str) -> None:
        try:
            office.do(users.disable, whom, actor=ME)
        except Conflict:
            refused.append(whom)

    at_once(*(partial(disable, whom) for whom in both))
    assert len(refused) == 1
    assert office.person(refused[0]).active


@pytest.mark.parametrize("unknown", ["", "x", "a\0b", "x" * 5000, "01a20f43-3877-7712-baf8-d3f61039e62a"])
def test_nobody_is_found_who_is_not_there(office: Office, unknown: str) -> None:
    for act in (users.disable, users.enable, partial(users.reset, secret="s")):
        with pytest.raises(NotFound):
            office.do(act, staff_id=unknown, actor=ME)
    with pytest.raises(NotFound):
        office.service.read(partial(users.find_by_email, email=unknown))


def test_a_session_is_over_at_the_moment_and_for_somebody_disabled(office: Office) -> None:
    ann, _ = office.add("ann@clinic.example")
    office.do(sessions.create, ann.id, "secret")
    for at, there in ((IDLE - SECOND, True), (IDLE, False), (dt.timedelta(0), True)):
        office.at = AT + at
        assert bool(office.do(sessions.get_active, "secret")) is there
    held = office.do(sessions.get_active, "secret")
    for passed in range(1, 60 * 12):
        office.at = AT + passed * dt.timedelta(minutes=1)
        if passed % 14 == 0:
            office.do(sessions.touch, held.session.id)
    office.at = AT + LIVES - SECOND
    assert office.do(sessions.get_active, "secret")
    office.at = AT + LIVES
    assert office.do(sessions.get_active, "secret") is None
    office.at = AT
    office.do(users.disable, ann.id, actor=ME)
    assert office.do(sessions.get_active, "secret") is None


def test_an_offer_to_one_person_is_none_to_another(office: Office) -> None:
    ann, ben = (office.add(f"{name}@clinic.example")[0].id for name in ("ann", "ben"))
    offer = two_factor.new_enrolment(office.keyring, ann)
    for forged in (offer, "", "x", "é", "A" * 200, offer[:-4]):
        assert two_factor.read_enrolment(office.keyring, ben, forged) is None
    with pytest.raises(Conflict):
        office.do(two_factor.enrol, office.keyring, ben, offer, "000000", actor=ME)
    with pytest.raises(InvalidRequest):
        office.do(two_factor.enrol, office.keyring, ann, offer, "none", actor=ME)
    assert office.person(ann).totp_secret_encrypted is None


def test_a_code_opens_once_and_no_earlier_one_after_it(office: Office) -> None:
    ann, _ = office.add("ann@clinic.example")
    secret, _ = office.with_factor(ann.id)
    assert not office.give(ann.id, office.code(secret))
    assert not office.give(ann.id, office.code(secret, -1))
    assert not office.give(ann.id, office.code(secret, 2))
    assert office.give(ann.id, office.code(secret, 1))
    assert not office.give(ann.id, office.code(secret, 1))
    office.at += 90 * SECOND
    assert office.give(ann.id, office.code(secret, -1))
    assert office.give(ann.id, office.code(secret))


def test_a_code_given_by_many_at_once_opens_once(office: Office) -> None:
    ann, _ = office.add("ann@clinic.example")
    secret, codes = office.with_factor(ann.id)
    for code in (office.code(secret, 1), codes[0]):
        opened: list[bool] = []
        at_once(*[partial(lambda code, told: told.append(office.give(ann.id, code)), code, opened)] * 6)
        assert sorted(opened) == [False] * 5 + [True]


def test_one_persons_recovery_codes_open_nothing_of_another_nor_older_ones(office: Office) -> None:
    ann, ben = (office.add(f"{name}@clinic.example")[0].id for name in ("ann", "ben"))
    (_, codes), _ = office.with_factor(ann), office.with_factor(ben)
    assert not office.give(ben, codes[0])
    fresh = office.do(two_factor.regenerate_recovery_codes, ann, actor=ME)
    assert not office.give(ann, codes[0])
    assert office.give(ann, fresh[0])
    office.do(two_factor.disable, ann, actor=ME)
    assert not office.give(ann, fresh[1])


def test_the_throttle_lets_five_then_one_each_half_minute_and_knows_networks_apart(office: Office) -> None:
    here, elsewhere = (
        LoginAttempt("ann@clinic.example", "192.0.2.0/24"),
        LoginAttempt("ann@clinic.example", "198.51.100.0/24"),
    )
    for _ in range(5):
        office.do(login.throttle, office.keyring, here)
    for _ in range(3):
        with pytest.raises(TooManyRequests) as refused:
            office.do(login.throttle, office.keyring, here)
        assert refused.value.retry_after == 30
    office.do(login.throttle, office.keyring, elsewhere)
    office.at += 30 * SECOND
    office.do(login.throttle, office.keyring, here)
    with pytest.raises(TooManyRequests):
        office.do(login.throttle, office.keyring, here)


def test_tries_at_once_are_all_counted(office: Office) -> None:
    told: list[bool] = []

    def attempt() -> None:
        try:
            office.do(login.throttle, office.keyring, LoginAttempt("ann@clinic.example", "192.0.2.0/24"))
            told.append(True)
        except TooManyRequests:
            told.append(False)

    at_once(*[attempt] * 12)
    assert told.count(True) == 5


def test_whoever_changed_meanwhile_gets_no_session(office: Office) -> None:
    ann, _ = office.add("ann@clinic.example")
    who = LoginAttempt(ann.email, "192.0.2.0/24")
    office.do(people_change, ann.id, password_hash="new")
    assert not office.do(login.start_session, office.keyring, ann, who, "secret", actor=ME)
    current = office.person(ann.id)
    office.do(users.disable, ann.id, actor=ME)
    assert not office.do(login.start_session, office.keyring, current, who, "secret", actor=ME)
    with pytest.raises(SessionEnded):
        office.do(
            login.read_mfa_token,
            office.keyring,
            login.issue_mfa_token(office.keyring, current, now=office.at),
        )
    assert office.told("staff.signed_in") == 0


# --- allowed ---------------------------------------------------------------------------------------


def test_the_settings_know_the_same_roles() -> None:
    assert tuple(ROLES) == STAFF_ROLES


def test_roles_add_up_and_unknown_ones_give_nothing(office: Office) -> None:
    ann, _ = office.add("ann@clinic.example", "auditor", "reviewer")
    assert ann.roles == ("reviewer", "auditor")
    office.do(people_change, ann.id, roles="reviewer boss")
    office.do(sessions.create, ann.id, "secret")
    held = office.do(sessions.get_active, "secret")
    assert held.staff.permissions == ROLES["reviewer"]


def test_a_second_factor_is_sealed_and_follows_the_keys(office: Office) -> None:
    ann, _ = office.add("ann@clinic.example")
    secret, _ = office.with_factor(ann.id)
    sealed = office.person(ann.id).totp_secret_encrypted or b""
    assert secret not in sealed
    with pytest.raises(DecryptionError):
        office.keyring.open(sealed, "staff", "totp", "another row")
    settings = office.service.services.settings
    rotate(office.service.database, settings.encryption_keys, settings.key_file, now=AT, actor=ME)
    assert (office.person(ann.id).totp_secret_encrypted or b"").startswith(
        office.keyring.newest.encode() + b"."
    )
    assert office.person(ann.id).totp_secret_encrypted != sealed
    office.at += 60 * SECOND
    assert office.give(ann.id, office.code(secret))


def test_what_apps_read_names_the_clinic_and_the_person() -> None:
    told = two_factor.otpauth_uri(b"x" * 20, "ann@clinic.example", "A & B: Clinic")
    assert told.startswith("otpauth://totp/A%20%26%20B%3A%20Clinic:ann@clinic.example?secret=")
    assert told.endswith("&issuer=A%20%26%20B%3A%20Clinic")
    assert two_factor.format_secret(b"x" * 20).count(" ") == 7


def test_what_is_over_is_forgotten_and_the_rest_stays(office: Office) -> None:
    ann, link = office.add("ann@clinic.example")
    office.do(sessions.create, ann.id, "secret")
    office.do(login.throttle, office.keyring, LoginAttempt(ann.email, "192.0.2.0/24"))
    assert office.service.database.write_blocking(partial(users.purge_expired, now=AT)) == 0
    office.at = AT + IDLE + SECOND
    assert office.service.database.write_blocking(partial(users.purge_expired, now=office.at)) == 3
    assert office.do(users.resolve_invitation, link).id == ann.id
    assert office.service.database.write_blocking(partial(users.purge_expired, now=AT + INVITATION_TTL)) == 1
    assert office.person(ann.id).active


def people_change(session: Any, staff_id: str, *, now: dt.datetime, **values: Any) -> None:
    """Set columns, as another process could have done meanwhile."""
    people.change(session, staff_id, **values)
