"""The audit log, for auditors: actions, their actors, and the access report of a submission.

Responsible for: filters as a bookmarkable address (ids and days, never a name), pages from the newest event
on, and the state of the audit chain at the top. Never: shows the log without recording that access, and
never changes anything.
"""

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.encryption import Keyring
from app.errors import NotFound
from app.services.events import audit_chain
from app.services.events.audit_chain import OVERDUE_AFTER, ChainStatus
from app.storage.auth import api_keys
from app.storage.auth import users as people
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import KINDS, AccessSummary, AuditAction, Event, Filters
from app.storage.submissions.submissions import ID
from app.web.dependencies import get_services
from app.web.staff.access_control import StaffRoute, actor, permission, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
ROWS = 100
FIRST_YEAR, LAST_YEAR = 2000, 9000
FIELDS = ("actor", "action", "object", "day")
WORD = re.compile(r"[A-Za-z0-9._-]{1,40}")
AuditPage = tuple[list[Event], ChainStatus, dict[str, str]]
SEQ = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters and the position that a page asks for, and the invalid values, by field."""

    given: Mapping[str, str]
    filters: Filters
    before: int | None
    errors: list[dict[str, str]]


@router.get("/staff/audit")
@permission("audit")
async def audit_chain_job(request: Request) -> Response:
    """The audit log, newest first: `?actor=&action=&object=&day=&before=`."""
    services = get_services(request)
    asked = _asked(request.query_params, services.settings.clinic_time_zone)
    await _on_record(request, AuditAction("audit.read", "audit", None))
    work = partial(_read_page, asked=asked, keyring=services.submissions.vault.keyring)
    events, state, names = await services.database.read(work)
    query = [(name, value) for name, value in asked.given.items() if value]
    more = urlencode([*query, ("before", events[ROWS - 1].id)]) if len(events) > ROWS else ""
    return show(
        request,
        "staff/audit.html",
        status=422 if asked.errors else 200,
        errors=asked.errors,
        given=asked.given,
        filtered=bool(query),
        first=asked.before is None,
        events=events[:ROWS],
        names=names,
        kinds=KINDS,
        newest=f"/staff/audit?{urlencode(query)}" if query else "/staff/audit",
        older=f"/staff/audit?{more}" if more else "",
        chain=state,
        late=state.oldest is not None and state.oldest < now() - OVERDUE_AFTER,
        clock=partial(_clock, zone=services.settings.clinic_time_zone),
        is_case=lambda event: event.object_type == "submission" and ID.fullmatch(event.object_id or ""),
    )


@router.get("/staff/audit/access/{submission}")
@permission("audit")
async def access(request: Request, submission: str) -> Response:
    """Who accessed one submission, even if it has been erased since."""
    services = get_services(request)
    seen = await services.database.read(partial(_seen, submission=submission))
    if not seen[0]:
        raise NotFound("Nothing is on record of a submission with this id.")
    await _on_record(request, AuditAction("access.read", "submission", submission))
    return show(
        request,
        "staff/audit_access.html",
        submission=submission,
        everybody=seen[0],
        names=seen[1],
        clock=partial(_clock, zone=services.settings.clinic_time_zone),
        zone=services.settings.clinic_time_zone,
    )


async def _on_record(request: Request, act: AuditAction) -> None:
    """Record the access to the audit log in the log itself."""
    at, who = now(), actor(request)
    await get_services(request).database.write(lambda session: audit_log.record(session, who, at, act))


def _read_page(session: Session, *, asked: Asked, keyring: Keyring) -> AuditPage:
    events = [] if asked.errors else audit_log.page(session, asked.filters, asked.before, ROWS + 1)
    return events, audit_chain.state(session, keyring), _names(session)


def _seen(session: Session, *, submission: str) -> tuple[list[AccessSummary], dict[str, str]]:
    return (audit_log.access_report(session, submission) if ID.fullmatch(submission) else []), _names(session)


def _names(session: Session) -> dict[str, str]:
    """Names of staff users and API keys, by id; they are shown next to the log and never stored in it."""
    named = {person.id: person.name for person in people.list_all(session)}
    return named | {key.id: f"{key.name} (API key)" for key in api_keys.list_all(session)}


def _asked(query: Mapping[str, str], zone: str) -> Asked:
    given = {name: query.get(name, "").strip() for name in FIELDS}
    errors = [
        {"target": name, "words": "Take ids and names of acts as they stand in the list below."}
        for name in ("actor", "action", "object")
        if given[name] and not WORD.fullmatch(given[name])
    ]
    begin = end = None
    if given["day"]:
        try:
            begin, end = _day(given["day"], zone)
        except ValueError:
            errors.append({"target": "day", "words": "Write the day as 2026-11-24."})
    before = query.get("before", "")
    filters = Filters(given["actor"] or None, given["action"] or None, given["object"] or None, begin, end)
    return Asked(given, filters, int(before) if SEQ.fullmatch(before) else None, errors)


def _day(text: str, zone: str) -> tuple[dt.datetime, dt.datetime]:
    """When that day begins and ends in the clinic's time zone, in UTC. Raises ValueError."""
    local = zoneinfo.ZoneInfo(zone)
    day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=local)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(text)
    following = (day + dt.timedelta(days=1)).replace(tzinfo=local)
    return day.astimezone(dt.UTC), following.astimezone(dt.UTC)


def _clock(at: dt.datetime, zone: str) -> str:
    """A time to the second, in the clinic's time zone."""
    return at.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
