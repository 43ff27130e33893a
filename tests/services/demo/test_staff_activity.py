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
from tests.services.reporting.test_dashboard import HOUR, ME, House

COUNT = 80


@pytest.fixture
def house(service: Service, same_crowd: None) -> House:
    made = House(service, now())
    desk = service.services.submissions
    edition = desk.library.current("ketamine-preconsult")
    assert edition
    submissions.seed(
        service.database, desk.vault, edition, count=COUNT, number=1, now=made.now, terms=desk.terms, actor=ME
    )
    return made


def work(house: House, number: int = 1) -> int:
    service = house.service
    return staff_activity.simulate(
        service.database, service.services.submissions, count=COUNT, number=number, now=house.now, actor=ME
    )


def column(house: House, asked: sa.Column[object], *where: sa.ColumnElement[bool]) -> list[object]:
    return list(house.service.read(lambda s: s.execute(sa.select(asked).where(*where)).scalars()))


def test_nothing_real_is_touched_and_nobody_can_sign_in(house: House) -> None:
    real = house.came(5, HOUR)
    work(house)
    row = submissions_table.c
    assert set(column(house, row.first_viewed_at, row.id.in_(real))) == {None}
    assert set(column(house, row.review, row.is_test.is_(False))) == {"new"}
    assert column(house, staff_users.c.password_hash) == [None] * len(staff_activity.NAMES)


def test_again_works_only_on_what_is_new_with_the_same_staff(house: House) -> None:
    first = work(house)
    assert work(house, number=2) <= COUNT - first
    assert len(column(house, staff_users.c.id)) == len(staff_activity.NAMES)


def test_a_busy_day_shows_every_state_act_and_overdue_flags(house: House) -> None:
    done = work(house)
    assert COUNT / 2 < done < COUNT
    row, flag = submissions_table.c, flags_table.c
    states = Counter(column(house, row.review))
    assert set(states) == {"new", "in_review", "ready", "needs_contact", "closed"}
    assert set(column(house, flag_actions_table.c.action)) == {
        *("seen", "reached", "not_reached", "handed_over", "closed")
    }
    assert column(house, notes_table.c.id)
    assert column(house, row.id, row.assignee_id.is_not(None))
    assert column(house, flag.id, flag.closed_at.is_(None), flag.due_at < house.now)
    assert not column(house, row.id, row.first_viewed_at > house.now)
    assert not column(house, row.id, row.first_viewed_at < row.created_at)


def test_ids_tell_when_each_came(house: House) -> None:
    asked = sa.select(submissions_table.c.created_at).order_by(submissions_table.c.id)
    times = house.service.read(lambda s: list(s.execute(asked).scalars()))
    assert times == sorted(times)
