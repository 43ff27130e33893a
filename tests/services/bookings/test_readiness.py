"""Tests of readiness: which submission counts for a booking, its states, and that nothing else is shown."""

import datetime as dt
from dataclasses import asdict
from functools import partial
from typing import Any

import pytest

from app.clock import now
from app.services.auth.authorization import FormSessionPrincipal
from app.services.bookings import handoffs, readiness
from app.services.bookings.handoffs import NewHandoff
from app.services.bookings.readiness import Readiness
from app.services.submissions import lifecycle
from app.storage.events.audit_log import Actor
from tests.conftest import Service
from tests.factories import Team, somebody
from tests.sample_answers import CARA, NOA

WHO = Actor("api_key", "testkey1")
DAY = dt.timedelta(days=1)


class Desk:
    """A service without background jobs, and what a booking system learns from it."""

    def __init__(self, service: Service) -> None:
        self.service, self.at = service, now()
        self.team = Team(service, somebody(service, "manager"), at=self.at)

    def ask(self, *references: str, test: bool = False, at: dt.datetime | None = None) -> list[Readiness]:
        asked = references or ("B-1",)
        work = partial(
            readiness.get_readiness, references=asked, test=test, fresh_for=30 * DAY, now=at or self.at
        )
        return self.service.read(work)

    def state(self, **asked: Any) -> str:
        return self.ask(**asked)[0].state

    def submit(self, **more: Any) -> str:
        return self.team.submit(CARA, **({"booking_reference": "B-1"} | more))

    def appointment(self, at: dt.datetime, *, test: bool = False) -> None:
        made = handoffs.build(NewHandoff("B-1", at, test=test), "s" * 43, key_id=None, now=self.at)
        self.service.database.write_blocking(partial(handoffs.create, handoff=made, actor=WHO))


@pytest.fixture
def desk(service: Service) -> Desk:
    return Desk(service)


# --- what does not count ---------------------------------------------------------------------------


def test_a_booking_nobody_has_heard_of_is_not_started(desk: Desk) -> None:
    assert desk.ask("B-9") == [Readiness("B-9", "not_started")]


def test_tests_and_the_rest_do_not_know_of_each_other(desk: Desk) -> None:
    desk.submit(test=True)
    desk.appointment(desk.at + DAY, test=True)
    assert desk.ask() == [Readiness("B-1", "not_started")]
    assert desk.state(test=True) == "submitted"


def test_what_is_erased_or_due_to_be_does_not_count(desk: Desk) -> None:
    case = desk.submit()
    assert desk.state(at=desk.at + 31 * DAY) == "not_started"
    desk.service.database.write_blocking(partial(lifecycle.erase, submission=case, now=desk.at, actor=WHO))
    assert desk.ask() == [Readiness("B-1", "not_started")]


def test_what_is_merged_into_another_does_not_count(desk: Desk) -> None:
    first, second = desk.submit(), desk.submit()
    desk.team.decide(first, "in_review")
    desk.team.merge(second, first)
    assert desk.state() == "in_review"


def test_what_is_merged_away_leaves_its_booking_to_the_other(desk: Desk) -> None:
    linked, plain = desk.submit(), desk.submit(booking_reference=None)
    desk.team.decide(plain, "in_review")
    desk.team.merge(linked, plain)
    assert desk.state() == "in_review"
    assert desk.team.drawn(plain).record.booking_reference == "B-1"


def test_one_case_stands_for_both_bookings_that_were_merged(desk: Desk) -> None:
    first, second = desk.submit(), desk.submit(booking_reference="B-2")
    desk.team.decide(second, "in_review", "ready")
    desk.team.merge(first, second)
    assert [each.state for each in desk.ask("B-1", "B-2")] == ["ready", "ready"]


def test_a_draft_does_not_count_beside_what_was_sent(desk: Desk) -> None:
    desk.submit()
    desk.submit(complete=False)
    assert desk.state() == "submitted"


def test_nothing_but_steps_moves_its_time(desk: Desk) -> None:
    case = desk.team.submit(NOA, booking_reference="B-1")
    before = desk.ask()
    desk.team.at += dt.timedelta(hours=1)
    desk.team.look(case)
    desk.team.note(case, "called")
    desk.team.act(case, desk.team.drawn(case).record.flags[0].id, "reached")
    assert desk.ask() == before
    desk.team.decide(case, "in_review")
    assert desk.ask()[0].updated_at == desk.team.at


# --- what is reported ------------------------------------------------------------------------------


def test_the_states_of_a_booking_from_the_link_to_the_visit(desk: Desk) -> None:
    seen = [desk.state()]
    desk.appointment(desk.at + 3 * DAY)
    seen.append(desk.state())
    case = desk.submit(complete=False)
    seen.append(desk.state())
    hand_in = partial(
        desk.service.services.submissions.submit,
        submission=case,
        principal=FormSessionPrincipal(case),
        version=None,
    )
    desk.service.database.write_blocking(partial(hand_in, now=desk.at, actor=WHO))
    seen.append(desk.state())
    for step in ("in_review", "needs_contact", "ready", "closed"):
        desk.team.decide(case, step)
        seen.append(desk.state())
    assert seen == [
        "not_started", "not_started", "in_progress", "submitted",
        "in_review", "needs_contact", "ready", "ready",
    ]  # fmt: skip
    (found,) = desk.ask()
    assert found == Readiness("B-1", "ready", desk.at, desk.at, desk.at + 3 * DAY, found.edition)
    assert found.edition


@pytest.mark.parametrize(("days", "state"), [(29, "submitted"), (31, "stale")])
def test_what_was_sent_long_before_the_appointment_is_stale(desk: Desk, days: int, state: str) -> None:
    desk.submit()
    desk.appointment(desk.at + days * DAY)
    assert desk.state() == state


def test_without_an_appointment_its_age_is_what_counts(desk: Desk) -> None:
    case = desk.submit()
    desk.service.database.write_blocking(partial(held, submission=case))
    assert desk.state(at=desk.at + 31 * DAY) == "stale"


def test_somebody_who_has_to_be_reached_comes_before_the_age_of_answers(desk: Desk) -> None:
    case = desk.submit()
    desk.team.decide(case, "in_review", "needs_contact")
    desk.appointment(desk.at + 60 * DAY)
    assert desk.state() == "needs_contact"


def held(session: Any, submission: str) -> None:
    from app.storage.submissions import submissions as rows  # noqa: PLC0415 - of this one act

    rows.set_legal_hold(session, submission, held=True)


def test_a_day_is_told_in_the_order_asked(desk: Desk) -> None:
    for number in range(3):
        desk.submit(booking_reference=f"B-{number}")
    asked = ("B-2", "B-9", "B-0", "B-2")
    assert [each.booking_reference for each in desk.ask(*asked)] == list(asked)
    assert [each.state for each in desk.ask(*asked)] == ["submitted", "not_started", "submitted", "submitted"]


def test_nothing_is_told_but_a_state_and_times(desk: Desk) -> None:
    desk.submit()
    assert set(asdict(desk.ask()[0])) == {
        "booking_reference", "state", "updated_at", "submitted_at", "appointment_at", "edition",
    }  # fmt: skip
