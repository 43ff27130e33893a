"""Tests of the review of cases: permissions, steps, what is recorded, and concurrent changes."""

import datetime as dt
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.errors import (
    Forbidden,
    InvalidAnswers,
    InvalidRequest,
    InvalidTransition,
    NotFound,
    PreconditionFailed,
)
from app.services.auth.authorization import Principal, Respondent
from app.services.auth.permissions import ROLES, Permission
from app.services.review import cases, corrections
from app.services.review.cases import ACTIONS, MAX_NOTE_LENGTH, STEPS, normalise_note
from app.storage.events import audit_log
from app.storage.tables import events
from app.storage.tables.base import metadata
from app.storage.tables.operations import audit_chain_head
from app.storage.tables.review import case_views, flag_actions, notes, submission_versions
from tests.conftest import Service
from tests.factories import Team, program, somebody
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT

MOMENT = dt.timedelta(milliseconds=1)
CALM = CARA | {"self_harm_thoughts": "no"}
PROXY = CARA | {"answering_for": "someone_else"}  # a flag that is due at the consultation
ACTS: dict[str, tuple[Permission, Callable[[Team, str], Any]]] = {
    "look": ("case", lambda team, case: team.look(case)),
    "history": ("case", lambda team, case: team.do(cases.history, team.turn(case))),
    "reveal": ("contact", lambda team, case: team.do(cases.reveal_contact, team.turn(case))),
    "decide": ("review", lambda team, case: team.decide(case, "in_review")),
    "assign": ("review", lambda team, case: team.assign(case, None)),
    "note": ("review", lambda team, case: team.note(case, "called")),
    "flag": ("review", lambda team, case: team.act(case, "x", "seen")),
    "correct": ("correct", lambda team, case: team.correct(case, ride_home="no")),
    "corrections": ("case", lambda team, case: team.do(corrections.corrections, team.turn(case))),
    "merge": ("correct", lambda team, case: team.merge(case, "ffffffff-0000-7000-8000-000000000000")),
}
NO_CASE = ["019298a2-0000-7000-8000-000000000000", "", "x", "\0", "../", "é" * 40]


@pytest.fixture
def team(service: Service) -> Team:
    return Team(service, somebody(service, "reviewer"))


def everything(team: Team) -> list[Any]:
    """Every row of every table, except what the service writes by itself meanwhile."""

    def dump(session: Any) -> list[Any]:
        tables = [
            table for table in metadata.sorted_tables if table not in (audit_chain_head, events.outbox_events)
        ]
        columns = [[each for each in table.c if each.name not in ("position", "mac")] for table in tables]
        found = [tuple(row) for each in columns for row in session.execute(sa.select(*each))]
        return [row for row in found if "service" not in row]

    return sorted(team.service.read(dump), key=repr)


def rows(team: Team, table: sa.Table) -> int:
    asked = sa.select(sa.func.count()).select_from(table)
    return int(team.service.read(lambda session: session.execute(asked).scalar_one()))


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ACTS)
def test_whoever_lacks_the_permission_does_nothing_and_leaves_no_trace(team: Team, act: str) -> None:
    case = team.submit(NOA)
    needed, work = ACTS[act]
    without = [role for role in ROLES if needed not in ROLES[role]]
    strangers: list[Principal] = [Respondent(b"x"), program("submissions:read", "submissions:write")]
    strangers += [somebody(team.service, role) for role in without]
    before = everything(team)
    for stranger in strangers:
        with pytest.raises(Forbidden):
            work(team.beside(stranger), case)
    assert everything(team) == before


@pytest.mark.parametrize("act", ACTS)
def test_a_case_nobody_knows_is_not_found(team: Team, act: str) -> None:
    before = everything(team)
    for name in NO_CASE:
        with pytest.raises(NotFound):
            ACTS[act][1](team, name)
    assert everything(team) == before


@pytest.mark.parametrize("act", ACTS)
def test_a_test_key_knows_nothing_of_real_cases(team: Team, act: str) -> None:
    case = team.submit(NOA)
    with pytest.raises(NotFound):
        ACTS[act][1](team.beside(program("review", test=True)), case)
    assert team.assessment(case).record.version == 1


@pytest.mark.parametrize("act", ["decide", "assign", "note", "flag", "correct", "merge"])
def test_an_act_on_an_older_version_changes_nothing(team: Team, act: str) -> None:
    case = team.submit(NOA)
    team.note(case, "first")
    team.version = 1
    before = everything(team)
    with pytest.raises(PreconditionFailed):
        ACTS[act][1](team, case)
    assert everything(team) == before


