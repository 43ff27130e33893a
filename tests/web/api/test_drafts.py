"""Drafts: saved as answers arrive, protected from the first answer on, submitted once."""

from typing import Any

import pytest

from tests.conftest import Service
from tests.sample_answers import CARA, MINA, NOA, PAT, PAT_CONTACT, body
from tests.web.conftest import Create, Document, Headers, bearer

START = {"info_only": True, "answering_for": "myself"}


@pytest.fixture
def draft(create: Create) -> Document:
    return create(START, status="draft")


def patch(service: Service, draft: Document, change: Any, version: str = '"1"', **headers: str) -> Any:
    sent = bearer(draft) | {"if-match": version} | headers
    return service.client.patch(f"/v1/submissions/{draft['id']}", json=change, headers=sent)


def submit(service: Service, draft: Document, version: str = '"1"') -> Any:
    headers = bearer(draft) | {"if-match": version}
    return service.client.post(f"/v1/submissions/{draft['id']}/submit", headers=headers)


def test_a_strangers_token_finds_nothing(service: Service, draft: Document, create: Create) -> None:
    stranger = create(CARA)
    headers = bearer(stranger) | {"if-match": '"1"'}
    answer = service.client.patch(f"/v1/submissions/{draft['id']}", json={"answers": {}}, headers=headers)
    unknown = service.client.patch("/v1/submissions/unknown", json={"answers": {}}, headers=headers)
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert answer.json()["detail"] == unknown.json()["detail"]


def test_a_change_without_if_match_is_428(service: Service, draft: Document) -> None:
    answer = service.client.patch(
        f"/v1/submissions/{draft['id']}", json={"answers": {}}, headers=bearer(draft)
    )
    assert answer.status_code == 428


@pytest.mark.both_databases
@pytest.mark.parametrize("version", ['"7"', 'W/"1"', "nonsense"])
def test_a_stale_version_is_412(service: Service, draft: Document, version: str) -> None:
    assert patch(service, draft, {"answers": {}}, version).status_code == 412


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"answers": {"age_band": "x"}}, "/answers/age_band", "not_an_option"),
        ({"answers": {"nobody": 1}}, "/answers/nobody", "unknown_question"),
        ({"contact": {"phone": 5}}, "/contact/phone", "wrong_type"),
        ({"status": "submitted"}, "/status", "extra_forbidden"),
    ],
)
def test_a_wrong_change_is_422_and_changes_nothing(
    service: Service, draft: Document, change: Any, pointer: str, code: str
) -> None:
    answer = patch(service, draft, change)
    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)]
    kept = service.client.get(f"/v1/submissions/{draft['id']}", headers=bearer(draft))
    assert kept.json()["answers"] == START
    assert kept.headers["etag"] == '"1"'


def test_a_draft_says_what_is_enabled_and_missing(draft: Document) -> None:
    assert draft["missing"] == ["age_band"]
    assert "urgent_signs" not in draft["enabled"]
    assert "summary" not in draft


def test_answers_merge_null_takes_one_back_and_the_version_goes_up(service: Service, draft: Document) -> None:
    answer = patch(service, draft, {"answers": {"age_band": "25_44", "answering_for": None}})
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"2"'
    document = answer.json()
    assert document["answers"] == {"info_only": True, "age_band": "25_44"}
    assert "urgent_signs" in document["enabled"]
    assert "answering_for" in document["missing"]


def test_merge_patch_has_a_media_type_of_its_own(service: Service, draft: Document) -> None:
    kind = {"content-type": "application/merge-patch+json"}
    answer = patch(service, draft, {"answers": {"age_band": "25_44"}}, **kind)
    assert answer.status_code == 200


def test_an_answer_that_no_longer_counts_is_not_lost_before_submitting(
    service: Service, create: Create
) -> None:
    draft = create(CARA, status="draft")
    patch(service, draft, {"answers": {"visit_reason": ["low_mood"]}})
    document = patch(service, draft, {"answers": {"visit_reason": CARA["visit_reason"]}}, '"2"').json()
    assert document["answers"] == CARA


