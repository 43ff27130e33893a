"""Every route with every caller: generated from the table of routes, so that no route is missed.

A route of the staff app declares which permission it needs. This file repeats independently what the roles
permit, and which scopes open each route of the API.
"""

import datetime as dt
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.clock import now
from app.main import ROUTERS, WORKBENCH
from app.services.auth import users as people
from app.services.auth.authorization import SCOPES, StaffPrincipal, hash_token
from app.services.auth.permissions import ROLES, Role
from app.services.review import saved_views
from app.storage.auth import sessions
from app.storage.tables.auth import staff_sessions
from app.web.staff.layout import staff_routes
from tests.conftest import Service
from tests.factories import Team, somebody
from tests.sample_answers import NOA, PAT_CONTACT, body
from tests.web.conftest import Headers, bearer, opened
from tests.web.staff_client import COMMAND, COOKIE, Colleague, invite

REVIEWING = {"queue", "case", "review", "contact", "correct"}
ALLOWED: dict[Role, set[str]] = {
    "reviewer": REVIEWING | {"dashboard"},
    "manager": REVIEWING | {"dashboard", "export", "erase"},
    "administrator": {"dashboard", "staff", "keys", "webhooks", "system"},
    "auditor": {"dashboard", "audit", "system"},
}
Route = tuple[str, str, str]
READ, WRITE, REVIEW = "submissions:read", "submissions:write", "review"
ANYBODY = None
PART = re.compile(r"\{(\w+)(?::\w+)?\}")
V1: dict[tuple[str, str], set[str] | None] = {
    ("GET", "/v1/questionnaires"): ANYBODY,
    ("GET", "/v1/questionnaires/{questionnaire}"): ANYBODY,
    ("GET", "/v1/questionnaires/{questionnaire}/answer-schema"): ANYBODY,
    ("GET", "/v1/questionnaires/{questionnaire}/editions/{version}"): ANYBODY,
    ("GET", "/v1/questionnaires/{questionnaire}/editions/{version}/answer-schema"): ANYBODY,
    ("GET", "/v1/articles/{article}/passages/{passage}"): ANYBODY,
    ("POST", "/v1/evaluations"): {WRITE, REVIEW},
    ("POST", "/v1/submissions"): {WRITE},
    ("GET", "/v1/submissions"): {READ, REVIEW},
    ("GET", "/v1/submissions/{submission}"): {READ, REVIEW, "respondent"},
    ("PATCH", "/v1/submissions/{submission}"): {WRITE, "respondent"},
    ("POST", "/v1/submissions/{submission}/submit"): {WRITE, "respondent"},
    ("DELETE", "/v1/submissions/{submission}"): {WRITE, "respondent"},
    ("GET", "/v1/submissions/{submission}/summary"): {READ, REVIEW, "respondent"},
    ("GET", "/v1/submissions/{submission}/verification"): {READ, REVIEW, "respondent"},
    ("PUT", "/v1/submissions/{submission}/review"): {REVIEW},
    ("POST", "/v1/submissions/{submission}/notes"): {REVIEW},
    ("GET", "/v1/submissions/{submission}/notes"): {REVIEW},
    ("GET", "/v1/submissions/{submission}/contact"): {REVIEW},
    ("POST", "/v1/submissions/{submission}/corrections"): {REVIEW},
    ("GET", "/v1/submissions/{submission}/corrections"): {REVIEW},
    ("POST", "/v1/submissions/{submission}/merge"): {REVIEW},
    ("POST", "/v1/submissions/{submission}/flags/{flag}/actions"): {REVIEW},
    ("GET", "/v1/submissions/{submission}/history"): {REVIEW},
    ("POST", "/v1/submissions/search"): {REVIEW},
    ("GET", "/v1/reviewers"): {REVIEW},
    ("POST", "/v1/handoffs"): {"bookings"},
    ("GET", "/v1/handoffs"): {"bookings"},
    ("GET", "/v1/handoffs/{handoff}"): {"bookings"},
    ("POST", "/v1/handoffs/{handoff}/revoke"): {"bookings"},
    ("POST", "/v1/handoffs/{handoff}/reissue"): {"bookings"},
    ("GET", "/v1/readiness"): {"bookings"},
    ("GET", "/v1/readiness/{booking_reference}"): {"bookings"},
    ("GET", "/v1/events"): {"events"},
    ("GET", "/fhir/metadata"): ANYBODY,
    ("GET", "/fhir/Questionnaire"): ANYBODY,
    ("GET", "/fhir/Questionnaire/{resource}"): ANYBODY,
    ("POST", "/fhir/QuestionnaireResponse"): {"fhir", WRITE},
    ("POST", "/fhir/QuestionnaireResponse/$validate"): {"fhir", WRITE},
    ("GET", "/fhir/QuestionnaireResponse/{submission}"): {"fhir", READ, "respondent"},
    ("POST", "/v1/webhook-endpoints"): {"webhooks"},
    ("GET", "/v1/webhook-endpoints"): {"webhooks"},
    ("GET", "/v1/webhook-endpoints/{endpoint}"): {"webhooks"},
    ("PATCH", "/v1/webhook-endpoints/{endpoint}"): {"webhooks"},
    ("DELETE", "/v1/webhook-endpoints/{endpoint}"): {"webhooks"},
    ("POST", "/v1/webhook-endpoints/{endpoint}/rotate-secret"): {"webhooks"},
    ("POST", "/v1/webhook-endpoints/{endpoint}/test"): {"webhooks"},
    ("GET", "/v1/webhook-endpoints/{endpoint}/deliveries"): {"webhooks"},
    ("POST", "/v1/webhook-endpoints/{endpoint}/deliveries/{delivery}/redeliver"): {"webhooks"},
}


