"""A form on the clinic's own website may call the API; no other website may."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from app.web.middleware.cors import ALLOWED_HEADERS, EXPOSED_HEADERS, METHODS, Cors
from tests.conftest import Service
from tests.sample_answers import CARA, body
from tests.web.conftest import opened

CLINIC = "https://www.clinic.example"
SECOND = "https://book.clinic.example:8443"
FROM = {"origin": CLINIC}
STRANGERS = [
    "null", "*", "", "https://evil.example", "http://www.clinic.example", "https://www.clinic.example:444",
    "https://www.clinic.example/", "https://www.clinic.example.evil.example", "https://clinic.example",
    "https://x.www.clinic.example", "https://wwwxclinic.example", "https://WWW.clinic.example",
    f"{CLINIC}, https://evil.example", f"{CLINIC},{SECOND}",
]  # fmt: skip
OPENED = [
    "/v1/questionnaires", "/v1/questionnaires/ketamine-preconsult", "/v1/submissions", "/v1/submissions/x",
    "/v1/evaluations",
]  # fmt: skip
CLOSED = [
    "/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/static/form.css", "/nowhere", "/", "/v1",
    "/v1/articles/x/passages/y", "/v1/submissionsx", "/v1/evaluations-x", "/V1/submissions", "/staff",
    "/x/v1/submissions", "/form", "/fhir/metadata",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that the clinic's two websites may call."""
    named = f"{CLINIC}, {SECOND}"
    with opened(
        tmp_path_factory.mktemp("data"), allowed_origins=named, request_body_timeout_seconds=1
    ) as made:
        yield made


def asked(service: Service, path: str, method: str, *headers: str, origin: str = CLINIC) -> Any:
    """The response to a preflight."""
    wanted = {"origin": origin, "access-control-request-method": method}
    wanted |= {"access-control-request-headers": ", ".join(headers)} if headers else {}
    return service.client.options(path, headers=wanted)


def words(text: str) -> set[str]:
    return {each.strip().lower() for each in text.split(",")}


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_website_that_is_not_named_exactly_may_read_nothing(service: Service, origin: str) -> None:
    plain = service.client.get("/v1/questionnaires", headers={"origin": origin})
    preflight = asked(service, "/v1/submissions", "POST", "content-type", origin=origin)
    assert preflight.status_code == 400
    for answer in (plain, preflight):
        assert "access-control-allow-origin" not in answer.headers
        assert "origin" in words(answer.headers["vary"])


@pytest.mark.parametrize("method", ["PUT", "TRACE", "QUERY", "post", "*", ""])
def test_a_preflight_for_another_method_is_refused(service: Service, method: str) -> None:
    assert asked(service, "/v1/submissions/x", method).status_code == 400


@pytest.mark.parametrize("header", ["cookie", "x-forwarded-for", "x-requested-with", "*", "authorization2"])
def test_a_preflight_for_another_header_is_refused(service: Service, header: str) -> None:
    assert asked(service, "/v1/submissions", "POST", "content-type", header).status_code == 400


def test_a_page_that_wants_into_a_private_network_is_refused(service: Service) -> None:
    wanted = FROM | {"access-control-request-method": "GET", "access-control-request-private-network": "true"}
    answer = service.client.options("/v1/questionnaires", headers=wanted)
    assert answer.status_code == 400
    assert "access-control-allow-private-network" not in answer.headers


@pytest.mark.parametrize("origin", ["*", "null"])
def test_everybody_is_no_origin(origin: str) -> None:
    with pytest.raises(ValueError, match="everybody"):
        Cors(PlainTextResponse("never"), origins=(CLINIC, origin))


