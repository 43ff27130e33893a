"""The system page, and the notice about failing alerts that users of the queue see."""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.clock import now
from app.environment import SECRETS
from app.rules.authoring.edition_files import LintError
from app.services.operations import system_status
from app.services.submissions import alerts
from app.settings import Settings
from app.storage.events.audit_log import Actor
from app.storage.submissions.alerts import AlertBacklog
from app.storage.tables.submissions import alerts as alerts_table
from app.web.staff import system
from app.web.staff.system import settings_in_force
from tests.conftest import Service
from tests.factories import Team, somebody
from tests.sample_answers import CARA, NOA, PAT_CONTACT
from tests.web.conftest import opened
from tests.web.staff_client import Colleague

BANNER = "Alerts are not going out: look at the queue yourself"
COMMAND = Actor("command")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the check of the content: other tests cover it."""
    monkeypatch.setattr("app.web.staff.system.check", lambda _folder, today: [])


@pytest.fixture
def team(service: Service) -> Team:
    return Team(service, somebody(service, "manager"))


@pytest.fixture
def posted(tmp_path: Path) -> Iterator[Service]:
    """A service whose mail server accepts no connections."""
    with opened(
        tmp_path,
        smtp_url="smtps://intake:s3cret-word@127.0.0.1:1",
        alert_from="preconsult@clinic.example",
        alert_emails="duty@clinic.example",
    ) as made:
        yield made


def fail(service: Service) -> None:
    """Fail the alert that has waited longest."""
    found = service.database.write_blocking(partial(alerts.claim, now=now()))
    assert found
    service.database.write_blocking(partial(alerts.reschedule, alert=found, error="TimeoutError", now=now()))


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["reviewer", "manager"])
def test_the_system_of_another_role_is_refused(service: Service, team: Team, role: str) -> None:
    team.submit(NOA)
    fail(service)
    other = Colleague(service).inside(role)
    assert other.get("/staff/system").status_code == 403
    assert other.act("/staff/system/alerts").status_code == 403
    assert service.audit_count("alerts.tried_again") == 0


def test_a_stranger_is_asked_to_sign_in(service: Service) -> None:
    nobody = Colleague(service)
    nobody.get("/staff/system")
    assert nobody.location.startswith("/staff/sign-in")
    assert nobody.act("/staff/system/alerts").status_code == 401


def test_without_the_sessions_token_nothing_is_tried(service: Service, team: Team) -> None:
    team.submit(NOA)
    fail(service)
    boss = Colleague(service).inside("administrator")
    assert boss.post("/staff/system/alerts", {"token": "x"}).status_code == 403
    assert service.audit_count("alerts.tried_again") == 0


# --- accepted: settings ----------------------------------------------------------------------------


def test_secrets_are_never_shown() -> None:
    given = {name.lower(): "s3cret-word" for name in SECRETS}
    lines = {line.name: line for line in settings_in_force(Settings.model_validate(given))}
    for name in SECRETS:
        assert (lines[f"PRECONSULT_{name}"].value, lines[f"PRECONSULT_{name}"].usual) == ("set", False)
    for line in settings_in_force(Settings()):
        secret = line.name.removeprefix("PRECONSULT_") in SECRETS
        assert line.usual, line.name
        assert (line.value == "not set") is secret


def test_every_setting_in_force_stands_there(service: Service) -> None:
    boss = Colleague(service).inside("administrator")
    page = boss.get("/staff/system").text
    for name in Settings.model_fields:
        assert f"PRECONSULT_{name.upper()}<" in page
    assert page.count("by you") >= 3
    url = service.services.settings.database_url
    assert url not in page
    assert url.rpartition("/")[2] not in page


def test_a_long_text_is_cut_and_escaped() -> None:
    (line,) = [
        each for each in settings_in_force(Settings(clinic_privacy="<b>" * 100))
        if each.name == "PRECONSULT_CLINIC_PRIVACY"
    ]  # fmt: skip
    assert len(line.value) < 250


# --- accepted: editions ----------------------------------------------------------------------------


def test_every_edition_stands_there_with_its_review_and_languages(service: Service) -> None:
    auditor = Colleague(service).inside("auditor")
    page = auditor.get("/staff/system").text
    for editions in service.services.library.editions.values():
        for edition in editions:
            assert f"{edition.id} {edition.version}<" in page
            assert edition.sha256[:12] in page
    assert "not yet reviewed" in page
    assert "awaits a translator" in page
    assert "finds nothing amiss" in page


def test_what_the_check_finds_is_shown_and_asked_once_a_day(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def check(folder: Path, *, today: dt.date) -> list[LintError]:
        asked.append(folder)
        return [LintError(folder / "rules.yaml", 7, "<i>No answers fire X.")]

    monkeypatch.setattr(system, "check", check)
    boss = Colleague(service).inside("administrator")
    page = boss.get("/staff/system").text
    assert "1.1.0/rules.yaml:7: &lt;i&gt;No answers fire X." in page
    number = len(asked)
    boss.get("/staff/system")
    assert len(asked) == number > 0


# --- accepted: health ------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_health_is_told_in_words(service: Service, team: Team) -> None:
    team.submit(CARA)
    boss = Colleague(service).inside("administrator")
    page = boss.get("/staff/system").text
    kind = "SQLite" if service.database.is_sqlite else "PostgreSQL"
    newest = service.services.submissions.vault.keyring.newest
    assert re.search(rf"{kind}; writes waiting: \d+<", page), "the service's own rounds write meanwhile"
    for words in (f"<code>{newest}</code> (newest)", "ends at position"):
        assert words in page, words


@pytest.mark.both_databases
def test_what_will_go_stands_there_by_day(service: Service, team: Team) -> None:
    team.submit(CARA, at=now() - dt.timedelta(days=20))
    going = (now() + dt.timedelta(days=10)).date()
    page = Colleague(service).inside("administrator").get("/staff/system").text
    assert f'{going.isoformat()}</th><td class="number">1<' in page


@pytest.mark.both_databases
@pytest.mark.parametrize(("days", "old"), [(None, True), (1, False), (3, True)])
def test_an_old_backup_is_told(service: Service, days: int | None, old: bool) -> None:
    if days is not None:
        made = partial(system_status.record_backup, now=now() - dt.timedelta(days=days), actor=COMMAND)
        service.database.write_blocking(made)
    page = Colleague(service).inside("administrator").get("/staff/system").text
    warned = "Run <code>preconsult backup FILE</code> every day" in page
    assert warned is (old and service.database.is_sqlite)
    assert ("by pg_dump" in page) is (days is None and not service.database.is_sqlite)


# --- accepted: alerts ------------------------------------------------------------------------------


def test_without_a_server_it_says_that_nothing_is_sent(service: Service, team: Team) -> None:
    case = team.submit(NOA, contact=True)
    page = Colleague(service).inside("administrator").get("/staff/system").text
    assert "Not sent: no SMTP is set." in page
    assert page.count("no SMTP is set") == 2
    assert case in page
    assert f'href="/staff/cases/{case}"' not in page
    for value in PAT_CONTACT.values():
        assert value not in page


def test_alerts_that_fail_can_be_tried_again_from_the_page(posted: Service) -> None:
    team = Team(posted, somebody(posted, "manager"))
    boss = Colleague(posted).inside("administrator")
    assert "Everything is sent." in boss.get("/staff/system").text
    team.submit(NOA)
    fail(posted)
    page = boss.get("/staff/system").text
    assert "One alert is not going out" in page
    assert "<code>TimeoutError</code>" in page
    assert "s3cret-word" not in page
    for _ in range(2):
        boss.send("/staff/system/alerts")
        assert boss.location == "/staff/system"
        boss.get("/staff/system")
    asked = sa.select(alerts_table.c.next_attempt_at)
    assert posted.read(lambda session: session.execute(asked).scalar_one()) <= now()
    assert posted.audit_count("alerts.tried_again") == 2


def test_to_try_again_what_did_not_fail_is_no_accident(service: Service) -> None:
    boss = Colleague(service).inside("administrator")
    assert boss.act("/staff/system/alerts").status_code == 303
    assert service.audit_count("alerts.tried_again") == 0


@pytest.mark.parametrize(
    ("role", "path", "shown"),
    [("reviewer", "/staff", True), ("manager", "/staff/dashboard", True), ("auditor", "/staff/audit", False)],
)
def test_whoever_works_with_the_queue_is_told_that_alerts_fail(
    service: Service, role: str, path: str, *, shown: bool
) -> None:
    colleague, alert_status = Colleague(service).inside(role), service.services.alert_status
    ago: Callable[[int], dt.datetime] = lambda minutes: now() - dt.timedelta(minutes=minutes)  # noqa: E731
    for waiting, late in (
        (AlertBacklog(), False),
        (AlertBacklog(1, 1, ago(9)), False),
        (AlertBacklog(1, 1, ago(11)), True),
    ):
        alert_status.waiting = waiting
        assert (BANNER in colleague.get(path).text) is (shown and late)
