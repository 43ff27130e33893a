"""Event feed (outbox): what happened, published to API clients in the order of the audit log.

Responsible for: turning audit events into feed events in the transaction that chains them, in one process at
a time; and reading on from a position, which never skips an event. Never: continues where the audit chain is
broken, or includes free text or answers; an event consists of ids, a type, a state and times.

- Every action is in the audit log in its own transaction, so no event is lost, and none reports an action
  that did not happen.
- Positions are consecutive and given to committed actions only: no event appears behind a reader.
- A submission that was started and erased before anything was published about it is published as erased only.
  Whether it was a test and which booking it had is no longer known.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from uuid_utils import uuid7

from app.encryption import Keyring
from app.errors import CursorGone
from app.services.events import audit_chain, webhook_deliveries
from app.services.events.event_types import ACTIONS, RESTRICTED, state_after
from app.storage.db.database import Session
from app.storage.events import audit_chain as audit_chain_job
from app.storage.events import audit_log, outbox
from app.storage.events.outbox import Event, EventFilter, EventSubject

TAG = 8  # characters of the MAC at a position; a position of another history than this one is invalid


class FeedCursor(NamedTuple):
    """A position in the feed.

    `tag` distinguishes it from the same position after an older backup was restored.
    """

    position: int
    tag: str


class EventPage(NamedTuple):
    """Some events, the position to continue from, and whether there are more already."""

    events: list[Event]
    next: FeedCursor
    more: bool


def publish_pending(session: Session, keyring: Keyring, *, now: dt.datetime, limit: int = 1000) -> int:
    """Chain the next audit events and publish them; return how many were chained. Raises Broken."""
    linked = audit_chain.append_links(session, keyring, now=now, limit=limit)
    published = _published(session, [each for each in linked if each.action in ACTIONS])
    if published:
        outbox.insert(session, published)
        webhook_deliveries.fan_out(session, published, now=now)
    return len(linked)


def list_events(session: Session, after: FeedCursor | None, wanted: EventFilter, *, limit: int) -> EventPage:
    """Return events after a position, or from the oldest stored one. Raises CursorGone."""
    head = audit_chain_job.head(session)
    end = head.position if head else 0  # events chained during the read belong to the next one
    begin = after.position if after else 0
    found = outbox.page(session, wanted, after=begin, until=end, limit=limit + 1)
    if after is not None:  # checked after the page is read, so that a purge in between is noticed
        _require_retained(session, after, end)
    more = len(found) > limit
    reached = found[limit - 1].position if more else end
    return EventPage(found[:limit], FeedCursor(reached, _tag(session, reached)), more)


def head_position(session: Session) -> int:
    """Return the position up to which everything is published."""
    head = audit_chain_job.head(session)
    return head.position if head else 0


def _require_retained(session: Session, after: FeedCursor, reached: int) -> None:
    fits = after.position <= reached and after.tag == _tag(session, after.position)
    if not fits or outbox.has_gap(session, after.position, ACTIONS):
        raise CursorGone(
            "Events behind this cursor are not kept any more. Read the state of what you follow "
            "(/v1/readiness or /v1/submissions), then go on from `next` of a read without `after`."
        )


def _tag(session: Session, position: int) -> str:
    return (audit_chain_job.mac_at(session, position) or b"").decode("ascii", "replace")[-TAG:]


# --- from audit events to feed events --------------------------------------------------------------


def _published(session: Session, acts: Sequence[audit_log.Event]) -> list[Event]:
    """Return the events of these actions, in order; several flags raised by one change give one event."""
    subjects = _subjects(session, acts)
    urgent = {each.submission_id for act, each in _with(acts, subjects) if act.object_type == "flag"}
    before = outbox.published_for(session, [each for each in urgent if each], RESTRICTED) if urgent else set()
    found = []
    for act, subject in _with(acts, subjects):
        event = _event(act, subject)
        change = (event.type, event.submission_id or "", event.at)
        if event.requires_review_scope and change in before:
            continue
        before.add(change)
        found.append(event)
    return found


def _with(
    acts: Sequence[audit_log.Event], subjects: Mapping[str, EventSubject]
) -> Iterator[tuple[audit_log.Event, EventSubject]]:
    """Yield each action with its subject; an unknown subject is published only when it was erased."""
    for act in acts:
        subject = subjects.get(act.object_id or "")
        if subject is None and act.action == audit_log.ERASED:
            subject = EventSubject(act.object_id, None, None, is_test=False)
        if subject is not None:
            yield act, subject


def _subjects(session: Session, acts: Sequence[audit_log.Event]) -> dict[str, EventSubject]:
    """Return what is known about each object of these actions: submissions, flags, one-time links."""
    named: dict[str, set[str]] = {"submission": set(), "flag": set(), "handoff": set()}
    for act in acts:
        if act.object_id and act.object_type in named:
            named[act.object_type].add(act.object_id)
    of_flags = outbox.of_flags(session, named["flag"]) if named["flag"] else {}
    cases: Collection[str] = named["submission"] | set(of_flags.values())
    known = outbox.of_submissions(session, cases) if cases else {}
    known |= {flag: known[case] for flag, case in of_flags.items() if case in known}
    return known | (outbox.of_handoffs(session, named["handoff"]) if named["handoff"] else {})


def _event(act: audit_log.Event, subject: EventSubject) -> Event:
    kind = ACTIONS[act.action][0]
    return Event(
        position=act.chain_position or 0,
        id=str(uuid7()),
        type=kind,
        at=act.at,
        is_test=subject.is_test,
        requires_review_scope=kind in RESTRICTED,
        submission_id=None if kind == "handoff.created" else subject.submission_id,
        handoff_id=subject.handoff_id,
        booking_reference=subject.booking_reference,
        state=state_after(act.action, subject),
    )
