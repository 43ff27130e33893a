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
def submission_service(service: Service) -> Desk:
    return Desk(service)


# --- what does not count ---------------------------------------------------------------------------


def test_a_booking_nobody_has_heard_of_is_not_started(submission_service: Desk) -> None:
    assert submission_service.ask("B-9") == [Readiness("B-9", "not_started")]


def test_tests_and_the_rest_do_not_know_of_each_other(submission_service: Desk) -> None:
    submission_service.submit(test=True)
    submission_service.appointment(submission_service.at + DAY, test=True)
    assert submission_service.ask() == [Readiness("B-1", "not_started")]
    assert submission_service.state(test=True) == "submitted"


def test_what_is_erased_or_due_to_be_does_not_count(submission_service: Desk) -> None:
    case = submission_service.submit()
    assert submission_service.state(at=submission_service.at + 31 * DAY) == "not_started"
    submission_service.service.database.write_blocking(
        partial(lifecycle.erase, submission=case, now=submission_service.at, actor=WHO)
    )
    assert submission_service.ask() == [Readiness("B-1", "not_started")]


def test_what_is_merged_into_another_does_not_count(submission_service: Desk) -> None:
    first, second = submission_service.submit(), submission_service.submit()
    submission_service.team.decide(first, "in_review")
    submission_service.team.merge(second, first)
    assert submission_service.state() == "in_review"


def test_what_is_merged_away_leaves_its_booking_to_the_other(submission_service: Desk) -> None:
    linked, plain = submission_service.submit(), submission_service.submit(booking_reference=None)
    submission_service.team.decide(plain, "in_review")
    submission_service.team.merge(linked, plain)
    assert submission_service.state() == "in_review"
    assert submission_service.team.assessment(plain).record.booking_reference == "B-1"


def test_one_case_stands_for_both_bookings_that_were_merged(submission_service: Desk) -> None:
    first, second = submission_service.submit(), submission_service.submit(booking_reference="B-2")
    submission_service.team.decide(second, "in_review", "ready")
    submission_service.team.merge(first, second)
    assert [each.state for each in submission_service.ask("B-1", "B-2")] == ["ready", "ready"]


def test_a_draft_does_not_count_beside_what_was_sent(submission_service: Desk) -> None:
    submission_service.submit()
    submission_service.submit(complete=False)
    assert submission_service.state() == "submitted"


def test_nothing_but_steps_moves_its_time(submission_service: Desk) -> None:
    case = submission_service.team.submit(NOA, booking_reference="B-1")
    before = submission_service.ask()
    submission_service.team.at += dt.timedelta(hours=1)
    submission_service.team.look(case)
    submission_service.team.note(case, "called")
    submission_service.team.act(case, submission_service.team.assessment(case).record.flags[0].id, "reached")
    assert submission_service.ask() == before
    submission_service.team.decide(case, "in_review")
    assert submission_service.ask()[0].updated_at == submission_service.team.at


# --- what is reported ------------------------------------------------------------------------------


def test_the_states_of_a_booking_from_the_link_to_the_visit(submission_service: Desk) -> None:
    seen = [submission_service.state()]
    submission_service.appointment(submission_service.at + 3 * DAY)
    seen.append(submission_service.state())
    case = submission_service.submit(complete=False)
    seen.append(submission_service.state())
    hand_in = partial(
        submission_service.service.services.submissions.submit,
        submission=case,
        principal=FormSessionPrincipal(case),
        version=None,
    )
    submission_service.service.database.write_blocking(partial(hand_in, now=submission_service.at, actor=WHO))
    seen.append(submission_service.state())
    for step in ("in_review", "needs_contact", "ready", "closed"):
        submission_service.team.decide(case, step)
        seen.append(submission_service.state())
    assert seen == [
        "not_started", "not_started", "in_progress", "submitted",
        "in_review", "needs_contact", "ready", "ready",
    ]  # fmt: skip
    (found,) = submission_service.ask()
    assert found == Readiness(
        "B-1",
        "ready",
        submission_service.at,
        submission_service.at,
        submission_service.at + 3 * DAY,
        found.edition,
    )
    assert found.edition


@pytest.mark.parametrize(("days", "state"), [(29, "submitted"), (31, "stale")])
def test_what_was_sent_long_before_the_appointment_is_stale(
    submission_service: Desk, days: int, state: str
) -> None:
    submission_service.submit()
    submission_service.appointment(submission_service.at + days * DAY)
    assert submission_service.state() == state


def test_without_an_appointment_its_age_is_what_counts(submission_service: Desk) -> None:
    case = submission_service.submit()
    submission_service.service.database.write_blocking(partial(held, submission=case))
    assert submission_service.state(at=submission_service.at + 31 * DAY) == "stale"


def test_somebody_who_has_to_be_reached_comes_before_the_age_of_answers(submission_service: Desk) -> None:
    case = submission_service.submit()
    submission_service.team.decide(case, "in_review", "needs_contact")
    submission_service.appointment(submission_service.at + 60 * DAY)
    assert submission_service.state() == "needs_contact"


def held(session: Any, submission: str) -> None:
    from app.storage.submissions import submissions as rows  # noqa: PLC0415 - of this one act

    rows.set_legal_hold(session, submission, held=True)


def test_a_day_is_told_in_the_order_asked(submission_service: Desk) -> None:
    for number in range(3):
        submission_service.submit(booking_reference=f"B-{number}")
    asked = ("B-2", "B-9", "B-0", "B-2")
    assert [each.booking_reference for each in submission_service.ask(*asked)] == list(asked)
    assert [each.state for each in submission_service.ask(*asked)] == [
        "submitted",
        "not_started",
        "submitted",
        "submitted",
    ]


def test_nothing_is_told_but_a_state_and_times(submission_service: Desk) -> None:
    submission_service.submit()
    assert set(asdict(submission_service.ask()[0])) == {
        "booking_reference", "state", "updated_at", "submitted_at", "appointment_at", "edition",
    }  # fmt: skip
