"""The dashboard: charts of one period that identify no one.

Responsible for: counting at most every ten minutes, and showing when. Never: mixes test submissions with
real ones.
"""

import datetime as dt
from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.services.reporting import dashboard as figures
from app.services.reporting.charts import Chart
from app.services.reporting.dashboard import PERIODS, Period
from app.web.dependencies import Services, get_services
from app.web.staff.access_control import StaffRoute, permission, show
from app.web.staff.charts_svg import draw

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
KEPT = dt.timedelta(minutes=10)
USUAL = 30


@router.get("/staff/dashboard")
@permission("dashboard")
async def dashboard(request: Request) -> Response:
    """The charts of a period, `?days=7`; `&test=1` shows test submissions instead."""
    days = next((each for each in PERIODS if request.query_params.get("days") == str(each)), USUAL)
    test = request.query_params.get("test") == "1"
    here = get_services(request)
    counted_at, pictures = await _counted(here, days, test=test)
    return show(
        request,
        "staff/dashboard.html",
        days=days,
        periods=PERIODS,
        test=test,
        counted_at=counted_at,
        kept_days=here.settings.submission_retention_days,
        kept_hours=here.settings.draft_retention_hours,
        pictures=[(picture, draw(picture)) for picture in pictures],
    )


async def _counted(here: Services, days: int, *, test: bool) -> tuple[dt.datetime, tuple[Chart, ...]]:
    """The figures as last counted, or counted again if they are too old; one request at a time counts."""
    async with here.dashboard_lock:
        found = here.dashboard_cache.get((days, test))
        at = now()
        if found is None or not dt.timedelta(0) <= at - found[0] < KEPT:
            desk = here.submissions
            idle = dt.timedelta(minutes=here.settings.form_session_minutes)
            period = Period(days, at, desk.terms.hours, test)
            work = partial(
                figures.dashboard, vault=desk.vault, library=desk.library, period=period, idle=idle
            )
            found = here.dashboard_cache[days, test] = (at, await here.database.read(work))
        return found
