"""Tests of the queue: who may see it, what it contains in which order, and that no query scans everything."""

import datetime as dt
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.errors import Forbidden, InvalidRequest
from app.services.auth.authorization import Principal, Respondent
from app.services.review import queue
from app.services.review.queue import QueuePage
from app.services.submissions.lifecycle import SubmissionService
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.review import queue as rows
from app.storage.review.queue import STATES, Filters
from app.storage.tables.submissions import submissions as table
from tests.conftest import Service
from tests.factories import Team, program, somebody
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT

HOUR = dt.timedelta(hours=1)
PROXY = CARA | {"answering_for": "someone_else"}
LIMIT = 50


@pytest.fixture
def team(service: Service) -> Team:
    return Team(service, somebody(service, "reviewer"))


def page(team: Team, filters: Filters | None = None, limit: int = LIMIT, after: Any = None) -> QueuePage:
    work = partial(
        queue.page, submission_service=team.service.services.submissions, principal=team.who,
        filters=filters or Filters(),
        limit=limit, after=after, now=team.at,
    )  # fmt: skip
    return team.service.read(work)


def ids(team: Team, filters: Filters | None = None) -> list[str]:
    return [line.row.id for line in page(team, filters).lines]


def _shown(session: Session, _desk: SubmissionService, ids: list[str], **who: Any) -> None:
    queue.record_views(session, ids, **who)


def search(team: Team, text: str) -> list[str]:
    actor = team.who.actor("test")
    found: Filters = team.do(queue.search_cases, team.who, text, now=team.at, actor=actor)
    return ids(team, found)


# --- refused ---------------------------------------------------------------------------------------


def test_whoever_may_not_see_the_queue_does_not(team: Team) -> None:
    team.submit(NOA)
    strangers: list[Principal] = [Respondent(b"x"), program("submissions:read")]
    strangers += [somebody(team.service, "administrator"), somebody(team.service, "auditor")]
    for stranger in strangers:
        with pytest.raises(Forbidden):
            page(team.beside(stranger))
        with pytest.raises(Forbidden):
            search(team.beside(stranger), "+15615550142")


@pytest.mark.parametrize("text", ["", "  ", "x" * 255, "a\0b", "a\nb"])
def test_a_search_for_nothing_is_refused_and_leaves_no_trace(team: Team, text: str) -> None:
    with pytest.raises(InvalidRequest):
        search(team, text)
    assert team.service.audit_count("cases.searched") == 0


def test_what_is_not_for_staff_stands_in_no_queue(team: Team) -> None:
    case, _closed = team.submit(CARA), team.submit(CARA)
    team.decide(_closed, "in_review", "ready", "closed")
    team.submit(CARA, complete=False)
    team.submit(CARA, test=True)
    merged = team.submit(CARA)
    team.merge(merged, case)
    team.submit(CARA, at=team.at - 40 * 24 * HOUR)
    assert ids(team) == [case]


# --- allowed ---------------------------------------------------------------------------------------


def test_what_is_due_first_stands_first_and_then_whoever_waits_longest(team: Team) -> None:
    early = team.submit(CARA)
    late = team.submit(CARA)
    consultation = team.submit(PROXY)
    urgent, overdue = team.submit(NOA), team.submit(NOA, at=team.at - 96 * HOUR)
    assert ids(team) == [overdue, urgent, early, late, consultation]
    assert ids(team, Filters(overdue=True)) == [overdue]


def test_a_draft_with_a_flag_waits_like_the_others(team: Team) -> None:
    draft = team.submit({"info_only": True, "self_harm_thoughts": "now"}, complete=False)
    [line] = page(team).lines
    assert (line.row.id, line.row.status, line.row.priority) == (draft, "draft", 1)


def test_a_line_says_why_what_is_unknown_and_what_changed(team: Team) -> None:
    case = team.submit(NOA)
    [line] = page(team).lines
    assert line.why
    assert "Thoughts of self-harm today or right now" in line.why
    assert line.unknown == len(team.assessment(case).evaluation.undetermined) > 0
    assert (line.is_new, line.changed) == (True, False)
    team.look(case)
    assert (page(team).lines[0].is_new, page(team).lines[0].changed) == (False, False)
    team.beside(somebody(team.service, "manager")).note(case, "called")
    assert page(team).lines[0].changed
    team.close_flags(case)
    [line] = page(team).lines
    assert (line.why, line.row.priority) == ((), None)