@pytest.mark.parametrize("path", CLOSED)
def test_other_paths_pass_untouched(service: Service, path: str) -> None:
    plain = service.client.get(path, headers=FROM)
    preflight = asked(service, path, "GET")
    for answer in (plain, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "origin" not in words(answer.headers.get("vary", ""))
        assert "x-request-id" in answer.headers, "the shell answered"


def test_cookies_are_never_allowed(service: Service) -> None:
    for path in OPENED:
        for answer in (service.client.get(path, headers=FROM), asked(service, path, "GET")):
            assert "access-control-allow-credentials" not in answer.headers


def test_an_options_that_is_no_preflight_is_answered_by_the_application(service: Service) -> None:
    answer = service.client.options("/v1/submissions", headers=FROM)
    assert answer.status_code == 405
    assert answer.headers["access-control-allow-origin"] == CLINIC


def test_without_an_origin_nothing_is_allowed_and_caches_are_warned(service: Service) -> None:
    answer = service.client.get("/v1/questionnaires/ketamine-preconsult")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert {"origin", "accept-language"} <= words(answer.headers["vary"])


@pytest.mark.parametrize("broken", [b"{", b"\xff", b'{"questionnaire": "ketamine-preconsult"}', b"[" * 1000])
@pytest.mark.parametrize("path", ["/v1/submissions", "/v1/evaluations"])
def test_a_page_can_read_what_is_wrong_with_a_body(service: Service, path: str, broken: bytes) -> None:
    browser = service.key("submissions:write", origins=(CLINIC,))
    headers = browser | FROM | {"content-type": "application/json"}
    assert readable(service.client.post(path, content=broken, headers=headers)) in (400, 422)


def test_a_page_can_read_every_problem_whoever_makes_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, client = service.key("submissions:write", origins=(CLINIC,)) | FROM, service.client
    path = "/v1/submissions"
    assert readable(client.post(path, json={}, headers=FROM)) == 401  # the fast path
    assert readable(client.get(f"{path}/x", headers=FROM)) == 401  # an exception handler
    assert readable(client.get(path, headers=browser)) == 403
    assert readable(client.get("/v1/questionnaires/none", headers=FROM)) == 404
    assert readable(client.get("/v1/questionnaires/a/b/c/d", headers=FROM)) == 404  # FastAPI's router
    assert readable(client.put(path, headers=FROM)) == 405
    assert readable(client.post(path, content=b"x", headers=browser | {"content-type": "text/plain"})) == 415
    much = b" " * (service.services.settings.max_body_bytes + 1)
    typed = browser | {"content-type": "application/json"}
    assert (
        readable(client.post(path, content=much, headers=typed)) == 413
    )  # the request guard, before the application
    assert readable(client.post(path, content=iter([much]), headers=typed)) == 413  # guard, while reading
    monkeypatch.setattr("app.web.authentication.parse", lambda _: 1 / 0)
    assert readable(client.post(path, json=body(CARA), headers=browser)) == 500  # request guard, at the end
    assert readable(client.get(f"{path}/x", headers=browser)) == 500


def test_a_page_can_read_that_its_body_was_too_slow(service: Service) -> None:
    headers = (
        service.key("submissions:write", origins=(CLINIC,)) | FROM | {"content-type": "application/json"}
    )

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)  # longer than the server waits

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=service.client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.post("/v1/evaluations", content=slowly(), headers=headers)

    assert readable(asyncio.run(post())) == 408  # the request guard, while the body arrives


def readable(answer: Any) -> int:
    """The status of a problem that a page of the clinic can read, with all exposed headers."""
    assert answer.headers["access-control-allow-origin"] == CLINIC
    assert words(answer.headers["access-control-expose-headers"]) == set(EXPOSED_HEADERS)
    assert "origin" in words(answer.headers["vary"])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["instance"].endswith(answer.headers["x-request-id"])
    status: int = answer.status_code
    return status


@pytest.mark.parametrize("path", OPENED)
@pytest.mark.parametrize("method", METHODS)
def test_a_preflight_tells_what_is_allowed_and_for_how_long(service: Service, path: str, method: str) -> None:
    answer = asked(service, path, method, *ALLOWED_HEADERS)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == CLINIC
    assert words(answer.headers["access-control-allow-methods"]) == {each.lower() for each in METHODS}
    allowed = words(answer.headers["access-control-allow-headers"])
    assert allowed - set(ALLOWED_HEADERS) == {"accept", "content-language"}, "which no page needs to ask for"
    assert answer.headers["access-control-max-age"] == "600"
    assert "origin" in words(answer.headers["vary"])


@pytest.mark.parametrize("origin", [CLINIC, SECOND])
def test_a_page_of_the_clinic_creates_reads_changes_and_erases(service: Service, origin: str) -> None:
    client, page = service.client, {"origin": origin}
    key = {"idempotency-key": "a-key-of-this-page"}
    browser = service.key("submissions:write", origins=(origin,)) | page
    made = client.post("/v1/submissions", json=body(CARA, status="draft"), headers=browser | key)
    again = client.post("/v1/submissions", json=body(CARA, status="draft"), headers=browser | key)
    own = page | {"authorization": f"Bearer {made.json()['access_token']}"}
    there = made.headers["location"]
    read = client.get(there, headers=own)
    unchanged = client.get(there, headers=own | {"if-none-match": read.headers["etag"]})
    patched = client.patch(there, json={"answers": {}}, headers=own | {"if-match": read.headers["etag"]})
    erased = client.delete(there, headers=own | {"if-match": patched.headers["etag"]})
    answers = [made, again, read, unchanged, patched, erased]
    assert [each.status_code for each in answers] == [201, 201, 200, 304, 200, 204]
    assert again.headers["idempotency-replayed"] == "true"
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == origin
        assert {"etag", "location", "idempotency-replayed"} <= words(
            answer.headers["access-control-expose-headers"]
        )
