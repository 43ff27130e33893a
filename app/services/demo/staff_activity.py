"""Demo staff activity: made-up staff work on made-up submissions, to show the staff app as on a busy day.

Responsible for: viewing, assigning, adding notes, acting and deciding as staff do, with the same services and
at plausible times; some cases stay untouched. Never: changes anything but test submissions, or uses staff who
could sign in.
"""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from app.services.auth import users
from app.services.auth.authorization import StaffPrincipal
from app.services.auth.permissions import permitted
from app.services.review import cases
from app.services.review.cases import Action, Review, StaffCommand
from app.services.submissions.lifecycle import SubmissionService
from app.storage.auth import users as people
from app.storage.db.database import Database, Session
from app.storage.events.audit_log import Actor
from app.storage.submissions import submissions
from app.storage.submissions.listing import ListQuery, list_page
from app.storage.submissions.submissions import FlagRecord, Record

NAMES = ("Robin", "Sam", "Noor")
NOTES = (
    "Left a message to call back.",
    "Asked about the ride home; a neighbour can drive.",
    "Will bring a list of medicines.",
    "Prefers calls in the afternoon.\nAn interpreter for Haitian Creole is booked.",
)
TRIES: tuple[Action, ...] = ("reached", "not_reached", "handed_over")
ENDS: tuple[Action, Action] = ("seen", "closed")
LEFT_ALONE, VIEWED, TAKEN, ACTED = 0.25, 0.45, 0.65, 0.8  # cumulative shares of the cases that go no further
BATCH = 25  # cases per unit of work
MOMENT = dt.timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class StaffShift:
    """Who works on a case, and a sequence of increasing times, as many as needed."""

    submission: str
    person: str
    times: Iterator[dt.datetime]

    def turn(self) -> StaffCommand:
        who = StaffPrincipal(self.person, permitted(["reviewer"]))
        return StaffCommand(self.submission, who, Actor("staff", self.person), next(self.times))


def simulate(
    database: Database,
    submission_service: SubmissionService,
    *,
    count: int,
    number: int,
    now: dt.datetime,
    actor: Actor,
) -> int:
    """Work on those of the newest `count` test submissions that are not viewed yet; return how many."""
    chance = random.Random(number)  # noqa: S311 - not a secret; it must be reproducible
    team = database.write_blocking(partial(_team, now=now, actor=actor))
    rows = database.read_blocking(partial(list_page, page=ListQuery(limit=count, test=True))).rows
    fresh = [row.id for row in rows if row.first_viewed_at is None and row.review == "new"]
    done = 0
    for place in range(0, len(fresh), BATCH):
        ids = fresh[place : place + BATCH]
        work = partial(
            _batch, submission_service=submission_service, ids=ids, team=team, chance=chance, now=now
        )
        done += database.write_blocking(work)
    return done


def _team(session: Session, *, now: dt.datetime, actor: Actor) -> list[str]:
    """Return the ids of the made-up staff; they have no password, and their links are discarded."""
    found = []
    for name in NAMES:
        email = f"{name.lower()}.made-up@example.org"
        person = people.by_email(session, email)
        if person is None:
            wanted = users.NewStaffUser(email, ("reviewer",), f"{name} (made up)")
            person = users.add(session, wanted, users.new_secret(), now=now, actor=actor)
        found.append(person.id)
    return found


def _batch(
    session: Session,
    *,
    submission_service: SubmissionService,
    ids: Sequence[str],
    team: Sequence[str],
    chance: random.Random,
    now: dt.datetime,
) -> int:
    return sum(_care(session, submission_service, each, chance.choice(team), chance, now) for each in ids)


def _care(
    session: Session,
    submission_service: SubmissionService,
    submission: str,
    person: str,
    chance: random.Random,
    now: dt.datetime,
) -> bool:
    """View, assign, act and decide, up to a random step. Return False when the case is left untouched."""
    depth = chance.random()
    found = submissions.fetch(session, submission_service.vault, submission)
    if found is None or depth < LEFT_ALONE:
        return False
    record = found[0]
    shift = StaffShift(submission, person, _times(record, chance, now))
    cases.view_case(session, submission_service, shift.turn())
    if depth >= VIEWED and record.status == "submitted":
        cases.assign(session, submission_service, shift.turn(), person)
        cases.change_status(session, submission_service, shift.turn(), "in_review")
        if depth >= TAKEN:
            _act(session, submission_service, shift, record.flags, chance, close=depth >= ACTED)
        if depth >= ACTED:
            _decide(session, submission_service, shift, chance)
    return True


def _act(
    session: Session,
    submission_service: SubmissionService,
    shift: StaffShift,
    flags: Sequence[FlagRecord],
    chance: random.Random,
    *,
    close: bool,
) -> None:
    """See each flag, try to reach the person, and perhaps close the flag; sometimes add a note."""
    for flag in flags:
        tried: Action = chance.choice(TRIES)
        for action in (*ENDS[:1], tried, *(ENDS[1:] if close else ())):
            cases.act_on_flag(session, submission_service, shift.turn(), flag.id, action)
    if chance.random() < 0.6:
        cases.add_note(session, submission_service, shift.turn(), chance.choice(NOTES))


def _decide(
    session: Session, submission_service: SubmissionService, shift: StaffShift, chance: random.Random
) -> None:
    ways: tuple[tuple[Review, ...], ...] = (("ready",), ("needs_contact",), ("ready", "closed"))
    for step in chance.choice(ways):
        cases.change_status(session, submission_service, shift.turn(), step)


def _times(record: Record, chance: random.Random, now: dt.datetime) -> Iterator[dt.datetime]:
    """Yield increasing times between its arrival and `now`: most cases are viewed within the hour."""
    at = record.updated_at
    while True:
        pause = min(dt.timedelta(minutes=chance.expovariate(1 / 12)), (now - at) / 3)
        at += pause // MOMENT * MOMENT
        yield at
