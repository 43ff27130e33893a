"""Tests of alerts: which cases raise one, that none is lost, and who is notified when no one acts in time."""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import generate_latest

from app.adapters.smtp import Mailer
from app.errors import InvalidTransition
from app.jobs.alerts import AlertJob
from app.services.review.cases import Action
from app.services.submissions import alerts, lifecycle
from app.services.submissions.alerts import LEASE, OVERDUE_AFTER, PAUSES
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor
from app.storage.review import cases
from app.storage.submissions import alerts as rows
from app.storage.submissions.alerts import Alert, AlertBacklog
from app.storage.tables.submissions import alerts as alerts_table
from tests.conftest import Service
from tests.factories import Team, program, somebody
from tests.sample_answers import CARA, NOA, PAT_CONTACT, body
from tests.smtp_server import Sink, sink

FROM, DUTY, BOSS = (f"{name}@clinic.example" for name in ("preconsult", "duty", "boss"))
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
MONDAY = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)  # the clinic is open
CALM = CARA | {"self_harm_thoughts": "no"}
STAFF = Actor("staff", "s")


@dataclass
class AlertStack:
    """A service without background jobs, its staff, a mail server and a clock that the test sets."""

    service: Service
    team: Team
    server: Sink
    at: dt.datetime = MONDAY

    def rounds(self, number: int = 1, *, port: int | None = None, mail: bool = True) -> None:
        """Run the alert job `number` times, as one replica does."""
        url = f"smtp://127.0.0.1:{port or self.server.port}" if mail else ""
        post = Mailer.from_settings(url, FROM, DUTY, BOSS) if mail else None
        rooms = self.service.services
        turning = AlertJob(rooms.database, post, "https://visit.clinic.example/", rooms.alert_status)

        async def turn() -> None:
            for _ in range(number):
                await turning.run_once()

        asyncio.run(turn())

    def wait(self, passed: dt.timedelta) -> None:
        self.at += passed

    def submit(self, answers: dict[str, Any], **more: Any) -> str:
        return self.team.submit(answers, at=self.at, **more)

    def kept(self) -> list[Alert]:
        asked = sa.select(*(alerts_table.c[name] for name in Alert._fields)).order_by(
            alerts_table.c.created_at
        )
        return self.service.read(lambda session: [Alert(*row) for row in session.execute(asked)])

    def waiting(self) -> AlertBacklog:
        return self.service.read(partial(rows.waiting, now=self.at))

    def do(self, work: Callable[..., Any], **given: Any) -> Any:
        return self.service.database.write_blocking(partial(work, now=self.at, **given))