QUERIES = {"/v1/readiness": "?booking_reference=B-1"}  # checked before the caller is authorized


def workbench() -> list[Route]:
    """Every route of the staff app: method, path, required permission."""
    app = FastAPI()
    for module in WORKBENCH:
        app.include_router(module.router)
    return sorted(
        (method, route.path, route.endpoint.__dict__["needs"])
        for route in staff_routes(app)
        for method in route.methods
    )


def api() -> list[tuple[str, str]]:
    """Every route of the API: method and path."""
    routes = (route for module in ROUTERS for route in module.router.routes if isinstance(route, APIRoute))
    return sorted((method, route.path) for route in routes for method in route.methods or ())


STAFF = workbench()
REFUSES = {"/staff/account/second-factor/remove"}  # even if permitted: a role may require the factor
GUARDED = [route for route in STAFF if route[2] != "anybody"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with opened(tmp_path_factory.mktemp("permissions")) as made:
        yield made


@pytest.fixture(scope="module")
def names(shared: Service) -> dict[str, str]:
    """A value for each path parameter."""
    team = Team(shared, somebody(shared, "manager"))
    case = team.submit(NOA, contact=True)
    other = somebody(shared, "reviewer", name="Olga Other")
    assert isinstance(team.who, StaffPrincipal)
    view = partial(saved_views.save_view, who=team.who, name="x", query="", now=now(), actor=COMMAND)
    edition = shared.services.library.current("ketamine-preconsult")
    assert edition
    return {
        "submission": case, "case": case, "flag": team.assessment(case).record.flags[0].id,
        "staff_id": other.id,
        "view": shared.database.write_blocking(view).id, "article": edition.article.article.id,
        "questionnaire": edition.id, "version": edition.version, "passage": edition.article.passages[0].id,
        "session_id": case, "day": "2026-11-24", "key_id": "testkey1", "endpoint": case,
        "delivery": case, "handoff": case, "booking_reference": "B-1",
        "resource": f"{edition.id}-{edition.version}",
    }  # fmt: skip


def ask(colleague: Colleague, route: Route, names: dict[str, str]) -> Any:
    method, path, _ = route
    address = PART.sub(lambda part: names.get(part[1], "nothing-of-that-name"), path)
    if method in ("GET", "HEAD"):
        return colleague.get(address)
    return colleague.act(address)


def leaks(answer: Any, names: dict[str, str]) -> list[str]:
    """The details of a case that a response contains."""
    told = [*PAT_CONTACT.values(), "self-harm", "S_NOW", names["flag"]]
    return [each for each in told if each in answer.text]


def test_the_table_of_roles_is_the_one_that_was_agreed() -> None:
    assert {role: set(allowed) for role, allowed in ROLES.items()} == ALLOWED


def test_every_route_of_the_workbench_asks_for_something_there_is() -> None:
    known = set().union(*ALLOWED.values()) | {"signed_in", "anybody"}
    assert {needs for _, _, needs in STAFF} <= known
    open_to_all = {path for _, path, needs in STAFF if needs == "anybody"}
    words = ("sign-in", "second-factor", "welcome")
    assert all(any(word in path for word in words) for path in open_to_all), open_to_all


def test_every_route_of_the_api_is_in_the_table() -> None:
    assert {route for route in api() if route[1].startswith(("/v1", "/fhir"))} == set(V1)


# --- the staff app ---------------------------------------------------------------------------------


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_route_of_the_workbench_opens_for_whom_it_says_and_for_nobody_else(
    shared: Service, names: dict[str, str], route: Route
) -> None:
    for role in ROLES:
        colleague = Colleague(shared).inside(role, email=f"{role}-{STAFF.index(route)}@x.org")
        answer = ask(colleague, route, names)
        if route[2] == "signed_in" or route[2] in ALLOWED[role]:
            assert answer.status_code not in (401, 403) or route[1] in REFUSES, (role, answer.text)
        elif route[1] == "/staff":  # redirects to the first page that the user may open
            assert (answer.status_code, colleague.location != "/staff") == (303, True), role
        else:
            assert answer.status_code == 403, role
        if answer.status_code in (303, 403):
            assert leaks(answer, names) == []


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route[0]} {route[1]}")
def test_no_route_of_the_workbench_opens_without_a_live_session(
    shared: Service, names: dict[str, str], route: Route, service_key: Headers
) -> None:
    stranger, left, expired = Colleague(shared), Colleague(shared), Colleague(shared)
    stranger.headers = service_key
    number = STAFF.index(route)
    cookie = left.inside("manager", email=f"left-{number}@x.org").cookie
    left.act("/staff/sign-out")
    left.browser.cookies.set(COOKIE, cookie)
    expired.inside("manager", email=f"late-{number}@x.org")
    shared.database.write_blocking(partial(_expire, colleague=expired))
    made_up = Colleague(shared)
    made_up.browser.cookies.set(COOKIE, people.new_secret())
    for each in (stranger, left, expired, made_up):
        answer = ask(each, route, names)
        assert answer.status_code == (303 if route[0] in ("GET", "HEAD") else 401)
        assert answer.status_code != 303 or each.location.startswith("/staff/sign-in")
        assert leaks(answer, names) == []