def test_the_interruption_comes_with_the_answer_that_raised_it(
    service: Service, draft: Document, staff: Headers
) -> None:
    document = patch(service, draft, {"answers": {"age_band": "25_44", "self_harm_thoughts": "now"}}).json()
    assert [each["rule"] for each in document["interruptions"]] == ["S_NOW"]
    seen = service.client.get(f"/v1/submissions/{draft['id']}", headers=staff).json()
    assert [(each["flag"], each["priority"]) for each in seen["flags"]] == [
        ("self_harm_now", 1),
        ("no_contact_route", 1),
    ]
    assert seen["flags"][1]["target_open"] == "PT15M"
    assert seen["attention"] == 1


def test_a_flag_stays_when_the_answer_changes_and_says_so(
    service: Service, create: Create, staff: Headers
) -> None:
    draft = create(NOA, status="draft")
    document = patch(service, draft, {"answers": {"self_harm_thoughts": "no"}}).json()
    assert document["interruptions"] == []
    seen = service.client.get(f"/v1/submissions/{draft['id']}", headers=staff).json()
    assert [each["flag"] for each in seen["flags"]] == ["self_harm_now", "no_contact_route"]
    assert all(each["answer_changed_at"] for each in seen["flags"])
    assert seen["attention"] == 1


def test_the_same_disclosure_again_raises_a_fresh_flag(
    service: Service, create: Create, staff: Headers
) -> None:
    draft = create(NOA, status="draft")
    patch(service, draft, {"answers": {"self_harm_thoughts": "no"}})
    patch(service, draft, {"answers": {"self_harm_thoughts": "now"}}, '"2"')
    seen = service.client.get(f"/v1/submissions/{draft['id']}", headers=staff).json()
    assert [each["flag"] for each in seen["flags"]].count("self_harm_now") == 2


def test_under_18_drops_health_answers_the_moment_it_is_saved(service: Service, create: Create) -> None:
    draft = create(NOA, status="draft")
    document = patch(service, draft, {"answers": {"age_band": "under_18"}}).json()
    assert [each["rule"] for each in document["interruptions"]] == ["U18", "S_NOW"]
    assert document["answers"] == MINA
    assert document["missing"] == []


def test_a_draft_that_is_not_complete_is_not_submitted(service: Service, draft: Document) -> None:
    answer = submit(service, draft)
    assert answer.status_code == 422
    assert ("/answers/age_band", "required") in {
        (each["pointer"], each["code"]) for each in answer.json()["errors"]
    }


@pytest.mark.both_databases
def test_submitting_gives_the_summary_and_the_same_request_again_the_same(
    service: Service, create: Create
) -> None:
    draft = create(CARA, status="draft")
    first, again = submit(service, draft), submit(service, draft)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.headers["etag"] == '"2"'
    assert first.json()["summary"]["digest"] == create(CARA)["summary"]["digest"]


def test_what_was_submitted_is_not_changed_any_more(service: Service, create: Create) -> None:
    document = create(CARA)
    changed = patch(service, document, {"answers": {"age_band": "18_24"}})
    assert changed.status_code == 409
    assert changed.json()["type"].endswith("not-a-draft")
    assert submit(service, document).status_code == 409
    assert submit(service, document, "*").status_code == 409


def test_submitting_lets_go_of_answers_that_no_longer_count(service: Service, create: Create) -> None:
    draft = create(CARA, status="draft")
    patch(service, draft, {"answers": {"visit_reason": ["low_mood"]}})
    kept = submit(service, draft, '"2"').json()["answers"]
    assert "pain_types" not in kept


