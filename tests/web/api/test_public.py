"""What everyone may read: questionnaires, their answer schema, citable passages, health; 404 elsewhere."""

from typing import Any

import pytest

from tests.conftest import Service
from tests.web.conftest import Headers

BASE = "/v1/questionnaires/ketamine-preconsult"
PASSAGES = "/v1/articles/ketamine-everything-to-know/passages"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/questionnaires/unknown",
        "/v1/questionnaires/unknown/answer-schema",
        f"{BASE}/editions/9.9.9",
        f"{BASE}/editions/9.9.9/answer-schema",
        f"{PASSAGES}/P99",
        "/v1/articles/unknown/passages/P20",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_404(service: Service, path: str) -> None:
    answer = service.client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"].removeprefix("urn:uuid:") == answer.headers["x-request-id"]


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    "path", ["/v1/questionnaires/unknown", "/v1/nowhere", "/fhir/nowhere", "/static/x.css"]
)
def test_below_the_api_it_is_a_problem_even_to_a_browser(service: Service, path: str) -> None:
    answer = service.client.get(path, headers=BROWSER)
    assert answer.status_code == 404
    assert "json" in answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/nowhere", "/Form", "/form/s/a/b", "/%00"])
def test_elsewhere_somebody_with_a_browser_is_told_by_a_page(service: Service, path: str) -> None:
    answer = service.client.get(path, headers=BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize("passage", ["P02", "P06", "P29", "P26"])
def test_a_passage_that_may_not_be_cited_is_404_for_the_public(service: Service, passage: str) -> None:
    assert service.client.get(f"{PASSAGES}/{passage}").status_code == 404


@pytest.mark.both_databases
def test_wrong_credentials_are_refused_even_where_none_are_needed(service: Service) -> None:
    answer = service.client.get(f"{PASSAGES}/P20", headers={"authorization": "Bearer nonsense"})
    assert answer.status_code == 401


def test_staff_see_every_passage_with_its_policy(service: Service, staff: Headers) -> None:
    found = service.client.get(f"{PASSAGES}/P06", headers=staff).json()
    assert (found["policy"], found["label"]) == ("never", "not for patients")
    assert found["reason"]


def test_a_citable_passage_comes_with_its_cautions(service: Service) -> None:
    found = service.client.get(f"{PASSAGES}/P20").json()
    assert found["exact"] == "Complex regional pain syndrome (CRPS)"
    assert [each["id"] for each in found["cautions"]] == ["C-CRPS"]
    assert "policy" not in found


def test_a_method_that_is_not_offered_is_405_with_allow(service: Service) -> None:
    answer = service.client.put(BASE)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.json()["type"].endswith("method-not-allowed")


@pytest.mark.parametrize(
    "path", ["/v1/questionnaires", BASE, f"{BASE}/editions/1.0.0", f"{BASE}/answer-schema"]
)
def test_what_is_public_is_cached_and_revalidated(service: Service, path: str) -> None:
    first = service.client.get(path)
    again = service.client.get(path, headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["cache-control"].startswith("public")


def test_a_questionnaire_has_words_options_and_conditions(service: Service) -> None:
    document = service.client.get(BASE, headers={"accept-language": "fr;q=0.9, en-US;q=0.8"}).json()
    assert document["language"] == "en"
    assert document["reviewed"] is False
    groups = {group["linkId"]: group for group in document["item"]}
    urgent: dict[str, Any] = groups["urgent"]["item"][0]
    assert urgent["text"].startswith("Do any of these apply today?")
    assert urgent["answerOption"][5] == {
        "code": "none_of_these", "label": "None of these", "exclusive": True, "unknown": False,
    }  # fmt: skip
    assert urgent["enableWhen"]["question"] == "age_band"


def test_probes_answer_and_are_not_cached(service: Service) -> None:
    for path in ("/livez", "/readyz"):
        answer = service.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["cache-control"] == "no-store"


def test_metrics_label_routes_never_paths(service: Service) -> None:
    service.client.get("/v1/submissions/SECRET-ID")
    service.client.get("/SECRET-PATH")
    service.client.request("SECRET", "/livez")
    text = service.client.get("/metrics").text
    assert "SECRET" not in text
    assert 'route="/v1/submissions/{submission}",status="401"' in text
    assert 'route="none",status="404"' in text
    assert "preconsult_writes_per_commit" in text or not service.database.is_sqlite


def test_every_answer_carries_the_security_headers(service: Service) -> None:
    for path in ("/livez", "/nowhere", BASE):
        headers = service.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 36
