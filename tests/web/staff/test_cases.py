"""The queue and the cases without scripts: rejected requests, what is shown, and the effects of actions."""

import datetime as dt
import re
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import pytest

from app.errors import Unavailable
from app.services.review.cases import STEPS
from app.storage.events import audit_log
from app.storage.review import queue as rows
from app.storage.review import saved_views
from tests.conftest import Service
from tests.factories import Team, somebody
from tests.sample_answers import CARA, NOA, PAT, PAT_CONTACT
from tests.web.staff_client import Colleague

CALM = CARA | {"self_harm_thoughts": "no"}
NO_CASE = "019298a2-0000-7000-8000-000000000000"


@pytest.fixture
def ann(service: Service) -> Colleague:
    """A reviewer, signed in."""
    return Colleague(service).inside("reviewer")


@pytest.fixture
def team(service: Service) -> Team:
    """A manager who works on cases outside this browser."""
    return Team(service, somebody(service, "manager", name="Mika Manager"))


def act(ann: Colleague, team: Team, case: str, path: str, **data: Any) -> Any:
    """Send an action on a case with its current version."""
    version = str(team.assessment(case).record.version)
    return ann.act(f"/staff/cases/{case}/{path}", **({"version": version} | data))


OUR_PAGE = {"sec-fetch-site": "same-origin"}  # as a browser sends it


# --- rejected --------------------------------------------------------------------------------------


def test_words_from_another_session_are_not_taken_up_unless_our_own_page_sent_them(
    ann: Colleague, team: Team
) -> None:
    case = team.submit(CARA)
    sent: dict[str, str | list[str]] = {"token": "old", "version": "1", "text": "Call the ward"}
    assert ann.post(f"/staff/cases/{case}/notes", sent).status_code == 403
    assert "Call the ward" not in ann.page.text
    assert ann.post(f"/staff/cases/{case}/review", sent, **OUR_PAGE).status_code == 403
    assert "Call the ward" not in ann.page.text
    assert team.assessment(case).record.version == 1


def test_what_somebody_of_the_staff_is_refused_goes_on_record_without_a_word_of_theirs(
    ann: Colleague, team: Team
) -> None:
    case = team.submit(CARA)
    for path in (f"/staff/cases/{case}/erase", "/staff/cases/Canary-Word/erase", "/staff/keys"):
        assert ann.get(path).status_code == 403
    ann.post(f"/staff/cases/{case}/take", {"token": "forged"})
    found = team.service.read(
        partial(audit_log.page, filters=audit_log.Filters(action=audit_log.REFUSED), before=None, limit=9)
    )
    assert {each.actor_id for each in found} == {ann.id}
    assert [(each.object_type, each.object_id) for each in reversed(found)] == [
        ("submission", case), ("page", None), ("page", None), ("submission", case),
    ]  # fmt: skip
    assert audit_log.REFUSED in Colleague(team.service).inside("auditor").get("/staff/audit").text
    assert "Access refused" in ann.get(f"/staff/cases/{case}").text
    assert not team.beside(somebody(team.service, "reviewer")).look(case).changes_since_last_view


def test_an_id_that_no_case_has_is_told_beside_the_case_it_was_typed_on(ann: Colleague, team: Team) -> None:
    case = team.submit(CARA)
    for wrong in (NO_CASE, "x", "", "0" * 3000):
        assert act(ann, team, case, "merge", into=wrong).status_code == 422, wrong
        assert "There is no case with that number" in ann.page.text
    test = team.submit(CARA, test=True)
    assert act(ann, team, case, "merge", into=test).status_code == 422
    assert team.assessment(case).record.merged_into_id is None


ACTS = {
    "review": {"review": "in_review"}, "take": {}, "assign": {"assignee": ""}, "notes": {"text": "x"},
    "flags/x": {"action": "seen"}, "merge": {"into": NO_CASE}, "correct": {}, "contact": {},
}  # fmt: skip
CASE_PAGES = ["", "/correct", "/corrections"]


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_who_does_not_review_sees_no_case_and_does_nothing(service: Service, team: Team, role: str) -> None:
    case, other = team.submit(NOA), Colleague(service).inside(role)
    before = team.assessment(case).record
    assert other.get("/staff").status_code == 303
    assert other.location not in ("/staff", ""), "on to the first page that is theirs"
    for path in (f"/staff/cases/{case}{page}" for page in CASE_PAGES):
        assert other.get(path).status_code == 403, path
    assert other.get("/staff/articles/x").status_code == 403
    assert other.act("/staff/found", text="x").status_code == 403
    for path, data in ACTS.items():
        assert act(other, team, case, path, **data).status_code == 403, path
    assert team.assessment(case).record == before
    assert service.audit_count("submission.viewed") == 0


