"""Pages for operators and developers: the start page and live examples in development, and the embed script.

Responsible for: links to every part of the service, with the reader's own host. Never: shows the start page
or the examples in production, where `/` redirects to the form.
"""

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse

from app.web.dependencies import get_services
from app.web.form.layout import edition_of, headers
from app.web.html.templates import STATIC, environment

router = APIRouter(include_in_schema=False)
development = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request) -> Response:
    """Redirect to the form; in development, the start page."""
    settings = get_services(request).settings
    if settings.development:  # the configured address: the Host header is never repeated here
        return _page(request, "operator/start.html", own=str(settings.public_url).rstrip("/"))
    return RedirectResponse("/form", 307)


@router.get("/embed.js")
async def embed() -> Response:
    """The script that a website loads next to its frame; any origin may load it."""
    sent = {"cross-origin-resource-policy": "cross-origin", "cache-control": "public, max-age=300"}
    return FileResponse(STATIC / "embed.js", media_type="text/javascript", headers=sent)


@development.get("/examples/embed")
async def framed(request: Request) -> Response:
    """An example page of a clinic's website with the form in a frame."""
    return _page(request, "operator/embed.html")


@development.get("/examples/own-form")
async def own_form(request: Request) -> Response:
    """An example of a clinic's own form, which calls the API from the browser."""
    edition = edition_of(get_services(request))
    footer = edition.phrasebooks[edition.languages[0]].footer
    return _page(request, "operator/own_form.html", questionnaire=edition.id, footer=footer)


def _page(request: Request, template: str, **words: str) -> Response:
    services = get_services(request)
    address = str(services.settings.public_url).rstrip("/")
    address = f"{request.url.scheme}://{request.url.netloc}" if services.settings.development else address
    html = environment("en").get_template(template).render(address=address, **words)
    policy = {"content-security-policy": headers(services)["content-security-policy"].replace(
        "form-action", "frame-src 'self'; form-action"
    )}  # fmt: skip
    return HTMLResponse(html, headers=policy | {"cache-control": "no-store"})
