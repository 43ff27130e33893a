"""The review over REST: permissions, invalid requests, and the same actions as in the staff app."""

import threading
from functools import partial
from typing import Any

import pytest

from app.services.review import cases
from app.storage.events import audit_log
from tests.conftest import Service
from tests.factories import Team, somebody
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT
from tests.web.conftest import Create, Headers, bearer

NO_CASE = "019298a2-0000-7000-8000-000000000000"
LAST = "ffffffff-0000-7000-8000-000000000000"
ACTS: dict[str, tuple[str, Any]] = {
    "review": ("PUT", {"review": "in_review"}), "notes": ("POST", {"text": "called"}),
    "flags/x/actions": ("POST", {"action": "seen"}), "history": ("GET", None),
    "corrections": ("POST", {"answers": {"age_band": "45_64"}}), "merge": ("POST", {"into": LAST}),
    "contact": ("GET", None),
}  # fmt: skip
LOOKS = ("notes", "contact", "corrections", "history")
CHANGES = {path: each for path, each in ACTS.items() if each[0] != "GET"}


def send(service: Service, case: str, path: str, headers: Headers, body: Any = None, version: Any = 1) -> Any:
    method = ACTS.get(path, ("POST", None))[0]
    matched = {} if version is None else {"if-match": version if version == "*" else f'"{version}"'}
    more = {} if body is None else {"json": body}
    return service.client.request(method, f"/v1/submissions/{case}/{path}", headers=headers | matched, **more)


@pytest.fixture
def case(create: Create) -> str:
    name: str = create(NOA)["id"]
    return name


@pytest.fixture
def team(service: Service) -> Team:
    return Team(service, somebody(service, "manager"))


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ACTS)
def test_who_may_not_review_does_nothing(service: Service, create: Create, team: Team, path: str) -> None:
    document = create(PAT, contact=PAT_CONTACT)
    body = ACTS[path][1]
    assert send(service, document["id"], path, {}, body).status_code == 401
    strangers = [bearer(document), service.key("submissions:read"), service.key("submissions:write")]
    for stranger in strangers:
        assert send(service, document["id"], path, stranger, body).status_code == 403
    assert team.assessment(document["id"]).record.version == 1
    assert service.read(partial(audit_log.count, action="submission.viewed")) == 0


@pytest.mark.parametrize("path", ACTS)
def test_what_is_not_there_or_not_a_test_is_not_found(
    service: Service, staff: Headers, case: str, path: str
) -> None:
    body = ACTS[path][1]
    for name in (NO_CASE, "x", "%00"):
        assert send(service, name, path, staff, body).status_code == 404
    assert send(service, case, path, service.key("review", test=True), body).status_code == 404


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_names_the_version_it_is_meant_for(
    service: Service, staff: Headers, team: Team, case: str, path: str
) -> None:
    body = ACTS[path][1]
    assert send(service, case, path, staff, body, version=None).status_code == 428
    team.note(case, "quicker")
    assert send(service, case, path, staff, body, version=1).status_code == 412
    assert team.assessment(case).record.version == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("review", {}), ("review", {"review": "open"}), ("review", {"review": None}), ("review", []),
        ("review", {"review": "in_review", "assignee": "x"}), ("review", {"review": "in_review", "x": 1}),
        ("review", {"review": "in_review", "assignee": NO_CASE}),
        ("notes", {}), ("notes", {"text": ""}), ("notes", {"text": "x" * 4001}), ("notes", {"text": 1}),
        ("notes", {"text": "x" * 2001}), ("notes", {"text": "a\0b"}), ("notes", {"text": " "}),
        ("flags/x/actions", {}), ("flags/x/actions", {"action": "done"}),
        ("corrections", {}), ("corrections", {"answers": {}}), ("corrections", {"answers": []}),
        ("corrections", {"answers": {"nothing": "x"}}), ("corrections", {"answers": {"age_band": 7}}),
        ("merge", {}), ("merge", {"into": "x"}), ("merge", {"into": None}),
    ],
)  # fmt: skip
def test_a_body_that_is_amiss_is_refused_without_an_echo(
    service: Service, staff: Headers, team: Team, case: str, path: str, body: Any
) -> None:
    answer = send(service, case, path, staff, body)
    assert answer.status_code == 422
    assert "xxxx" not in answer.text
    assert answer.json()["errors"]
    assert team.assessment(case).record.version == 1