@pytest.mark.parametrize("path", [*ACTS, "found"])
def test_an_act_without_the_sessions_token_is_refused(ann: Colleague, team: Team, path: str) -> None:
    case = team.submit(NOA)
    before = team.assessment(case).record
    address = "/staff/found" if path == "found" else f"/staff/cases/{case}/{path}"
    for token in ("", "x", "k.0" * 9):
        data: dict[str, Any] = {"token": token, "version": "1"} | ACTS.get(path, {"text": "x"})
        answer = ann.post(address, data)
        assert answer.status_code == 403
    assert team.assessment(case).record == before


@pytest.mark.parametrize("case", [NO_CASE, "x", "%00", "%2e%2e", "é", "0" * 300])
def test_a_case_that_is_not_there_is_told_as_a_page(ann: Colleague, case: str) -> None:
    for page in CASE_PAGES:
        assert ann.get(f"/staff/cases/{case}{page}").status_code == 404
    for path, data in ACTS.items():
        assert ann.act(f"/staff/cases/{case}/{path}", version="1", **data).status_code in (404, 409, 422), (
            path
        )


# --- invalid input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["state=x", "attention=0", "attention=5", "attention=1x", "whose=x", "language=%00", "overdue=2",
     "name=Pat", "after=x", "after=-.x", "after=1.019298a2", f"after={'9' * 30}.{NO_CASE}", "state=new%0a"],
)  # fmt: skip
def test_a_filter_that_is_not_known_is_refused(ann: Colleague, query: str) -> None:
    answer = ann.get(f"/staff?{query}")
    assert answer.status_code == 400
    assert "Pat" not in answer.text


@pytest.mark.parametrize("version", ["", "x", "-1", "1.0", "١", "9" * 40])
def test_a_form_that_does_not_say_what_it_was_made_for_is_refused(
    ann: Colleague, team: Team, version: str
) -> None:
    case = team.submit(NOA)
    assert ann.act(f"/staff/cases/{case}/notes", version=version, text="x").status_code == 400
    assert team.assessment(case).record.version == 1


@pytest.mark.parametrize(
    ("path", "data"),
    [("review", {"review": "x"}), ("review", {}), ("flags/x", {"action": "x"}), ("flags/x", {})],
)
def test_an_act_there_is_not_is_refused(ann: Colleague, team: Team, path: str, data: dict[str, str]) -> None:
    case = team.submit(NOA)
    assert act(ann, team, case, path, **data).status_code == 400


