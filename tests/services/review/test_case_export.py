"""Tests of the export of one case: who may export it, what is audited, and that no stored data is missing."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.errors import Forbidden, NotFound, NotSubmitted
from app.services.auth.authorization import StaffPrincipal
from app.services.auth.permissions import ROLES, Role, permitted
from app.services.review import case_export, cases
from app.services.review.cases import StaffCommand
from app.storage.events.audit_log import Actor
from app.storage.tables.auth import staff_users
from app.storage.tables.operations import audit_events as audit_events_table
from tests.conftest import Service
from tests.sample_answers import NOA, PAT, PAT_CONTACT
from tests.services.reporting.test_dashboard import HOUR, PastCases

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def past(service: Service) -> PastCases:
    return PastCases(service, now())


def turn(past: PastCases, case: str, *roles: Role) -> StaffCommand:
    who = StaffPrincipal(NOBODY, permitted(roles or ("manager",)))
    return StaffCommand(case, who, Actor("staff", NOBODY), past.now)


def do(past: PastCases, act: Any, mine: StaffCommand, *given: Any, **more: Any) -> Any:
    submission_service = past.service.services.submissions
    return past.service.database.write_blocking(
        lambda session: act(session, submission_service, mine, *given, **more)
    )


def taken(past: PastCases, case: str) -> list[str]:
    row = audit_events_table.c
    asked = sa.select(row.action).where(row.object_id == case, row.action.like("%exported")).order_by(row.id)
    return list(past.service.read(lambda session: session.execute(asked).scalars()))


@pytest.fixture
def staffed(past: PastCases) -> PastCases:
    """Add the manager who exports cases."""
    person = {"id": NOBODY, "email": "mo@clinic.example", "name": "Mo Manager", "roles": "manager"}
    past.run(sa.insert(staff_users).values(**person, created_at=past.now))
    return past


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in ROLES if role != "manager"])
def test_who_may_not_export_takes_nothing_and_nothing_is_on_record(past: PastCases, role: Role) -> None:
    [case] = past.came(1, HOUR)
    for act in (case_export.case_document, case_export.summary_for_export):
        with pytest.raises(Forbidden):
            do(past, act, turn(past, case, role))
    assert taken(past, case) == []


def test_contact_details_need_their_own_permission(past: PastCases) -> None:
    [case] = past.came(1, HOUR, PAT, contact=PAT_CONTACT)
    who = StaffPrincipal(NOBODY, frozenset(["export", "case"]))
    mine = StaffCommand(case, who, Actor("staff", NOBODY), past.now)
    with pytest.raises(Forbidden):
        do(past, case_export.case_document, mine, contact=True)
    assert taken(past, case) == []
    assert do(past, case_export.case_document, mine)["answers"]


@pytest.mark.parametrize(
    "case", ["01a20f76-0811-7237-a8e5-313d460d5306", "x", "", "../../etc/passwd", "a\0b", "1" * 10_000]
)
def test_what_is_not_there_is_not_found(past: PastCases, case: str) -> None:
    for act in (case_export.case_document, case_export.summary_for_export):
        with pytest.raises(NotFound):
            do(past, act, turn(past, case))


def test_a_draft_has_no_letter(past: PastCases) -> None:
    [case] = past.came(1, HOUR, complete=False)
    with pytest.raises(NotSubmitted):
        do(past, case_export.summary_for_export, turn(past, case))
    assert taken(past, case) == []
    assert do(past, case_export.case_document, turn(past, case))["summary"] is None


# --- allowed ---------------------------------------------------------------------------------------


def test_a_file_holds_all_that_is_kept_but_contact_details_and_tokens(staffed: PastCases) -> None:
    answers = NOA | {"contact_permission": "yes"}
    [case] = staffed.came(1, HOUR, answers, contact=PAT_CONTACT, booking_reference="BK-7")
    mine = turn(staffed, case)
    looked = do(staffed, cases.view_case, mine)
    flag = looked.assessment.record.flags[0]
    do(staffed, cases.add_note, mine, "Called back <b>twice</b>.")
    do(staffed, cases.act_on_flag, mine, flag.id, "reached")
    told = do(staffed, case_export.case_document, mine)
    assert taken(staffed, case) == ["case.exported"]
    assert (told["format"], told["submission"]["id"]) == ("preconsult-case/1", case)
    assert told["submission"]["booking_reference"] == "BK-7"
    assert not {"token_hash", "contact", "answers"} & told["submission"].keys()
    assert {each["link_id"] for each in told["answers"]} == answers.keys()
    thoughts = next(each for each in told["answers"] if each["link_id"] == "self_harm_thoughts")
    assert thoughts["answer"] == "now"
    assert thoughts["said"] != ["now"]
    assert told["summary"]["interruptions"]
    assert told["rested_on"]["digest"] == told["summary"]["digest"]
    assert [(each["body"], each["by_name"]) for each in told["notes"]] == [
        ("Called back <b>twice</b>.", "Mo Manager")
    ]
    acted = next(each for each in told["flags"] if each["id"] == flag.id)
    assert [(each["action"], each["by_name"]) for each in acted["actions"]] == [("reached", "Mo Manager")]
    assert acted["due_at"].endswith("Z")
    assert {"submission.submitted", "submission.viewed", "note.added", "flag.reached", "case.exported"} <= {
        each["action"] for each in told["history"]
    }
    text = json.dumps(told)
    assert not [each for each in PAT_CONTACT.values() if each in text]


def test_contact_details_come_when_asked_for_and_go_on_record(past: PastCases) -> None:
    [case] = past.came(1, HOUR, PAT, contact=PAT_CONTACT)
    told = do(past, case_export.case_document, turn(past, case), contact=True)
    assert told["contact"] == PAT_CONTACT
    assert taken(past, case) == ["contact.exported", "case.exported"]


def test_a_letter_is_what_the_respondent_saw_and_goes_on_record(past: PastCases) -> None:
    [case] = past.came(1, HOUR, language="es")
    assessment = do(past, case_export.summary_for_export, turn(past, case))
    assert assessment.summary()["language"] == "es"
    assert taken(past, case) == ["summary.exported"]
