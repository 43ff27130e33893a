"""Tests of demo staff activity: it covers every step of a review and changes nothing else."""

from collections import Counter

import pytest
import sqlalchemy as sa

from app.clock import now
from app.services.demo import staff_activity, submissions
from app.storage.tables.auth import staff_users
from app.storage.tables.review import flag_actions as flag_actions_table
from app.storage.tables.review import notes as notes_table
from app.storage.tables.submissions import flags as flags_table
from app.storage.tables.submissions import submissions as submissions_table
from tests.conftest import Service
from tests.services.reporting.test_dashboard import HOUR, ME, PastCases

COUNT = 80


@pytest.fixture
def past(service: Service, same_crowd: None) -> PastCases:
    made = PastCases(service, now())
    submission_service = service.services.submissions
    edition = submission_service.library.current("ketamine-preconsult")
    assert edition
    submissions.seed(
        service.database,
        submission_service.vault,
        edition,
        count=COUNT,
        number=1,
        now=made.now,
        terms=submission_service.terms,
        actor=ME,
    )
    return made


def work(past: PastCases, number: int = 1) -> int:
    service = past.service
    return staff_activity.simulate(
        service.database, service.services.submissions, count=COUNT, number=number, now=past.now, actor=ME
    )


def column(past: PastCases, asked: sa.Column[object], *where: sa.ColumnElement[bool]) -> list[object]:
    return list(past.service.read(lambda s: s.execute(sa.select(asked).where(*where)).scalars()))


def test_nothing_real_is_touched_and_nobody_can_sign_in(past: PastCases) -> None:
    real = past.came(5, HOUR)
    work(past)
    row = submissions_table.c
    assert set(column(past, row.first_viewed_at, row.id.in_(real))) == {None}
    assert set(column(past, row.review, row.is_test.is_(False))) == {"new"}
    assert column(past, staff_users.c.password_hash) == [None] * len(staff_activity.NAMES)


def test_again_works_only_on_what_is_new_with_the_same_staff(past: PastCases) -> None:
    first = work(past)
    assert work(past, number=2) <= COUNT - first
    assert len(column(past, staff_users.c.id)) == len(staff_activity.NAMES)


def test_a_busy_day_shows_every_state_act_and_overdue_flags(past: PastCases) -> None:
    done = work(past)
    assert COUNT / 2 < done < COUNT
    row, flag = submissions_table.c, flags_table.c
    states = Counter(column(past, row.review))
    assert set(states) == {"new", "in_review", "ready", "needs_contact", "closed"}
    assert set(column(past, flag_actions_table.c.action)) == {
        *("seen", "reached", "not_reached", "handed_over", "closed")
    }
    assert column(past, notes_table.c.id)
    assert column(past, row.id, row.assignee_id.is_not(None))
    assert column(past, flag.id, flag.closed_at.is_(None), flag.due_at < past.now)
    assert not column(past, row.id, row.first_viewed_at > past.now)
    assert not column(past, row.id, row.first_viewed_at < row.created_at)


def test_ids_tell_when_each_came(past: PastCases) -> None:
    asked = sa.select(submissions_table.c.created_at).order_by(submissions_table.c.id)
    times = past.service.read(lambda s: list(s.execute(asked).scalars()))
    assert times == sorted(times)
