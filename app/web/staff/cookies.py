"""The staff app's cookies: the session, and the step between password and second factor.

Responsible for: cookies with HttpOnly and SameSite=Strict that end with the browser session; with https, also
Secure and bound to this host. Never: allows reading by scripts, or sending from other sites.
"""

from starlette.requests import Request
from starlette.responses import Response

from app.web.dependencies import Services, get_services

SESSION, STEP = "preconsult_staff", "preconsult_staff_step"


def get_cookie(request: Request, name: str) -> str:
    """The value of a cookie; empty if there is none."""
    return request.cookies.get(_name(get_services(request), name), "")


def set_cookie(response: Response, services: Services, name: str, value: str) -> Response:
    """Set a cookie; an empty value deletes it."""
    parts = [f"{_name(services, name)}={value}", "Path=/", "HttpOnly", "SameSite=Strict"]
    parts += ["Secure"] if _secure(services) else []
    parts += [] if value else ["Max-Age=0"]
    response.headers.append("set-cookie", "; ".join(parts))
    return response


def _secure(services: Services) -> bool:
    return services.settings.public_url.scheme == "https"


def _name(services: Services, name: str) -> str:
    return f"__Host-{name}" if _secure(services) else name