@pytest.mark.parametrize("at", STEPS)
def test_a_step_that_is_not_in_the_table_is_refused(team: Team, at: cases.Review) -> None:
    path: dict[str, tuple[cases.Review, ...]] = {
        "new": (), "in_review": ("in_review",), "ready": ("in_review", "ready"),
        "needs_contact": ("in_review", "needs_contact"), "closed": ("in_review", "ready", "closed"),
    }  # fmt: skip
    case = team.submit(CALM)
    if path[at]:
        team.decide(case, *path[at])
    for step in STEPS:
        if step == at:
            assert team.decide(case, step).record == team.assessment(case).record
        elif step not in STEPS[at]:
            with pytest.raises(InvalidTransition, match=at):
                team.decide(case, step)
    assert team.assessment(case).record.review == at


def test_a_case_with_a_clock_running_is_neither_ready_closed_nor_merged(team: Team) -> None:
    case, other = team.submit(NOA), team.submit(NOA)
    team.decide(case, "in_review", "needs_contact")
    for step in ("ready", "closed"):
        with pytest.raises(InvalidTransition, match="flags first"):
            team.decide(case, step)
    with pytest.raises(InvalidTransition, match="flags first"):
        team.merge(case, other)
    assert team.assessment(case).record.priority == 1


def test_a_flag_that_is_closed_or_of_another_case_takes_no_act(team: Team) -> None:
    case, other = team.submit(NOA), team.submit(NOA)
    flag = team.assessment(case).record.flags[0].id
    with pytest.raises(NotFound):
        team.act(other, flag, "seen")
    team.act(case, flag, "closed")
    for action in ACTIONS:
        with pytest.raises(InvalidTransition):
            team.act(case, flag, action)


def test_a_case_is_given_to_nobody_who_may_not_review(team: Team) -> None:
    case = team.submit(CARA)
    others = [
        somebody(team.service, "administrator").id, somebody(team.service, "auditor").id,
        somebody(team.service, "manager", disabled=True).id, *NO_CASE,
    ]  # fmt: skip
    for other in others:
        with pytest.raises(InvalidRequest) as refused:
            team.assign(case, other)
        assert [error.code for error in refused.value.errors] == ["unknown_assignee"]
    assert team.assessment(case).record.version == 1


# --- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"), (" \n\t ", "missing"), ("x" * (MAX_NOTE_LENGTH + 1), "too_long"),
        ("a\0b", "not_text"), ("a\x1b[2J", "not_text"), ("a\x85b", "not_text"), ("a\tb", "not_text"),
        ("a\ud800b", "not_text"),
    ],
)  # fmt: skip
def test_a_note_that_is_no_text_is_not_kept(team: Team, text: str, code: str) -> None:
    case = team.submit(CARA)
    with pytest.raises(InvalidRequest) as refused:
        team.note(case, text)
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/text", code)]
    assert (rows(team, notes), team.assessment(case).record.version) == (0, 1)


def test_a_note_is_kept_in_one_form_of_unicode_with_its_lines() -> None:
    assert normalise_note("  cafe\u0301\r\nsecond\rthird  ") == "café\nsecond\nthird"
    assert normalise_note("x" * MAX_NOTE_LENGTH)


def test_a_correction_that_can_not_be_is_refused_and_one_that_changes_nothing_too(team: Team) -> None:
    case = team.submit(CARA)
    for wrong in ({"ride_home": "x"}, {"no_such": "y"}, {"urgent_signs": None}, {"pain_intensity": "a lot"}):
        with pytest.raises(InvalidAnswers):
            team.correct(case, **wrong)
    with pytest.raises(InvalidTransition):
        team.correct(case, visit_reason=["long_term_pain", "low_mood"])
    assert (rows(team, submission_versions), team.assessment(case).record.version) == (0, 1)


def test_nobody_is_ready_by_a_form_that_was_not_sent(team: Team) -> None:
    case = team.submit(CARA, complete=False)
    team.decide(case, "in_review")
    with pytest.raises(InvalidTransition, match="not been sent"):
        team.decide(case, "ready")


def test_a_case_is_not_merged_into_itself_or_what_is_merged_or_a_test(team: Team) -> None:
    case, other, trial = team.submit(CALM), team.submit(CALM), team.submit(CALM, test=True)
    with pytest.raises(InvalidRequest):
        team.merge(case, case)
    for no_other in (trial, "x"):
        with pytest.raises(InvalidRequest, match="no case with that number"):
            team.merge(case, no_other)
    with pytest.raises(NotFound):
        team.merge("x", case)
    third = team.submit(CALM)
    team.merge(case, other)
    with pytest.raises(InvalidTransition):
        team.merge(case, third)
    with pytest.raises(InvalidTransition):
        team.merge(third, case)


# --- allowed ---------------------------------------------------------------------------------------


def test_who_saw_a_person_names_who_acted_on_a_flag(team: Team) -> None:
    case = team.submit(NOA)
    (flag, *_) = team.assessment(case).record.flags
    team.act(case, flag.id, "reached")
    seen = team.service.read(partial(audit_log.access_report, submission=case))
    acts = next(each.acts for each in seen if each.actor_kind == "staff")
    assert acts["flag.reached"] == 1


