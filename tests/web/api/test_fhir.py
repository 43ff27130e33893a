"""/fhir: rejected, outside the scope, malformed, and the same use as /v1."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.clock import now
from app.fhir.enable_when import NotRepresentable
from app.fhir.models import CapabilityStatement, Questionnaire
from app.fhir.questionnaire import questionnaire
from app.rules.engine.edition import Edition
from app.storage.events import audit_log
from app.web.api import fhir
from tests.conftest import Service
from tests.factories import program
from tests.fhir import oracles
from tests.fhir.oracles import Json
from tests.fhir.sending import sent
from tests.rules.strategies import LAW, complete_answers
from tests.sample_answers import CARA, FULL, NOA, PAT_CONTACT, body
from tests.web.conftest import Create, Headers, bearer, opened

FHIR = "application/fhir+json"
HERE = "/fhir/QuestionnaireResponse"
VALIDATE = f"{HERE}/$validate"
HOSTILE: list[Any] = [
    None, True, 0, -1, 2**70, 1.5, "", "\0", "a" * 11_000, "https://elsewhere.example/", "<script>", [], {},
    [[]], [None], {"valueReference": {"reference": "Patient/1"}}, {"linkId": "S_NOW"}, "٣", "\u202e", "~1/..",
]  # fmt: skip
HOSTILE_NAMES = [
    "", "contained", "<script>", "__proto__", "valueReference", "entry", "a/b~c", "item", "\0", "text", "id",
    "extension",
]  # fmt: skip
KEY = {"idempotency-key": "7f0c2c9e-8f0e-4a2e"}


@pytest.fixture
def edition(service: Service) -> Edition:
    found = service.services.library.current("ketamine-preconsult")
    assert found
    return found


@pytest.fixture
def partner(service: Service) -> Headers:
    """A client that speaks FHIR."""
    return service.key("fhir")


def post(service: Service, document: Any, headers: Headers, path: str = HERE) -> Any:
    content = json.dumps(document).encode()
    return service.client.post(path, content=content, headers={"content-type": FHIR} | headers)


def issues(answer: Any) -> list[tuple[str, str, str]]:
    """Type, our code and location of each issue; asserts that the whole response is an OperationOutcome."""
    document = answer.json()
    assert answer.headers["content-type"] == FHIR
    assert answer.headers["cache-control"] == "no-store"
    assert document["resourceType"] == "OperationOutcome"
    return [
        (each["code"], each["details"]["coding"][0]["code"], *each.get("expression", [""]))
        for each in document["issue"]
    ]


# --- rejected ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [HERE, VALIDATE])
def test_without_credentials_it_is_401_and_says_how(service: Service, edition: Edition, path: str) -> None:
    answer = post(service, sent(edition, CARA), {}, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert issues(answer) == [("login", "unauthenticated", "")]


@pytest.mark.parametrize("path", [HERE, VALIDATE])
@pytest.mark.parametrize("scope", ["submissions:read", "review", "bookings", "events", "webhooks"])
def test_another_scope_may_not_hand_in(service: Service, edition: Edition, path: str, scope: str) -> None:
    answer = post(service, sent(edition, CARA), service.key(scope), path)
    assert answer.status_code == 403
    assert [(code, slug) for code, slug, _ in issues(answer)] == [("forbidden", "forbidden")]


def test_a_key_for_browsers_may_not_hand_in_here(service: Service, edition: Edition) -> None:
    browser = service.key("submissions:write", origins=("https://clinic.example",))
    answer = post(service, sent(edition, CARA), browser | {"origin": "https://clinic.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("scope", ["submissions:write", "review", "bookings", "events", "webhooks"])
def test_another_scope_may_not_read(service: Service, create: Create, scope: str) -> None:
    answer = service.client.get(f"{HERE}/{create(CARA)['id']}", headers=service.key(scope))
    assert answer.status_code == 403
    assert issues(answer)[0][:2] == ("forbidden", "forbidden")


def test_a_look_of_a_program_goes_on_record_and_a_respondents_does_not(
    service: Service, create: Create, partner: Headers
) -> None:
    made = create(CARA)
    seen = partial(audit_log.count, action=audit_log.VIEWED)
    assert service.client.get(f"{HERE}/{made['id']}", headers=bearer(made)).status_code == 200
    assert service.read(seen) == 0
    assert service.client.get(f"{HERE}/{made['id']}", headers=partner).status_code == 200
    assert service.read(seen) == 1


def test_what_is_not_there_was_erased_or_is_not_theirs_looks_the_same(
    service: Service, create: Create, partner: Headers
) -> None:
    mine, other = create(CARA), create(CARA)
    service.client.delete(f"/v1/submissions/{mine['id']}", headers=bearer(mine) | {"if-match": "*"})
    trial = service.key("fhir", test=True)
    asked = [
        (mine["id"], partner), (other["id"], trial), (other["id"], bearer(mine)), ("x", partner),
        ("%00", partner), ("019298a2-0000-7000-8000-000000000000", partner), ("$validate", partner),
    ]  # fmt: skip
    told = [service.client.get(f"{HERE}/{name}", headers=headers) for name, headers in asked]
    assert {answer.status_code for answer in told} == {404}
    texts = {answer.json()["issue"][0]["details"]["text"] for answer in told}
    assert texts == {"There is no such submission, or it has been erased."}


# --- malformed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fhir", 404, "not-found"),
        ("GET", "/fhir/", 404, "not-found"),
        ("GET", "/fhir/Patient", 404, "not-found"),
        ("GET", "/fhir/Questionnaire/nothing", 404, "not-found"),
        ("GET", "/fhir/Questionnaire/ketamine-preconsult", 404, "not-found"),
        ("GET", HERE, 405, "not-supported"),
        ("PUT", f"{HERE}/x", 405, "not-supported"),
        ("POST", "/fhir/metadata", 405, "not-supported"),
        ("GET", "/fhir/metadata?_format=xml", 406, "not-supported"),
        ("GET", "/fhir/Questionnaire?_count=many", 422, "value"),
        ("GET", "/fhir/Questionnaire?_count=-1", 422, "value"),
        ("GET", f"/fhir/Questionnaire?url={'a' * 301}", 422, "too-long"),
    ],
)
def test_whatever_goes_wrong_below_fhir_is_an_operation_outcome(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    answer = service.client.request(method, path)
    assert answer.status_code == status
    assert {each[0] for each in issues(answer)} == {code}
    assert oracles.by_npm(answer.json()) == []


def test_too_many_requests_and_accidents_are_operation_outcomes_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> CapabilityStatement:
        raise RuntimeError("canary")

    monkeypatch.setattr("app.fhir.capability_statement.statement", fail)
    with opened(tmp_path, rate_limit_per_network=1) as service:
        told = [service.client.get("/fhir/metadata") for _ in range(3)]
    failed, refused = (next(each for each in told if each.status_code == status) for status in (500, 429))
    assert (issues(failed)[0][0], issues(refused)[0][0]) == ("exception", "throttled")
    assert int(refused.headers["retry-after"]) > 0
    assert "canary" not in failed.text


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/html", "image/png"])
def test_another_media_type_is_not_offered(service: Service, accept: str) -> None:
    answer = service.client.get("/fhir/metadata", headers={"accept": accept})
    assert (answer.status_code, issues(answer)[0][0]) == (406, "not-supported")


@pytest.mark.parametrize("kind", ["text/plain", "application/fhir+xml", ""])
def test_another_media_type_is_not_taken(service: Service, partner: Headers, kind: str) -> None:
    answer = post(service, {}, partner | {"content-type": kind})
    assert (answer.status_code, issues(answer)[0][0]) == (415, "not-supported")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b'{"item":[' * 20 + b"]}" * 20,
    ],
)
def test_what_is_not_strict_json_or_too_deep_is_400(
    service: Service, partner: Headers, content: bytes
) -> None:
    headers = partner | {"content-type": FHIR}
    for path in (HERE, VALIDATE):
        answer = service.client.post(path, content=content, headers=headers)
        assert (answer.status_code, issues(answer)[0][:2]) == (400, ("structure", "malformed-json"))


def test_a_body_over_the_limit_is_413(service: Service, edition: Edition, partner: Headers) -> None:
    answer = post(service, sent(edition, CARA, text={"div": "y" * 70_000}), partner)
    assert (answer.status_code, issues(answer)[0][0]) == (413, "too-long")


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"resourceType": "Bundle"}, "value", "QuestionnaireResponse.resourceType"),
        ({"status": "amended"}, "value", "QuestionnaireResponse.status"),
        ({"questionnaire": "http://elsewhere.example/q"}, "not-found", "QuestionnaireResponse.questionnaire"),
        (
            {"questionnaire": "urn:preconsult:questionnaire:ketamine-preconsult|9.9.9"},
            "not-found",
            "QuestionnaireResponse.questionnaire",
        ),
        ({"contained": []}, "structure", "QuestionnaireResponse.contained"),
        (
            {"identifier": {"system": "urn:preconsult:booking-reference", "value": "Jane Doe"}},
            "value",
            "QuestionnaireResponse.identifier.value",
        ),
        (
            {
                "item": [
                    {"linkId": "start", "item": [{"linkId": "info_only", "answer": [{"valueUri": "urn:x"}]}]}
                ]
            },
            "structure",
            "QuestionnaireResponse.item[0].item[0].answer[0].value",
        ),
        ({"item": [{"linkId": "nobody"}]}, "structure", "QuestionnaireResponse.item[0]"),
    ],
)
def test_what_is_amiss_in_the_resource_is_told_with_its_place(
    service: Service, edition: Edition, partner: Headers, change: Json, code: str, place: str
) -> None:
    answer = post(service, sent(edition, CARA) | change, partner)
    assert answer.status_code == 422
    told = issues(answer)
    assert (code, place) in [(each[0], each[2]) for each in told]
    assert oracles.by_npm(answer.json()) == []


def test_every_issue_of_the_answers_is_told_at_once_in_the_person_s_language(
    service: Service, edition: Edition, partner: Headers
) -> None:
    wrong = CARA | {"age_band": "canary-age", "urgent_signs": ["none_of_these", "new_weakness"]}
    del wrong["answering_for"]
    answer = post(service, sent(edition, wrong, language="es"), partner)
    assert answer.status_code == 422
    assert issues(answer) == [
        ("code-invalid", "not_an_option", "QuestionnaireResponse.item[1].item[0]"),
        ("business-rule", "exclusive_option", "QuestionnaireResponse.item[2].item[0]"),
        ("required", "required", "QuestionnaireResponse.item[1]"),
    ]
    texts = [each["details"]["text"] for each in answer.json()["issue"]]
    assert [text.partition(":")[0] for text in texts] == ["age_band", "urgent_signs", "answering_for"]
    english = post(service, sent(edition, wrong), partner).json()["issue"]
    assert all(each["details"]["text"] not in texts for each in english)
    assert "canary-age" not in answer.text


def test_a_narrative_or_a_reference_stays_inert(service: Service, edition: Edition, partner: Headers) -> None:
    loud: dict[str, Any] = {
        "text": {"status": "generated", "div": "<div><script>canary()</script></div>"},
        "extension": [{"url": "http://elsewhere.example/canary", "valueString": "canary"}],
        "subject": {"reference": "http://169.254.169.254/canary"},
    }
    answer = post(service, sent(edition, CARA, **loud), partner)
    assert answer.status_code == 201
    assert "canary" not in answer.text
    read = service.client.get(answer.headers["location"], headers=partner)
    assert "canary" not in read.text
    at_v1 = service.client.get(f"/v1/submissions/{answer.json()['id']}", headers=service.key("review"))
    assert "canary" not in at_v1.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whatever_stands_anywhere_in_a_resource_is_answered_with_a_valid_outcome(
    service: Service, edition: Edition, partner: Headers
) -> None:
    dice, told = random.Random(7), []
    for _ in range(300):
        document = sent(
            edition, FULL, identifier={"system": "urn:preconsult:booking-reference", "value": "1"}
        )
        spoil(document, dice)
        answer = post(service, document, partner, dice.choice((HERE, VALIDATE)))
        assert answer.status_code in (200, 201, 400, 422), answer.text
        told.append(answer.json())
    assert {each["resourceType"] for each in told} == {"OperationOutcome", "QuestionnaireResponse"}
    assert oracles.by_npm(*told) == []


def spoil(document: Json, dice: random.Random) -> None:
    """Put a hostile value at a random place."""
    places: list[tuple[Any, Any]] = []
    pending: list[Any] = [document]
    while pending:
        node = pending.pop()
        inner = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        places += [(node, key) for key, _ in inner]
        pending += [value for _, value in inner if isinstance(value, dict | list)]
    node, key = dice.choice(places)
    if dice.random() < 0.2 and isinstance(node, dict):
        node[dice.choice(HOSTILE_NAMES)] = node[key]
    else:
        node[key] = dice.choice(HOSTILE)


# --- what clients can request ------------------------------------------------------------------------


def test_metadata_is_a_capability_statement_of_4_0_1(service: Service) -> None:
    answer = service.client.get("/fhir/metadata")
    assert answer.headers["content-type"] == FHIR
    assert answer.json()["fhirVersion"] == "4.0.1"
    assert {each["type"] for each in answer.json()["rest"][0]["resource"]} == {
        "Questionnaire",
        "QuestionnaireResponse",
    }
    assert oracles.complaints(answer.json()) == []


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"params": {"_format": "json"}}, FHIR),
        ({"params": {"_format": FHIR}}, FHIR),
        ({"params": {"_format": "json"}, "headers": {"accept": "text/html"}}, FHIR),
        ({"headers": {"accept": "application/json"}}, "application/json"),
        ({"headers": {"accept": "text/html, application/fhir+json;q=0.5"}}, FHIR),
        ({"headers": {"accept": "*/*"}}, FHIR),
    ],
)
def test_the_format_is_negotiated(service: Service, asked: Any, kind: str) -> None:
    answer = service.client.get("/fhir/metadata", **asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


def test_a_plus_sign_that_a_query_made_a_space_is_understood(service: Service) -> None:
    assert service.client.get("/fhir/metadata?_format=application/fhir+json").status_code == 200


def test_every_edition_is_found_and_each_search_narrows(service: Service) -> None:
    client = service.client
    editions = service.services.library.editions["ketamine-preconsult"]
    url = "urn:preconsult:questionnaire:ketamine-preconsult"
    every = client.get("/fhir/Questionnaire").json()
    assert every["total"] == len(editions) == len(every["entry"])
    assert oracles.complaints(every) == []
    for asked, total in [
        ({"url": url}, len(editions)), ({"url": f"{url}|1.0.0"}, 1), ({"url": url, "version": "1.0.0"}, 1),
        ({"version": "1.0.0,1.1.0"}, 2), ({"version": "9.9.9"}, 0), ({"status": "active"}, len(editions)),
        ({"status": "draft,retired"}, 0), ({"_id": "ketamine-preconsult-1.0.0"}, 1), ({"url": "urn:x"}, 0),
        ({"unheard-of": "x"}, len(editions)),
    ]:  # fmt: skip
        found = client.get("/fhir/Questionnaire", params=asked).json()
        assert found["total"] == total, asked
        assert len(found.get("entry", [])) == total


def test_a_search_goes_on_where_it_was_cut(service: Service) -> None:
    client = service.client
    whole = client.get("/fhir/Questionnaire").json()
    found, address = [], "/fhir/Questionnaire?_count=1"
    while address:
        page = client.get(address).json()
        found += [entry["fullUrl"] for entry in page.get("entry", [])]
        links = {link["relation"]: link["url"] for link in page["link"]}
        address = links.get("next", "").removeprefix(str(service.services.settings.public_url).rstrip("/"))
    assert found == [entry["fullUrl"] for entry in whole["entry"]]
    none = client.get("/fhir/Questionnaire?_count=0").json()
    assert ("entry" in none, none["total"]) == (False, len(found))


def test_a_questionnaire_is_read_by_id_in_a_language_and_not_sent_twice(service: Service) -> None:
    client, path = service.client, "/fhir/Questionnaire/ketamine-preconsult-1.1.0"
    english, spanish = client.get(path), client.get(path, headers={"accept-language": "es-US, en;q=0.1"})
    assert (english.json()["language"], spanish.json()["language"]) == ("en", "es")
    assert english.headers["etag"] != spanish.headers["etag"]
    assert "Accept-Language" in english.headers["vary"]
    again = client.get(path, headers={"if-none-match": english.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_edition_that_fhir_can_not_say_is_not_offered(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def says(edition: Edition, language: str) -> Questionnaire:
        if edition.version == "1.0.0":
            raise NotRepresentable("No.")
        return questionnaire(edition, language)

    monkeypatch.setattr(fhir, "questionnaire", says)
    fhir._represent.cache_clear()
    found = service.client.get("/fhir/Questionnaire").json()
    assert [each["resource"]["version"] for each in found["entry"]] == ["1.1.0"]
    assert service.client.get("/fhir/Questionnaire/ketamine-preconsult-1.0.0").status_code == 404
    fhir._represent.cache_clear()


# --- submitted ---------------------------------------------------------------------------------------


def test_completed_is_submitted_and_the_resource_comes_back(
    service: Service, edition: Edition, partner: Headers
) -> None:
    answer = post(service, sent(edition, NOA), partner)
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert answer.headers["location"] == f"{HERE}/{document['id']}"
    assert (document["status"], document["questionnaire"]) == (
        "completed",
        sent(edition, {})["questionnaire"],
    )
    assert document["extension"][0]["extension"][0] == {"url": "rule", "valueCode": "S_NOW"}
    assert oracles.complaints(document) == []
    again = service.client.get(answer.headers["location"], headers=partner)
    assert again.json() == document
    kept = service.client.get(f"/v1/submissions/{document['id']}", headers=service.key("review")).json()
    assert (kept["status"], kept["answers"], kept["attention"]) == ("submitted", NOA, 1)
    assert service.read(partial(audit_log.count, action="submission.submitted")) == 1


def test_in_progress_is_a_draft_and_may_want_answers(
    service: Service, edition: Edition, partner: Headers
) -> None:
    answer = post(service, sent(edition, {"info_only": True}, "in-progress"), partner)
    assert (answer.status_code, answer.json()["status"]) == (201, "in-progress")
    kept = service.client.get(f"/v1/submissions/{answer.json()['id']}", headers=service.key("review")).json()
    assert (kept["status"], kept["answers"]) == ("draft", {"info_only": True})
    assert post(service, sent(edition, {}, "in-progress"), partner).status_code == 201


def test_the_same_answers_give_the_same_digest_as_v1(
    service: Service, edition: Edition, partner: Headers, create: Create, reader: Headers
) -> None:
    plain = {name: value for name, value in FULL.items() if not name.startswith("contact_")}
    answer = post(service, sent(edition, FULL, language="es"), partner)
    at_v1 = create(plain | {"contact_permission": "yes"}, contact=PAT_CONTACT, language="es")
    summary = service.client.get(f"/v1/submissions/{answer.json()['id']}/summary", headers=reader).json()
    assert summary["digest"] == at_v1["summary"]["digest"]


def test_contact_details_are_kept_apart_and_never_shown(
    service: Service, edition: Edition, partner: Headers
) -> None:
    answer = post(service, sent(edition, FULL), partner)
    read = service.client.get(answer.headers["location"], headers=partner)
    for text in (answer.text, read.text):
        assert not any(detail in text for detail in PAT_CONTACT.values())
    look = partial(
        service.services.submissions.read,
        submission=answer.json()["id"],
        principal=program("submissions:read"),
        now=now(),
    )
    record = service.read(look).record
    assert record.contact == PAT_CONTACT


def test_the_booking_reference_is_the_identifier_of_our_system_and_no_other(
    service: Service, edition: Edition, partner: Headers
) -> None:
    ours = {"system": "urn:preconsult:booking-reference", "value": "B-7"}
    answer = post(service, sent(edition, CARA, identifier=ours), partner)
    assert answer.json()["identifier"] == ours
    foreign = post(service, sent(edition, CARA, identifier={"system": "urn:x", "value": "B-7"}), partner)
    assert "identifier" not in foreign.json()
    found = service.client.get("/v1/submissions?booking_reference=B-7", headers=service.key("review")).json()
    assert [each["id"] for each in found["items"]] == [answer.json()["id"]]


def test_a_test_key_makes_and_sees_test_submissions_only(service: Service, edition: Edition) -> None:
    trial = service.key("fhir", test=True)
    answer = post(service, sent(edition, CARA), trial)
    assert [tag["code"] for tag in answer.json()["meta"]["tag"]] == ["HTEST"]
    assert service.client.get(answer.headers["location"], headers=trial).status_code == 200
    marked = post(service, sent(edition, CARA, meta={"tag": [{"code": "HTEST"}]}), service.key("fhir"))
    assert marked.json()["meta"]["tag"] == answer.json()["meta"]["tag"]
    listed = service.client.get("/v1/submissions", headers=service.key("review")).json()
    assert listed["items"] == []


@pytest.mark.both_databases
def test_the_same_key_and_body_are_kept_once(service: Service, edition: Edition, partner: Headers) -> None:
    first = post(service, sent(edition, CARA), partner | KEY)
    again = post(service, sent(edition, CARA), partner | KEY)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert (again.content, again.headers["location"]) == (first.content, first.headers["location"])
    other = post(service, sent(edition, NOA), partner | KEY)
    assert (other.status_code, issues(other)[0][1]) == (422, "idempotency-key-reused")
    assert post(service, sent(edition, CARA), partner | {"idempotency-key": "x"}).status_code == 422
    assert service.read(partial(audit_log.count, action="submission.submitted")) == 1


@pytest.mark.both_databases
def test_the_same_sent_many_times_at_once_is_kept_once(
    service: Service, edition: Edition, partner: Headers
) -> None:
    with ThreadPoolExecutor(8) as pool:
        sendings = [pool.submit(post, service, sent(edition, CARA), partner | KEY) for _ in range(8)]
    told = {(each.result().status_code, each.result().content) for each in sendings}
    assert len(told) == 1
    assert service.read(partial(audit_log.count, action="submission.submitted")) == 1


def test_a_key_used_at_v1_is_taken_here_as_well(service: Service, edition: Edition) -> None:
    writer = service.key("submissions:write")
    assert service.client.post("/v1/submissions", json=body(CARA), headers=writer | KEY).status_code == 201
    assert post(service, sent(edition, CARA), writer | KEY).status_code == 422


@pytest.mark.parametrize("kind", [FHIR, "application/json", "application/fhir+json; charset=utf-8"])
def test_it_is_taken_under_either_name_of_json(
    service: Service, edition: Edition, partner: Headers, kind: str
) -> None:
    assert post(service, sent(edition, CARA), partner | {"content-type": kind}).status_code == 201


def test_a_canonical_without_a_version_is_the_current_edition(
    service: Service, edition: Edition, partner: Headers
) -> None:
    bare = {"questionnaire": "urn:preconsult:questionnaire:ketamine-preconsult"}
    answer = post(service, sent(edition, CARA) | bare, partner)
    assert answer.json()["questionnaire"].endswith(f"|{edition.version}")


@pytest.mark.parametrize("scope", ["fhir", "submissions:read"])
def test_a_submission_of_v1_is_read_in_fhir(service: Service, create: Create, scope: str) -> None:
    document = create(CARA, contact=PAT_CONTACT)
    for headers in (service.key(scope), bearer(document)):
        answer = service.client.get(f"{HERE}/{document['id']}", headers=headers)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert oracles.complaints(answer.json()) == []
        matched = headers | {"if-none-match": answer.headers["etag"]}
        assert service.client.get(f"{HERE}/{document['id']}", headers=matched).status_code == 304


# --- the dry run -------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_is_amiss_and_keeps_nothing(
    service: Service, edition: Edition, partner: Headers
) -> None:
    fine = post(service, sent(edition, NOA), partner, VALIDATE)
    assert [each[:2] for each in issues(fine)] == [("informational", "S_NOW"), ("informational", "valid")]
    wrong = post(service, sent(edition, {"info_only": False}), partner, VALIDATE)
    assert {each[1] for each in issues(wrong)} == {"must_be_true", "required"}
    odd = post(service, {"resourceType": "Patient"}, partner, VALIDATE)
    assert (wrong.status_code, odd.status_code) == (200, 200)
    assert oracles.complaints(fine.json(), wrong.json(), odd.json()) == []
    assert service.client.get("/v1/submissions", headers=service.key("review")).json()["items"] == []
    assert service.read(partial(audit_log.count, action="submission.submitted")) == 0


# --- the same behaviour as /v1 -----------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_answers_give_the_digest_of_an_evaluation(
    service: Service, edition: Edition, partner: Headers, website: Headers, reader: Headers, thorough: bool
) -> None:
    @settings(LAW, max_examples=200 if thorough else 50, suppress_health_check=list(HealthCheck))
    @given(complete_answers(edition), st.sampled_from(edition.languages))
    def same(answers: Json, language: str) -> None:
        as_json = json.loads(json.dumps(answers))
        evaluated = service.client.post(
            "/v1/evaluations", json=body(as_json, language=language), headers=website
        )
        made = post(service, sent(edition, answers, language=language), partner)
        assert made.status_code == 201, made.text
        summary = service.client.get(f"/v1/submissions/{made.json()['id']}/summary", headers=reader).json()
        assert summary["digest"] == evaluated.json()["summary"]["digest"]

    same()


# --- the API description -----------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_answers_are_as_described(service: Service, edition: Edition, partner: Headers) -> None:
    described = service.client.app.openapi()  # type: ignore[attr-defined] # FastAPI's method
    questionnaire = "/fhir/Questionnaire/{resource}"
    made = post(service, sent(edition, NOA), partner)
    told = [
        (made, "post", HERE),
        (service.client.get(made.headers["location"], headers=partner), "get", f"{HERE}/{{submission}}"),
        (post(service, {}, partner, VALIDATE), "post", VALIDATE),
        (post(service, {}, partner), "post", HERE),
        (service.client.get("/fhir/metadata"), "get", "/fhir/metadata"),
        (service.client.get("/fhir/Questionnaire"), "get", "/fhir/Questionnaire"),
        (service.client.get(f"/fhir/Questionnaire/{edition.id}-{edition.version}"), "get", questionnaire),
        (service.client.get("/fhir/Questionnaire/x"), "get", questionnaire),
    ]
    for answer, method, path in told:
        responses = described["paths"][path][method]["responses"]
        schema = responses[str(answer.status_code)]["content"][FHIR]["schema"]
        jsonschema.Draft202012Validator(schema | {"components": described["components"]}).validate(
            answer.json()
        )
    asked = described["paths"][HERE]["post"]["requestBody"]["content"][FHIR]["schema"]
    validator = jsonschema.Draft202012Validator(asked | {"components": described["components"]})
    validator.validate(sent(edition, FULL, text={"div": "x"}, meta={"tag": []}))
    assert not validator.is_valid(sent(edition, FULL, contained=[]))
