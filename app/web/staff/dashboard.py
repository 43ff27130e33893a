"""The dashboard: charts of one period that identify no one.

Responsible for: counting at most every ten minutes, and showing when. Never: mixes test submissions with
real ones.
"""

import datetime as dt
from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.services.reporting.charts import Chart
from app.services.reporting.dashboard import PERIODS, Period, build_charts
from app.web.dependencies import Services, get_services
from app.web.staff.access_control import StaffRoute, permission, show
from app.web.staff.chart_layout import layout

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
CACHE_TTL = dt.timedelta(minutes=10)
DEFAULT_PERIOD = 30


@router.get("/staff/dashboard")
@permission("dashboard")
async def dashboard(request: Request) -> Response:
    """The charts of a period, `?days=7`; `&test=1` shows test submissions instead."""
    days = next((each for each in PERIODS if request.query_params.get("days") == str(each)), DEFAULT_PERIOD)
    test = request.query_params.get("test") == "1"
    services = get_services(request)
    counted_at, charts = await _cached_charts(services, days, test=test)
    return show(
        request,
        "staff/dashboard.html",
        days=days,
        periods=PERIODS,
        test=test,
        counted_at=counted_at,
        retention_days=services.settings.submission_retention_days,
        draft_retention_hours=services.settings.draft_retention_hours,
        charts=[(chart, layout(chart)) for chart in charts],
    )


async def _cached_charts(
    services: Services, days: int, *, test: bool
) -> tuple[dt.datetime, tuple[Chart, ...]]:
    """The charts as last counted, or counted again if they are too old; one request at a time counts."""
    async with services.dashboard_lock:
        cached = services.dashboard_cache.get((days, test))
        at = now()
        if cached is None or not dt.timedelta(0) <= at - cached[0] < CACHE_TTL:
            submissions = services.submissions
            period = Period(days, at, submissions.terms.hours, test)
            work = partial(
                build_charts,
                vault=submissions.vault,
                library=submissions.library,
                period=period,
                idle=dt.timedelta(minutes=services.settings.form_session_minutes),
            )
            cached = services.dashboard_cache[days, test] = (at, await services.database.read(work))
        return cached
