"""Back up, erase, restore, start: erased records stay erased, and an incomplete backup is rejected."""

import contextlib
import datetime as dt
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.services.auth import users
from app.services.auth.authorization import StaffPrincipal
from app.services.auth.permissions import permitted
from app.services.auth.sessions import create
from app.services.auth.users import NewStaffUser
from app.services.operations import erasure_ledger, legal_holds
from app.settings import Settings
from app.storage.auth import api_keys
from app.storage.auth import users as people
from app.storage.events.audit_log import ERASED, Actor, count
from app.storage.operations import append_only_file
from app.storage.tables.auth import staff_sessions
from tests.cli.test_records import Shell
from tests.conftest import LIBRARY, Service, idle, working
from tests.databases import write_at_head
from tests.sample_answers import CARA, body
from tests.web.conftest import bearer

Document = dict[str, Any]
ANN, COMMAND = NewStaffUser("ann@clinic.example", ("reviewer",), "Ann"), Actor("command")
MANAGER = StaffPrincipal("a-manager", permitted(["manager"]))


class Instance:
    """A deployment that is served, backed up and restored."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.backup = data_dir, data_dir.with_name("backup.db")
        self.settings = Settings(env="development", data_dir=data_dir, log_level="error")
        self.run = Shell("", data_dir)

    @property
    def database(self) -> Path:
        return self.data_dir / "preconsult.db"

    @contextlib.contextmanager
    def served(self) -> Iterator[Service]:
        with idle(self.settings) as service, working(service):
            yield service

    def keep(self, number: int) -> list[Document]:
        if not self.database.exists():
            self.data_dir.mkdir(exist_ok=True)
            write_at_head(self.database)
        with self.served() as service:
            website = service.key("submissions:write")
            answers = (
                service.client.post("/v1/submissions", json=body(CARA), headers=website)
                for _ in range(number)
            )
            return [answer.json() for answer in answers]

    def erase(self, *documents: Document) -> list[int]:
        with self.served() as service:
            return [
                service.client.delete(
                    f"/v1/submissions/{each['id']}", headers=bearer(each) | {"if-match": "*"}
                ).status_code
                for each in documents
            ]

    def found(self, *documents: Document) -> list[int]:
        with self.served() as service:
            return [
                service.client.get(f"/v1/submissions/{each['id']}", headers=bearer(each)).status_code
                for each in documents
            ]

    def noted(self) -> list[str]:
        every = erasure_ledger.entries(self.data_dir / "erasures.log")
        return [each.id for each in every if each.action == ERASED]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr("app.main.load_library", LIBRARY)
    return Instance(tmp_path / "data")


@pytest.fixture
def backed_up(instance: Instance) -> tuple[Instance, list[Document]]:
    """A deployment with three submissions, and a backup of them."""
    made = instance.keep(3)
    assert instance.run("backup", str(instance.backup)).exit_code == 0
    return instance, made


# --- rejected --------------------------------------------------------------------------------------


def test_wrong_usage_is_status_2(instance: Instance) -> None:
    assert instance.run("restore").exit_code == 2
    assert instance.run("restore", "--ledger-only", __file__).exit_code == 2
    assert instance.run("restore", "/nowhere").exit_code == 2


@pytest.mark.parametrize("kept", [0, 1, 100, 4096, 0.5, 0.9, -1], ids=str)
def test_a_truncated_backup_is_refused(backed_up: tuple[Instance, list[Document]], kept: float) -> None:
    instance, made = backed_up
    append_only_file.append(instance.data_dir / "erasures.log", "")
    size = instance.backup.stat().st_size
    os.truncate(instance.backup, int(size * kept) if isinstance(kept, float) else kept % size)
    assert "is no whole backup" in instance.run.refused("restore", str(instance.backup))
    assert instance.found(*made) == [200, 200, 200]
    assert not list(instance.data_dir.glob("*.restoring*"))


def test_another_database_is_refused(instance: Instance, tmp_path: Path) -> None:
    instance.keep(1)
    other = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as session:
        session.execute("CREATE TABLE t (x)")
    assert "is no whole backup" in instance.run.refused("restore", str(other))


def test_a_backup_sealed_under_another_key_is_refused(backed_up: tuple[Instance, list[Document]]) -> None:
    instance, made = backed_up
    elsewhere = Instance(instance.data_dir.with_name("elsewhere"))
    elsewhere.keep(1)
    assert "keys are not at hand" in elsewhere.run.refused("restore", str(instance.backup))
    assert elsewhere.found(*made) == [404, 404, 404]
    name = (instance.data_dir / "keyring").read_text().partition(":")[0]
    (elsewhere.data_dir / "keyring").write_text(f"{name}:{'A' * 43}=\n")
    assert "keys are not at hand" in elsewhere.run.refused("restore", str(instance.backup))


def test_a_backup_whose_chain_is_broken_is_refused(backed_up: tuple[Instance, list[Document]]) -> None:
    clinic, _ = backed_up
    with contextlib.closing(sqlite3.connect(clinic.backup, isolation_level=None)) as session:
        session.execute("UPDATE audit_events SET actor_id = 'x' WHERE chain_position = 2")
    assert "broken at position 2" in clinic.run.refused("restore", str(clinic.backup))


def test_nothing_is_restored_beside_a_running_service(backed_up: tuple[Instance, list[Document]]) -> None:
    instance, made = backed_up
    with instance.served() as service:
        assert "in use" in instance.run.refused("restore", str(instance.backup))
        answer = service.client.get(f"/v1/submissions/{made[0]['id']}", headers=bearer(made[0]))
        assert answer.status_code == 200
        website = service.key("submissions:write")
        assert service.client.post("/v1/submissions", json=body(CARA), headers=website).status_code == 201


def test_what_an_earlier_restore_replaced_is_not_overwritten(
    backed_up: tuple[Instance, list[Document]],
) -> None:
    instance, _ = backed_up
    done = instance.run("restore", str(instance.backup))
    assert done.exit_code == 0, done.output
    assert "earlier restore" in instance.run.refused("restore", str(instance.backup))


def test_postgresql_is_restored_by_its_own_tools(instance: Instance) -> None:
    instance.keep(1)
    given = {"PRECONSULT_DATABASE_URL": "postgresql+psycopg://h/d"}
    append_only_file.append(instance.data_dir / "erasures.log", "")
    assert "pg_restore" in instance.run.refused("restore", __file__, **given)


def test_an_erasure_that_can_not_be_noted_is_not_acknowledged(instance: Instance) -> None:
    [made] = instance.keep(1)
    file = instance.data_dir / "erasures.log"
    with instance.served() as service:
        file.mkdir()
        headers = bearer(made) | {"if-match": "*"}
        answer = service.client.delete(f"/v1/submissions/{made['id']}", headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "erasures.log can't be used" in instance.run.refused("serve")
    file.rmdir()
    assert instance.found(made) == [404]
    assert instance.noted() == [made["id"]]


# --- successful ------------------------------------------------------------------------------------


def test_what_was_erased_since_the_backup_stays_erased(backed_up: tuple[Instance, list[Document]]) -> None:
    instance, made = backed_up
    assert instance.erase(*made[:2]) == [204, 204]
    later = instance.keep(1)
    told = instance.run("restore", str(instance.backup))
    assert told.exit_code == 0, told.output
    assert "2 submissions of the ledger erased again." in told.stdout
    assert instance.found(*made, *later) == [404, 404, 200, 404]
    assert instance.run("audit", "verify").exit_code == 0
    assert instance.run("restore", "--ledger-only").stdout.startswith("0 submissions")
    assert set(instance.noted()) == {each["id"] for each in made[:2]}
    with instance.served() as service:
        assert service.read(partial(count, action="database.restored")) == 1


def test_after_a_restore_nobody_is_signed_in_and_what_came_back_is_said(instance: Instance) -> None:
    open_ones = sa.select(sa.func.count()).select_from(staff_sessions)
    with instance.served() as service:
        somebody = service.database.write_blocking(
            partial(users.add, wanted=ANN, secret="x" * 43, now=now(), actor=COMMAND)
        )
        service.database.write_blocking(partial(create, staff_id=somebody.id, secret="y" * 43, now=now()))
        assert service.read(lambda session: session.execute(open_ones).scalar_one()) == 1
    instance.run("backup", str(instance.backup))
    told = instance.run("restore", str(instance.backup))
    assert "are as they were at the backup" in told.stdout, told.output
    assert "are as they were at the backup" in instance.run("restore", "--ledger-only").stdout
    with instance.served() as service:
        assert service.read(lambda session: session.execute(open_ones).scalar_one()) == 0


class Accounts:
    """A clinic that has been served, with two API keys and two staff users."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        instance.keep(1)
        self.keys = [self._key(name) for name in ("website", "booking")]
        for name in ("ann", "bob"):
            instance.run("staff", "add", f"{name}@clinic.example", "--role", "reviewer")

    def _key(self, name: str) -> str:
        made = self.instance.run(
            "keys", "create", "--name", name, "--scope", "submissions:write"
        ).stdout.strip()
        return made.split("_")[2]

    def enable(self, name: str, at: dt.datetime | None = None) -> None:
        with self.instance.served() as service:
            known = service.read(partial(people.by_email, email=f"{name}@clinic.example"))
            assert known
            enabling = partial(users.enable, staff_id=known.id, now=at or now(), actor=COMMAND)
            service.database.write_blocking(enabling)

    def standing(self) -> tuple[list[bool], list[bool]]:
        """Which API keys are live, and which staff users are active."""
        with self.instance.served() as service:
            live = {each.id: each.is_live(now()) for each in service.read(api_keys.list_all)}
            active = {each.email[:3]: each.active for each in service.read(people.list_all)}
        return [live[each] for each in self.keys], [active[each] for each in ("ann", "bob")]


