"""Tests of the event feed: what becomes an event, in which order; no event is lost or published twice."""

import datetime as dt
import json
import re
import threading
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st

from app.clock import now
from app.errors import CursorGone
from app.services.auth.authorization import FormSessionPrincipal
from app.services.bookings import handoffs
from app.services.bookings.handoffs import NewHandoff as Link
from app.services.events import audit_chain, outbox
from app.services.events.audit_chain import ChainBroken
from app.services.events.event_types import ACTIONS, RESTRICTED, TYPES, event_payload
from app.services.events.outbox import EventPage, FeedCursor
from app.services.operations import retention
from app.services.submissions import alerts, lifecycle
from app.storage.events import audit_chain as audit_chain_job
from app.storage.events import audit_log
from app.storage.events import outbox as rows
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.events.outbox import Event, EventFilter
from app.storage.tables.events import outbox_events as told
from app.storage.tables.operations import audit_chain_head
from app.storage.tables.submissions import flags
from app.web.schemas.bookings import EventOut
from tests.conftest import Service
from tests.factories import Team, somebody
from tests.sample_answers import CARA, NOA, PAT_CONTACT

WHO = Actor("staff", "somebody", "a-request")
DAY = dt.timedelta(days=1)
CALM = CARA | {"self_harm_thoughts": "no"}
SECRET = "s" * 43


class EventStack:
    """A service without background jobs: audit events are chained only when a test does it."""

    def __init__(self, service: Service) -> None:
        self.service, self.database = service, service.database
        self.keyring, self.at = service.services.submissions.vault.keyring, now()
        self.team = Team(service, somebody(service, "manager"), at=self.at)

    def do(self, work: Any, **given: Any) -> Any:
        return self.database.write_blocking(partial(work, now=self.at, **given))

    def follow(self, limit: int = 1000) -> int:
        linked: int = self.do(outbox.publish_pending, keyring=self.keyring, limit=limit)
        return linked

    def read(self, after: FeedCursor | None = None, limit: int = 1000, **wanted: Any) -> EventPage:
        asked = EventFilter(**({"test": False, "restricted": True} | wanted))
        return self.database.read_blocking(
            partial(outbox.list_events, after=after, wanted=asked, limit=limit)
        )

    def types(self, **wanted: Any) -> list[str]:
        return [each.type for each in self.read(**wanted).events]

    def hand_off(self, *, test: bool = False) -> str:
        made = handoffs.build(Link("B-1", test=test), SECRET, key_id=None, now=self.at)
        self.database.write_blocking(partial(handoffs.create, handoff=made, actor=WHO))
        return made.id

    def open(self, submission: str) -> None:
        self.do(handoffs.consume, secret=SECRET, submission=submission, actor=WHO)

    def erase(self, submission: str) -> None:
        self.do(lifecycle.erase, submission=submission, actor=WHO)


@pytest.fixture
def stack(service: Service) -> EventStack:
    return EventStack(service)


# --- no event --------------------------------------------------------------------------------------


def test_what_is_read_written_down_or_done_to_others_is_not_told(stack: EventStack) -> None:
    case = stack.team.submit(CALM)
    stack.team.look(case)
    stack.team.note(case, "called")
    stack.service.key("events")
    assert stack.follow() > 3
    assert stack.types() == ["submission.submitted"]


def test_what_is_undone_is_not_told(stack: EventStack) -> None:
    def crash(session: Any) -> None:
        audit_log.record(session, WHO, stack.at, AuditAction("submission.submitted", "submission", case))
        raise KeyError

    case = stack.team.submit(CALM)
    with pytest.raises(KeyError):
        stack.database.write_blocking(crash)
    stack.follow()
    assert len(stack.read().events) == 1


def test_a_flag_without_a_time_to_act_by_does_not_call_for_attention(stack: EventStack) -> None:
    case = stack.team.submit(NOA)
    stack.database.write_blocking(
        lambda session: session.execute(sa.update(flags).values(due_at=None)) and None
    )
    stack.follow()
    assert stack.types() == ["submission.submitted"]
    assert case


def test_attention_is_told_to_nobody_who_may_not_review(stack: EventStack) -> None:
    stack.team.submit(NOA)
    stack.follow()
    assert stack.types(restricted=False) == ["submission.submitted"]
    assert stack.types() == ["submission.submitted", "attention.needed"]


def test_tests_and_the_rest_do_not_know_of_each_other(stack: EventStack) -> None:
    stack.team.submit(NOA, test=True)
    stack.hand_off(test=True)
    stack.follow()
    assert stack.types() == []
    assert stack.types(test=True) == ["submission.submitted", "attention.needed", "handoff.created"]


def test_a_trail_that_is_broken_tells_nothing_until_somebody_has_looked(stack: EventStack) -> None:
    stack.team.submit(CALM)
    stack.follow()
    head = stack.database.read_blocking(
        lambda session: dict(session.execute(sa.select(audit_chain_head)).mappings().one())
    )
    stack.team.submit(CALM)
    stack.database.write_blocking(lambda session: session.execute(sa.delete(audit_chain_head)) and None)
    with pytest.raises(ChainBroken):
        stack.follow()
    assert (
        stack.service.read(lambda session: session.execute(sa.select(sa.func.count(told.c.id))).scalar_one())
        == 1
    )
    stack.database.write_blocking(lambda session: session.execute(sa.insert(audit_chain_head), head) and None)
    stack.follow()
    assert len(stack.types()) == 2