def test_each_filter_narrows_the_queue(team: Team) -> None:
    urgent, plain = team.submit(NOA, booking_reference="B-1"), team.submit(CARA, language="es")
    spam, trial = team.submit(CARA, spam_reasons="honeypot"), team.submit(CARA, test=True)
    assert isinstance(team.who.actor("x").id, str)
    me = team.who.actor("x").id
    team.assign(plain, me)
    team.decide(plain, "in_review")
    expected = {
        Filters(priority=1): [urgent], Filters(priority=4): [], Filters(booking_reference="B-1"): [urgent],
        Filters(language="es"): [plain], Filters(states=("in_review",)): [plain],
        Filters(states=("new",)): [urgent, spam], Filters(assignee=me): [plain],
        Filters(unassigned=True): [urgent, spam], Filters(suspected_spam=True): [spam],
        Filters(test=True): [trial], Filters(states=("closed",)): [],
        Filters(ids=(trial, plain)): [plain, trial],
        Filters(ids=()): [], Filters(language="es", priority=1): [],
    }  # fmt: skip
    for filters, wanted in expected.items():
        assert sorted(ids(team, filters)) == sorted(wanted), filters


def test_pages_follow_each_other_without_gap_or_repeat_while_cases_move(team: Team) -> None:
    made = [team.submit(CARA if number % 3 else NOA) for number in range(14)]
    for case in made[:4]:
        team.decide(case, "in_review")
    whole = ids(team)
    assert sorted(whole) == sorted(made)
    walked, after = [], None
    while True:
        found = page(team, limit=3, after=after)
        walked += [line.row.id for line in found.lines]
        after = found.following
        if after is None:
            break
    assert walked == whole


