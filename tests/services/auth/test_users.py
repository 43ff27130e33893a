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
from app.storage.events.audit_log import Actor
from tests.conftest import Service

AT = now() + dt.timedelta(days=1)  # ahead of the clock: what expires in a test has not for the service
ME = Actor("command")
SECOND = dt.timedelta(seconds=1)


class StaffStack:
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


def at_once(*acts: Callable[[], object]) -> None:
    """Call these at the same time, each in its own thread."""
    hands = [threading.Thread(target=act) for act in acts]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()


@pytest.fixture
def stack(service: Service) -> StaffStack:
    return StaffStack(service)


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "roles", "name"),
    [("", ["reviewer"], ""), ("x", ["reviewer"], ""), ("a b@c.example", ["reviewer"], ""),
     ("a@c..example", ["reviewer"], ""), ("a@c.example\n", ["boss"], ""), ("a@c.example", [], ""),
     ("a@c.example", ["reviewer", "boss"], ""), ("a@c.example", ["reviewer"], "x" * 101),
     ("a@c.example", ["reviewer"], "a\nb"), ("a@c.example", ["reviewer"], "\u202eevil")],
)  # fmt: skip
def test_nobody_is_added_whose_details_are_amiss(
    stack: StaffStack, email: str, roles: list[str], name: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        stack.do(users.add, NewStaffUser(email, roles, name), "s", actor=ME)
    assert refused.value.errors
    assert stack.service.audit_count("staff.added") == 0


def test_an_address_is_there_once_however_it_is_written(stack: StaffStack) -> None:
    stack.add("ann@clinic.example")
    with pytest.raises(Conflict):
        stack.add(" ANN@clinic.example ")


def test_a_link_is_over_after_three_days_and_replaced_by_a_newer_one(stack: StaffStack) -> None:
    ann, link = stack.add("ann@clinic.example")
    stack.at = AT + INVITATION_TTL - SECOND
    assert stack.do(users.resolve_invitation, link).id == ann.id
    stack.at = AT + INVITATION_TTL
    with pytest.raises(NotFound):
        stack.do(users.resolve_invitation, link)
    stack.at = AT
    stack.do(users.reset, ann.id, "another", actor=ME)
    with pytest.raises(NotFound):
        stack.do(users.resolve_invitation, link)
    assert stack.do(users.resolve_invitation, "another").id == ann.id


def test_a_link_used_by_two_at_once_sets_one_password(stack: StaffStack) -> None:
    ann, link = stack.add("ann@clinic.example")
    told: list[str] = []

    def use(mine: str) -> None:
        try:
            stack.do(users.choose_password, link, mine, actor=ME)
            told.append(mine)
        except NotFound:
            pass

    at_once(*(partial(use, f"hash {number}") for number in range(6)))
    assert told == [stack.person(ann.id).password_hash]


def test_an_administrator_who_was_only_invited_is_nobody_to_leave_it_to(stack: StaffStack) -> None:
    one, link = stack.add("one@clinic.example", "administrator")
    stack.do(users.choose_password, link, "hash", actor=ME)
    stack.add("two@clinic.example", "administrator")
    with pytest.raises(Conflict):
        stack.do(users.disable, one.id, actor=ME)


def test_two_administrators_do_not_disable_each_other_at_once(stack: StaffStack) -> None:
    invited = [stack.add(f"{name}@clinic.example", "administrator") for name in ("one", "two")]
    for _, link in invited:
        stack.do(users.choose_password, link, "hash", actor=ME)
    both = [person.id for person, _ in invited]
    refused: list[str] = []

    def disable(whom: str) -> None:
        try:
            stack.do(users.disable, whom, actor=ME)
        except Conflict:
            refused.append(whom)

    at_once(*(partial(disable, whom) for whom in both))
    assert len(refused) == 1
    assert stack.person(refused[0]).active


@pytest.mark.parametrize("unknown", ["", "x", "a\0b", "x" * 5000, "01a20f43-3877-7712-baf8-d3f61039e62a"])
def test_nobody_is_found_who_is_not_there(stack: StaffStack, unknown: str) -> None:
    for act in (users.disable, users.enable, partial(users.reset, secret="s")):
        with pytest.raises(NotFound):
            stack.do(act, staff_id=unknown, actor=ME)
    with pytest.raises(NotFound):
        stack.service.read(partial(users.find_by_email, email=unknown))


def test_a_session_is_over_at_the_moment_and_for_somebody_disabled(stack: StaffStack) -> None:
    ann, _ = stack.add("ann@clinic.example")
    stack.do(sessions.create, ann.id, "secret")
    for at, there in ((IDLE - SECOND, True), (IDLE, False), (dt.timedelta(0), True)):
        stack.at = AT + at
        assert bool(stack.do(sessions.get_active, "secret")) is there
    held = stack.do(sessions.get_active, "secret")
    for passed in range(1, 60 * 12):
        stack.at = AT + passed * dt.timedelta(minutes=1)
        if passed % 14 == 0:
            stack.do(sessions.touch, held.session.id)
    stack.at = AT + LIVES - SECOND
    assert stack.do(sessions.get_active, "secret")
    stack.at = AT + LIVES
    assert stack.do(sessions.get_active, "secret") is None
    stack.at = AT
    stack.do(users.disable, ann.id, actor=ME)
    assert stack.do(sessions.get_active, "secret") is None


def test_an_offer_to_one_person_is_none_to_another(stack: StaffStack) -> None:
    ann, ben = (stack.add(f"{name}@clinic.example")[0].id for name in ("ann", "ben"))
    offer = two_factor.new_enrolment(stack.keyring, ann)
    for forged in (offer, "", "x", "é", "A" * 200, offer[:-4]):
        assert two_factor.read_enrolment(stack.keyring, ben, forged) is None
    with pytest.raises(Conflict):
        stack.do(two_factor.enrol, stack.keyring, ben, offer, "000000", actor=ME)
    with pytest.raises(InvalidRequest):
        stack.do(two_factor.enrol, stack.keyring, ann, offer, "none", actor=ME)
    assert stack.person(ann).totp_secret_encrypted is None


def test_a_code_opens_once_and_no_earlier_one_after_it(stack: StaffStack) -> None:
    ann, _ = stack.add("ann@clinic.example")
    secret, _ = stack.with_factor(ann.id)
    assert not stack.give(ann.id, stack.code(secret))
    assert not stack.give(ann.id, stack.code(secret, -1))
    assert not stack.give(ann.id, stack.code(secret, 2))
    assert stack.give(ann.id, stack.code(secret, 1))
    assert not stack.give(ann.id, stack.code(secret, 1))
    stack.at += 90 * SECOND
    assert stack.give(ann.id, stack.code(secret, -1))
    assert stack.give(ann.id, stack.code(secret))


def test_a_code_given_by_many_at_once_opens_once(stack: StaffStack) -> None:
    ann, _ = stack.add("ann@clinic.example")
    secret, codes = stack.with_factor(ann.id)
    for code in (stack.code(secret, 1), codes[0]):
        opened: list[bool] = []
        at_once(*[partial(lambda code, told: told.append(stack.give(ann.id, code)), code, opened)] * 6)
        assert sorted(opened) == [False] * 5 + [True]


def test_one_persons_recovery_codes_open_nothing_of_another_nor_older_ones(stack: StaffStack) -> None:
    ann, ben = (stack.add(f"{name}@clinic.example")[0].id for name in ("ann", "ben"))
    (_, codes), _ = stack.with_factor(ann), stack.with_factor(ben)
    assert not stack.give(ben, codes[0])
    fresh = stack.do(two_factor.regenerate_recovery_codes, ann, actor=ME)
    assert not stack.give(ann, codes[0])
    assert stack.give(ann, fresh[0])
    stack.do(two_factor.disable, ann, actor=ME)
    assert not stack.give(ann, fresh[1])


def test_the_throttle_lets_five_then_one_each_half_minute_and_knows_networks_apart(stack: StaffStack) -> None:
    services, elsewhere = (
        LoginAttempt("ann@clinic.example", "192.0.2.0/24"),
        LoginAttempt("ann@clinic.example", "198.51.100.0/24"),
    )
    for _ in range(5):
        stack.do(login.throttle, stack.keyring, services)
    for _ in range(3):
        with pytest.raises(TooManyRequests) as refused:
            stack.do(login.throttle, stack.keyring, services)
        assert refused.value.retry_after == 30
    stack.do(login.throttle, stack.keyring, elsewhere)
    stack.at += 30 * SECOND
    stack.do(login.throttle, stack.keyring, services)
    with pytest.raises(TooManyRequests):
        stack.do(login.throttle, stack.keyring, services)


def test_tries_at_once_are_all_counted(stack: StaffStack) -> None:
    told: list[bool] = []

    def attempt() -> None:
        try:
            stack.do(login.throttle, stack.keyring, LoginAttempt("ann@clinic.example", "192.0.2.0/24"))
            told.append(True)
        except TooManyRequests:
            told.append(False)

    at_once(*[attempt] * 12)
    assert told.count(True) == 5


def test_whoever_changed_meanwhile_gets_no_session(stack: StaffStack) -> None:
    ann, _ = stack.add("ann@clinic.example")
    who = LoginAttempt(ann.email, "192.0.2.0/24")
    stack.do(people_change, ann.id, password_hash="new")
    assert not stack.do(login.start_session, stack.keyring, ann, who, "secret", actor=ME)
    current = stack.person(ann.id)
    stack.do(users.disable, ann.id, actor=ME)
    assert not stack.do(login.start_session, stack.keyring, current, who, "secret", actor=ME)
    with pytest.raises(SessionEnded):
        stack.do(
            login.read_mfa_token,
            stack.keyring,
            login.issue_mfa_token(stack.keyring, current, now=stack.at),
        )
    assert stack.service.audit_count("staff.signed_in") == 0


# --- allowed ---------------------------------------------------------------------------------------


def test_the_settings_know_the_same_roles() -> None:
    assert tuple(ROLES) == STAFF_ROLES


def test_roles_add_up_and_unknown_ones_give_nothing(stack: StaffStack) -> None:
    ann, _ = stack.add("ann@clinic.example", "auditor", "reviewer")
    assert ann.roles == ("reviewer", "auditor")
    stack.do(people_change, ann.id, roles="reviewer boss")
    stack.do(sessions.create, ann.id, "secret")
    held = stack.do(sessions.get_active, "secret")
    assert held.staff.permissions == ROLES["reviewer"]


def test_a_second_factor_is_sealed_and_follows_the_keys(stack: StaffStack) -> None:
    ann, _ = stack.add("ann@clinic.example")
    secret, _ = stack.with_factor(ann.id)
    sealed = stack.person(ann.id).totp_secret_encrypted or b""
    assert secret not in sealed
    with pytest.raises(DecryptionError):
        stack.keyring.open(sealed, "staff", "totp", "another row")
    settings = stack.service.services.settings
    rotate(stack.service.database, settings.encryption_keys, settings.key_file, now=AT, actor=ME)
    assert (stack.person(ann.id).totp_secret_encrypted or b"").startswith(
        stack.keyring.newest.encode() + b"."
    )
    assert stack.person(ann.id).totp_secret_encrypted != sealed
    stack.at += 60 * SECOND
    assert stack.give(ann.id, stack.code(secret))


def test_what_apps_read_names_the_clinic_and_the_person() -> None:
    told = two_factor.otpauth_uri(b"x" * 20, "ann@clinic.example", "A & B: Clinic")
    assert told.startswith("otpauth://totp/A%20%26%20B%3A%20Clinic:ann@clinic.example?secret=")
    assert told.endswith("&issuer=A%20%26%20B%3A%20Clinic")
    assert two_factor.format_secret(b"x" * 20).count(" ") == 7


def test_what_is_over_is_forgotten_and_the_rest_stays(stack: StaffStack) -> None:
    ann, link = stack.add("ann@clinic.example")
    stack.do(sessions.create, ann.id, "secret")
    stack.do(login.throttle, stack.keyring, LoginAttempt(ann.email, "192.0.2.0/24"))
    assert stack.service.database.write_blocking(partial(users.purge_expired, now=AT)) == 0
    stack.at = AT + IDLE + SECOND
    assert stack.service.database.write_blocking(partial(users.purge_expired, now=stack.at)) == 3
    assert stack.do(users.resolve_invitation, link).id == ann.id
    assert stack.service.database.write_blocking(partial(users.purge_expired, now=AT + INVITATION_TTL)) == 1
    assert stack.person(ann.id).active


def people_change(session: Any, staff_id: str, *, now: dt.datetime, **values: Any) -> None:
    """Set columns, as another process could have done meanwhile."""
    people.change(session, staff_id, **values)
