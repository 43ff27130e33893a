"""Tests of handoffs: invalid ones, links that open nothing, single use, no access to answers by a link."""

import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from app.clock import now
from app.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from app.services.auth.authorization import hash_token
from app.services.bookings import handoffs
from app.services.bookings.handoffs import LONGEST, USUAL, NewHandoff
from app.services.submissions.form_sessions import new_secret
from app.storage.bookings import handoffs as rows
from app.storage.bookings.handoffs import Handoff
from app.storage.db.database import Database
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor
from tests.databases import Shared

WHO = Actor("api_key", "testkey1")
DAY = dt.timedelta(days=1)
SITE = "https://book.clinic.example"
CASE = "019298a2-0000-7000-8000-000000000000"


class Shelf:
    """The handoffs of one database."""

    def __init__(self, database: Database) -> None:
        self.database, self.at = database, now()

    def make(self, **wanted: object) -> tuple[str, Handoff]:
        secret = new_secret()
        made = handoffs.build(
            replace(NewHandoff("B-1", returns=(SITE,)), **wanted),  # type: ignore[arg-type]
            secret,
            key_id=None,
            now=self.at,
        )
        self.database.write_blocking(partial(handoffs.create, handoff=made, actor=WHO))
        return secret, made

    def look(self, secret: str) -> Handoff:
        return self.database.read_blocking(partial(handoffs.resolve_secret, secret=secret, now=self.at))

    def begin(self, secret: str, submission: str = CASE) -> None:
        work = partial(handoffs.consume, secret=secret, submission=submission, now=self.at, actor=WHO)
        self.database.write_blocking(work)

    def revoke(self, name: str, version: int | None = None) -> Handoff:
        work = partial(handoffs.revoke, handoff=name, test=False, version=version, now=self.at, actor=WHO)
        return self.database.write_blocking(work)

    def reissue(self, name: str, secret: str, version: int | None = None) -> Handoff:
        work = partial(handoffs.reissue, handoff=name, secret=secret, test=False, version=version)
        return self.database.write_blocking(partial(work, now=self.at, actor=WHO))

    def kept(self, name: str) -> Handoff:
        found = self.database.read_blocking(partial(rows.fetch, handoff=name))
        assert found
        return found

    def audit_count(self, action: str) -> int:
        return self.database.read_blocking(partial(audit_log.count, action=action))


@pytest.fixture
def shelf(at_head: Shared) -> Iterator[Shelf]:
    database = Database(at_head.address)
    yield Shelf(database)
    database.close()


# --- refused ---------------------------------------------------------------------------------------


def test_everything_that_can_not_be_is_told_at_once(shelf: Shelf) -> None:
    with pytest.raises(InvalidRequest) as refused:
        shelf.make(appointment_at=shelf.at, expires_at=shelf.at + LONGEST + DAY, return_url="http://x")
    pointers = [each.pointer for each in refused.value.errors]
    assert pointers == ["/appointment_at", "/expires_at", "/return_url"]


@pytest.mark.parametrize("secret", ["", "x", "\0" * 43, "é" * 43, "x" * 43])
def test_a_secret_of_no_link_opens_nothing(shelf: Shelf, secret: str) -> None:
    shelf.make()
    with pytest.raises(NotFound):
        shelf.look(secret)
    with pytest.raises(NotFound):
        shelf.begin(secret)


def test_a_link_is_used_once(shelf: Shelf) -> None:
    secret, made = shelf.make()
    shelf.begin(secret)
    for again in (shelf.look, shelf.begin):
        with pytest.raises(NotFound):
            again(secret)
    assert shelf.kept(made.id).submission_id == CASE
    assert shelf.audit_count("handoff.opened") == 1


def test_a_link_that_was_opened_is_neither_taken_back_nor_made_anew(shelf: Shelf) -> None:
    secret, made = shelf.make()
    shelf.begin(secret)
    with pytest.raises(Conflict):
        shelf.revoke(made.id)
    with pytest.raises(Conflict):
        shelf.reissue(made.id, new_secret())
    assert shelf.kept(made.id).secret_hash == hash_token(secret)


def test_a_change_at_another_version_is_refused(shelf: Shelf) -> None:
    _, made = shelf.make()
    for version in (0, 2):
        with pytest.raises(PreconditionFailed):
            shelf.revoke(made.id, version)
        with pytest.raises(PreconditionFailed):
            shelf.reissue(made.id, new_secret(), version)


def test_a_link_taken_back_or_over_opens_nothing(shelf: Shelf) -> None:
    secret, made = shelf.make()
    late, _ = shelf.make()
    shelf.revoke(made.id)
    shelf.at += USUAL
    for each in (secret, late):
        with pytest.raises(NotFound):
            shelf.look(each)


# --- allowed ---------------------------------------------------------------------------------------


def test_a_link_says_where_it_stands(shelf: Shelf) -> None:
    secret, made = shelf.make()
    assert handoffs.state(made, shelf.at) == "waiting"
    assert handoffs.state(made, made.expires_at) == "expired"
    _, other = shelf.make()
    assert handoffs.state(shelf.revoke(other.id), made.expires_at) == "revoked"
    shelf.begin(secret)
    assert handoffs.state(shelf.kept(made.id), made.expires_at) == "opened"


def test_a_link_that_is_over_lives_again_when_it_is_made_anew(shelf: Shelf) -> None:
    secret, made = shelf.make(appointment_at=shelf.at + DAY)
    shelf.at += 2 * DAY
    fresh = new_secret()
    again = shelf.reissue(made.id, fresh, 1)
    assert (again.version, again.expires_at) == (2, shelf.at + USUAL)
    assert shelf.look(fresh).id == made.id
    with pytest.raises(NotFound):
        shelf.look(secret)


def test_of_eight_who_begin_at_once_one_does(shelf: Shelf) -> None:
    secret, made = shelf.make()
    begun: list[str] = []

    def begin(number: int) -> None:
        name = f"{CASE[:-1]}{number}"
        try:
            shelf.begin(secret, name)
        except NotFound:
            return
        begun.append(name)

    rivals = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for each in rivals:
        each.start()
    for each in rivals:
        each.join()
    assert begun == [shelf.kept(made.id).submission_id]
    assert shelf.audit_count("handoff.opened") == 1


@pytest.mark.parametrize("given", [None, f"{SITE}/a?status=x#b"])
def test_the_way_back_is_the_site_s_own_with_a_status(shelf: Shelf, given: str | None) -> None:
    secret, _ = shelf.make(return_url=given)
    shelf.begin(secret)
    led = shelf.database.read_blocking(
        lambda session: handoffs.return_url(session, submission=CASE, outcome="submitted")
    )
    assert led == (given and f"{SITE}/a?status=x&status=submitted#b")
