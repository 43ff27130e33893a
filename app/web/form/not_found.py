"""Unknown addresses: an HTML page for a browser, a problem document for a program.

Responsible for: responses to unknown paths and methods outside the API, in a format the client can read.
Never: returns a page to a program, or for any API path.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound
from app.web.form.layout import error_page
from app.web.http import problems
from app.web.openapi.document import API


async def on_http_error(request: Request, error: Exception) -> Response:
    """Handler for unknown paths and methods; see `problems.on_http_error`."""
    nowhere = isinstance(error, HTTPException) and error.status_code == 404
    if nowhere and request.method == "GET" and _browses(request):
        return await error_page(request, NotFound("There is nothing at this address."))
    return await problems.on_http_error(request, error)


def _browses(request: Request) -> bool:
    api = request.scope["path"].startswith((*API, "/static/"))
    return not api and "text/html" in request.headers.get("accept", "")
