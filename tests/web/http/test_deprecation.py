"""A deprecated route says so in every response, including problems; no route is deprecated today."""

import datetime as dt
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.testclient import TestClient

from app.errors import Gone, NotFound
from app.main import ROUTERS, create_app
from app.rules.library import load_library
from app.settings import Settings
from app.web.http.deprecation import deprecated
from app.web.openapi.document import answers, problems
from app.web.openapi.webhooks_and_limits import build_openapi
from tests.conftest import LIBRARY

SINCE, SUNSET = dt.datetime(2026, 11, 24, tzinfo=dt.UTC), dt.datetime(2027, 11, 24, 12, tzinfo=dt.UTC)
LINK = "https://visit.clinic.example/v2"
router = APIRouter()


@router.get(
    "/v1/old/{which}",
    responses=answers() | problems(NotFound),
    **deprecated(since=SINCE, sunset=SUNSET, link=LINK),
)
async def old(which: str) -> Response:
    """An example of a deprecated route."""
    if which == "gone":
        raise Gone("It is gone.")
    return Response("here")


@router.get("/v1/aging", **deprecated(since=SINCE))
async def aging() -> Response:
    """An example of a deprecated route without a sunset date."""
    return Response("here")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr("app.main.load_library", LIBRARY)
    monkeypatch.setattr("app.main.ROUTERS", (*ROUTERS, type("toys", (), {"router": router})))
    return create_app(Settings(data_dir=tmp_path, log_level="error"))


def test_a_sunset_before_the_deprecation_is_refused() -> None:
    with pytest.raises(ValueError, match="before its sunset"):
        deprecated(since=SUNSET, sunset=SINCE)


@pytest.mark.parametrize(("which", "status"), [("here", 200), ("gone", 410)])
def test_every_answer_says_since_when_and_until_when(app: FastAPI, which: str, status: int) -> None:
    with TestClient(app) as client:
        answer = client.get(f"/v1/old/{which}")
    assert answer.status_code == status
    assert answer.headers["deprecation"] == f"@{int(SINCE.timestamp())}"
    assert answer.headers["sunset"] == "Wed, 24 Nov 2027 12:00:00 GMT"
    assert answer.headers["link"] == f'<{LINK}>; rel="deprecation"; type="text/html"'


def test_without_a_sunset_none_is_told(app: FastAPI) -> None:
    with TestClient(app) as client:
        answer = client.get("/v1/aging")
    assert answer.headers["deprecation"].startswith("@")
    assert not {"sunset", "link"} & set(answer.headers)


def test_the_description_says_so_too(app: FastAPI) -> None:
    told = build_openapi(app, load_library())["paths"]["/v1/old/{which}"]["get"]
    assert told["deprecated"] is True
    for response in told["responses"].values():
        assert {"Deprecation", "Sunset"} <= set(response["headers"])


def test_no_route_is_deprecated_today() -> None:
    routes = [route for module in ROUTERS for route in module.router.routes]
    assert [route.path for route in routes if isinstance(route, APIRoute) and route.deprecated] == []