def test_filters_with_little_in_common_are_looked_for_a_stretch_at_a_time(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_SCANNED", 12)
    made = [
        team.submit(NOA if number % 4 else CARA, language="en" if number % 5 else "es")
        for number in range(21)
    ]
    for case in made[::3]:
        team.decide(case, "in_review")
    spanish = Filters(language="es", unassigned=True)
    found, pages, after = [], 0, None
    while pages == 0 or after:
        part = page(team, spanish, limit=2, after=after)
        found += [line.row.id for line in part.lines]
        pages, after = pages + 1, part.following
    assert sorted(found) == sorted(case for number, case in enumerate(made) if number % 5 == 0)
    assert found == [case for case in ids(team) if case in found]
    assert pages > 2
    nothing = page(team, Filters(priority=1, language="ht"))
    assert (nothing.lines, nothing.following is not None) == ((), True)


def test_a_case_that_can_not_be_opened_hides_no_other(team: Team) -> None:
    poisoned, fine = team.submit(CARA), team.submit(CARA)
    spoil = sa.update(table).where(table.c.id == poisoned).values(answers=b"x" * 64)
    team.service.database.write_blocking(lambda session: session.execute(spoil) and None)
    lines = {line.row.id: line for line in page(team).lines}
    assert lines[poisoned].why is None
    assert lines[fine].why == ()


def test_counts_leave_out_tests_and_stop_at_a_limit(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [team.submit(CARA) for _ in range(4)]
    team.submit(CARA, test=True)
    team.submit(CARA, complete=False)
    team.submit(NOA, at=team.at - 96 * HOUR)
    team.decide(made[0], "in_review")
    team.decide(made[1], "in_review", "ready", "closed")
    counted = team.service.read(partial(rows.counts, now=team.at))
    assert counted == {"new": 3, "in_review": 1, "needs_contact": 0, "ready": 0, "closed": 1}
    assert team.service.read(partial(rows.overdue, now=team.at)) == 1
    monkeypatch.setattr(rows, "MAX_COUNTED", 1)
    assert team.service.read(partial(rows.counts, now=team.at))["new"] == 2


def test_what_was_shown_a_day_ago_is_shown_anew(team: Team) -> None:
    mine = team.who.actor("test")
    made = [team.submit(NOA), team.submit(CARA)]
    ask = partial(queue.unaudited_views, page=page(team), actor=mine)
    assert sorted(team.service.read(partial(ask, now=team.at))) == sorted(made)
    team.do(_shown, made[:1], now=team.at, actor=mine)
    assert team.service.read(partial(ask, now=team.at + 23 * HOUR)) == made[1:]
    assert sorted(team.service.read(partial(ask, now=team.at + 25 * HOUR))) == sorted(made)
    other = somebody(team.service, "manager").actor("test")
    assert len(team.service.read(partial(ask, now=team.at, actor=other))) == 2


def test_a_line_in_the_queue_takes_no_news_away(team: Team) -> None:
    case = team.submit(NOA)
    team.look(case)
    team.beside(somebody(team.service, "manager")).note(case, "called")
    team.do(_shown, [case], now=team.at, actor=team.who.actor("test"))
    assert [each.action for each in team.look(case).changes_since_last_view] == ["note.added"]
    team.do(_shown, [case], now=team.at, actor=somebody(team.service, "manager").actor("test"))
    assert not team.look(case).changes_since_last_view


def test_a_search_finds_exactly_and_is_on_record_without_what_for(team: Team) -> None:
    case, other = team.submit(PAT, contact=True, booking_reference="B-7"), team.submit(CARA)
    for text in (
        " (561) 555-0142 ",
        PAT_CONTACT["phone"],
        "PAT.canary@example.org",
        "B-7",
        case,
        case.upper(),
    ):
        assert search(team, text) == [case]
    for text in ("561555", "pat.canary", "b-7", "%", "nobody@example.org"):
        assert search(team, text) == []
    assert search(team, other) == [other]
    assert team.service.audit_count("cases.searched") == 12
    by = audit_log.Filters(actor=team.who.actor("x").id)
    events = team.service.read(partial(audit_log.page, filters=by, before=None, limit=50))
    assert {event.object_id for event in events} == {None}


def test_a_search_finds_closed_cases_drafts_and_tests_too(team: Team) -> None:
    made = [team.submit(PAT, contact=True, **more) for more in ({}, {"complete": False}, {"test": True})]
    team.decide(made[0], "in_review", "ready", "closed")
    assert sorted(search(team, PAT_CONTACT["phone"])) == sorted(made)


PLANNED = [
    Filters(), Filters(("new",)), Filters(STATES), Filters(priority=1), Filters(assignee="x"),
    Filters(language="es"), Filters(booking_reference="x"), Filters(overdue=True),
    Filters(("new",), priority=1, language="es"), Filters(test=True), Filters(ids=("x", "y")),
    Filters(suspected_spam=True), Filters(suspected_spam=True, test=True), Filters(unassigned=True),
    Filters(unassigned=True, language="es"), Filters(assignee="x", suspected_spam=True),
]  # fmt: skip


@pytest.mark.parametrize("filters", PLANNED, ids=str)
@pytest.mark.parametrize("after", [None, (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "x"), (None, "x")], ids=str)
def test_no_page_of_the_queue_is_found_by_walking_through_everything(
    team: Team, filters: Filters, after: rows.Place | None
) -> None:
    def explain(session: Any) -> list[str]:
        sqlite = session.dialect.name == "sqlite"
        if not sqlite:  # the planner would scan a table this small
            session.exec_driver_sql("SET enable_seqscan = off")
        said = []
        for state in filters.states:
            for part in rows._parts(filters, state, after, team.at):
                dated = "due_at IS NULL" not in str(part.end(9))
                for asked in (part.rows(51), part.rows(51, (team.at if dated else None, "y")), part.end(9)):
                    text = asked.compile(session, compile_kwargs={"literal_binds": True})
                    how = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
                    said += [str(row) for row in session.exec_driver_sql(how + str(text))]
        return said

    plan = "\n".join(team.service.read(explain))
    assert "SCAN submissions" not in plan
    assert "Seq Scan" not in plan
    if not filters.booking_reference and filters.ids is None and "Index" not in plan:
        assert "TEMP B-TREE" not in plan, plan