def test_what_does_not_fit_is_told_on_the_case_with_what_was_typed(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    answer = act(ann, team, case, "notes", text="long " * 500)
    assert answer.status_code == 422
    assert "at most 2,000 characters" in answer.text
    assert answer.text.count("long long") > 10
    act(ann, team, case, "review", review="in_review")
    answer = act(ann, team, case, "review", review="closed")
    assert (answer.status_code, "from there it goes to" in answer.text) == (409, True)
    assert act(ann, team, case, "assign", assignee="x").status_code == 422
    assert act(ann, team, case, "merge", into=case).status_code == 422


@pytest.mark.both_databases
def test_whoever_is_too_late_sees_what_changed_and_keeps_what_they_wrote(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    ann.get(f"/staff/cases/{case}")
    team.note(case, "quicker")
    team.decide(case, "in_review")
    answer = ann.act(f"/staff/cases/{case}/notes", version="1", text="Canary-Unsent <b>")
    assert answer.status_code == 412
    assert "Canary-Unsent &lt;b&gt;" in answer.text
    assert "Note written" in answer.text
    assert "Mika Manager" in answer.text
    assert len(team.look(case).notes) == 1
    form = ann.form(f"/staff/cases/{case}/notes")
    assert form.value("version") == "3"
    ann.act(f"/staff/cases/{case}/notes", version="3", text="Canary-Unsent <b>")
    assert [each.body for each in team.look(case).notes] == ["quicker", "Canary-Unsent <b>"]


def test_a_step_that_comes_too_late_can_be_taken_all_the_same(ann: Colleague, team: Team) -> None:
    case = team.submit(CALM)
    team.note(case, "quicker")
    ann.act(f"/staff/cases/{case}/review", version="1", review="in_review")
    assert ann.page.status_code == 412
    ann.send(f"/staff/cases/{case}/review")
    assert ann.page.status_code == 303
    assert team.assessment(case).record.review == "in_review"


# --- accepted: the queue ---------------------------------------------------------------------------


def test_an_empty_queue_says_what_would_stand_there(ann: Colleague) -> None:
    assert "Nobody waits." in ann.get("/staff").text
    assert "No case is like that" in ann.get("/staff?attention=1").text


def test_a_line_begins_with_why_and_leads_to_the_case(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA, booking_reference="B-1")
    page = ann.get("/staff").text
    for words in (
        "Thoughts of self-harm today or right now",
        "most urgent",
        " open",
        "B-1",
        "not seen by you",
    ):
        assert words in page, words
    assert f'href="/staff/cases/{case}"' in page
    assert "Canary" not in page


@pytest.mark.both_databases
def test_every_choice_is_an_address_that_can_be_shared(ann: Colleague, team: Team) -> None:
    urgent, plain = team.submit(NOA), team.submit(CARA)
    ann.get("/staff")
    paths = {link["href"] or "" for link in ann.read.links if "chip" in (link.get("class") or "")}
    assert len(paths) > 15
    for path in paths:
        assert ann.get(path).status_code == 200, path
    page = ann.get("/staff?attention=1").text
    assert urgent in page
    assert plain not in page


@pytest.mark.both_databases
def test_pages_of_the_queue_follow_each_other(
    ann: Colleague, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.staff.queue.LINES", 2)
    made = [team.submit(NOA if number % 2 else CARA) for number in range(5)]
    seen: list[str] = []
    path = "/staff"
    while path:
        page = ann.get(path).text
        seen += [case for case in made if f'data-case="{case}"' in page]
        path = next((link["href"] or "" for link in ann.read.links if link.get("rel") == "next"), "")
    assert sorted(seen) == sorted(made)


def test_the_lines_come_alone_for_a_page_that_refreshes_itself(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    page = ann.get("/staff?part=1", **{"x-refresh": "1"}).text
    assert case in page
    assert "<html" not in page


@pytest.mark.both_databases
def test_who_was_shown_whose_case_in_a_list_is_on_record_once_a_day(ann: Colleague, team: Team) -> None:
    cases = [team.submit(NOA)]
    for path in ("/staff", "/staff?part=1", "/staff?attention=1", "/staff"):
        ann.get(path)
    assert team.service.audit_count(audit_log.LISTED) == 1
    cases.append(team.submit(CARA))
    ann.get("/staff?part=1", **{"x-refresh": "1"})
    assert team.service.audit_count(audit_log.LISTED) == 2
    assert "Shown in a list" in ann.get(f"/staff/cases/{cases[1]}").text
    other = Colleague(team.service).inside("manager")
    other.act("/staff/found", text=cases[1])
    other.act("/staff/found", text="nobody@clinic.example")
    seen = team.service.read(partial(audit_log.access_report, submission=cases[1]))
    assert [each.acts[audit_log.LISTED] for each in seen if each.actor_id in (ann.id, other.id)] == [1, 1]


def test_a_case_whose_showing_can_not_go_on_record_is_not_shown(
    ann: Colleague, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = team.submit(NOA)
    ann.get("/staff")

    def full(*_: Any, **__: Any) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr("app.services.review.queue.record_views", full)
    assert known in ann.get("/staff").text, "that is on record already"
    new = team.submit(CARA)
    for path in ("/staff", "/staff?part=1"):
        assert (ann.get(path).status_code, new in ann.page.text) == (503, False), path
    assert (ann.act("/staff/found", text=new).status_code, new in ann.page.text) == (503, False)


def test_a_case_is_taken_from_its_line(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    ann.get("/staff?attention=1")
    ann.send(f"/staff/cases/{case}/take")
    assert ann.location == "/staff?attention=1"
    record = team.assessment(case).record
    assert (record.assignee_id, record.review, record.version) == (ann.id, "in_review", 3)
    assert ">you<" in ann.follow().text


@pytest.mark.both_databases
def test_a_person_is_found_and_no_address_tells_of_it(ann: Colleague, team: Team) -> None:
    case, other = team.submit(PAT, contact=True), team.submit(CARA)
    ann.get("/staff")
    page = ann.send("/staff/found", text=PAT_CONTACT["phone"])
    assert (page.status_code, str(page.url.query)) == (200, "b''")
    assert case in page.text
    assert other not in page.text
    assert "Nothing found" in ann.act("/staff/found", text="nobody@example.org").text
    assert ann.act("/staff/found", text="").status_code == 422


@pytest.mark.both_databases
def test_a_view_is_kept_and_taken_away(ann: Colleague, service: Service) -> None:
    ann.get("/staff?attention=1&state=new")
    ann.send("/staff/views", name="Urgent & new")
    page = ann.get("/staff").text
    assert "Urgent &amp; new" in page
    assert 'href="/staff?state=new&amp;attention=1"' in page
    assert ann.act("/staff/views", name="", query="").status_code == 422
    assert ann.act("/staff/views", name="x", query="name=Pat").status_code == 400
    [view] = service.read(partial(saved_views.list_for, staff_id=ann.id))
    other = Colleague(service).inside("manager")
    assert other.act(f"/staff/views/{view.id}/forget").status_code == 404
    ann.act(f"/staff/views/{view.id}/forget")
    assert service.read(partial(saved_views.list_for, staff_id=ann.id)) == []
    assert (service.audit_count("view.saved"), service.audit_count("view.forgotten")) == (1, 1)


# --- accepted: a case ------------------------------------------------------------------------------


def test_a_case_shows_what_was_said_and_what_it_rests_on(ann: Colleague, team: Team) -> None:
    case = team.submit(PAT, contact=True)
    page = ann.get(f"/staff/cases/{case}").text
    assessment = team.assessment(case)
    for topic in assessment.rendered_summary["topics"]:
        assert f"<code>{topic['rule']}</code>" in page
        for quotation in topic["quotations"]:
            assert f"Passage {quotation['passage']}</a>" in page
    for each in assessment.evaluation.undetermined:
        for name in each.would_settle:
            assert f'id="ask-{name}"' in page
    assert "not yet clinically reviewed" in page
    for value in PAT_CONTACT.values():
        assert value not in page
    assert ann.service.audit_count("submission.viewed") == 1


def test_contact_details_stand_only_on_the_answer_to_being_asked_for_them(ann: Colleague, team: Team) -> None:
    case = team.submit(PAT, contact=True)
    ann.get(f"/staff/cases/{case}")
    page = ann.send(f"/staff/cases/{case}/contact").text
    for value in PAT_CONTACT.values():
        assert value in page
    assert ann.service.audit_count("contact.revealed") == 1
    assert PAT_CONTACT["phone"] not in ann.get(f"/staff/cases/{case}").text


@pytest.mark.parametrize("kinds", [(), ("name",), ("phone",), ("email",), ("name", "email")], ids=str)
def test_of_contact_details_those_are_shown_that_were_given(
    ann: Colleague, team: Team, kinds: tuple[str, ...]
) -> None:
    case = team.submit(PAT, contact={kind: PAT_CONTACT[kind] for kind in kinds})
    ann.get(f"/staff/cases/{case}")
    answer = ann.send(f"/staff/cases/{case}/contact")
    assert answer.status_code == 200
    assert [kind for kind in PAT_CONTACT if PAT_CONTACT[kind] in answer.text] == list(kinds)
    assert ("No contact details were given" in answer.text) == (not kinds)


def test_a_case_is_worked_through_from_its_page(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    path = f"/staff/cases/{case}"
    act(ann, team, case, "take")
    assert ann.location == path
    for flag in team.assessment(case).record.flags:
        for action in ("seen", "not_reached", "reached", "closed"):
            act(ann, team, case, f"flags/{flag.id}", action=action)
            assert ann.page.status_code == 303
    act(ann, team, case, "notes", text="Called; <script>alert(1)</script>")
    for step in ("ready", "closed"):
        act(ann, team, case, "review", review=step)
        assert ann.page.status_code == 303, ann.page.text
    page = ann.get(path).text
    for words in ("Could not reach the person", "Reopen", "&lt;script&gt;", "Review: closed"):
        assert words in page, words
    assert "<script>alert" not in page
    act(ann, team, case, "review", review="in_review")
    assert team.assessment(case).record.review == "in_review"


@pytest.mark.parametrize("at", STEPS)
def test_only_steps_that_may_be_taken_are_offered(ann: Colleague, team: Team, at: str) -> None:
    case = team.submit(CALM)
    ways: dict[str, list[Any]] = {
        "new": [], "in_review": ["in_review"], "ready": ["in_review", "ready"],
        "needs_contact": ["in_review", "needs_contact"], "closed": ["in_review", "ready", "closed"],
    }  # fmt: skip
    if ways[at]:
        team.decide(case, *ways[at])
    ann.get(f"/staff/cases/{case}")
    offered = [each["value"] for each in ann.form(f"/staff/cases/{case}/review").buttons]
    assert offered == list(next(steps for name, steps in STEPS.items() if name == at))


def test_what_others_did_since_stands_on_top(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    ann.get(f"/staff/cases/{case}")
    team.note(case, "quicker")
    assert "Since you last looked" in ann.get(f"/staff/cases/{case}").text
    assert "Since you last looked" not in ann.get(f"/staff/cases/{case}").text


def test_answers_are_corrected_and_compared(ann: Colleague, team: Team) -> None:
    case = team.submit(PAT, contact=True)
    ann.get(f"/staff/cases/{case}/correct")
    form = ann.form(f"/staff/cases/{case}/correct")
    assert "contact_phone" not in {each.get("name") for each in form.inputs}
    assert PAT_CONTACT["phone"][-2:] not in [each.get("value") for each in form.inputs]
    pairs: dict[str, str | list[str]] = {}
    for name, value in form.filled({"ride_home": ["no"], "self_harm_thoughts": ["now"]}):
        pairs[name] = [*pairs.get(name, []), value]
    ann.post(f"/staff/cases/{case}/correct", pairs)
    assert ann.location == f"/staff/cases/{case}/corrections", ann.page.text
    page = ann.follow().text
    assert "no answer" in page
    assert "<code>S_NOW</code>" in page
    record = team.assessment(case).record
    assert (record.version, record.priority, record.contact) == (2, 1, PAT_CONTACT)
    assert record.answers["answers"]["pain_types"] == ["crps"]


def test_a_correction_that_leaves_something_open_is_shown_again_with_what_was_typed(
    ann: Colleague, team: Team
) -> None:
    case = team.submit(CARA)
    data: dict[str, Any] = {"asked": ["visit_reason", "ride_home"], "visit_reason": [], "ride_home": "no"}
    answer = act(ann, team, case, "correct", **data)
    assert answer.status_code == 422
    assert "Please look at this again" in answer.text
    assert "no" in ann.form(f"/staff/cases/{case}/correct").checked("ride_home")
    assert team.assessment(case).record.version == 1


def test_a_correction_that_comes_too_late_is_not_lost(ann: Colleague, team: Team) -> None:
    case = team.submit(CARA)
    team.note(case, "quicker")
    ann.act(f"/staff/cases/{case}/correct", version="1", asked=["ride_home", "visit_reason"], ride_home="no",
            visit_reason=["low_mood", "long_term_pain", "other"])  # fmt: skip
    assert ann.page.status_code == 412
    ann.post(f"/staff/cases/{case}/correct", grouped(ann.form(f"/staff/cases/{case}/correct").pairs()))
    answers = team.assessment(case).record.answers["answers"]
    assert answers["ride_home"] == "no"
    assert set(answers["visit_reason"]) == {"long_term_pain", "low_mood", "other"}


@pytest.mark.both_databases
def test_a_correction_that_comes_too_late_undoes_nothing_of_a_colleague_s(ann: Colleague, team: Team) -> None:
    case = team.submit(CARA)
    ann.get(f"/staff/cases/{case}/correct")
    team.correct(case, ride_home="not_sure")
    ann.act(f"/staff/cases/{case}/correct", version="1", asked=["ride_home", "visit_reason"],
            visit_reason=["low_mood", "long_term_pain", "other"])  # fmt: skip
    assert ann.page.status_code == 412
    assert "Answers corrected" in ann.page.text
    sent = ann.form(f"/staff/cases/{case}/correct").pairs()
    assert [value for name, value in sent if name == "asked"] == ["visit_reason"]
    ann.post(f"/staff/cases/{case}/correct", grouped(sent))
    assert team.assessment(case).record.answers["answers"]["ride_home"] == "not_sure"


def grouped(sent: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    pairs: dict[str, str | list[str]] = {}
    for name, value in sent:
        pairs[name] = [*pairs.get(name, []), value]
    return pairs


def test_after_a_correction_the_summary_is_not_said_to_be_what_the_person_saw(
    ann: Colleague, team: Team
) -> None:
    case = team.submit(CARA)
    assert "Summary as the person saw it" in ann.get(f"/staff/cases/{case}").text
    team.correct(case, ride_home="no")
    page = ann.get(f"/staff/cases/{case}").text
    assert "Summary as the person saw it" not in page
    assert "Summary after correction" in page


def test_the_summary_that_the_person_saw_first_can_still_be_seen(ann: Colleague, team: Team) -> None:
    case = team.submit(CARA)
    seen = team.assessment(case).summary()
    team.correct(case, visit_reason=["other"], ride_home="no")
    now_said = team.assessment(case).summary()
    lost = next(each for each in seen["topics"] if each not in now_said["topics"])
    assert lost["text"] not in ann.get(f"/staff/cases/{case}").text
    page = ann.get(f"/staff/cases/{case}/corrections").text
    assert "The summary as the person saw it first" in page
    assert escape(lost["text"]) in page
    assert page.count("The summary until then") == 0
    team.correct(case, ride_home="yes")
    assert ann.get(f"/staff/cases/{case}/corrections").text.count("The summary until then") == 1


def test_a_corrected_summary_is_dated_when_it_was_corrected(team: Team) -> None:
    case = team.submit(CARA, at=team.at - dt.timedelta(days=2))
    sent = team.assessment(case).summary()["made_at"]
    replace(team, at=team.at - dt.timedelta(days=1)).correct(case, ride_home="no")
    corrected = team.assessment(case).summary()["made_at"]
    assert dt.datetime.fromisoformat(corrected) - dt.datetime.fromisoformat(sent) == dt.timedelta(days=1)
    team.note(case, "a note makes no other summary")
    assert team.assessment(case).summary()["made_at"] == corrected


def test_a_form_that_was_not_sent_is_not_offered_as_ready(ann: Colleague, team: Team) -> None:
    draft, sent = team.submit(CARA, complete=False), team.submit(CARA)
    pages = []
    for case in (draft, sent):
        team.decide(case, "in_review")
        pages.append('value="ready"' in ann.get(f"/staff/cases/{case}").text)
    assert pages == [False, True]


@pytest.mark.both_databases
def test_a_duplicate_is_merged_from_its_page(ann: Colleague, team: Team) -> None:
    case, other = team.submit(CALM), team.submit(CALM)
    act(ann, team, case, "merge", into=f" http://testserver/staff/cases/{other.upper()} ")
    assert ann.page.status_code == 303
    assert f'href="/staff/cases/{other}"' in ann.get(f"/staff/cases/{case}").text
    assert case not in ann.get("/staff").text


def test_a_draft_that_told_something_urgent_is_a_case(ann: Colleague, team: Team) -> None:
    case = team.submit({"info_only": True, "self_harm_thoughts": "now"}, complete=False)
    page = ann.get(f"/staff/cases/{case}").text
    assert "left unfinished" in page
    assert "What the summary would say" in page
    assert "must be answered still" in page


def test_the_article_marks_what_is_not_for_patients(ann: Colleague, service: Service) -> None:
    edition = service.services.library.current("ketamine-preconsult")
    assert edition
    page = ann.get(f"/staff/articles/{edition.article.article.id}").text
    for passage in edition.article.passages:
        assert f'id="{passage.id}"' in page
    never = [passage for passage in edition.article.passages if passage.policy == "never"]
    assert page.count(">not for patients<") == len(never) > 0
    assert ann.get("/staff/articles/x").status_code == 404


def test_every_language_of_a_case_reads_in_both_languages(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA, language="es")
    page = ann.get(f"/staff/cases/{case}").text
    assert 'lang="es"' in page
    assert "Español" in page


# --- accepted: how long a case is retained ---------------------------------------------------------


@pytest.fixture
def mia(service: Service) -> Colleague:
    """A manager, signed in."""
    return Colleague(service).inside("manager")


def test_a_reviewer_neither_holds_nor_erases(ann: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    assert "Erase" not in ann.get(f"/staff/cases/{case}").text
    assert ann.get(f"/staff/cases/{case}/erase").status_code == 403
    for path in ("hold", "release", "erase"):
        assert act(ann, team, case, path).status_code == 403
    assert team.assessment(case).record.legal_hold is False


def test_what_is_under_a_hold_is_not_erased_until_it_is_released(mia: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    path = f"/staff/cases/{case}"
    act(mia, team, case, "hold")
    assert "on hold" in mia.get(path).text
    assert "End the hold first" in mia.get(f"{path}/erase").text
    assert act(mia, team, case, "erase").status_code == 409
    act(mia, team, case, "release")
    assert team.assessment(case).record.legal_hold is False
    mia.get(f"{path}/erase")
    assert mia.send(f"{path}/erase").status_code == 200
    assert mia.get(path).status_code == 404
    assert mia.service.audit_count("submission.erased") == 1


@pytest.mark.both_databases
def test_what_changed_meanwhile_is_not_erased_unseen(mia: Colleague, team: Team) -> None:
    case = team.submit(NOA)
    mia.get(f"/staff/cases/{case}/erase")
    team.note(case, "quicker")
    assert mia.send(f"/staff/cases/{case}/erase").status_code == 412
    assert "Note written" in mia.page.text
    assert len(team.look(case).notes) == 1


@pytest.mark.parametrize("passed", [4 * dt.timedelta(minutes=1), 6 * dt.timedelta(minutes=1)])
def test_erasing_asks_for_the_password_again(mia: Colleague, team: Team, passed: dt.timedelta) -> None:
    case = team.submit(NOA)
    mia.wait(passed, seen=True)
    answer = mia.get(f"/staff/cases/{case}/erase")
    if passed > dt.timedelta(minutes=5):
        assert mia.location == f"/staff/confirm?next=%2Fstaff%2Fcases%2F{case}%2Ferase"
    else:
        assert answer.status_code == 200


def test_a_page_on_which_nothing_was_found_yet_says_how_to_go_on(
    ann: Colleague, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_SCANNED", 8)
    for _ in range(3):
        team.submit(NOA)
    rare = team.submit(NOA, language="es")
    page = ann.get("/staff?attention=1&language=es")
    assert "the next page looks further" in page.text
    for _ in range(4):
        if rare in page.text:
            break
        [following] = re.findall('rel="next" href="([^"]+)"', page.text)
        page = ann.get(following.replace("&amp;", "&"))
    assert rare in page.text


def test_a_note_typed_until_the_session_had_ended_is_given_back_and_kept(ann: Colleague, team: Team) -> None:
    case = team.submit(CARA)
    ann.get(f"/staff/cases/{case}")
    notes = f"/staff/cases/{case}/notes"
    typed = ann.form(notes).filled({"text": ['Asked for a call <after> six & "late"']})
    ann.browser.cookies.clear()
    ann.post(notes, grouped(typed), **OUR_PAGE)
    assert (ann.page.status_code, ann.heading) == (401, "You are signed out")
    assert 'target="_blank"' in ann.page.text
    ann.inside("reviewer", email="again@clinic.example")
    ann.post(notes, grouped(ann.form(notes).pairs()), **OUR_PAGE)
    assert (ann.page.status_code, ann.heading) == (403, "Send it now?")
    ann.post(notes, grouped(ann.form(notes).pairs()), **OUR_PAGE)
    assert ann.location == f"/staff/cases/{case}"
    assert [note.body for note in team.look(case).notes] == ['Asked for a call <after> six & "late"']


def test_a_correction_filled_in_until_the_session_had_ended_is_not_lost(ann: Colleague, team: Team) -> None:
    case = team.submit(CARA)
    path = f"/staff/cases/{case}/correct"
    typed: dict[str, str | list[str]] = {"version": "1", "asked": ["ride_home", "visit_reason"],
        "visit_reason": ["low_mood", "long_term_pain"], "ride_home": "not_sure"}  # fmt: skip
    ann.browser.cookies.clear()
    ann.post(path, typed, **OUR_PAGE)
    assert ann.page.status_code == 401
    ann.inside("reviewer", email="again@clinic.example")
    ann.post(path, grouped(ann.form(path).pairs()), **OUR_PAGE)
    ann.post(path, grouped(ann.form(path).pairs()), **OUR_PAGE)
    assert ann.location == f"{path}ions"
    assert team.assessment(case).record.answers["answers"]["ride_home"] == "not_sure"
