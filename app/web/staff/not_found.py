"""Unknown addresses below /staff: an error page for signed-in users.

Never: takes precedence over another route of the staff app (main.py includes it last).
"""

from fastapi import APIRouter, Response

from app.errors import NotFound
from app.web.staff.access_control import NOWHERE, StaffRoute, requires_login
from app.web.staff.layout import ELSEWHERE

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.get(ELSEWHERE)
@requires_login
async def nowhere(rest: str) -> Response:
    """Any unknown address. Raises NotFound."""
    raise NotFound(NOWHERE)