@pytest.mark.both_databases
def test_whose_form_it_is_does_not_say_for_which_booking(service: Service, create: Create) -> None:
    draft = create(PAT, status="draft", booking_reference="B-1")
    for other in ("B-17", None):
        answer = patch(service, draft, {"booking_reference": other})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:preconsult:problem:forbidden")
    assert patch(service, draft, {"booking_reference": "B-1"}).status_code == 200


def test_a_draft_can_change_language_contact_and_reference(
    service: Service, create: Create, website: Headers
) -> None:
    draft = create(PAT, status="draft")
    change = {"contact": PAT_CONTACT, "language": "en-GB", "booking_reference": "B-17"}
    path = f"/v1/submissions/{draft['id']}"
    document = service.client.patch(path, json=change, headers=website | {"if-match": '"1"'}).json()
    assert (document["language"], document["booking_reference"]) == ("en", "B-17")
    assert "Canary" not in str(document)


@pytest.mark.both_databases
def test_erasing_needs_the_version_and_leaves_nothing(
    service: Service, website: Headers, reader: Headers
) -> None:
    made = service.client.post(
        "/v1/submissions", json=body(CARA), headers=website | {"idempotency-key": "erase-me-1"}
    )
    document, path = made.json(), made.headers["location"]
    assert service.client.delete(path, headers=bearer(document)).status_code == 428
    assert service.client.delete(path, headers=bearer(document) | {"if-match": '"3"'}).status_code == 412
    erased = service.client.delete(path, headers=bearer(document) | {"if-match": '"1"'})
    assert (erased.status_code, erased.content) == (204, b"")
    for address in (path, f"{path}/summary", f"{path}/verification"):
        assert service.client.get(address, headers=bearer(document)).status_code == 404
        assert service.client.get(address, headers=reader).status_code == 404
    again = service.client.post(
        "/v1/submissions", json=body(CARA), headers=website | {"idempotency-key": "erase-me-1"}
    )
    assert again.status_code == 410


def test_a_mistyped_age_put_right_keeps_the_crisis_block_until_the_question_is_answered(
    service: Service, create: Create, staff: Headers
) -> None:
    draft = create(MINA | {"self_harm_thoughts": "now"}, status="draft")
    document = patch(service, draft, {"answers": {"age_band": "25_44"}}).json()
    assert [each["rule"] for each in document["interruptions"]] == ["S_NOW"]
    path = f"/v1/submissions/{draft['id']}"
    flags = {each["flag"]: each for each in service.client.get(path, headers=staff).json()["flags"]}
    assert flags["self_harm_now"]["answer_changed_at"] is None
    document = patch(service, draft, {"answers": {"self_harm_thoughts": "no"}}, '"2"').json()
    assert document["interruptions"] == []


def test_a_flag_that_becomes_more_urgent_is_raised_beside_the_older_one(
    service: Service, create: Create, staff: Headers
) -> None:
    draft = create(CARA | {"self_harm_thoughts": "recent"}, status="draft")
    patch(service, draft, {"answers": {"self_harm_thoughts": "now"}})
    flags = service.client.get(f"/v1/submissions/{draft['id']}", headers=staff).json()["flags"]
    raised = [(each["priority"], each["target_open"]) for each in flags if each["flag"] == "no_contact_route"]
    assert raised == [(2, "PT4H"), (1, "PT15M")]


def test_null_takes_out_all_answers_or_all_contact_details(service: Service, create: Create) -> None:
    draft = create(PAT, status="draft", contact=PAT_CONTACT)
    document = patch(service, draft, {"answers": None, "contact": None}).json()
    assert document["answers"] == {}


def test_a_key_that_only_writes_is_not_shown_what_the_respondent_answered(
    service: Service, create: Create, website: Headers
) -> None:
    draft = create(NOA, status="draft")
    headers = website | {"if-match": "*"}
    document = service.client.patch(f"/v1/submissions/{draft['id']}", json={}, headers=headers).json()
    assert not {"answers", "attention"} & document.keys()