def test_a_key_revoked_and_a_person_disabled_since_the_backup_stay_so(instance: Instance) -> None:
    accounts = Accounts(instance)
    instance.run("backup", str(instance.backup))
    assert instance.run("keys", "revoke", accounts.keys[0]).exit_code == 0
    assert instance.run("staff", "disable", "ann@clinic.example").exit_code == 0
    assert accounts.standing() == ([False, True], [False, True])
    told = instance.run("restore", str(instance.backup))
    again = "API keys revoked again: {0}; members of staff disabled again: {0}."
    assert again.format(1) in told.stdout, told.output
    assert accounts.standing() == ([False, True], [False, True])
    assert instance.run("audit", "verify").exit_code == 0
    assert again.format(0) in instance.run("restore", "--ledger-only").stdout


def test_who_was_enabled_last_is_not_shut_out_and_nobody_is_let_in_again(instance: Instance) -> None:
    accounts = Accounts(instance)
    instance.run("staff", "disable", "ann@clinic.example")
    instance.run("backup", str(instance.backup))
    instance.run("staff", "disable", "bob@clinic.example")
    accounts.enable("ann")
    accounts.enable("bob")
    assert accounts.standing()[1] == [True, True]
    instance.run("restore", str(instance.backup))
    assert accounts.standing()[1] == [False, True]
    accounts.enable("ann")
    assert accounts.standing()[1] == [True, True], "a start goes by what was said last"


