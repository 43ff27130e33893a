"""Retention of a case: placing and ending a legal hold, and erasing the case.

Responsible for: asking for confirmation before anything is erased. Never: erases a case that is under a hold,
or that has changed since the user viewed it.
"""

from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import PreconditionFailed, UnderLegalHold
from app.services.operations import legal_holds
from app.services.review import cases
from app.web import dependencies
from app.web.dependencies import get_services
from app.web.html import form_security
from app.web.staff.access_control import StaffRoute, permission
from app.web.staff.case import StaffFormInput, case_page, command, conflict_page
from app.web.staff.layout import actor, current_staff, go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.post("/staff/cases/{case}/hold")
@permission("erase")
async def hold(request: Request, case: str) -> Response:
    """Place a legal hold: the case is stored past its retention time until the hold ends."""
    work = partial(
        legal_holds.place_hold,
        submission=case,
        principal=current_staff(request).staff,
        now=now(),
        actor=actor(request),
    )
    await get_services(request).database.write(work)
    return go(f"/staff/cases/{case}")


@router.post("/staff/cases/{case}/release")
@permission("erase")
async def release(request: Request, case: str) -> Response:
    """End the legal hold; a case past its retention time is gone from that moment."""
    work = partial(
        legal_holds.release_hold,
        submission=case,
        principal=current_staff(request).staff,
        now=now(),
        actor=actor(request),
    )
    await get_services(request).database.write(work)
    return go(f"/staff/cases/{case}")


@router.get("/staff/cases/{case}/erase")
@permission("erase")
async def ask(request: Request, case: str) -> Response:
    """Ask for confirmation before erasing."""
    services = get_services(request)
    found = await services.database.write(
        partial(cases.view_case, submission_service=services.submissions, turn=command(request, case))
    )
    return show(request, "staff/case_erase.html", case=found.assessment.record)


@router.post("/staff/cases/{case}/erase")
@permission("erase")
async def erase(request: Request, case: str) -> Response:
    """Erase answers, contact details, flags, notes and older versions. The audit log retains the case id."""
    services, given = get_services(request), await form_security.fields(request)
    act = command(request, case, given)
    work = partial(
        services.submissions.erase,
        submission=case,
        principal=act.principal,
        version=act.version,
        now=act.now,
        actor=act.actor,
    )
    try:
        await dependencies.write_and_sync_ledger(services, work)
    except PreconditionFailed:
        return await conflict_page(request, case, StaffFormInput("Erase the case"))
    except UnderLegalHold as problem:
        return await case_page(request, case, problem)
    return show(
        request,
        "staff/message.html",
        heading="The case is erased",
        lines=["Nothing of it is kept but its number in the records. Backups forget it with their age."],
        ways=[("/staff", "Go to the queue")],
    )
