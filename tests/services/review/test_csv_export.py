"""Tests of the CSV export: who may export, audit event before the first byte, and no formulas in cells."""

import csv
import io
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from uuid_utils import uuid7

from app.clock import now
from app.errors import Forbidden, InvalidRequest
from app.services.auth.authorization import ApiClient, Respondent, StaffPrincipal
from app.services.auth.permissions import ROLES, Role, permitted
from app.services.review import csv_export
from app.services.review.csv_export import COLUMNS, MARK, ExportRequest, safe_cell
from app.storage.auth import api_keys
from app.storage.review.queue import Filters
from app.storage.tables.operations import audit_events as audit_events_table
from app.storage.tables.submissions import submissions as submissions_table
from tests.conftest import Service
from tests.sample_answers import FULL, NOA, PAT, PAT_CONTACT, Answers
from tests.services.reporting.test_dashboard import HOUR, ME, PastCases

LIST = ExportRequest(Filters())
ANSWERS = ExportRequest(LIST.filters, answers=True)


@pytest.fixture
def past(service: Service) -> PastCases:
    return PastCases(service, now())


def manager(*roles: Role) -> StaffPrincipal:
    return StaffPrincipal(str(uuid7()), permitted(roles or ("manager",)))


def begin(past: PastCases, who: Any, wanted: ExportRequest = LIST) -> int:
    number = past.service.read(partial(csv_export.count, principal=who, wanted=wanted, now=past.now))
    work = partial(csv_export.record_export, wanted=wanted, number=number, now=past.now, actor=ME)
    past.service.database.write_blocking(work)
    return number


def exported(past: PastCases, wanted: ExportRequest = LIST) -> list[dict[str, str]]:
    """Returns every row of the file."""
    submission_service = past.service.services.submissions
    text, following = csv_export.csv_header(submission_service.library, wanted), [wanted]
    while following:
        work = partial(
            csv_export.csv_chunk,
            submission_service=submission_service,
            wanted=following.pop(),
            now=past.now,
            actor=ME,
        )
        piece = past.service.database.write_blocking(work)
        text += piece.text
        following += [piece.following] if piece.following else []
    assert text.startswith(MARK)
    return list(csv.DictReader(io.StringIO(text.removeprefix(MARK))))


def events(past: PastCases) -> list[tuple[str, str, str]]:
    row = audit_events_table.c
    asked = sa.select(row.action, row.object_type, row.object_id).where(row.action.like("%exported"))
    return [tuple(each) for each in past.service.read(lambda session: session.execute(asked).all())]


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in ROLES if role != "manager"])
def test_who_may_not_export_gets_nothing_and_nothing_is_on_record(past: PastCases, role: Role) -> None:
    past.came(1, HOUR)
    for wanted in (LIST, ANSWERS):
        with pytest.raises(Forbidden):
            begin(past, manager(role), wanted)
    assert events(past) == []


def test_neither_a_respondent_nor_a_key_exports(past: PastCases) -> None:
    headers = past.service.key("review", "submissions:read", "submissions:write")
    found = past.service.read(partial(api_keys.fetch, key_id=headers["authorization"].split("_")[2]))
    assert found
    for who in (Respondent(b"x" * 32), ApiClient(found)):
        with pytest.raises(Forbidden):
            begin(past, who)


def test_answers_are_for_those_who_may_read_cases(past: PastCases) -> None:
    who = StaffPrincipal(str(uuid7()), frozenset(["export"]))
    assert begin(past, who) == 0
    with pytest.raises(Forbidden):
        begin(past, who, ANSWERS)


def test_more_than_a_file_holds_is_refused_and_not_on_record(
    past: PastCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "MAX_ROWS", 4)
    monkeypatch.setattr(csv_export, "ROWS", 2)
    past.came(4, HOUR)
    assert begin(past, manager()) == 4
    past.came(1, HOUR)
    with pytest.raises(InvalidRequest, match="at most 4 cases"):
        begin(past, manager())
    assert events(past) == [("list.exported", "cases", "4")]