@pytest.mark.both_databases
def test_a_step_there_is_not_is_a_conflict(service: Service, staff: Headers, case: str) -> None:
    answer = send(service, case, "review", staff, {"review": "closed"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:preconsult:problem:not-this-step")


# --- accepted --------------------------------------------------------------------------------------


def test_a_case_is_reviewed_by_a_program(service: Service, staff: Headers, team: Team, case: str) -> None:
    robin = somebody(service, "reviewer").id
    answer = send(service, case, "review", staff, {"review": "in_review", "assignee": robin})
    assert answer.status_code == 200
    assert answer.json() | {"updated_at": "", "due_at": ""} == {
        "id": case, "review": "in_review", "assignee": robin, "attention": 1, "due_at": "",
        "merged_into": None, "updated_at": "",
    }  # fmt: skip
    assert answer.headers["etag"] == '"3"'
    kept = send(service, case, "review", staff, {"review": "needs_contact"}, version=3).json()
    assert (kept["review"], kept["assignee"]) == ("needs_contact", robin), "without assignee it stays"
    early = send(service, case, "review", staff, {"review": "ready"}, version="*")
    assert early.status_code == 409, "nobody is ready while a flag has a time to act by"
    read = service.client.get(f"/v1/submissions/{case}", headers=staff).json()
    assert (read["review"], bool(read["flags"][0]["due_at"])) == ("needs_contact", True)
    team.close_flags(case)
    freed = send(service, case, "review", staff, {"review": "ready", "assignee": None}, version="*").json()
    assert (freed["review"], freed["assignee"]) == ("ready", None)
    read = service.client.get(f"/v1/submissions/{case}", headers=staff).json()
    assert (read["review"], read["assignee"]) == ("ready", None)
    shown = service.client.get(f"/v1/submissions/{case}", headers=service.key("submissions:read")).json()
    assert "review" not in shown


def test_notes_and_acts_on_flags_are_kept(service: Service, staff: Headers, team: Team, case: str) -> None:
    written = send(service, case, "notes", staff, {"text": "Called e\u0301"})
    assert (written.status_code, written.json()["text"]) == (201, "Called é")
    assert written.json()["by"]["kind"] == "api_key"
    flag = team.assessment(case).record.flags[0].id
    done = send(service, case, f"flags/{flag}/actions", staff, {"action": "closed"}, version=2)
    assert (done.status_code, done.json()["action"], done.headers["etag"]) == (201, "closed", '"3"')
    again = send(service, case, f"flags/{flag}/actions", staff, {"action": "seen"}, version=3)
    assert again.status_code == 409
    found = team.look(case)
    assert [each.body for each in found.notes] == ["Called é"]
    assert [each.action for each in found.actions] == ["closed"]


@pytest.mark.both_databases
def test_every_look_of_a_program_goes_on_record(service: Service, staff: Headers, create: Create) -> None:
    case = create(PAT, contact=PAT_CONTACT)["id"]
    for path in LOOKS:
        found = service.client.get(f"/v1/submissions/{case}/{path}", headers=staff)
        assert (found.status_code, found.headers["cache-control"]) == (200, "no-store")
        if path == "contact":
            assert {name: each for name, each in found.json().items() if each} == PAT_CONTACT
    for path in ("", "/summary", "/verification"):
        assert service.client.get(f"/v1/submissions/{case}{path}", headers=staff).status_code == 200
    assert service.read(partial(audit_log.count, action="submission.viewed")) == 6
    assert service.read(partial(audit_log.count, action="contact.revealed")) == 1


def test_a_program_corrects_answers_and_sees_what_was_there(
    service: Service, staff: Headers, create: Create
) -> None:
    case = create(PAT)["id"]
    kept = service.client.get(f"/v1/submissions/{case}", headers=staff).json()["answers"]
    older = kept["age_band"]
    newer = "45_64"
    done = send(service, case, "corrections", staff, {"answers": {"age_band": newer}})
    assert (done.status_code, done.headers["etag"]) == (200, '"2"'), done.text
    again = send(service, case, "corrections", staff, {"answers": {"age_band": newer}}, version=2)
    assert again.status_code == 409
    found = service.client.get(f"/v1/submissions/{case}/corrections", headers=staff).json()["items"]
    assert [each["changes"] for each in found] == [[{"link_id": "age_band", "before": older, "after": newer}]]
    assert service.client.get(f"/v1/submissions/{case}", headers=staff).json()["answers"]["age_band"] == newer


@pytest.mark.both_databases
def test_a_program_merges_a_duplicate(service: Service, staff: Headers, create: Create) -> None:
    one, other = create(PAT)["id"], create(PAT)["id"]
    itself = send(service, one, "merge", staff, {"into": one})
    assert itself.status_code == 422
    done = send(service, one, "merge", staff, {"into": other}).json()
    assert (done["review"], done["merged_into"]) == ("closed", other)


def test_the_history_tells_of_reads_and_acts(service: Service, staff: Headers, team: Team, case: str) -> None:
    team.look(case)
    team.act(case, team.assessment(case).record.flags[0].id, "reached")
    document = send(service, case, "history", staff, version=None).json()
    actions = [each["action"] for each in document["items"]]
    assert actions[:3] == ["submission.viewed", "flag.reached", "submission.viewed"]
    assert actions[-1] == "submission.submitted"
    assert document["items"][0]["by"]["kind"] == "api_key"


@pytest.mark.both_databases
def test_lists_are_narrowed_to_a_state_an_urgency_or_a_person(
    service: Service, staff: Headers, team: Team, create: Create, case: str
) -> None:
    plain, robin = create(CARA)["id"], somebody(service, "reviewer").id
    team.decide(plain, "in_review")
    team.assign(plain, robin)

    def listed(**query: str) -> list[str]:
        answer = service.client.get("/v1/submissions", params=query, headers=staff)
        assert answer.status_code == 200
        return [each["id"] for each in answer.json()["items"]]

    assert listed(review="new") == [case]
    assert listed(review="in_review") == listed(assignee=robin) == [plain]
    assert listed(review="in_review", assignee=robin) == [plain]
    assert listed(attention="1") == [case]
    assert listed(assignee=NO_CASE) == []
    for wrong in ({"review": "x"}, {"assignee": "x"}, {"assignee": "x" * 36}):
        assert service.client.get("/v1/submissions", params=wrong, headers=staff).status_code == 422


@pytest.mark.both_databases
def test_of_thirty_two_programs_at_once_none_overwrites_another(
    service: Service, staff: Headers, team: Team, case: str
) -> None:
    outcomes: list[int] = []

    def write(number: int) -> None:
        outcomes.append(send(service, case, "notes", staff, {"text": f"note {number}"}).status_code)

    hands = [threading.Thread(target=write, args=(number,)) for number in range(32)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sorted(outcomes) == [201] + [412] * 31
    found = team.do(cases.view_case, team.turn(case))
    assert len(found.notes) == 1