def test_somebody_disabled_is_out_of_every_page_at_once(shared: Service, names: dict[str, str]) -> None:
    colleague = Colleague(shared).inside("manager", email="gone@x.org")
    assert colleague.get("/staff").status_code == 200
    boss = Colleague(shared).inside("administrator", email="boss@x.org")
    boss.act(f"/staff/people/{colleague.id}/disable")
    for route in GUARDED:
        assert ask(colleague, route, names).status_code in (303, 401), route


@pytest.fixture(scope="module")
def service_key(shared: Service) -> Headers:
    """A key with every scope: it opens no page."""
    return shared.key(*SCOPES)


def _expire(session: Any, colleague: Colleague) -> None:
    found = sessions.fetch(session, hash_token(colleague.cookie))
    assert found
    over = sa.update(staff_sessions).where(staff_sessions.c.id == found[0].id)
    session.execute(over, {"expires_at": now() - dt.timedelta(seconds=1)})


# --- the API ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", sorted(V1), ids=lambda route: f"{route[0]} {route[1]}")
def test_a_route_of_the_api_opens_for_the_scopes_it_says_and_for_nothing_else(
    shared: Service, names: dict[str, str], route: tuple[str, str]
) -> None:
    allowed = V1[route]
    method, path = route
    website = shared.key(WRITE)
    document = shared.client.post("/v1/submissions", json=body(NOA, status="draft"), headers=website).json()
    other = shared.client.post("/v1/submissions", json=body(NOA), headers=website).json()
    address = path.format(**names | {"submission": document["id"]}) + QUERIES.get(path, "")
    session = Colleague(shared).inside("manager", email=f"api-{sorted(V1).index(route)}@x.org")
    callers: dict[str, Headers] = {scope: shared.key(scope) for scope in SCOPES}
    callers |= {"nobody": {}, "another respondent": bearer(other), "respondent": bearer(document)}
    for who, headers in callers.items():
        answer = _call(shared, method, address, headers)
        if allowed is ANYBODY:
            assert answer.status_code not in (401, 403) or who.endswith("respondent"), who
        elif who in allowed:
            assert answer.status_code not in (401, 403), (who, answer.text)
        else:
            assert answer.status_code in (401, 403, 404), (who, answer.text)
            assert leaks(answer, names) == []
    by_cookie = session.browser.request(method, address)
    assert by_cookie.status_code == 401 or allowed is ANYBODY


def _call(shared: Service, method: str, address: str, headers: Headers) -> Any:
    """Send a body that is invalid on purpose, where a body is read only for permitted callers."""
    found_issues = {"no_such_member": True} if method in ("POST", "PUT") else None
    fine: Any = {"answers": {}} if method == "PATCH" else None
    return shared.client.request(
        method, address, headers=headers | {"if-match": '"999"'}, json=found_issues or fine
    )


def test_somebody_with_two_roles_may_do_what_either_may(shared: Service, names: dict[str, str]) -> None:
    invite(shared, "both@x.org", "auditor", "administrator")
    colleague = Colleague(shared).inside("auditor", "administrator", email="both2@x.org")
    for path in ("/staff/people", "/staff/audit", "/staff/dashboard"):
        assert colleague.get(path).status_code == 200, path
    assert colleague.get("/staff").status_code == 303
    assert ask(colleague, ("GET", "/staff/cases/{case}", "case"), names).status_code == 403