def test_an_act_that_a_crash_kept_out_of_the_ledger_counts_at_the_start(instance: Instance) -> None:
    accounts, file = Accounts(instance), instance.data_dir / "erasures.log"
    instance.run("staff", "disable", "ann@clinic.example")
    accounts.enable("ann")
    *kept, last = append_only_file.lines(file)
    assert last.startswith("staff.enabled ")
    file.write_text("".join(f"{line}\n" for line in kept))
    assert accounts.standing()[1] == [True, True]
    assert append_only_file.lines(file) == [*kept, last]


@pytest.mark.parametrize("twice", [False, True])
def test_what_was_said_last_counts_though_the_clock_was_set_back_or_a_line_came_twice(
    instance: Instance, twice: bool
) -> None:
    accounts, file = Accounts(instance), instance.data_dir / "erasures.log"
    instance.run("staff", "disable", "ann@clinic.example")
    accounts.enable("ann", now() - dt.timedelta(hours=2))
    disabled, enabled = append_only_file.lines(file)
    assert (disabled.split()[0], enabled.split()[0]) == ("staff.disabled", "staff.enabled")
    append_only_file.append(file, *([disabled] if twice else []))
    assert accounts.standing()[1] == [True, True]


def test_what_an_earlier_release_left_out_of_the_ledger_is_written_at_the_first_start(
    instance: Instance,
) -> None:
    [made] = instance.keep(1)
    accounts = Accounts(instance)
    instance.run("keys", "revoke", accounts.keys[1])
    instance.run("staff", "disable", "bob@clinic.example")
    file = instance.data_dir / "erasures.log"
    ended = erasure_ledger.entries(file)
    assert [each.action for each in ended] == ["api_key.revoked", "staff.disabled"]
    instance.erase(made)
    later = now() + dt.timedelta(hours=3)  # as if the erasure were old: the audit log is read from here on
    file.write_text(f"{made['id']} {later.isoformat()}\n")
    for _ in range(2):
        accounts.standing()
        assert [each for each in erasure_ledger.entries(file) if each.action != ERASED] == ended


