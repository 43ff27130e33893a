"""Background jobs of a server: chains audit events, publishes the chain head."""

import asyncio
import contextlib
import json
import threading
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.clock import now
from app.jobs import audit_chain as job
from app.jobs import periodic
from app.jobs.audit_chain import AuditChainJob
from app.services.events import audit_chain
from app.services.events.audit_chain import VerificationReport, parse_anchors
from app.settings import Settings
from app.storage.db.database import Database
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.operations import append_only_file
from app.storage.tables.operations import audit_chain_head, audit_events
from app.web.dependencies import Services
from tests.conftest import Service, idle, working
from tests.databases import Shared
from tests.sample_answers import PAT, PAT_CONTACT, body


def write(database: Database, number: int) -> None:
    acts = [AuditAction("case.read", "submission", str(each)) for each in range(number)]
    database.write_blocking(lambda session: audit_log.record(session, Actor("staff", "s"), now(), *acts))


def verify(services: Services, *heads: str) -> VerificationReport:
    asked = partial(
        audit_chain.verify,
        keyring=services.submissions.vault.keyring,
        now=now(),
        anchors=parse_anchors(heads),
    )
    return services.database.read_blocking(asked)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"audit_anchor_file": tmp_path / "heads"})


@pytest.fixture
def services(service: Service) -> Services:
    """The services of an app that is not running."""
    return service.services


def audit_chain_job(services: Services) -> AuditChainJob:
    file = services.settings.audit_anchor_file
    return AuditChainJob(services.database, services.submissions.vault.keyring, file, services.ledger)


def test_a_broken_chain_is_told_now_and_then_and_stops_nothing(
    services: Services, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(services.database, 3)
    asyncio.run(audit_chain_job(services).run_once(publish=True))
    services.database.write_blocking(lambda session: session.execute(sa.delete(audit_chain_head)) and None)
    monkeypatch.setattr(periodic, "LOG_EVERY_N_FAILURES", 3)
    kept = audit_chain_job(services)

    async def some() -> None:
        for _ in range(6):
            await kept.run_once(publish=False)

    write(services.database, 1)
    asyncio.run(some())
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in told] == ["audit_chain_broken"] * 2


def test_a_head_that_can_not_be_published_is_published_later(services: Services, tmp_path: Path) -> None:
    kept = audit_chain_job(services)
    write(services.database, 1)
    heads = tmp_path / "heads"
    heads.mkdir()
    asyncio.run(kept.run_once(publish=True))
    heads.rmdir()
    asyncio.run(kept.run_once(publish=True))
    assert [json.loads(line)["position"] for line in append_only_file.lines(heads)] == [1]


def test_a_long_backlog_is_linked_in_short_works(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "BATCH_SIZE", 10)
    write(services.database, 95)
    asyncio.run(audit_chain_job(services).run_once(publish=False))
    assert (verify(services).linked, verify(services).waiting) == (95, 0)


def test_a_head_is_published_when_it_has_moved(services: Services, tmp_path: Path) -> None:
    kept = audit_chain_job(services)
    for number in (0, 2, 0, 0, 1):
        write(services.database, number) if number else None
        asyncio.run(kept.run_once(publish=True))
    heads = append_only_file.lines(tmp_path / "heads")
    assert [json.loads(line)["position"] for line in heads] == [0, 2, 3]
    assert (tmp_path / "heads").stat().st_mode & 0o777 == 0o600
    assert verify(services, *heads).fault is None


def test_a_head_that_is_being_written_at_the_stop_comes_before_the_last_one(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, append, begun, go_on = (
        audit_chain_job(services),
        append_only_file.append,
        threading.Event(),
        threading.Event(),
    )

    def slow_at_first(file: Path, *lines: str) -> None:
        if not begun.is_set():
            begun.set()
            assert go_on.wait(10)
        append(file, *lines)

    async def stop() -> None:
        publishing = asyncio.create_task(kept.run_once(publish=True))
        await asyncio.to_thread(begun.wait)
        publishing.cancel()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        with contextlib.suppress(asyncio.CancelledError):
            await publishing
        await asyncio.to_thread(write, services.database, 1)
        await kept.run_once(publish=True)

    monkeypatch.setattr(append_only_file, "append", slow_at_first)
    write(services.database, 1)
    asyncio.run(stop())
    go_on.set()
    assert [json.loads(line)["position"] for line in append_only_file.lines(tmp_path / "heads")] == [1, 2]


def test_a_head_that_can_not_be_written_at_the_stop_does_not_hold_it_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def full_disk(_file: Path, *_lines: str) -> None:
        begun.set()
        assert go_on.wait(10)
        raise OSError(28, "No space left on device")

    async def stop() -> bool:
        publishing = asyncio.create_task(audit_chain_job(services).run_forever())
        await asyncio.to_thread(begun.wait)
        publishing.cancel()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        await asyncio.wait([publishing], timeout=10)
        return publishing.cancelled()

    monkeypatch.setattr(append_only_file, "append", full_disk)
    assert asyncio.run(stop())


def test_what_a_crash_cut_off_keeps_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    append_only_file.append(file, "one", "two")
    with file.open("a") as handle:
        handle.write("tor")
    append_only_file.append(file, "three")
    assert append_only_file.lines(file) == ["one", "two", "tor", "three"]


def test_a_service_that_stops_leaves_nothing_unlinked(
    at_head: Shared, settings: Settings, tmp_path: Path
) -> None:
    with idle(settings) as service, working(service):
        website = service.key("submissions:write")
        document = body(PAT, contact=PAT_CONTACT)
        assert service.client.post("/v1/submissions", json=document, headers=website).status_code == 201
    again = Database(settings.database)
    unlinked = sa.select(sa.func.count()).where(audit_events.c.chain_position.is_(None))
    assert again.read_blocking(lambda session: session.execute(unlinked).scalar_one()) == 0
    again.close()
    heads = append_only_file.lines(tmp_path / "heads")
    assert json.loads(heads[-1])["position"] == 2