@pytest.fixture
def stack(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[AlertStack]:
    team = Team(service, somebody(service, "manager"), at=MONDAY)
    with sink() as server:
        made = AlertStack(service, team, server)
        monkeypatch.setattr("app.jobs.alerts.now", lambda: made.at)
        yield made


# --- no alert --------------------------------------------------------------------------------------


def test_a_test_raises_none(stack: AlertStack) -> None:
    stack.submit(NOA, test=True)
    stack.rounds()
    assert stack.kept() == []
    assert stack.server.letters == []


def test_what_has_no_flag_with_a_time_raises_none(stack: AlertStack) -> None:
    stack.submit(CALM)
    assert stack.kept() == []


def test_what_is_not_kept_raises_none(stack: AlertStack) -> None:
    def crash(session: Any) -> None:
        submission_service = stack.service.services.submissions
        assessment = stack.team.assessment(case)
        record = replace(assessment.record, id="019298a2-0000-7000-8000-000000000000", flags=())
        lifecycle.create(session, submission_service.vault, replace(assessment, record=record), actor=STAFF)
        alerts.create_for_new_flags(session, replace(assessment.record, id=record.id))
        raise KeyError

    case = stack.submit(NOA)
    stack.service.database.write_blocking(lambda session: session.execute(sa.delete(alerts_table)) and None)
    with pytest.raises(KeyError):
        stack.service.database.write_blocking(crash)
    assert stack.kept() == []


def test_a_flag_that_was_closed_before_anybody_was_told_needs_no_alert(stack: AlertStack) -> None:
    case = stack.submit(NOA)
    assert len(stack.kept()) == 1
    stack.team.close_flags(case)
    stack.rounds()
    assert (stack.kept(), stack.server.letters) == ([], [])


@pytest.mark.parametrize("passed_on", [False, True])
def test_an_alert_for_several_flags_stays_while_one_of_them_waits(
    stack: AlertStack, *, passed_on: bool
) -> None:
    case = stack.submit(NOA | {"urgent_signs": ["chest_or_breathing"]})
    if passed_on:
        stack.wait(dt.timedelta(days=9))
        stack.rounds(mail=False)
    flags = [each.id for each in stack.team.assessment(case).record.flags if each.due_at]
    before = {each.id for each in stack.kept()}
    for flag in flags[:-1]:
        stack.team.act(case, flag, "closed")
        assert {each.id for each in stack.kept()} == before
    stack.team.act(case, flags[-1], "closed")
    assert stack.kept() == []


def test_what_is_erased_takes_its_alerts_along(stack: AlertStack) -> None:
    case = stack.submit(NOA)
    stack.do(lifecycle.erase, submission=case, actor=STAFF)
    assert stack.kept() == []


# --- one alert -------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"complete": False}, {"spam_reasons": "honeypot"}])
def test_a_flag_with_a_time_raises_one_alert_in_the_same_act(stack: AlertStack, more: dict[str, Any]) -> None:
    case = stack.submit(NOA, contact=bool(not more), **more)
    (alert,) = stack.kept()
    raised = [flag for flag in stack.team.assessment(case).record.flags if flag.due_at]
    assert alert.flag_id == min(raised, key=lambda flag: flag.due_at or MONDAY).id
    assert (alert.submission_id, alert.kind, alert.recipient, alert.channel) == (
        case, "raised", "first", "email",
    )  # fmt: skip
    assert (alert.created_at, alert.next_attempt_at, alert.attempt_count, alert.sent_at) == (
        MONDAY,
        MONDAY,
        0,
        None,
    )


def test_several_flags_raised_at_once_are_one_alert(stack: AlertStack) -> None:
    case = stack.submit(NOA | {"urgent_signs": ["chest_or_breathing"]})
    assert len([flag for flag in stack.team.assessment(case).record.flags if flag.due_at]) == 3
    assert len(stack.kept()) == 1


def test_the_same_change_again_raises_no_second_one(stack: AlertStack) -> None:
    case = stack.submit(NOA)
    record = stack.team.assessment(case).record
    stack.service.database.write_blocking(partial(alerts.create_for_new_flags, record=record))
    assert len(stack.kept()) == 1


def test_a_draft_that_tells_more_later_raises_one_then(stack: AlertStack) -> None:
    case = stack.submit({"info_only": True}, complete=False)
    assert stack.kept() == []
    writer, later = program("submissions:write"), MONDAY + HOUR
    change: dict[str, Any] = {"patch": {"answers": {"self_harm_thoughts": "now"}}, "version": 1, "now": later}
    submission_service = stack.service.services.submissions
    work = partial(submission_service.change, submission=case, principal=writer, actor=STAFF, **change)
    stack.service.database.write_blocking(work)
    (alert,) = stack.kept()
    assert (alert.submission_id, alert.created_at) == (case, later)


def test_a_correction_that_raises_a_flag_raises_an_alert(stack: AlertStack) -> None:
    case = stack.submit(CALM)
    stack.team.correct(case, self_harm_thoughts="now")
    assert [alert.submission_id for alert in stack.kept()] == [case]


def test_the_service_raises_it_over_the_api_too(service: Service, website: dict[str, str]) -> None:
    made = service.client.post("/v1/submissions", json=body(NOA), headers=website).json()
    asked = sa.select(alerts_table.c.submission_id)
    assert service.read(lambda session: session.execute(asked).scalars().all()) == [made["id"]]


# --- failures --------------------------------------------------------------------------------------


def test_without_a_server_nothing_is_sent_and_everything_stays(stack: AlertStack) -> None:
    stack.submit(NOA)
    stack.rounds(3, mail=False)
    (alert,) = stack.kept()
    assert (alert.attempt_count, alert.last_error, alert.sent_at) == (0, None, None)
    assert stack.service.services.alert_status.waiting == AlertBacklog(1, 0, None, due=True)
    assert not stack.service.services.alert_status.late(stack.at + 2 * HOUR)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ({"answers": {"RCPT": b"450 later\r\n"}}, "SMTPRecipientsRefused"),
        ({"answers": {"RCPT": b"550 Pat Canary-Quill\r\n"}}, "SMTPRecipientsRefused"),
        ({"answers": {"TAKEN": b"554 no\r\n"}}, "SMTPDataError"),
        ({"answers": {"CONNECT": b"421 busy\r\n"}}, "SMTPConnectError"),
        ({"drop": "DATA"}, "SMTPServerDisconnected"),
        ({"hang": "CONNECT"}, "SMTPServerDisconnected"),
    ],
)
def test_what_was_not_taken_is_tried_again(
    stack: AlertStack, behaviour: dict[str, Any], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.adapters.smtp.STEP", 0.3)
    stack.submit(NOA)
    with sink(**behaviour) as wrong:
        stack.rounds(3, port=wrong.port)
        (alert,) = stack.kept()
        assert (alert.attempt_count, alert.last_error) == (1, error)
        assert alert.next_attempt_at == MONDAY + PAUSES[0]
    stack.rounds()
    assert stack.server.letters == []
    stack.wait(PAUSES[0])
    stack.rounds()
    assert len(stack.server.letters) == 1
    (alert,) = stack.kept()
    assert (alert.sent_at, alert.last_error, alert.attempt_count) == (stack.at, None, 2)
    assert stack.waiting().unsent == 0


def test_the_pauses_grow_to_an_hour_and_there_is_no_giving_up(stack: AlertStack) -> None:
    stack.submit(NOA)
    pauses, closed = [], 1  # no server listens on port 1
    while stack.at < MONDAY + 12 * HOUR:
        stack.rounds(port=closed)
        raised = next(each for each in stack.kept() if each.kind == "raised")
        pauses.append((raised.next_attempt_at - stack.at) // MINUTE)
        stack.wait(raised.next_attempt_at - stack.at)
    assert pauses[:7] == [1, 2, 5, 15, 60, 60, 60]
    assert set(pauses[7:]) == {60}
    stack.rounds()
    assert stack.waiting().unsent == 0


def test_who_dies_after_the_claim_leaves_the_letter_to_the_next(stack: AlertStack) -> None:
    stack.submit(NOA)
    assert stack.do(alerts.claim)
    stack.rounds()
    assert stack.server.letters == []
    stack.wait(LEASE)
    stack.rounds()
    assert len(stack.server.letters) == 1


def test_who_dies_between_sending_and_marking_sends_it_again_under_the_same_id(stack: AlertStack) -> None:
    stack.submit(NOA)
    post = Mailer.from_settings(f"smtp://127.0.0.1:{stack.server.port}", FROM, DUTY, BOSS)
    assert post
    post.send(alerts.build_email(stack.do(alerts.claim), "https://visit.clinic.example"))
    stack.wait(LEASE)
    stack.rounds()
    one, other = stack.server.letters
    assert one["Message-ID"] == other["Message-ID"]
    assert stack.waiting().unsent == 0


def test_several_replicas_send_each_alert_once(stack: AlertStack) -> None:
    cases_made = [stack.submit(NOA) for _ in range(12)]
    database = stack.service.database

    async def all_at_once() -> list[Alert | None]:
        works = (database.write(partial(alerts.claim, now=stack.at)) for _ in range(24))
        return await asyncio.gather(*works)

    taken = [alert.submission_id for alert in asyncio.run(all_at_once()) if alert]
    assert len(taken) == len(set(taken))
    while alert := stack.do(alerts.claim):
        taken.append(alert.submission_id)
    assert sorted(taken) == sorted(cases_made)


def test_a_case_that_goes_while_its_letter_is_under_way_is_no_accident(stack: AlertStack) -> None:
    case = stack.submit(NOA)
    alert = stack.do(alerts.claim)
    stack.do(lifecycle.erase, submission=case, actor=STAFF)
    stack.do(alerts.mark_sent, alert=alert, refused=False)
    stack.do(alerts.reschedule, alert=alert, error="X")
    assert stack.kept() == []


def test_one_letter_that_fails_keeps_no_other(stack: AlertStack) -> None:
    for _ in range(3):
        stack.submit(NOA)
    with sink(drop="DATA") as wrong:
        stack.rounds(port=wrong.port)
    assert [alert.attempt_count for alert in stack.kept()] == [1, 1, 1]


# --- what an alert says ----------------------------------------------------------------------------


def test_a_letter_says_that_a_case_needs_attention_and_nothing_else(stack: AlertStack) -> None:
    case = stack.submit(NOA, contact=True)
    stack.rounds(3)
    (letter,) = stack.server.letters
    assert letter["Subject"] == "A submission needs attention"
    body = letter.get_payload()
    assert isinstance(body, str)
    link = f"https://visit.clinic.example/staff/cases/{case}"
    assert body.replace("\r\n", "\n").strip() == f"A submission needs attention.\n\n{link}"
    assert stack.server.recipients == [[DUTY]]
    for value in PAT_CONTACT.values():
        assert value not in letter.as_string()


def test_an_address_that_is_wrong_for_good_is_remembered(stack: AlertStack) -> None:
    stack.submit(NOA)
    stack.do(alerts.mark_sent, alert=stack.do(alerts.claim), refused=True)
    assert [each.last_error for each in stack.service.read(partial(rows.rejected, limit=9))] == [
        "AddressRefused"
    ]


def test_those_who_work_with_the_queue_hear_of_it_after_ten_minutes(stack: AlertStack) -> None:
    stack.submit(NOA)
    stack.rounds(port=1)
    alert_status = stack.service.services.alert_status
    assert alert_status.waiting == AlertBacklog(1, 1, MONDAY, due=False)
    assert not alert_status.late(MONDAY + OVERDUE_AFTER)
    assert alert_status.late(MONDAY + OVERDUE_AFTER + MINUTE)
    gauges = generate_latest(stack.service.services.registry).decode()
    assert "preconsult_alerts_waiting 1.0" in gauges
    assert "preconsult_alerts_failing 1.0" in gauges
    stack.wait(HOUR)
    stack.rounds()
    assert not alert_status.late(stack.at)
    assert "preconsult_alerts_waiting 0.0" in generate_latest(stack.service.services.registry).decode()


def test_what_failed_can_be_tried_at_once(stack: AlertStack) -> None:
    with pytest.raises(InvalidTransition):
        stack.do(alerts.retry_failed, actor=STAFF)
    stack.submit(NOA)
    stack.rounds(port=1)
    assert stack.do(alerts.retry_failed, actor=STAFF) == 1
    assert stack.service.read(partial(audit_log.count, action="alerts.tried_again")) == 1
    stack.rounds()
    assert len(stack.server.letters) == 1


# --- escalated to a second person ------------------------------------------------------------------


def escalated(stack: AlertStack) -> int:
    return stack.service.read(partial(audit_log.count, action="flag.escalated"))


def after(stack: AlertStack, case: str) -> dt.datetime:
    """Set the clock to when every flag of the case with a due date is overdue; returns that time."""
    times = [flag.due_at for flag in stack.team.assessment(case).record.flags if flag.due_at]
    stack.at = max(times)
    return stack.at


def test_nobody_is_told_before_the_time_is_over(stack: AlertStack) -> None:
    case = stack.submit(NOA)
    times = [flag.due_at for flag in stack.team.assessment(case).record.flags if flag.due_at]
    stack.at = min(times) - dt.timedelta(milliseconds=1)
    stack.rounds()
    assert escalated(stack) == 0
    assert stack.server.recipients == [[DUTY]]


@pytest.mark.parametrize("action", ["reached", "handed_over", "closed"])
def test_what_was_dealt_with_is_not_passed_on(stack: AlertStack, action: Action) -> None:
    case = stack.submit(NOA)
    for flag in stack.team.assessment(case).record.flags:
        stack.team.act(case, flag.id, action)
    after(stack, case)
    stack.rounds()
    assert escalated(stack) == 0


@pytest.mark.parametrize("actions", [(), ("seen",), ("seen", "not_reached")])
def test_what_nobody_dealt_with_is_passed_on_once(stack: AlertStack, actions: tuple[Action, ...]) -> None:
    case = stack.submit(NOA)
    for flag in stack.team.assessment(case).record.flags:
        for action in actions:
            stack.team.act(case, flag.id, action)
    before = stack.team.assessment(case).record
    at = after(stack, case)
    stack.rounds(3)
    record = stack.team.assessment(case).record
    late = [flag for flag in record.flags if flag.due_at]
    assert [flag.escalated_at for flag in late] == [at] * len(late)
    assert record.version == before.version
    assert escalated(stack) == len(late)
    assert stack.server.recipients == [[DUTY], [BOSS]]
    assert stack.server.letters[0]["Subject"] == stack.server.letters[1]["Subject"]
    events = stack.service.read(partial(cases.history, ids=[flag.id for flag in late]))
    assert {(each.actor_kind, each.actor_id) for each in events if each.action == "flag.escalated"} == {
        ("service", "alerts")
    }


def test_a_test_is_passed_on_and_nobody_is_told(stack: AlertStack) -> None:
    case = stack.submit(NOA, test=True)
    after(stack, case)
    stack.rounds()
    assert escalated(stack) > 0
    assert (stack.kept(), stack.server.letters) == ([], [])


def test_without_a_server_it_is_passed_on_all_the_same(stack: AlertStack) -> None:
    case = stack.submit(NOA)
    after(stack, case)
    stack.rounds(mail=False)
    assert escalated(stack) > 0
    assert {alert.kind for alert in stack.kept()} == {"raised", "overdue"}


def test_many_at_once_are_passed_on_by_several_replicas_once_each(
    stack: AlertStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "BATCH_SIZE", 3)
    made = [stack.submit(NOA) for _ in range(8)]
    after(stack, made[-1])
    database = stack.service.database

    async def all_at_once() -> list[int]:
        works = (database.write(partial(alerts.escalate, now=stack.at)) for _ in range(8))
        return await asyncio.gather(*works)

    asyncio.run(all_at_once())
    stack.rounds(mail=False)
    late = sum(
        1
        for case in made
        for flag in stack.team.assessment(case).record.flags
        if flag.escalated_at == stack.at
    )
    assert late == escalated(stack) >= len(made)
    second = [alert.submission_id for alert in stack.kept() if alert.recipient == "second"]
    assert set(second) == set(made)