def test_a_backup_put_back_by_hand_is_made_good_at_the_start(
    backed_up: tuple[Instance, list[Document]],
) -> None:
    instance, made = backed_up
    assert instance.erase(made[1]) == [204]
    shutil.copyfile(instance.backup, instance.database)
    for ending in ("-wal", "-shm"):
        instance.database.with_name(instance.database.name + ending).unlink(missing_ok=True)
    assert instance.found(*made) == [200, 404, 200]
    with instance.served() as service:
        assert service.read(partial(count, action="submission.erased")) == 1


def test_what_was_held_at_the_backup_and_erased_since_stays_erased(instance: Instance) -> None:
    made = instance.keep(1)
    held = {"submission": made[0]["id"], "principal": MANAGER, "now": now(), "actor": Actor("staff", "m")}
    with instance.served() as service:
        service.database.write_blocking(partial(legal_holds.place_hold, **held))
    instance.run("backup", str(instance.backup))
    with instance.served() as service:
        service.database.write_blocking(partial(legal_holds.release_hold, **held))
    assert instance.erase(*made) == [204]
    done = instance.run("restore", str(instance.backup))
    assert done.exit_code == 0, done.output
    assert instance.found(*made) == [404]


def test_a_backup_restores_an_empty_machine_that_has_the_keys_and_the_ledger(
    backed_up: tuple[Instance, list[Document]],
) -> None:
    instance, made = backed_up
    instance.erase(made[0])
    machine = Instance(instance.data_dir.with_name("machine"))
    machine.data_dir.mkdir()
    for name in ("keyring", "erasures.log"):
        shutil.copy(instance.data_dir / name, machine.data_dir / name)
    told = machine.run("restore", str(instance.backup))
    assert (told.exit_code, told.stderr) == (0, "")
    assert machine.found(*made) == [404, 200, 200]


def test_without_a_ledger_a_restore_says_so(backed_up: tuple[Instance, list[Document]]) -> None:
    instance, made = backed_up
    instance.erase(made[0])
    (instance.data_dir / "erasures.log").unlink()
    told = instance.run("restore", str(instance.backup))
    assert (told.exit_code, "no erasure ledger" in told.stderr) == (0, True)
    assert instance.found(*made) == [200, 200, 200]


def test_the_ledger_holds_ids_and_times_and_nothing_else(backed_up: tuple[Instance, list[Document]]) -> None:
    instance, made = backed_up
    instance.erase(*made)
    instance.run("purge")
    file = instance.data_dir / "erasures.log"
    assert file.stat().st_mode & 0o777 == 0o600
    assert all(re.fullmatch(r"[0-9a-f-]{36} [0-9T:.+-]+", line) for line in append_only_file.lines(file))
    assert instance.noted() == [each["id"] for each in made]


def test_a_purge_is_noted_too(instance: Instance) -> None:
    made = instance.keep(2)
    assert instance.run("purge", "--now", "2099-01-01").stdout.startswith("2 submissions erased")
    assert set(instance.noted()) == {each["id"] for each in made}


@pytest.mark.parametrize(
    "line",
    ["", "x", "\0", f"{'0' * 36} never", "é" * 1000, "0190" * 9, "api_key.revoked", "staff.disabled x never",
     "staff.disabled nobody 2026-01-01T00:00:00+00:00", f"staff.added {'0' * 36} 2026-01-01"],
)  # fmt: skip
def test_a_line_that_names_nothing_is_passed_over(instance: Instance, line: str) -> None:
    [made] = instance.keep(1)
    append_only_file.append(instance.data_dir / "erasures.log", line, f"{made['id']} {now().isoformat()}")
    assert instance.found(made) == [404]
