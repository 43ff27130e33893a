"""/livez, /readyz and /metrics, for operators.

Never: exposes personal data; metric labels are route templates, methods and states.
"""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.errors import Unavailable
from app.storage.db.migrations import supports_schema
from app.web.dependencies import get_services
from app.web.openapi.document import answers, problems

router = APIRouter(tags=["operation"])
STATE = {"application/json": {"schema": {"type": "object", "properties": {"status": {"const": "ok"}}}}}
METRICS = {"text/plain": {"schema": {"type": "string"}}}
OK = b'{"status":"ok"}'


@router.get("/livez", responses=answers(content=STATE))
async def livez() -> Response:
    """Check that the process answers."""
    return Response(OK, media_type="application/json", headers={"cache-control": "no-store"})


@router.get("/readyz", responses=answers(content=STATE) | problems(Unavailable))
async def readyz(request: Request) -> Response:
    """Check that the database answers and its schema is current."""
    services = get_services(request)
    if not await services.database.read(supports_schema):
        raise Unavailable("The database schema is not the one this release needs; run `preconsult migrate`.")
    return Response(OK, media_type="application/json", headers={"cache-control": "no-store"})


@router.get("/metrics", responses=answers(content=METRICS))
async def metrics(request: Request) -> Response:
    """Get metrics in the Prometheus text format. Keep this endpoint behind your proxy."""
    content = generate_latest(get_services(request).registry)
    return Response(content, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"})
