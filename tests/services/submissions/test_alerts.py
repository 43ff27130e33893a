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
class Office:
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
def office(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    team = Team(service, somebody(service, "manager"), at=MONDAY)
    with sink() as server:
        made = Office(service, team, server)
        monkeypatch.setattr("app.jobs.alerts.now", lambda: made.at)
        yield made


# --- no alert --------------------------------------------------------------------------------------


def test_a_test_raises_none(office: Office) -> None:
    office.submit(NOA, test=True)
    office.rounds()
    assert office.kept() == []
    assert office.server.letters == []


def test_what_has_no_flag_with_a_time_raises_none(office: Office) -> None:
    office.submit(CALM)
    assert office.kept() == []


def test_what_is_not_kept_raises_none(office: Office) -> None:
    def crash(session: Any) -> None:
        desk = office.service.services.submissions
        drawn = office.team.drawn(case)
        record = replace(drawn.record, id="019298a2-0000-7000-8000-000000000000", flags=())
        lifecycle.create(session, desk.vault, replace(drawn, record=record), actor=STAFF)
        alerts.create_for_new_flags(session, replace(drawn.record, id=record.id))
        raise KeyError

    case = office.submit(NOA)
    office.service.database.write_blocking(lambda session: session.execute(sa.delete(alerts_table)) and None)
    with pytest.raises(KeyError):
        office.service.database.write_blocking(crash)
    assert office.kept() == []


def test_a_flag_that_was_closed_before_anybody_was_told_needs_no_alert(office: Office) -> None:
    case = office.submit(NOA)
    assert len(office.kept()) == 1
    office.team.close_flags(case)
    office.rounds()
    assert (office.kept(), office.server.letters) == ([], [])


@pytest.mark.parametrize("passed_on", [False, True])
def test_an_alert_for_several_flags_stays_while_one_of_them_waits(office: Office, *, passed_on: bool) -> None:
    case = office.submit(NOA | {"urgent_signs": ["chest_or_breathing"]})
    if passed_on:
        office.wait(dt.timedelta(days=9))
        office.rounds(mail=False)
    flags = [each.id for each in office.team.drawn(case).record.flags if each.due_at]
    before = {each.id for each in office.kept()}
    for flag in flags[:-1]:
        office.team.act(case, flag, "closed")
        assert {each.id for each in office.kept()} == before
    office.team.act(case, flags[-1], "closed")
    assert office.kept() == []


def test_what_is_erased_takes_its_alerts_along(office: Office) -> None:
    case = office.submit(NOA)
    office.do(lifecycle.erase, submission=case, actor=STAFF)
    assert office.kept() == []


# --- one alert -------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"complete": False}, {"spam_reasons": "honeypot"}])
def test_a_flag_with_a_time_raises_one_alert_in_the_same_act(office: Office, more: dict[str, Any]) -> None:
    case = office.submit(NOA, contact=bool(not more), **more)
    (alert,) = office.kept()
    raised = [flag for flag in office.team.drawn(case).record.flags if flag.due_at]
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


def test_several_flags_raised_at_once_are_one_alert(office: Office) -> None:
    case = office.submit(NOA | {"urgent_signs": ["chest_or_breathing"]})
    assert len([flag for flag in office.team.drawn(case).record.flags if flag.due_at]) == 3
    assert len(office.kept()) == 1


def test_the_same_change_again_raises_no_second_one(office: Office) -> None:
    case = office.submit(NOA)
    record = office.team.drawn(case).record
    office.service.database.write_blocking(partial(alerts.create_for_new_flags, record=record))
    assert len(office.kept()) == 1


def test_a_draft_that_tells_more_later_raises_one_then(office: Office) -> None:
    case = office.submit({"info_only": True}, complete=False)
    assert office.kept() == []
    writer, later = program("submissions:write"), MONDAY + HOUR
    change: dict[str, Any] = {"patch": {"answers": {"self_harm_thoughts": "now"}}, "version": 1, "now": later}
    desk = office.service.services.submissions
    work = partial(desk.change, submission=case, principal=writer, actor=STAFF, **change)
    office.service.database.write_blocking(work)
    (alert,) = office.kept()
    assert (alert.submission_id, alert.created_at) == (case, later)


def test_a_correction_that_raises_a_flag_raises_an_alert(office: Office) -> None:
    case = office.submit(CALM)
    office.team.correct(case, self_harm_thoughts="now")
    assert [alert.submission_id for alert in office.kept()] == [case]


def test_the_service_raises_it_over_the_api_too(service: Service, website: dict[str, str]) -> None:
    made = service.client.post("/v1/submissions", json=body(NOA), headers=website).json()
    asked = sa.select(alerts_table.c.submission_id)
    assert service.read(lambda session: session.execute(asked).scalars().all()) == [made["id"]]


# --- failures --------------------------------------------------------------------------------------


def test_without_a_server_nothing_is_sent_and_everything_stays(office: Office) -> None:
    office.submit(NOA)
    office.rounds(3, mail=False)
    (alert,) = office.kept()
    assert (alert.attempt_count, alert.last_error, alert.sent_at) == (0, None, None)
    assert office.service.services.alert_status.waiting == AlertBacklog(1, 0, None, due=True)
    assert not office.service.services.alert_status.late(office.at + 2 * HOUR)


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
    office: Office, behaviour: dict[str, Any], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.adapters.smtp.STEP", 0.3)
    office.submit(NOA)
    with sink(**behaviour) as wrong:
        office.rounds(3, port=wrong.port)
        (alert,) = office.kept()
        assert (alert.attempt_count, alert.last_error) == (1, error)
        assert alert.next_attempt_at == MONDAY + PAUSES[0]
    office.rounds()
    assert office.server.letters == []
    office.wait(PAUSES[0])
    office.rounds()
    assert len(office.server.letters) == 1
    (alert,) = office.kept()
    assert (alert.sent_at, alert.last_error, alert.attempt_count) == (office.at, None, 2)
    assert office.waiting().unsent == 0


def test_the_pauses_grow_to_an_hour_and_there_is_no_giving_up(office: Office) -> None:
    office.submit(NOA)
    pauses, closed = [], 1  # no server listens on port 1
    while office.at < MONDAY + 12 * HOUR:
        office.rounds(port=closed)
        raised = next(each for each in office.kept() if each.kind == "raised")
        pauses.append((raised.next_attempt_at - office.at) // MINUTE)
        office.wait(raised.next_attempt_at - office.at)
    assert pauses[:7] == [1, 2, 5, 15, 60, 60, 60]
    assert set(pauses[7:]) == {60}
    office.rounds()
    assert office.waiting().unsent == 0


def test_who_dies_after_the_claim_leaves_the_letter_to_the_next(office: Office) -> None:
    office.submit(NOA)
    assert office.do(alerts.claim)
    office.rounds()
    assert office.server.letters == []
    office.wait(LEASE)
    office.rounds()
    assert len(office.server.letters) == 1


def test_who_dies_between_sending_and_marking_sends_it_again_under_the_same_id(office: Office) -> None:
    office.submit(NOA)
    post = Mailer.from_settings(f"smtp://127.0.0.1:{office.server.port}", FROM, DUTY, BOSS)
    assert post
    post.send(alerts.build_email(office.do(alerts.claim), "https://visit.clinic.example"))
    office.wait(LEASE)
    office.rounds()
    one, other = office.server.letters
    assert one["Message-ID"] == other["Message-ID"]
    assert office.waiting().unsent == 0


def test_several_replicas_send_each_alert_once(office: Office) -> None:
    cases_made = [office.submit(NOA) for _ in range(12)]
    database = office.service.database

    async def all_at_once() -> list[Alert | None]:
        works = (database.write(partial(alerts.claim, now=office.at)) for _ in range(24))
        return await asyncio.gather(*works)

    taken = [alert.submission_id for alert in asyncio.run(all_at_once()) if alert]
    assert len(taken) == len(set(taken))
    while alert := office.do(alerts.claim):
        taken.append(alert.submission_id)
    assert sorted(taken) == sorted(cases_made)


def test_a_case_that_goes_while_its_letter_is_under_way_is_no_accident(office: Office) -> None:
    case = office.submit(NOA)
    alert = office.do(alerts.claim)
    office.do(lifecycle.erase, submission=case, actor=STAFF)
    office.do(alerts.mark_sent, alert=alert, refused=False)
    office.do(alerts.reschedule, alert=alert, error="X")
    assert office.kept() == []


def test_one_letter_that_fails_keeps_no_other(office: Office) -> None:
    for _ in range(3):
        office.submit(NOA)
    with sink(drop="DATA") as wrong:
        office.rounds(port=wrong.port)
    assert [alert.attempt_count for alert in office.kept()] == [1, 1, 1]


# --- what an alert says ----------------------------------------------------------------------------


def test_a_letter_says_that_a_case_needs_attention_and_nothing_else(office: Office) -> None:
    case = office.submit(NOA, contact=True)
    office.rounds(3)
    (letter,) = office.server.letters
    assert letter["Subject"] == "A submission needs attention"
    body = letter.get_payload()
    assert isinstance(body, str)
    link = f"https://visit.clinic.example/staff/cases/{case}"
    assert body.replace("\r\n", "\n").strip() == f"A submission needs attention.\n\n{link}"
    assert office.server.recipients == [[DUTY]]
    for value in PAT_CONTACT.values():
        assert value not in letter.as_string()


def test_an_address_that_is_wrong_for_good_is_remembered(office: Office) -> None:
    office.submit(NOA)
    office.do(alerts.mark_sent, alert=office.do(alerts.claim), refused=True)
    assert [each.last_error for each in office.service.read(partial(rows.rejected, limit=9))] == [
        "AddressRefused"
    ]


def test_those_who_work_with_the_queue_hear_of_it_after_ten_minutes(office: Office) -> None:
    office.submit(NOA)
    office.rounds(port=1)
    outlook = office.service.services.alert_status
    assert outlook.waiting == AlertBacklog(1, 1, MONDAY, due=False)
    assert not outlook.late(MONDAY + OVERDUE_AFTER)
    assert outlook.late(MONDAY + OVERDUE_AFTER + MINUTE)
    gauges = generate_latest(office.service.services.registry).decode()
    assert "preconsult_alerts_waiting 1.0" in gauges
    assert "preconsult_alerts_failing 1.0" in gauges
    office.wait(HOUR)
    office.rounds()
    assert not outlook.late(office.at)
    assert "preconsult_alerts_waiting 0.0" in generate_latest(office.service.services.registry).decode()


def test_what_failed_can_be_tried_at_once(office: Office) -> None:
    with pytest.raises(InvalidTransition):
        office.do(alerts.retry_failed, actor=STAFF)
    office.submit(NOA)
    office.rounds(port=1)
    assert office.do(alerts.retry_failed, actor=STAFF) == 1
    assert office.service.read(partial(audit_log.count, action="alerts.tried_again")) == 1
    office.rounds()
    assert len(office.server.letters) == 1


# --- escalated to a second person ------------------------------------------------------------------


def escalated(office: Office) -> int:
    return office.service.read(partial(audit_log.count, action="flag.escalated"))


def after(office: Office, case: str) -> dt.datetime:
    """Set the clock to when every flag of the case with a due date is overdue; returns that time."""
    times = [flag.due_at for flag in office.team.drawn(case).record.flags if flag.due_at]
    office.at = max(times)
    return office.at


def test_nobody_is_told_before_the_time_is_over(office: Office) -> None:
    case = office.submit(NOA)
    times = [flag.due_at for flag in office.team.drawn(case).record.flags if flag.due_at]
    office.at = min(times) - dt.timedelta(milliseconds=1)
    office.rounds()
    assert escalated(office) == 0
    assert office.server.recipients == [[DUTY]]


@pytest.mark.parametrize("action", ["reached", "handed_over", "closed"])
def test_what_was_dealt_with_is_not_passed_on(office: Office, action: Action) -> None:
    case = office.submit(NOA)
    for flag in office.team.drawn(case).record.flags:
        office.team.act(case, flag.id, action)
    after(office, case)
    office.rounds()
    assert escalated(office) == 0


@pytest.mark.parametrize("actions", [(), ("seen",), ("seen", "not_reached")])
def test_what_nobody_dealt_with_is_passed_on_once(office: Office, actions: tuple[Action, ...]) -> None:
    case = office.submit(NOA)
    for flag in office.team.drawn(case).record.flags:
        for action in actions:
            office.team.act(case, flag.id, action)
    before = office.team.drawn(case).record
    at = after(office, case)
    office.rounds(3)
    record = office.team.drawn(case).record
    late = [flag for flag in record.flags if flag.due_at]
    assert [flag.escalated_at for flag in late] == [at] * len(late)
    assert record.version == before.version
    assert escalated(office) == len(late)
    assert office.server.recipients == [[DUTY], [BOSS]]
    assert office.server.letters[0]["Subject"] == office.server.letters[1]["Subject"]
    events = office.service.read(partial(cases.history, ids=[flag.id for flag in late]))
    assert {(each.actor_kind, each.actor_id) for each in events if each.action == "flag.escalated"} == {
        ("service", "alerts")
    }


def test_a_test_is_passed_on_and_nobody_is_told(office: Office) -> None:
    case = office.submit(NOA, test=True)
    after(office, case)
    office.rounds()
    assert escalated(office) > 0
    assert (office.kept(), office.server.letters) == ([], [])


def test_without_a_server_it_is_passed_on_all_the_same(office: Office) -> None:
    case = office.submit(NOA)
    after(office, case)
    office.rounds(mail=False)
    assert escalated(office) > 0
    assert {alert.kind for alert in office.kept()} == {"raised", "overdue"}


def test_many_at_once_are_passed_on_by_several_replicas_once_each(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "BATCH_SIZE", 3)
    made = [office.submit(NOA) for _ in range(8)]
    after(office, made[-1])
    database = office.service.database

    async def all_at_once() -> list[int]:
        works = (database.write(partial(alerts.escalate, now=office.at)) for _ in range(8))
        return await asyncio.gather(*works)

    asyncio.run(all_at_once())
    office.rounds(mail=False)
    late = sum(
        1 for case in made for flag in office.team.drawn(case).record.flags if flag.escalated_at == office.at
    )
    assert late == escalated(office) >= len(made)
    second = [alert.submission_id for alert in office.kept() if alert.recipient == "second"]
    assert set(second) == set(made)