# --- hostile input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("=1+1", "'=1+1"),
        ("+1 561 555 0142", "'+1 561 555 0142"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        (" =1", "' =1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("＝1", "'＝1"),
        ('=HYPERLINK("https://evil.example")', '\'=HYPERLINK("https://evil.example")'),
        ("\0=1", "'=1"),
        (-2, "'-2"),
        (["=1", "b"], "'=1 b"),
        ("BK-1", "BK-1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ('say "x", y;z\nw', 'say "x", y;z\nw'),
        ("", ""),
        (None, ""),
        (True, "true"),
        (3, "3"),
        (("a", "b"), "a b"),
    ],
)
def test_no_cell_is_a_formula(value: object, told: str) -> None:
    assert safe_cell(value) == told


@pytest.mark.parametrize("reference", ['=cmd|"/c calc"!A1', '-1+2",=1', "+x\r\n=2", '@"\n=1', '";=1;"'])
def test_a_booking_reference_stays_one_harmless_cell(past: PastCases, reference: str) -> None:
    past.came(1, HOUR, booking_reference=reference)
    [row] = exported(past)
    assert row["booking_reference"].lstrip("'") == reference
    assert not row["booking_reference"].startswith(("=", "+", "-", "@"))
    assert set(row) == set(COLUMNS)


def test_one_that_does_not_open_keeps_nobody_else_from_the_file(past: PastCases) -> None:
    poisoned, fine = past.came(2, HOUR)
    row = submissions_table.c
    past.run(sa.update(submissions_table).where(row.id == poisoned).values(answers=b"x" * 40))
    found = {each["id"]: each for each in exported(past, ANSWERS)}
    assert (found[poisoned]["answers_readable"], found[poisoned]["pain_types"]) == ("false", "")
    assert (found[fine]["answers_readable"], found[fine]["pain_types"]) == ("true", "crps")


# --- allowed ---------------------------------------------------------------------------------------


def test_a_list_names_cases_and_holds_neither_contact_details_nor_answers(past: PastCases) -> None:
    details: Answers = {"contact": PAT_CONTACT, "booking_reference": "BK-7"}
    [mine] = past.came(1, HOUR, PAT | {"self_harm_thoughts": "now"}, **details)
    past.came(2, HOUR, test=True)
    [row] = exported(past)
    assert list(row) == list(COLUMNS)
    assert (row["id"], row["status"], row["review"], row["attention"]) == (mine, "submitted", "new", "1")
    assert (row["language"], row["booking_reference"], row["test"]) == ("en", "BK-7", "false")
    assert row["edition"].startswith("ketamine-preconsult 1.")
    assert row["arrived"].endswith("Z")
    assert row["due"].endswith("Z")
    assert not [value for value in row.values() if any(each in value for each in PAT_CONTACT.values())]


def test_answers_come_in_a_column_each_and_every_case_says_who_took_them(past: PastCases) -> None:
    ids = past.came(
        3,
        HOUR,
        {name: value for name, value in FULL.items() if "contact_" not in name[:8]}
        | {"contact_permission": "no"},
    )
    assert begin(past, manager(), ANSWERS) == 3
    assert events(past) == [("answers.exported", "cases", "3")]
    rows = exported(past, ANSWERS)
    assert rows[0]["pain_intensity"] == "7"
    assert rows[0]["pain_tried"] == "prescribed_medicine ketamine"
    assert rows[0]["info_only"] == "true"
    assert not [name for name in rows[0] if name in ("contact_name", "contact_phone", "contact_email")]
    told = [each for each in events(past) if each[0] == "case.exported"]
    assert sorted(told) == sorted(("case.exported", "submission", each) for each in ids)


def test_a_filter_holds_over_all_pages(past: PastCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_export, "ROWS", 3)
    past.came(4, HOUR)
    mine = past.came(7, 2 * HOUR, NOA)
    wanted = ExportRequest(Filters(priority=1))
    assert begin(past, manager(), wanted) == 7
    assert [row["id"] for row in exported(past, wanted)] == sorted(mine)
    assert len(exported(past)) == begin(past, manager()) == 11
    assert exported(past, ExportRequest(Filters(states=("closed",)))) == []


def test_what_is_due_to_go_is_in_no_file(past: PastCases) -> None:
    ids = past.came(2, HOUR)
    row = submissions_table.c
    past.run(sa.update(submissions_table).where(row.id == ids[0]).values(retained_until=past.now))
    assert begin(past, manager()) == 1
    assert [each["id"] for each in exported(past)] == ids[1:]
