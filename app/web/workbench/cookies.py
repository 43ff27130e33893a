"""The workbench's cookies: the session, and the step between password and second factor.

Office: HttpOnly, SameSite=Strict, ended with the browser; Secure and bound to this host wherever https is
spoken. Refuses: to be read from other sites, or by scripts.
"""

from starlette.requests import Request
from starlette.responses import Response

from app.web.deps import Rooms, rooms

SESSION, STEP = "preconsult_staff", "preconsult_staff_step"


def read(request: Request, name: str) -> str:
    """What a cookie holds; empty without one."""
    return request.cookies.get(_name(rooms(request), name), "")


def put(response: Response, here: Rooms, name: str, value: str) -> Response:
    """Set a cookie; empty takes it away."""
    parts = [f"{_name(here, name)}={value}", "Path=/", "HttpOnly", "SameSite=Strict"]
    parts += ["Secure"] if _secure(here) else []
    parts += [] if value else ["Max-Age=0"]
    response.headers.append("set-cookie", "; ".join(parts))
    return response


def _secure(here: Rooms) -> bool:
    return here.settings.public_url.scheme == "https"


def _name(here: Rooms, name: str) -> str:
    return f"__Host-{name}" if _secure(here) else name