def test_a_look_is_on_record_and_changes_nothing_but_who_saw_what(team: Team) -> None:
    case = team.submit(NOA)
    first, other = team.look(case), team.beside(somebody(team.service, "manager"))
    assert first.seen is None
    assert first.assessment.record.first_viewed_at == team.at
    team.at += MOMENT
    assert other.look(case).seen is None
    again = team.look(case)
    assert again.seen
    assert again.seen.viewed_version == 1
    assert again.assessment.record.first_viewed_at == team.at - MOMENT
    assert team.assessment(case).record.version == 1
    assert team.service.audit_count("submission.viewed") == 3
    assert [each.action for each in again.history if each.action == "submission.viewed"] != []
    assert rows(team, case_views) == 2


def test_ones_own_act_is_nothing_new_to_oneself(team: Team) -> None:
    case = team.submit(NOA)
    other = team.beside(somebody(team.service, "reviewer"))
    team.look(case)
    other.look(case)
    version = team.note(case, "called").record.version
    mine, theirs = team.look(case).seen, other.look(case).seen
    assert mine
    assert theirs
    assert mine.viewed_version == version > theirs.viewed_version


def test_contact_details_are_shown_on_demand_and_each_time_is_on_record(team: Team) -> None:
    case = team.submit(PAT, contact=True)
    for count in (1, 2):
        found = team.do(cases.reveal_contact, team.turn(case))
        assert found.assessment.record.contact == PAT_CONTACT
        assert team.service.audit_count("contact.revealed") == count
    assert team.assessment(case).record.version == 1


def test_a_case_goes_from_new_to_closed_and_is_reopened(team: Team) -> None:
    case = team.submit(CALM)
    path: tuple[cases.Review, ...] = ("in_review", "needs_contact", "ready", "closed", "in_review")
    for number, step in enumerate(path, 2):
        team.at += MOMENT
        record = team.decide(case, step).record
        assert (record.review, record.version, record.updated_at) == (step, number, team.at)
        assert team.assessment(case).record == record
    assert team.service.audit_count("review.closed") == 1
    assert team.service.audit_count("review.in_review") == 2


def test_closing_a_case_closes_what_waits_for_the_consultation_alone(team: Team) -> None:
    case = team.submit(PROXY)
    assert [flag.flag_code for flag in team.assessment(case).record.flags] == ["proxy"]
    record = team.decide(case, "in_review", "ready", "closed").record
    assert (record.priority, record.flags[0].closed_at) == (None, team.at)
    assert team.assessment(case).record == record
    assert [each.action for each in team.look(case).actions] == ["closed"]
    assert team.service.audit_count("flag.closed") == 1


def test_a_case_is_given_and_taken_away(team: Team) -> None:
    case, manager = team.submit(CARA), somebody(team.service, "manager", name="Mika Manager")
    assert team.assign(case, manager.id).record.assignee_id == manager.id
    assert team.assign(case, manager.id).record.version == 2, "nothing changed"
    assert team.look(case).names[manager.id] == "Mika Manager"
    assert team.assign(case, None).record.assignee_id is None
    assert team.service.audit_count("review.assigned") == 1
    assert team.service.audit_count("review.unassigned") == 1
    assert manager.id in {who for who, _ in team.service.read(cases.reviewers)}


def test_notes_are_sealed_and_carry_who_and_when(team: Team) -> None:
    case = team.submit(CARA)
    team.note(case, "Canary-Note")
    team.beside(program("review")).note(case, "by program")
    found = team.look(case).notes
    assert [(each.body, each.actor_kind) for each in found] == [
        ("Canary-Note", "staff"), ("by program", "api_key"),
    ]  # fmt: skip
    assert b"Canary" not in repr(everything(team)).encode()
    assert team.service.audit_count("note.added") == 2


@pytest.mark.parametrize("action", [each for each in ACTIONS if each != "closed"])
def test_an_act_on_a_flag_leaves_its_clock_running(team: Team, action: cases.Action) -> None:
    case = team.submit(NOA)
    before = team.assessment(case).record
    record = team.act(case, before.flags[0].id, action).record
    assert (record.priority, record.due_at, record.version) == (1, before.due_at, 2)
    done = team.look(case).actions
    assert [(each.action, each.flag_id, each.created_at) for each in done] == [
        (action, before.flags[0].id, team.at)
    ]
    assert team.service.audit_count(f"flag.{action}") == 1