def test_what_can_not_be_told_is_not_linked_either(
    stack: EventStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.team.submit(CALM)
    with monkeypatch.context() as broken:
        broken.setattr("app.services.events.webhook_deliveries.fan_out", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            stack.follow()
    waiting, _ = stack.service.read(audit_chain_job.backlog)
    assert waiting > 0
    assert stack.service.read(lambda session: session.execute(sa.select(told)).first()) is None
    assert stack.follow() == waiting
    assert stack.types() == ["submission.submitted"]


# --- one event -------------------------------------------------------------------------------------


def test_every_act_of_a_booking_is_told_once_with_its_state_and_by_one_subject(stack: EventStack) -> None:
    handoff = stack.hand_off()
    case = stack.team.submit(CARA, complete=False, booking_reference="B-1")
    stack.open(case)
    stack.team.do(submitted, case)
    stack.team.decide(case, "in_review", "needs_contact", "closed")
    stack.team.correct(case, pain_duration="over_5_years")
    stack.erase(case)
    stack.follow()
    found = stack.read(restricted=False).events
    assert [(each.type, each.state) for each in found] == [
        ("handoff.created", "not_started"), ("submission.started", "in_progress"),
        ("handoff.opened", "in_progress"), ("submission.submitted", "submitted"),
        ("review.changed", "in_review"), ("review.changed", "needs_contact"), ("review.changed", "ready"),
        ("submission.corrected", None), ("submission.erased", "not_started"),
    ]  # fmt: skip
    assert {(each.handoff_id, each.booking_reference, each.ordering_key) for each in found} == {
        (handoff, "B-1", handoff)
    }
    assert [each.submission_id for each in found] == [None, *[case] * 8]
    assert [each.position for each in found] == sorted({each.position for each in found})


def test_the_state_of_an_event_is_what_readiness_says(stack: EventStack) -> None:
    reached, corrected, merged = (stack.team.submit(CARA, complete=done) for done in (False, True, True))
    stack.team.decide(reached, "in_review", "needs_contact")
    stack.team.do(submitted, reached)
    stack.team.decide(corrected, "in_review", "ready")
    stack.team.correct(corrected, pain_duration="over_5_years")
    stack.team.merge(merged, corrected)
    drafted = stack.team.submit(CARA, complete=False)
    stack.team.decide(drafted, "in_review", "needs_contact", "closed")
    stack.follow()
    found = stack.read(restricted=False).events

    def published(case: str) -> list[tuple[str, str | None]]:
        return [(each.type, each.state) for each in found if each.submission_id == case]

    assert published(reached)[-1] == ("submission.submitted", "needs_contact")
    assert published(corrected)[-2:] == [("submission.corrected", "ready"), ("review.changed", "ready")]
    assert published(merged)[-1] == ("submission.merged", None)
    assert [state for kind, state in published(drafted) if kind == "review.changed"] == [
        "in_progress", "needs_contact", "in_progress",
    ]  # fmt: skip


def submitted(session: Any, submission_service: Any, case: str) -> Any:
    return submission_service.submit(
        session, case, FormSessionPrincipal(case), version=None, now=now(), actor=WHO
    )


@pytest.mark.parametrize("at_once", [1, 1000])
def test_several_flags_of_one_change_call_once_however_the_trail_is_cut(
    stack: EventStack, at_once: int
) -> None:
    case = stack.team.submit(NOA | {"urgent_signs": ["stroke_signs"]}, complete=False)
    raised = [each for each in stack.team.assessment(case).record.flags if each.due_at]
    while stack.follow(limit=at_once):
        pass
    assert stack.types() == ["submission.started", "attention.needed"]
    assert len(raised) > 1


@pytest.mark.parametrize("at_once", [1, 1000])
def test_what_is_overdue_is_told_once_a_case(stack: EventStack, at_once: int) -> None:
    case = stack.team.submit(NOA)
    late = stack.at + 30 * DAY
    assert stack.database.write_blocking(partial(alerts.escalate, now=late)) >= 1
    while stack.follow(limit=at_once):
        pass
    assert stack.types().count("attention.overdue") == 1
    assert stack.read().events[-1].submission_id == case


def test_an_erased_submission_keeps_the_reference_it_was_told_by(stack: EventStack) -> None:
    case = stack.team.submit(CALM, booking_reference="B-7", test=True)
    stack.follow()
    stack.erase(case)
    stack.follow()
    last = stack.read(test=True).events[-1]
    assert (last.type, last.booking_reference, last.state) == ("submission.erased", "B-7", "not_started")


def test_what_came_and_went_before_anybody_was_told_is_told_as_erased_alone(stack: EventStack) -> None:
    stack.erase(stack.team.submit(NOA, booking_reference="B-7", test=True))
    stack.follow()
    assert [(each.type, each.booking_reference) for each in stack.read().events] == [
        ("submission.erased", None)
    ]


# --- reading the next page -------------------------------------------------------------------------


def test_a_feed_is_read_forward_in_stretches_and_by_type(stack: EventStack) -> None:
    assert stack.read() == EventPage([], FeedCursor(0, ""), more=False)
    cases = [stack.team.submit(NOA) for _ in range(5)]
    stack.follow()
    seen: list[str | None] = []
    place: FeedCursor | None = None
    for _ in range(9):
        found = stack.read(place, limit=2, restricted=False)
        seen += [each.submission_id for each in found.events]
        place = found.next
        if not found.more:
            break
    assert seen == cases
    assert place
    assert stack.read(place) == EventPage([], place, more=False)
    assert stack.types(types=["attention.needed"]) == ["attention.needed"] * 5


def test_a_place_moves_on_over_what_is_not_told(stack: EventStack) -> None:
    case = stack.team.submit(CALM)
    stack.follow()
    before = stack.read().next
    stack.team.look(case)
    stack.follow()
    after = stack.read(before)
    assert (after.events, after.next.position > before.position) == ([], True)


def test_a_place_of_another_past_is_none(stack: EventStack) -> None:
    stack.team.submit(CALM)
    stack.follow()
    place = stack.read().next
    for wrong in (
        FeedCursor(place.position + 1, place.tag),
        FeedCursor(place.position, "00000000"),
        FeedCursor(0, place.tag),
    ):
        with pytest.raises(CursorGone):
            stack.read(wrong)


def test_a_place_from_before_what_is_kept_is_told_and_one_that_missed_nothing_goes_on(
    stack: EventStack,
) -> None:
    stack.team.submit(CALM)
    stack.follow()
    old = stack.read(limit=1).next
    stack.team.submit(CALM)
    stack.follow()
    fresh = stack.read().next
    stack.at += 91 * DAY
    stack.do(retention.purge, event_retention=90 * DAY)
    stack.follow()
    with pytest.raises(CursorGone):
        stack.read(FeedCursor(0, ""))
    with pytest.raises(CursorGone):
        stack.read(old)
    assert [each.type for each in stack.read(fresh).events] == ["submission.erased"] * 2
    assert stack.types() == ["submission.erased"] * 2


def test_a_purge_leaves_no_gap(stack: EventStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PURGED", 2)
    for days in (0, 1, 5, 2, 9):  # times follow the order of positions only roughly
        stack.team.at = stack.at + days * DAY
        stack.team.submit(CALM)
    stack.follow()
    positions = [each.position for each in stack.read().events]
    cut = partial(rows.delete_older, before=stack.at + 4 * DAY)
    assert stack.database.write_blocking(cut) == 2
    assert stack.database.write_blocking(cut) == 0
    assert [each.position for each in stack.read().events] == positions[2:]


def test_two_who_link_at_once_tell_everything_once(stack: EventStack) -> None:
    for _ in range(8):
        stack.team.submit(CALM)

    def link() -> None:
        while stack.follow(limit=2):
            pass

    threads = [threading.Thread(target=link) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = stack.read().events
    assert len({each.id for each in found}) == len({each.submission_id for each in found}) == len(found) == 8
    verified = stack.service.read(partial(audit_chain.verify, keyring=stack.keyring, now=stack.at))
    assert (verified.fault, verified.waiting) == (None, 0)


# --- what an event can contain ---------------------------------------------------------------------

NAME = "019298a2-0000-7000-8000-000000000000"
FITS = Event(1, NAME, "review.changed", now(), False, False, NAME, NAME, "B-1", "ready")  # noqa: FBT003
SPOKEN = st.sampled_from(
    [*PAT_CONTACT.values(), "I feel very low", "chest_pain: now", "self harm", "\0", "ü"]
)


def test_every_action_has_a_type_that_is_told_and_a_state_there_is() -> None:
    assert {kind for kind, _ in ACTIONS.values()} == set(TYPES)
    assert set(TYPES) >= RESTRICTED
    assert EventOut.model_json_schema()["properties"]["type"]["enum"] == list(TYPES)


@given(name=st.sampled_from(["id", "type", "submission_id", "handoff_id", "state"]), words=st.text() | SPOKEN)
def test_no_words_fit_into_an_event(name: str, words: str) -> None:
    """Whatever a row contains by mistake, an event holds only ids, names of types and states, and times."""
    assume(words)
    with pytest.raises(ValueError, match="nothing else"):
        event_payload(FITS._replace(**dict[str, Any]({name: words})))


@given(words=st.text() | SPOKEN)
def test_what_is_told_of_a_booking_is_one_token_without_a_blank(words: str) -> None:
    try:
        told_as = event_payload(FITS._replace(booking_reference=words))["data"]["booking_reference"]
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,100}", told_as)


def test_an_event_that_fits_is_told_as_it_is() -> None:
    made = event_payload(FITS._replace(handoff_id=None))
    assert EventOut.model_validate_json(json.dumps(made))
    assert made["data"] == {
        "submission_id": NAME,
        "booking_reference": "B-1",
        "state": "ready",
        "test": False,
    }
