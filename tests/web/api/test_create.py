"""POST /v1/submissions: rejected, outside the scope, malformed, and the regular use."""

import json
from typing import Any

import pytest

from app.rules.library import CONTENT
from app.storage.tables.submissions import submissions
from tests.conftest import Service
from tests.sample_answers import CARA, MINA, NOA, PAT, PAT_CONTACT, body
from tests.web.conftest import Create, Headers, bearer, quoted, rules

ARTICLE = (CONTENT / "ketamine-preconsult/1.0.0/article.txt").read_text(encoding="utf-8")
KEY = {"idempotency-key": "7f0c2c9e-8f0e-4a2e"}


def post(service: Service, document: Any, headers: Headers) -> Any:
    return service.client.post("/v1/submissions", json=document, headers=headers)


def test_without_credentials_it_is_401_and_says_how(service: Service) -> None:
    answer = post(service, body(CARA), {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:preconsult:problem:unauthenticated"


@pytest.mark.parametrize(
    "credential",
    ["Bearer", "Bearer nonsense", "Basic cGM6cGM=", "Bearer pc_live_aaaaaaaa_" + "b" * 38, "Bearer pcr_x"],
)
def test_wrong_credentials_are_refused(service: Service, credential: str) -> None:
    assert post(service, body(CARA), {"authorization": credential}).status_code in (401, 403)


def test_a_key_that_only_reads_may_not_create(service: Service, reader: Headers) -> None:
    answer = post(service, body(CARA), reader)
    assert answer.status_code == 403
    assert "submissions:write" in answer.json()["detail"]


@pytest.mark.both_databases
def test_a_key_for_browsers_creates_only_from_its_origin(service: Service) -> None:
    browser = service.key("submissions:write", origins=("https://clinic.example",))
    assert post(service, body(CARA), browser | {"origin": "https://evil.example"}).status_code == 403
    made = post(service, body(CARA), browser | {"origin": "https://clinic.example"})
    assert made.status_code == 201
    booked = body(CARA, booking_reference="B-1")
    assert post(service, booked, browser | {"origin": "https://clinic.example"}).status_code == 403
    erase = {"if-match": "*", "origin": "https://clinic.example"}
    refused = service.client.delete(made.headers["location"], headers=browser | erase)
    assert refused.status_code == 403


def test_a_key_bound_to_a_network_is_refused_from_elsewhere(service: Service) -> None:
    assert (
        post(service, body(CARA), service.key("submissions:write", cidrs=("192.0.2.0/24",))).status_code
        == 403
    )


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"\xff\xfe", "malformed-json"),
        (b'{"a": NaN}', "malformed-json"),
        (b'{"a": 1, "a": 2}', "malformed-json"),
        (b'{"a": "\\ud800"}', "malformed-json"),
        (b'{"\\udfff": 1}', "malformed-json"),
        (b"[" * 900 + b"]" * 900, "malformed-json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "malformed-json"),
        (b"[" * 17 + b'\\"' * 30_000, "malformed-json"),
        (b"[" * 17 + b'"' + b"\\", "malformed-json"),
    ],
)
def test_what_is_not_strict_json_is_400(
    service: Service, website: Headers, content: bytes, slug: str
) -> None:
    headers = website | {"content-type": "application/json"}
    answer = service.client.post("/v1/submissions", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(slug)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_415(service: Service, website: Headers, kind: str) -> None:
    headers = website | {"content-type": kind}
    answer = service.client.post("/v1/submissions", content=b"{}", headers=headers)
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_413(service: Service, website: Headers) -> None:
    answer = post(service, body(CARA | {"x": "y" * 70_000}), website)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"questionnaire": 1}, "/questionnaire", "string_type"),
        ({"questionnaire": "unknown"}, "/questionnaire", "unknown_questionnaire"),
        ({"edition": "9.9.9"}, "/edition", "unknown_edition"),
        ({"answers": []}, "/answers", "dict_type"),
        ({"status": "done"}, "/status", "literal_error"),
        ({"language": "not a tag!"}, "/language", "string_pattern_mismatch"),
        ({"booking_reference": "Jane Doe"}, "/booking_reference", "string_pattern_mismatch"),
        ({"test": "yes"}, "/test", "bool_type"),
        ({"eligible": True}, "/eligible", "extra_forbidden"),
    ],
)
def test_a_wrong_envelope_is_422_with_its_place(
    service: Service, website: Headers, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = post(service, body(CARA) | change, website)
    assert answer.status_code == 422
    assert {"pointer": pointer, "code": code}.items() <= answer.json()["errors"][0].items()


def test_every_issue_of_the_answers_is_told_at_once_without_echo(service: Service, website: Headers) -> None:
    wrong = CARA | {
        "age_band": "CANARY-1",
        "pain_types": ["crps", "CANARY-2"],
        "urgent_signs": ["none_of_these", "stroke_signs"],
        "pain_intensity": 11,
        "CANARY/3~x": "y",
        "contact_phone": "5550142",
    }
    del wrong["answering_for"]
    answer = post(service, body(wrong, contact={"email": "CANARY-4"}), website)
    assert answer.status_code == 422
    found = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert found >= {
        ("/answers/age_band", "not_an_option"),
        ("/answers/pain_types/1", "not_an_option"),
        ("/answers/urgent_signs", "exclusive_option"),
        ("/answers/pain_intensity", "too_large"),
        ("/answers/CANARY~13~0x", "unknown_question"),
        ("/answers/contact_phone", "contact_item"),
        ("/answers/answering_for", "required"),
        ("/contact/email", "bad_format"),
    }
    told = [error["detail"] for error in answer.json()["errors"]]
    assert all(sentence.endswith(".") for sentence in told)
    assert "CANARY" not in json.dumps([told, answer.json()["detail"]])


def test_crps_and_resistant_depression_give_both_topics_with_their_quotations(create: Create) -> None:
    document = create(CARA)
    assert document["status"] == "submitted"
    assert rules(document)[:2] == ["P_CRPS", "M_TRD"]
    quotations = {quotation["passage"]: quotation for quotation in quoted(document["summary"])}
    assert {"P17", "P20", "P24", "P25"} <= quotations.keys()
    for quotation in quotations.values():
        assert quotation["exact"] == ARTICLE[quotation["start"] : quotation["end"]]
    cautions = {name: [each["id"] for each in quotations[name]["cautions"]] for name in quotations}
    assert cautions["P17"] == ["C-OFFLABEL"]
    assert cautions["P20"] == ["C-CRPS"]
    assert cautions["P24"] == ["C-PSYCH"]
    assert cautions["P25"] == ["C-DURATION"]
    assert [each["id"] for each in document["summary"]["general_cautions"]] == ["C-ALL", "C-RISK"]


@pytest.mark.parametrize("answers", [CARA, NOA, MINA, PAT])
def test_no_passage_that_may_never_be_shown_is_anywhere(
    service: Service, create: Create, answers: dict[str, Any]
) -> None:
    edition = service.services.library.current("ketamine-preconsult")
    assert edition is not None
    text = json.dumps(create(answers), ensure_ascii=False)
    never = [passage for passage in edition.article.passages if passage.policy == "never"]
    assert len(never) == 9
    assert not [passage.id for passage in never if passage.exact in text]


def test_in_danger_now_the_interruption_comes_first_and_no_mood_passage_is_quoted(create: Create) -> None:
    document = create(NOA)
    assert next(iter(document)) == "interruptions"
    assert next(iter(document["summary"])) == "interruptions"
    first = document["interruptions"][0]
    assert (first["rule"], first["kind"]) == ("S_NOW", "page")
    assert "988" in first["text"]
    assert [each["id"] for each in first["resources"]] == ["us-988", "us-911", "pbc-211"]
    assert document["summary"]["citation_mode"] == "limited"
    assert [each["passage"] for each in quoted(document["summary"])] == ["P31"]


def test_under_18_gets_no_topics_and_no_health_answer_is_kept(create: Create, service: Service) -> None:
    posted = MINA | {"self_harm_thoughts": "now", "pain_types": ["crps"], "contact_permission": "yes"}
    document = create(posted, contact=PAT_CONTACT)
    assert [each["rule"] for each in document["interruptions"]] == ["U18", "S_NOW"]
    assert document["summary"]["topics"] == []
    assert document["summary"]["citation_mode"] == "none"
    kept = service.client.get(f"/v1/submissions/{document['id']}", headers=bearer(document)).json()
    assert kept["answers"] == MINA
    assert kept["summary"] == document["summary"]


def test_a_summary_of_someone_under_18_still_verifies(create: Create, service: Service) -> None:
    document = create(MINA | {"self_harm_thoughts": "now"})
    path = f"/v1/submissions/{document['id']}/verification"
    assert service.client.get(path, headers=bearer(document)).json()["identical"] is True


@pytest.mark.both_databases
def test_the_same_key_and_body_give_the_first_answer_again(service: Service, website: Headers) -> None:
    first = post(service, body(CARA), website | KEY)
    again = post(service, body(CARA), website | KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]


@pytest.mark.both_databases
def test_the_same_key_with_another_body_is_422(service: Service, website: Headers) -> None:
    post(service, body(CARA), website | KEY)
    answer = post(service, body(NOA), website | KEY)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("idempotency-key-reused")


@pytest.mark.both_databases
def test_keys_of_two_programs_never_meet(service: Service, website: Headers) -> None:
    other = service.key("submissions:write")
    first, second = post(service, body(CARA), website | KEY), post(service, body(NOA), other | KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("key", ["short", "x" * 256])
def test_a_key_of_odd_length_is_422(service: Service, website: Headers, key: str) -> None:
    assert post(service, body(CARA), website | {"idempotency-key": key}).status_code == 422


def test_a_submission_says_until_when_it_is_kept_and_is_never_cached(
    service: Service, website: Headers
) -> None:
    answer = post(service, body(CARA), website)
    document = answer.json()
    assert document["retained_until"] > document["created_at"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["etag"] == '"1"'


def test_a_test_key_makes_test_submissions(service: Service) -> None:
    assert post(service, body(CARA), service.key("submissions:write", test=True)).json()["test"] is True


def test_contact_details_are_kept_only_with_permission(service: Service, create: Create) -> None:
    def kept(document: dict[str, Any]) -> object:
        return service.read(
            lambda session: (
                service.services.submissions.vault.decrypt_record(  # decrypted as for staff
                    session.execute(submissions.select().where(submissions.c.id == document["id"]))
                    .mappings()
                    .one(),
                    (),
                )[0].contact
            )
        )

    assert kept(create(PAT, contact=PAT_CONTACT)) == PAT_CONTACT
    assert kept(create(CARA, contact=PAT_CONTACT)) == {}
