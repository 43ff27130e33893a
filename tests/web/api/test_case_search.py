"""What staff programs look up: which respondent a case belongs to, and to whom it can be assigned."""

from functools import partial
from typing import Any

import pytest

from app.storage.events import audit_log
from tests.conftest import Service
from tests.factories import somebody
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT
from tests.web.conftest import Create, Headers, bearer

SEARCH, REVIEWERS = "/v1/submissions/search", "/v1/reviewers"


def ask(service: Service, headers: Headers, text: Any) -> Any:
    return service.client.post(SEARCH, json={"text": text}, headers=headers)


def ids(answer: Any) -> set[str]:
    assert answer.status_code == 200
    return {each["id"] for each in answer.json()["items"]}


def searched(service: Service) -> int:
    return service.read(partial(audit_log.count, action="cases.searched"))


# --- rejected --------------------------------------------------------------------------------------


def test_nobody_else_learns_whose_case_it_is_or_who_works_here(service: Service, create: Create) -> None:
    made = create(CARA, contact=PAT_CONTACT)
    others = [service.key(each) for each in ("submissions:read", "submissions:write", "bookings", "fhir")]
    for headers, status in [({}, 401), *((each, 403) for each in (bearer(made), *others))]:
        assert ask(service, headers, PAT_CONTACT["phone"]).status_code == status
        assert service.client.get(REVIEWERS, headers=headers).status_code == status
    assert searched(service) == 0


@pytest.mark.parametrize("text", ["", " ", "a\0b", "\n", "x" * 255, 7, None, ["x"]])
def test_what_is_nothing_to_search_for_is_refused(service: Service, staff: Headers, text: Any) -> None:
    assert ask(service, staff, text).status_code == 422
    assert searched(service) == 0


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=1000", "This may be 200 at most."),
        ("limit=0", "This has to be 1 or more."),
        ("limit=x", "This takes a whole number."),
        ("attention=9", "This may be 4 at most."),
        ("status=done", "This takes 'draft' or 'submitted'."),
        ("booking_reference=Pat%20Smith", "This has to be written like the pattern ^[A-Za-z0-9._:-]+$"),
        ("booking_reference=", "This is too short: 1 or more characters are needed."),
        (f"cursor={'x' * 201}", "This is too long; it may have 200 characters."),
    ],
)
def test_what_is_amiss_in_an_address_is_told_with_what_it_takes(
    service: Service, staff: Headers, query: str, told: str
) -> None:
    answer = service.client.get(f"/v1/submissions?{query}", headers=staff)
    assert answer.status_code == 422
    assert [each["detail"] for each in answer.json()["errors"]] == [told]
    assert "Smith" not in answer.text


def test_a_search_stands_in_no_address(service: Service, staff: Headers) -> None:
    assert service.client.get(SEARCH, params={"text": "x"}, headers=staff).status_code == 404


def test_its_address_offers_what_it_takes_and_not_what_a_submission_would(
    service: Service, staff: Headers
) -> None:
    for method in ("OPTIONS", "PUT"):
        answer = service.client.request(method, SEARCH, headers=staff)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    other = service.client.put("/v1/submissions/x", headers=staff)
    assert other.headers["allow"] == "DELETE, GET, PATCH"


# --- accepted --------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_exactly_what_somebody_says_finds_their_cases(
    service: Service, create: Create, staff: Headers
) -> None:
    mine = create(PAT, contact=PAT_CONTACT, booking_reference="B-7")
    draft = create(PAT, contact=PAT_CONTACT, status="draft")
    create(CARA, booking_reference="B-8")
    phone = PAT_CONTACT["phone"]
    for text in (phone, f" {phone} ", PAT_CONTACT["email"].upper()):
        assert ids(ask(service, staff, text)) == {mine["id"], draft["id"]}
    assert ids(ask(service, staff, "B-7")) == ids(ask(service, staff, mine["id"])) == {mine["id"]}
    assert ids(ask(service, staff, phone[:-1])) == ids(ask(service, staff, "nobody@example.org")) == set()
    assert searched(service) == 7
    shown = service.read(partial(audit_log.events_of, object_id=draft["id"]))
    assert [each.action for each in shown].count(audit_log.LISTED) == 3


def test_a_line_is_the_one_of_a_list_and_holds_nothing_that_was_searched_for(
    service: Service, create: Create, staff: Headers
) -> None:
    create(PAT, contact=PAT_CONTACT)
    answer = ask(service, staff, PAT_CONTACT["phone"])
    listed = service.client.get("/v1/submissions", headers=staff).json()
    assert answer.json()["items"] == listed["items"]
    assert not [each for each in PAT_CONTACT.values() if each in answer.text]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.both_databases
def test_a_key_for_tests_finds_tests_alone(service: Service, create: Create) -> None:
    create(PAT, contact=PAT_CONTACT)
    trial = create(PAT, contact=PAT_CONTACT, test=True)
    assert ids(ask(service, service.key("review", test=True), PAT_CONTACT["phone"])) == {trial["id"]}


def test_a_case_can_be_given_to_whom_the_list_names(service: Service, create: Create, staff: Headers) -> None:
    ann, case = somebody(service, "reviewer", name="Ann"), create(NOA)["id"]
    somebody(service, "auditor", name="Aud")
    somebody(service, "reviewer", name="Gone", disabled=True)
    (found,) = service.client.get(REVIEWERS, headers=staff).json()["items"]
    assert found == {"id": ann.id, "name": "Ann"}
    sent = {"review": "in_review", "assignee": found["id"]}
    headers = staff | {"if-match": '"1"'}
    answer = service.client.put(f"/v1/submissions/{case}/review", json=sent, headers=headers)
    assert answer.json()["assignee"] == ann.id