def test_closing_its_flags_takes_a_case_off_the_clock(team: Team) -> None:
    case = team.submit(NOA)
    flags = sorted(team.assessment(case).record.flags, key=lambda flag: flag.priority)
    for number, flag in enumerate(flags, 1):
        record = team.act(case, flag.id, "closed").record
        left = [each for each in record.flags if each.closed_at is None]
        assert len(left) == len(flags) - number
        assert record.priority == min((each.priority for each in left), default=None)
        assert record.due_at == min((each.due_at for each in left if each.due_at), default=None)
        assert team.assessment(case).record == record
    assert record.due_at is None
    assert rows(team, flag_actions) == len(flags)


def test_a_correction_is_a_new_version_beside_the_old_one(team: Team) -> None:
    case = team.submit(CARA, at=team.at - MOMENT)
    before = team.assessment(case).record
    after = team.correct(case, self_harm_thoughts="now", ride_home="no").record
    assert (after.version, after.submitted_at, after.retained_until) == (
        2, before.submitted_at, before.retained_until,
    )  # fmt: skip
    assert (after.priority, {"self_harm_now"} <= {flag.flag_code for flag in after.flags}) == (1, True)
    assert {flag.id for flag in before.flags} <= {flag.id for flag in after.flags}, "flags are only added"
    assert team.service.audit_count("submission.corrected") == 1
    assert team.service.audit_count("flag.raised") >= 2
    assessment, [difference], names = team.do(corrections.corrections, team.turn(case))
    assert [(each.link_id, each.before, each.after) for each in difference.changes] == [
        ("self_harm_thoughts", None, "now"), ("ride_home", None, "no"),
    ]  # fmt: skip
    assert "S_NOW" in difference.fired
    assert difference.no_longer == ("G_WHAT",)
    assert difference.before.version == 1
    assert assessment.record.answers["answers"]["ride_home"] == "no"
    assert names[difference.by.actor_id] == "Robin Reviewer"


def test_a_draft_that_a_correction_makes_urgent_is_kept_past_its_time_to_act_by(team: Team) -> None:
    noon = team.at.replace(hour=12) + dt.timedelta(days=7 - team.at.weekday())
    case = team.submit(CALM, complete=False, at=noon)  # a Monday: open then, and when the draft would expire
    before = team.assessment(case).record.retained_until
    team.at = before - dt.timedelta(minutes=10)
    record = team.correct(case, self_harm_thoughts="now").record
    assert record.retained_until > max(each.due_at for each in record.flags if each.due_at) > before


def test_a_correction_of_a_draft_leaves_it_a_draft(team: Team) -> None:
    case = team.submit(NOA, complete=False)
    record = team.correct(case, ride_home="no").record
    assert (record.status, record.submitted_at, record.version) == ("draft", None, 2)


def test_what_was_closed_is_new_again_when_a_correction_raises_a_flag(team: Team) -> None:
    case = team.submit(CALM)
    team.decide(case, "in_review", "ready", "closed")
    team.at += MOMENT
    assert team.correct(case, self_harm_thoughts="now").record.review == "new"


def test_a_duplicate_is_merged_and_taken_out_again(team: Team) -> None:
    case, other = team.submit(PROXY), team.submit(CALM)
    record = team.merge(case, other).record
    assert (record.merged_into_id, record.review, record.priority) == (other, "closed", None)
    assert team.assessment(case).record == record
    assert team.assessment(other).record.version == 2
    assert team.service.audit_count("submission.merged") == 1
    assert team.service.audit_count("submission.merged_from") == 1
    again = team.decide(case, "in_review").record
    assert (again.merged_into_id, again.review) == (None, "in_review")
    assert team.service.audit_count("submission.unmerged") == 1


def test_of_thirty_two_who_change_a_case_at_once_each_is_kept_or_told(team: Team) -> None:
    case = team.submit(NOA)
    team.version = 1
    outcomes: list[str] = []
    ready = threading.Barrier(32)

    def write(number: int) -> None:
        ready.wait()
        try:
            team.note(case, f"note {number}")
            outcomes.append("kept")
        except PreconditionFailed:
            outcomes.append("told")

    hands = [threading.Thread(target=write, args=(number,)) for number in range(32)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sorted(outcomes) == ["kept"] + ["told"] * 31
    assert (rows(team, notes), team.assessment(case).record.version) == (1, 2)


def test_thirty_two_who_read_again_and_try_again_all_get_through(team: Team) -> None:
    case = team.submit(NOA)

    def write(number: int) -> None:
        mine = Team(team.service, team.who, team.at)
        while True:
            mine.version = mine.assessment(case).record.version
            try:
                mine.note(case, f"note {number}")
            except PreconditionFailed:
                continue
            return

    hands = [threading.Thread(target=write, args=(number,)) for number in range(32)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    found = {each.body for each in team.look(case).notes}
    assert found == {f"note {number}" for number in range(32)}
    assert team.assessment(case).record.version == 33
    assert team.service.audit_count("note.added") == 32
