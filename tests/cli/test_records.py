"""The commands on records: exit status 1 with one clear line when something is wrong."""

import json
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from app.cli import main
from app.storage.db.database import Database
from app.storage.events.audit_log import count
from app.storage.tables.operations import audit_events
from tests.databases import Shared


class Shell:
    """Runs `preconsult` with one environment."""

    def __init__(self, database_url: str, data_dir: Path) -> None:
        self.database_url, self.data_dir = database_url, data_dir

    def __call__(self, *arguments: str, **more: str) -> Result:
        environment = {
            "PRECONSULT_ENV": "development",
            "PRECONSULT_DATA_DIR": str(self.data_dir),
            "PRECONSULT_DATABASE_URL": self.database_url,
        }
        return CliRunner().invoke(main, list(arguments), env=environment | more, prog_name="preconsult")

    def refused(self, *arguments: str, **more: str) -> str:
        """The last line on stderr of a command that fails with exit status 1."""
        result = self(*arguments, **more)
        assert result.exit_code == 1, result.output
        assert "Traceback" not in result.stderr
        return result.stderr.strip().splitlines()[-1]

    def tamper(self, statement: sa.Executable) -> None:
        database = Database(self.database_url)
        database.write_blocking(lambda session: session.execute(statement) and None)
        database.close()


@pytest.fixture
def run(at_head: Shared, same_crowd: None, tmp_path: Path) -> Shell:
    """A deployment with twelve generated submissions and an API key."""
    shell = Shell(at_head.address, tmp_path / "data")
    assert shell("seed", "--count", "12").exit_code == 0
    assert shell("keys", "create", "--name", "n", "--scope", "review").exit_code == 0
    return shell


def test_without_keys_there_is_nothing_to_check(database_url: str, tmp_path: Path) -> None:
    shell = Shell(database_url, tmp_path / "data")
    assert "keys are not at hand" in shell.refused("audit", "verify")
    assert "keys are not at hand" in shell.refused("audit", "head")
    assert not (tmp_path / "data/keyring").exists()


@pytest.mark.both_databases
def test_a_file_that_is_no_anchor_is_refused(run: Shell, tmp_path: Path) -> None:
    anchor = tmp_path / "heads"
    anchor.write_text("{}\n")
    assert "Line 1 of the anchor file" in run.refused("audit", "verify", "--anchor", str(anchor))
    assert run("audit", "verify", "--anchor", str(tmp_path / "nowhere")).exit_code == 2


@pytest.mark.both_databases
def test_tampering_is_told_with_its_place(run: Shell) -> None:
    run.tamper(sa.update(audit_events).where(audit_events.c.chain_position == 7).values(actor_id="somebody"))
    told = run.refused("audit", "verify")
    assert "broken at position 7" in told
    assert "is not as it was linked" in told


def test_commands_go_on_when_the_chain_is_broken_and_say_so(run: Shell) -> None:
    last = sa.select(sa.func.max(audit_events.c.chain_position)).scalar_subquery()
    run.tamper(sa.update(audit_events).where(audit_events.c.chain_position == last).values(mac=b"k.0"))
    made = run("keys", "create", "--name", "n", "--scope", "review")
    assert (made.exit_code, made.stdout.startswith("pc_live_")) == (0, True)
    assert "audit chain is broken" in made.stderr
    assert "audit chain is broken" in run.refused("audit", "head")


@pytest.mark.both_databases
def test_a_chain_cut_at_its_end_is_told_by_the_published_heads(run: Shell, tmp_path: Path) -> None:
    anchor = tmp_path / "heads"
    for _ in range(3):
        assert run("keys", "create", "--name", "n", "--scope", "review").exit_code == 0
        with anchor.open("a") as file:
            file.write(run("audit", "head").stdout)
    told = run("audit", "verify", "--anchor", str(anchor))
    assert (told.exit_code, "3 published heads fit" in told.stdout) == (0, True)
    heads = [json.loads(line) for line in anchor.read_text().splitlines()]
    assert [set(head) for head in heads] == [{"position", "mac", "at"}] * 3
    heads[2]["position"] += 1
    anchor.write_text("\n".join(map(json.dumps, heads)))
    assert f"position {heads[2]['position']}: " in run.refused("audit", "verify", "--anchor", str(anchor))


def test_what_commands_wrote_is_linked_and_whole(run: Shell) -> None:
    told = run("audit", "verify")
    assert told.exit_code == 0, told.output
    assert " 0 wait to be." in told.stdout
    assert "without published heads nobody can tell" in told.stdout
    assert run("keys", "rotate").exit_code == 0
    assert run("purge", "--now", "2099-01-01").exit_code == 0
    assert run("audit", "verify").exit_code == 0


def test_that_a_backup_was_made_is_on_record(run: Shell, tmp_path: Path) -> None:
    made = run("backup", str(tmp_path / "copy.db"))
    sqlite = run.database_url.startswith("sqlite")
    assert made.exit_code == (0 if sqlite else 1)
    database = Database(run.database_url)
    assert database.read_blocking(partial(count, action="backup.made")) == int(sqlite)
    database.close()
    assert run("audit", "verify").exit_code == 0
