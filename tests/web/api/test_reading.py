"""Reading submissions: permissions, visible fields, lists, summaries in three media types, verification."""

import datetime as dt
from functools import partial
from typing import Any

import pytest

from app.clock import now
from app.errors import every_problem
from app.services.auth import api_keys
from app.storage.events.audit_log import Actor
from app.web.html.templates import date
from tests.conftest import Service
from tests.sample_answers import CARA, NOA
from tests.web.conftest import Create, Headers, bearer


def get(service: Service, path: str, headers: Headers, **more: str) -> Any:
    return service.client.get(path, headers=headers | more)


def test_a_key_that_only_writes_may_not_read(service: Service, create: Create, website: Headers) -> None:
    document = create(CARA)
    assert get(service, f"/v1/submissions/{document['id']}", website).status_code == 403
    assert get(service, "/v1/submissions", website).status_code == 403


def test_a_token_does_not_list(service: Service, create: Create) -> None:
    assert get(service, "/v1/submissions", bearer(create(CARA))).status_code == 403


def test_a_test_key_knows_of_test_submissions_only(service: Service, create: Create) -> None:
    live, trial = create(CARA), create(CARA, test=True)
    tester = service.key("submissions:read", test=True)
    assert get(service, f"/v1/submissions/{live['id']}", tester).status_code == 404
    assert get(service, f"/v1/submissions/{trial['id']}", tester).status_code == 200
    assert [each["id"] for each in get(service, "/v1/submissions", tester).json()["items"]] == [trial["id"]]


@pytest.mark.both_databases
def test_a_revoked_key_is_refused_within_a_second(service: Service, reader: Headers) -> None:
    key_id = reader["authorization"].split("_")[2]
    service.database.write_blocking(
        partial(api_keys.revoke, key_id=key_id, now=now(), actor=Actor("command"))
    )
    assert get(service, "/v1/submissions", reader).status_code == 401


def test_the_respondent_sees_answers_but_not_what_staff_see(service: Service, create: Create) -> None:
    document = create(NOA)
    seen = get(service, f"/v1/submissions/{document['id']}", bearer(document)).json()
    assert seen["answers"] == NOA
    assert not {"flags", "undetermined", "attention", "contact"} & seen.keys()


def test_the_office_sees_attention_and_staff_see_flags_and_what_is_open(
    service: Service, create: Create, reader: Headers, staff: Headers
) -> None:
    path = f"/v1/submissions/{create(NOA)['id']}"
    seen = get(service, path, reader).json()
    assert seen["attention"] == 1
    assert "flags" not in seen
    reviewed = get(service, path, staff).json()
    assert [each["flag"] for each in reviewed["flags"]] == ["self_harm_now", "no_contact_route"]
    assert {"rule": "P_SHORT", "would_settle": ["pain_duration"]} in reviewed["undetermined"]


def test_a_reader_who_has_it_already_gets_304(service: Service, create: Create) -> None:
    document = create(CARA)
    answer = get(service, f"/v1/submissions/{document['id']}", bearer(document), **{"if-none-match": '"1"'})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "attention=5", "status=done", "cursor=nonsense", "cursor=WzFd",
     "updated_after=yesterday", "updated_after=2026-11-22T00:00:00", "booking_reference=a%20b"],
)  # fmt: skip
def test_an_odd_query_is_422_without_echo(service: Service, reader: Headers, query: str) -> None:
    answer = get(service, f"/v1/submissions?{query}", reader)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert "nonsense" not in answer.text


@pytest.mark.both_databases
def test_pages_follow_each_other_without_gap_or_repetition(
    service: Service, create: Create, reader: Headers
) -> None:
    made = [create(CARA, booking_reference="B-1")["id"] for _ in range(5)]
    seen: list[str] = []
    path: str | None = "/v1/submissions?limit=2&booking_reference=B-1"
    while path:
        answer = get(service, path, reader)
        seen += [each["id"] for each in answer.json()["items"]]
        path = answer.json()["next"]
        assert ("link" in answer.headers) is bool(path)
    assert seen == sorted(made, reverse=True)


