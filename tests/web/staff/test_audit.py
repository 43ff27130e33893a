"""The auditor's pages: who may see them, what they show, and that each view is recorded."""

import datetime as dt
import html
from functools import partial

import pytest
import sqlalchemy as sa

from app.clock import now
from app.services.events import outbox
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.tables.operations import audit_chain_head
from tests.conftest import Service
from tests.sample_answers import CARA, body
from tests.web.staff_client import Colleague

SCRIPT = '"><script>alert(1)</script>'
PURGE = Actor("service", "purge")
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def auditor(service: Service) -> Colleague:
    return Colleague(service).inside("auditor")


def write(service: Service, number: int, action: str = "case.read", object_id: str = "a-case") -> None:
    who, acts = Actor("staff", "somebody-gone"), [AuditAction(action, "submission", object_id)] * number
    service.database.write_blocking(lambda session: audit_log.record(session, who, now(), *acts))


def kept(service: Service, website: dict[str, str]) -> str:
    made = service.client.post("/v1/submissions", json=body(CARA), headers=website).json()
    return str(made["id"])


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["reviewer", "manager", "administrator"])
def test_nobody_but_an_auditor_sees_the_trail(service: Service, website: dict[str, str], role: str) -> None:
    submission = kept(service, website)
    other = Colleague(service).inside(role)
    for path in ("/staff/audit", f"/staff/audit/access/{submission}"):
        assert other.get(path).status_code == 403
        assert submission not in other.page.text
    assert (service.audit_count("audit.read"), service.audit_count("access.read")) == (0, 0)


@pytest.mark.parametrize(
    "query",
    [
        "actor=a'b",
        f"action={SCRIPT}",
        "object=%00",
        "object=" + "x" * 41,
        "action=%ff%fe",
        "day=2026-13-01",
        "day=tomorrow",
        "day=0001-01-01",
        "day=9999-12-31",
        "day=2026-11-24T00:00",
    ],
)
def test_what_can_not_be_asked_for_is_told_beside_its_field(auditor: Colleague, query: str) -> None:
    auditor.get(f"/staff/audit?{query}")
    assert auditor.page.status_code == 422
    assert "Please look at this again" in auditor.page.text
    assert SCRIPT not in auditor.page.text


@pytest.mark.both_databases
@pytest.mark.parametrize("before", ["", "x", "-1", "1.5", "9" * 30, "%00"])
def test_a_place_that_is_none_is_passed_over(auditor: Colleague, before: str) -> None:
    assert auditor.get(f"/staff/audit?before={before}").status_code == 200


@pytest.mark.parametrize("submission", ["x", UNKNOWN, "%00", "' OR 1=1", "x" * 3000])
def test_nothing_is_told_of_what_was_never_there(auditor: Colleague, submission: str) -> None:
    assert auditor.get(f"/staff/audit/access/{submission}").status_code == 404
    assert auditor.service.audit_count("access.read") == 0


# --- accepted --------------------------------------------------------------------------------------


def test_the_trail_shows_who_did_what_and_that_it_was_looked_at(
    auditor: Colleague, website: dict[str, str]
) -> None:
    submission = kept(auditor.service, website)
    auditor.get("/staff/audit")
    assert auditor.heading == "Audit trail"
    for shown in (submission, "submission.submitted", "test (API key)", "audit.read"):
        assert shown in auditor.page.text
    assert auditor.service.audit_count("audit.read") == 1


@pytest.mark.both_databases
def test_filters_show_what_fits_and_keep_no_name_in_the_address(
    auditor: Colleague, website: dict[str, str]
) -> None:
    submission = kept(auditor.service, website)
    write(auditor.service, 2)
    today = f"{now():%Y-%m-%d}"
    for query, shown in (
        ("actor=somebody-gone", ["case.read"]),
        (f"object={submission}", ["submission.submitted"]),
        (f"action=case.read&day={today}", ["case.read"]),
        (f"actor=staff&object=a-case&day={today}", ["case.read"]),
        ("day=2020-02-29", []),
        ("actor=nobody", []),
    ):
        text = auditor.get(f"/staff/audit?{query}").text
        found = [each for each in ("case.read", "submission.submitted") if f"<code>{each}</code>" in text]
        assert found == shown, query
        assert ("Nothing on record fits" in text) is not bool(shown)
    assert "@" not in str(auditor.page.request.url)


@pytest.mark.both_databases
def test_pages_go_on_to_the_oldest_event(auditor: Colleague) -> None:
    write(auditor.service, 250, "counted.one")
    auditor.get("/staff/audit?action=counted.one")
    seen = [auditor.page.text.count("<code>counted.one</code>")]
    while 'rel="next"' in auditor.page.text:
        place = html.unescape(auditor.page.text.partition('" rel="next"')[0].rpartition('href="')[2])
        auditor.get(place)
        seen.append(auditor.page.text.count("<code>counted.one</code>"))
    assert seen == [100, 100, 50]


@pytest.mark.both_databases
def test_an_erased_submission_still_tells_who_had_to_do_with_it(
    auditor: Colleague, website: dict[str, str]
) -> None:
    submission = kept(auditor.service, website)
    headers = website | {"if-match": "*"}
    assert auditor.service.client.delete(f"/v1/submissions/{submission}", headers=headers).status_code == 204
    for _ in range(2):
        auditor.get(f"/staff/audit/access/{submission}")
    assert auditor.page.status_code == 200
    for shown in ("submission.submitted", "submission.erased", "access.read", "auditor"):
        assert shown in auditor.page.text


def test_hostile_names_stay_words(auditor: Colleague) -> None:
    auditor.service.key("review")
    named = sa.text("UPDATE api_keys SET name = :name")
    auditor.service.database.write_blocking(lambda session: session.execute(named, {"name": SCRIPT}) and None)
    write(auditor.service, 1, "<b>", SCRIPT)
    text = auditor.get("/staff/audit").text
    assert SCRIPT not in text
    assert html.escape(SCRIPT) in text.replace("&#34;", "&quot;")


@pytest.mark.both_databases
def test_a_chain_that_waits_or_is_broken_is_told_on_top(auditor: Colleague) -> None:
    keyring = auditor.service.services.submissions.vault.keyring
    follow = partial(outbox.publish_pending, keyring=keyring, now=now(), limit=1000)
    assert auditor.service.database.write_blocking(follow) > 0
    assert "chain ends at position" in auditor.get("/staff/audit").text
    late = AuditAction("case.read", "submission", "x"), now() - dt.timedelta(minutes=6)
    auditor.service.database.write_blocking(
        lambda session: audit_log.record(session, PURGE, late[1], late[0])
    )
    assert "wait to be linked" in auditor.get("/staff/audit").text
    broken = sa.update(audit_chain_head).values(mac=b"k.0")
    auditor.service.database.write_blocking(lambda session: session.execute(broken) and None)
    assert "The chain is broken" in auditor.get("/staff/audit").text
