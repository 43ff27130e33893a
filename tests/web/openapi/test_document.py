"""The API description: complete, current, valid, and correct for every response."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.routing import APIRoute

from app.main import ROUTERS, build
from app.rules.library import load_library
from tests.conftest import Service
from tests.sample_answers import CARA, NOA, body
from tests.web.conftest import Create, Headers, bearer

FILE = Path(__file__).parents[3] / "openapi" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PROBLEM = ("application/problem+json", "ProblemOut")
FHIR = ("application/fhir+json", "OperationOutcome")
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]  # fmt: skip


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"components": DOCUMENT["components"]}


def fits(document: Any, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(resolved(schema)).validate(document)


def test_the_file_is_what_the_code_says() -> None:
    made = build(load_library(), development=False).openapi()
    assert made == DOCUMENT, "run: python3 dev.py openapi"


def test_every_route_is_described() -> None:
    routes = [route for module in ROUTERS for route in module.router.routes]
    assert {route.path for route in routes if isinstance(route, APIRoute)} == set(DOCUMENT["paths"])


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_operation_says_what_it_does_and_what_can_go_wrong(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    assert operation["description"].endswith(".")
    for name in re.findall(r"\{(\w+)\}", path):
        assert name in {parameter["name"] for parameter in operation["parameters"]}
    for status, response in operation["responses"].items():
        assert response["description"]
        if int(status) >= 400:
            kind, model = FHIR if path.startswith("/fhir/") else PROBLEM
            content = response["content"][kind]
            assert content["schema"] == {"$ref": f"#/components/schemas/{model}"}
            for example in content["examples"].values():
                fits(example["value"], content["schema"])
    secured = operation.get("security") not in (None, [])
    assert secured == ({"401"} <= operation["responses"].keys())


def test_every_example_of_a_body_is_valid() -> None:
    asked = [operation["requestBody"] for _, _, operation in OPERATIONS if "requestBody" in operation]
    assert len(asked) == 14
    for content in (content for each in asked for content in each["content"].values()):
        fits(content["example"], content["schema"])


def test_nothing_points_to_another_host() -> None:
    examples = r"https?://(?!([a-z0-9-]+\.)*clinic\.example[/\" ])"
    assert not re.findall(examples, FILE.read_text(encoding="utf-8"))


def schema_of(path: str, method: str, status: int) -> dict[str, Any]:
    content = DOCUMENT["paths"][path][method]["responses"][str(status)]["content"]
    found: dict[str, Any] = content["application/json"]["schema"]
    return found


def test_answers_are_as_described(service: Service, create: Create, website: Headers, staff: Headers) -> None:
    one = "/v1/submissions/{submission}"
    document = create(NOA)
    fits(document, schema_of("/v1/submissions", "post", 201))
    draft = create({}, status="draft")
    fits(draft, schema_of("/v1/submissions", "post", 201))
    client, path = service.client, f"/v1/submissions/{document['id']}"
    for headers in (bearer(document), staff):
        fits(client.get(path, headers=headers).json(), schema_of(one, "get", 200))
        fits(client.get(f"{path}/summary", headers=headers).json(), schema_of(f"{one}/summary", "get", 200))
    changed = client.patch(f"/v1/submissions/{draft['id']}", json={"answers": CARA},
                           headers=bearer(draft) | {"if-match": "*"})  # fmt: skip
    fits(changed.json(), schema_of(one, "patch", 200))
    fits(client.get("/v1/submissions", headers=staff).json(), schema_of("/v1/submissions", "get", 200))
    verification = client.get(f"{path}/verification", headers=staff)
    fits(verification.json(), schema_of(f"{one}/verification", "get", 200))
    for headers in (website, staff):
        evaluated = client.post("/v1/evaluations", json=body(NOA), headers=headers)
        fits(evaluated.json(), schema_of("/v1/evaluations", "post", 200))


def test_public_answers_are_as_described(service: Service, staff: Headers) -> None:
    base = "/v1/questionnaires"
    one = f"{base}/{{questionnaire}}"
    client = service.client
    fits(client.get(base).json(), schema_of(base, "get", 200))
    fits(client.get(f"{base}/ketamine-preconsult").json(), schema_of(one, "get", 200))
    edition = client.get(f"{base}/ketamine-preconsult/editions/1.0.0")
    fits(edition.json(), schema_of(f"{one}/editions/{{version}}", "get", 200))
    passage = "/v1/articles/ketamine-everything-to-know/passages/P20"
    for headers in ({}, staff):
        described = schema_of("/v1/articles/{article}/passages/{passage}", "get", 200)
        fits(client.get(passage, headers=headers).json(), described)


def test_answers_about_a_review_are_as_described(service: Service, create: Create, staff: Headers) -> None:
    one, case = "/v1/submissions/{submission}", create(NOA)["id"]
    path, matched = f"/v1/submissions/{case}", staff | {"if-match": "*"}
    flag = service.client.get(path, headers=staff).json()["flags"][0]["id"]
    decided = service.client.put(f"{path}/review", json={"review": "in_review"}, headers=matched)
    fits(decided.json(), schema_of(f"{one}/review", "put", 200))
    noted = service.client.post(f"{path}/notes", json={"text": "called"}, headers=matched)
    fits(noted.json(), schema_of(f"{one}/notes", "post", 201))
    acted = service.client.post(f"{path}/flags/{flag}/actions", json={"action": "seen"}, headers=matched)
    fits(acted.json(), schema_of(f"{one}/flags/{{flag}}/actions", "post", 201))
    history = service.client.get(f"{path}/history", headers=staff)
    fits(history.json(), schema_of(f"{one}/history", "get", 200))
