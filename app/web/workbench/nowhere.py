"""An address below /staff that is none: told as a page, to whoever is signed in.

Refuses: to come before any other route of the workbench (main.py includes it last).
"""

from fastapi import APIRouter, Response

from app.errors import NotFound
from app.web.workbench.page import ELSEWHERE
from app.web.workbench.route import NOWHERE, StaffRoute, signed_in

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.get(ELSEWHERE)
@signed_in
async def nowhere(rest: str) -> Response:
    """There is nothing here."""
    raise NotFound(NOWHERE)