@pytest.mark.both_databases
def test_changes_since_a_time_come_in_order_of_change(
    service: Service, create: Create, reader: Headers
) -> None:
    drafts = [create({}, status="draft") for _ in range(3)]
    for draft in reversed(drafts):
        headers = bearer(draft) | {"if-match": "*"}
        change = {"answers": {"age_band": "25_44"}}
        assert service.client.patch(f"/v1/submissions/{draft['id']}", json=change, headers=headers).is_success
    seen: list[str] = []
    path: str | None = "/v1/submissions?limit=2&updated_after=2020-01-01T00:00:00Z"
    while path:
        page = get(service, path, reader).json()
        seen += [each["id"] for each in page["items"]]
        path = page["next"]
    assert sorted(seen) == sorted(draft["id"] for draft in drafts)
    times = [get(service, f"/v1/submissions/{each}", reader).json()["updated_at"] for each in seen]
    assert times == sorted(times)


@pytest.mark.both_databases
def test_filters_narrow_the_list(service: Service, create: Create, reader: Headers) -> None:
    urgent, calm, draft = create(NOA)["id"], create(CARA)["id"], create({}, status="draft")["id"]

    def listed(query: str) -> set[str]:
        return {each["id"] for each in get(service, f"/v1/submissions?{query}", reader).json()["items"]}

    assert listed("attention=1") == {urgent}
    assert listed("status=draft") == {draft}
    assert listed("status=submitted") == {urgent, calm}
    assert listed("test=true") == set()


def test_a_list_holds_no_answer(service: Service, create: Create, reader: Headers) -> None:
    create(NOA)
    text = get(service, "/v1/submissions", reader).text
    assert not [name for name in NOA if name in text]


def test_a_draft_has_no_summary_yet(service: Service, create: Create) -> None:
    draft = create({}, status="draft")
    for part in ("summary", "verification"):
        answer = get(service, f"/v1/submissions/{draft['id']}/{part}", bearer(draft))
        assert answer.status_code == 409
        assert answer.json()["type"].endswith("not-submitted")


def test_an_unknown_media_type_is_406(service: Service, create: Create) -> None:
    document = create(CARA)
    path = f"/v1/submissions/{document['id']}/summary"
    assert get(service, path, bearer(document), accept="application/pdf").status_code == 406
    assert get(service, path, bearer(document), accept="text/html;q=0").status_code == 406


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("text/*;q=0.5, application/json;q=0.1", "text/html"),
        ("text/plain", "text/plain"),
        ("application/pdf, text/plain;q=0.2", "text/plain"),
    ],
)
def test_the_summary_comes_as_the_reader_likes_it(
    service: Service, create: Create, accept: str, kind: str
) -> None:
    document = create(NOA)
    answer = get(service, f"/v1/submissions/{document['id']}/summary", bearer(document), accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["cache-control"] == "no-store"
    shown = answer.text.partition("<main>")[2] or answer.text
    assert shown.index("988") < shown.index("Things to discuss with a clinician")


def test_page_and_text_quote_with_cautions_and_end_with_the_footer(service: Service, create: Create) -> None:
    document = create(CARA)
    for kind in ("text/html", "text/plain"):
        path = f"/v1/submissions/{document['id']}/summary"
        text = get(service, path, bearer(document), accept=kind).text
        assert "Complex regional pain syndrome (CRPS)" in text
        assert "A 2018 guideline found moderate evidence of relief" in text
        assert date(dt.datetime.fromisoformat(document["retained_until"]), "en", "UTC") in text
        assert text.index("Who can see my answers") < text.index("is not for emergencies")


def test_staff_get_flags_and_open_rules_with_the_summary(
    service: Service, create: Create, staff: Headers
) -> None:
    summary = get(service, f"/v1/submissions/{create(NOA)['id']}/summary", staff).json()
    assert summary["flags"]
    assert summary["undetermined"]


def test_a_kept_summary_verifies(service: Service, create: Create) -> None:
    document = create(CARA)
    found = get(service, f"/v1/submissions/{document['id']}/verification", bearer(document)).json()
    assert found["identical"] is True
    assert found["digest"] == found["recomputed_digest"] == document["summary"]["digest"]
    assert found["differences"] == []


def test_every_problem_has_a_slug_of_its_own() -> None:
    slugs = [problem.slug for problem in every_problem()]
    assert len(set(slugs)) == len(slugs)
