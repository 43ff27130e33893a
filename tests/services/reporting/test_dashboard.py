"""Tests of the data of the dashboard: what is left out, which counts are too small to show, and the rest."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from uuid_utils import uuid7

from app.services.reporting import dashboard
from app.services.reporting.charts import Chart, format_duration
from app.services.reporting.dashboard import Period
from app.services.reporting.small_counts import FEW, SUPPRESSED
from app.services.submissions import lifecycle
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.reporting.dashboard import min_id_at
from app.storage.tables.review import flag_actions as flag_actions_table
from app.storage.tables.submissions import flags as flags_table
from app.storage.tables.submissions import submissions as submissions_table
from tests.conftest import Service
from tests.sample_answers import CARA, NOA, Answers

NOON = dt.datetime(2093, 11, 24, 12, tzinfo=dt.UTC)  # a Tuesday; no purge is due for its cases yet
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
ME = Actor("command")
SHE: Answers = CARA | {"contact_permission": "no"}


@dataclass
class PastCases:
    """A service whose time is noon; submissions are created with times in its past."""

    service: Service
    now: dt.datetime = NOON
    ids: list[str] = field(default_factory=list)

    def came(self, number: int, ago: dt.timedelta, answers: Answers = SHE, **more: Any) -> list[str]:
        """Create this many submissions, one second apart; returns their ids."""
        assessments = [
            self._assess(self.now - ago + dt.timedelta(seconds=each), answers, more) for each in range(number)
        ]
        create = partial(lifecycle.create, vault=self.service.services.submissions.vault, actor=ME)
        self.service.database.write_blocking(
            lambda session: [create(session, assessment=each) for each in assessments] and None
        )
        return [each.record.id for each in assessments]

    def _assess(self, at: dt.datetime, answers: Answers, more: dict[str, Any]) -> Assessment:
        submissions = self.service.services.submissions
        edition = submissions.library.current("ketamine-preconsult")
        assert edition
        assessment = assess_new(
            edition, SubmissionInput(answers, **more), new_token(), now=at, terms=submissions.terms
        )
        new_id = str(uuid7(nanoseconds=int(at.timestamp() * 1000) * 10**6))
        return replace(assessment, record=replace(assessment.record, id=new_id))

    def run(self, statement: Any) -> None:
        self.service.database.write_blocking(lambda session: session.execute(statement) and None)

    def looked(self, ids: Sequence[str], after: dt.timedelta) -> None:
        """Record a staff view of each submission, this long after it was submitted."""
        row = submissions_table.c
        known = sa.select(row.id, row.submitted_at).where(row.id.in_(ids))
        for each in self.service.read(lambda session: session.execute(known).all()):
            looked = sa.update(submissions_table).where(row.id == each.id)
            self.run(looked.values(first_viewed_at=each.submitted_at + after))

    def charts(self, days: int = 7, *, test: bool = False) -> dict[str, Chart]:
        submissions = self.service.services.submissions
        period = Period(days, self.now, submissions.terms.hours, test)
        work = partial(
            dashboard.build_charts,
            vault=submissions.vault,
            library=submissions.library,
            period=period,
            idle=HOUR,
        )
        return {each.name: each for each in self.service.read(work)}


@pytest.fixture
def past(service: Service) -> PastCases:
    return PastCases(service)


def cells(chart: Chart, place: int = 1) -> dict[Any, Any]:
    return {row[0]: row[place] for row in chart.rows}


# --- left out --------------------------------------------------------------------------------------


def test_empty_service_has_a_title_for_every_chart(past: PastCases) -> None:
    shown = past.charts(30)
    assert [each.title for each in shown.values()] == [
        "No questionnaire arrived in the last 30 days; 0 in the 30 days before",
        "Too few cases were looked at to say how soon",
        "No flag fell due",
        "No language stands out",
        "Too few cases to say what most are about",
        "No form begun and left",
    ]


def test_tests_are_left_out_and_can_be_shown_apart(past: PastCases) -> None:
    past.came(6, 2 * HOUR, NOA, test=True)
    past.came(7, 3 * HOUR, SHE)
    assert past.charts()["arrivals"].title.startswith("7 questionnaires arrived")
    assert past.charts()["flags"].title == "No flag fell due"
    assert past.charts(test=True)["arrivals"].title.startswith("6 questionnaires arrived")
    assert past.charts(test=True)["languages"].title == "Language most used: English (6 of 6)"


def test_drafts_and_what_came_before_are_no_arrivals(past: PastCases) -> None:
    past.came(5, HOUR, complete=False)
    past.came(6, 7 * DAY)
    past.came(8, 14 * DAY)
    past.came(9, 6 * DAY)
    title = "9 questionnaires arrived in the last 7 days; 6 in the 7 days before"
    assert past.charts()["arrivals"].title == title


@pytest.mark.parametrize("number", [1, 4])
def test_counts_of_too_few_people_are_suppressed(past: PastCases, number: int) -> None:
    ids = past.came(number, 2 * HOUR, NOA | {"health_topics": ["liver"]})
    past.looked(ids, HOUR)
    past.came(number, 2 * HOUR, complete=False)
    for chart in past.charts().values():
        assert not any(str(number) == str(cell) for row in chart.rows for cell in row[1:]), chart
        assert not any(value for values in chart.values for value in values), chart
        assert f"{number} " not in chart.title.replace("7 days", "")
    assert past.charts()["arrivals"].title == (
        "Fewer than 5 questionnaires arrived in the last 7 days; 0 in the 7 days before"
    )


def test_a_small_cell_takes_another_with_it_so_that_the_total_gives_nothing_away(past: PastCases) -> None:
    past.came(9, 2 * HOUR)
    past.came(3, 2 * HOUR, language="es")
    past.came(20, 3 * HOUR, language="pt-BR")
    assert cells(past.charts()["languages"]) == {
        "Portuguese (Brazil)": 20,
        "English": SUPPRESSED,
        "Spanish": FEW,
    }


def test_a_topic_that_all_but_a_few_have_is_not_shown(past: PastCases) -> None:
    past.came(20, 2 * HOUR)
    past.came(2, 2 * HOUR, SHE | {"pain_types": ["fibromyalgia"]})
    past.came(6, 2 * HOUR, SHE | {"health_topics": ["liver"]})
    found = {str(name).partition(":")[0]: cell for name, cell in cells(past.charts()["topics"]).items()}
    assert found["P_CRPS"] == SUPPRESSED
    assert found["P_FIBRO"] == FEW
    assert found["K_LIVER"] == 6


def test_a_row_that_does_not_open_does_not_hide_the_others(past: PastCases) -> None:
    poisoned, *_ = past.came(7, 2 * HOUR)
    left, *_ = past.came(6, 3 * HOUR, complete=False)
    row = submissions_table.c
    past.run(sa.update(submissions_table).where(row.id == poisoned).values(summary_provenance=b"x" * 40))
    past.run(sa.update(submissions_table).where(row.id == left).values(answers=b"x" * 40))
    shown = past.charts()
    assert shown["arrivals"].title.startswith("7 questionnaires")
    assert shown["topics"].title.endswith("(6 of 6)")
    assert shown["left"].title == "5 forms begun and left"


# --- shown -----------------------------------------------------------------------------------------


def test_days_are_the_clinics_and_few_a_day_are_shown_by_week(past: PastCases) -> None:
    past.came(6, 13 * HOUR)  # yesterday at 23:00
    past.came(7, HOUR)
    assert cells(past.charts()["arrivals"])["2093-11-23"] == 6
    assert cells(past.charts()["arrivals"])["2093-11-24"] == 7
    assert cells(past.charts()["arrivals"])["2093-11-22"] == 0
    for each in range(2, 7):
        past.came(2, each * DAY)
    past.came(5, 20 * DAY)
    assert cells(past.charts(30)["arrivals"]) == {
        "2093-10-26": 0, "2093-10-28": 0, "2093-11-04": 5, "2093-11-11": 0, "2093-11-18": 23
    }  # fmt: skip


def test_how_soon_somebody_looked(past: PastCases) -> None:
    past.looked(past.came(5, 5 * HOUR), dt.timedelta(minutes=12))
    past.looked(past.came(4, 26 * HOUR), dt.timedelta(hours=2))
    past.looked(past.came(1, 27 * HOUR), dt.timedelta(minutes=-5))  # viewed while still a draft
    past.came(3, 2 * HOUR)
    chart = past.charts()["looks"]
    assert chart.title == "Half were looked at within 12 min, nine in ten within 2 h"
    assert chart.rows[-1] == ("2093-11-24", "12 min", "12 min")
    assert chart.rows[-2] == ("2093-11-23", "2 h", "2 h")
    assert chart.rows[-3] == ("2093-11-22", "too few", "too few")


def test_flags_are_met_when_somebody_acts_in_time_and_a_look_is_no_act(past: PastCases) -> None:
    past.came(12, 3 * HOUR, NOA)
    past.came(6, dt.timedelta(minutes=1), NOA)  # not due yet
    ids = past.service.read(lambda session: list(session.execute(sa.select(flags_table).order_by("id"))))
    mine = [each for each in ids if each.priority == 1][:24]
    assert len(mine) == 24  # the flags self_harm_now and no_contact_route of each submission
    for place, flag in enumerate(mine):
        action = "seen" if place < 4 else "reached"
        late = HOUR if place < 8 else -dt.timedelta(minutes=1)
        act = {"id": str(uuid7()), "flag_id": flag.id, "submission_id": flag.submission_id, "action": action}
        act |= {
            "actor_kind": "staff",
            "actor_id": None,
            "created_at": flag.due_at + (late if place >= 4 else -HOUR / 60),
        }
        past.run(sa.insert(flag_actions_table).values(**act))
    chart = past.charts()["flags"]
    assert chart.title == "Flags met in time: 16 of 24"
    assert chart.rows[0] == ("Priority 1", 24, 16)
    assert chart.rows[1:] == tuple((f"Priority {each}", 0, 0) for each in (2, 3, 4))
    past.run(sa.update(flags_table).where(flags_table.c.id == mine[0].id).values(closed_at=mine[0].due_at))
    assert past.charts()["flags"].title == "Flags met in time: 17 of 24"


def test_forms_that_were_left_stop_at_the_last_page_answered(past: PastCases) -> None:
    first = {"info_only": True}
    past.came(6, 2 * HOUR, first, complete=False)
    past.came(8, 2 * HOUR, CARA, complete=False)
    past.came(9, HOUR / 2, first, complete=False)  # may still be in progress
    chart = past.charts()["left"]
    assert chart.title == "14 forms begun and left"
    assert [row[1] for row in chart.rows] == [6, 8]


def test_beyond_what_is_opened_the_newest_speak_for_all_and_it_is_said(
    past: PastCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "MAX_ROWS", 6)
    past.came(6, 2 * HOUR, language="es")
    past.came(9, 3 * HOUR)
    shown = past.charts()
    assert shown["arrivals"].title.startswith("15 questionnaires")
    assert shown["languages"].title == "Language most used: Spanish (6 of 6)"
    assert shown["languages"].note == "From 6 of 15: of each day or week the newest."


def test_beyond_that_each_day_speaks_in_its_share(past: PastCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "MAX_ROWS", 20)
    past.came(10, 2 * HOUR, NOA, language="es")
    past.came(30, 26 * HOUR)
    shown = past.charts()
    assert cells(shown["languages"]) == {"English": 15, "Spanish": 5}
    assert shown["flags"].note.endswith("From the newest 20.")


def test_every_count_goes_by_an_index(past: PastCases) -> None:
    past.came(6, 2 * HOUR, NOA)
    submissions = past.service.services.submissions
    period = Period(7, past.now, submissions.terms.hours)

    def work(session: Session) -> list[str]:
        executed: list[tuple[str, Any]] = []
        event.listen(session, "before_cursor_execute", lambda *args: executed.append((args[2], args[3])))
        dashboard.build_charts(session, submissions.vault, submissions.library, period, idle=HOUR)
        recorded = executed[:]
        explain = "EXPLAIN QUERY PLAN " if past.service.database.is_sqlite else "EXPLAIN "
        if not past.service.database.is_sqlite:  # the planner reads a table of six rows without an index
            session.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return [
            str(tuple(row))
            for each in recorded
            for row in session.exec_driver_sql(explain + each[0], each[1])
        ]

    plans = past.service.read(work)
    assert len(plans) >= 10
    assert not [each for each in plans if "SCAN" in each or "Seq Scan" in each]


def test_an_id_of_a_time_sorts_before_all_made_from_then_on() -> None:
    for micro in (0, 1, 999, 1000, 123456):
        at = NOON + dt.timedelta(microseconds=micro)
        made = [str(uuid7(nanoseconds=int(at.timestamp() * 1000) * 10**6)) for _ in range(50)]
        assert min_id_at(at) < min(made)
        assert max(made) < min_id_at(at + dt.timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 min"), (1, "1 min"), (3540, "59 min"), (3541, "1 h"), (6000, "1 h 40 min"),
        (48 * 3600, "2 days"), (49 * 3600, "2 days 1 h"),
    ],
)  # fmt: skip
def test_a_duration_in_words(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text
