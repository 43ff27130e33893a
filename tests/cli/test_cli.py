"""The command line: exit status 0, 1 with one clear line, 2 for wrong usage; only secrets on stdout."""

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import content as content_commands
from app.cli import main
from app.rules.library import CONTENT, load
from app.services.auth.api_keys import parse
from app.storage.db.migrations import head

NO_TLS = "postgresql+psycopg://h/d?sslmode=disable"
EDITION = CONTENT / "ketamine-preconsult" / "1.0.0"
REVIEW_BY = dt.datetime.combine(load(EDITION).meta.review_by, dt.time(12), dt.UTC)


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> object:
    environment = {
        "PRECONSULT_ENV": "development",
        "PRECONSULT_DATA_DIR": str(tmp_path / "data"),
        "PRECONSULT_DATABASE_URL": database_url,
    }

    def invoke(*arguments: str, **more: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=environment | more, prog_name="preconsult")

    return invoke


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["keys", "create"], ["serve", "--port", "x"], ["backup"], ["seed", "--count", "0"]],
)
def test_wrong_usage_is_status_2(run, arguments: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["keys", "create", "--name", "n", "--scope", "all"], {}, "submissions:write"),
        (["keys", "revoke", "nobody00"], {}, "no live API key"),
        (["content", "show", "unknown"], {}, "no such edition"),
        (["migrate"], {"PRECONSULT_DATABASE_POOL": "none"}, "PRECONSULT_DATABASE_POOL"),
        (["migrate"], {"PRECONSULT_ENCRYPTION_KEYS_FILE": "/nowhere"}, "PRECONSULT_ENCRYPTION_KEYS_FILE"),
        (["serve", "--workers", "2"], {"PRECONSULT_DATABASE_URL": ""}, "takes one process"),
        (["serve"], {"PRECONSULT_CONTENT_DIR": "/nowhere"}, "content is at fault"),
        (
            ["serve"],
            {"PRECONSULT_ENCRYPTION_KEYS": "k1:c2hvcnQ="},
            "PRECONSULT_ENCRYPTION_KEYS is not a keyring",
        ),
        (
            ["serve"],
            {"PRECONSULT_ENV": "production", "PRECONSULT_PUBLIC_URL": "http://clinic.example"},
            "https",
        ),
        (["migrate"], {"PRECONSULT_ENV": "production", "PRECONSULT_DATABASE_URL": NO_TLS}, "sslmode"),
        (["seed"], {"PRECONSULT_ENV": "production"}, "production"),
    ],
)
def test_what_is_refused_is_one_clear_line_and_status_1(  # type: ignore[no-untyped-def]
    run, arguments: list[str], environment: dict[str, str], told: str
) -> None:
    result = run(*arguments, **environment)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert told in result.stderr
    assert "c2hvcnQ" not in result.stderr


@pytest.mark.both_databases
def test_a_key_stands_alone_on_stdout_and_can_be_listed_and_revoked(run) -> None:  # type: ignore[no-untyped-def]
    made = run(
        "keys", "create", "--name", "Web site", "--scope", "submissions:write", "--test"
    ).stdout.strip()
    parsed = parse(made)
    assert parsed is not None
    listed = run("keys", "list").stdout
    line = rf"^{parsed[0]}  test  live     never used  submissions:write  Web site$"
    assert re.search(line, listed, re.MULTILINE)
    assert parsed[1] not in listed
    assert run("keys", "revoke", parsed[0]).exit_code == 0
    assert "revoked" in run("keys", "list").stdout
    assert run("keys", "revoke", parsed[0]).exit_code == 1


@pytest.mark.both_databases
def test_migrate_may_be_said_twice(run) -> None:  # type: ignore[no-untyped-def]
    assert run("migrate").stdout == run("migrate").stdout == f"The schema is at {head()}.\n"


@pytest.mark.both_databases
def test_seed_says_how_many_and_where_to_look(run) -> None:  # type: ignore[no-untyped-def]
    told = run("seed", "--count", "12", "--seed", "3").stdout
    assert re.fullmatch(
        r"12 made-up submissions are kept as tests, \d of them drafts; "
        r"list them: GET /v1/submissions\?test=true with an API key of scope review\.\n",
        told,
    )
    assert run("seed", "--count", "12", "--seed", "3").stdout == told
    rehearsed = "24 submissions would be erased; nothing was.\n"
    assert [run("purge", "--now", "2099-01-01", "--dry-run").stdout for _ in range(2)] == [rehearsed] * 2
    assert run("purge", "--now", "2099-01-01").stdout.startswith("24 submissions erased")


def test_keys_rotate_makes_a_fresh_sealing_key(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("keys", "rotate")
    result = run("keys", "rotate")
    assert result.stdout.startswith("0 data keys are wrapped under k")
    assert len((tmp_path / "data/keyring").read_text().splitlines()) == 3


@pytest.mark.both_databases
def test_purge_and_backup_say_what_they_did(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("purge", "--now", "2030-01-01").stdout == "0 submissions erased, 0 idempotency keys freed.\n"
    backed_up = run("backup", str(tmp_path / "copy.db"))
    assert ("pg_dump" in backed_up.stderr) or ("sealing keys" in backed_up.stdout)


@pytest.fixture
def last_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last day on which no shipped edition is due for a review."""
    monkeypatch.setattr(content_commands, "now", lambda: REVIEW_BY)


def test_content_check_reports_an_edition_that_is_due_for_review(  # type: ignore[no-untyped-def]
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_commands, "now", lambda: REVIEW_BY + dt.timedelta(days=1))
    result = run("content", "check")
    assert result.exit_code == 1
    assert f"This edition was to be reviewed by {REVIEW_BY.date()}" in result.stdout


@pytest.mark.usefixtures("last_day")
def test_content_check_finds_nothing_in_what_ships(run) -> None:  # type: ignore[no-untyped-def]
    result = run("content", "check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 findings" in result.stderr


def test_content_check_tells_file_and_line_and_fails(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    copy = shutil.copytree(EDITION, tmp_path / "draft")
    (copy / "rules.yaml").write_text((EDITION / "rules.yaml").read_text().replace("[P17, P20]", "[P17, P99]"))
    result = run("content", "check", str(copy))
    assert result.exit_code == 1
    assert re.search(r"rules\.yaml:\d+: P_CRPS cites P99, which article\.yaml does not have\.", result.stdout)


def test_content_show_reads_like_the_form_and_the_summary(run) -> None:  # type: ignore[no-untyped-def]
    shown = run("content", "show", "ketamine-preconsult").stdout
    assert "not clinically reviewed" in shown
    assert "Some people have thoughts of hurting themselves" in shown
    assert "Complex regional pain syndrome (CRPS)” (P20, section 2, sentence 6)" in shown
    assert "call 988, text 988" in shown


def test_content_diff_says_what_changed_in_meaning(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    copy = shutil.copytree(EDITION, tmp_path / "1.1.0")
    rules = (EDITION / "rules.yaml").read_text()
    (copy / "rules.yaml").write_text(
        "# a comment is no difference\n" + rules.replace("[P17, P20]", "[P17, P21]")
    )
    assert run("content", "diff", str(EDITION), str(copy)).stdout == (
        "~ rule P_CRPS: cites was P17, P20, is P17, P21\n"
    )


@pytest.mark.usefixtures("last_day")
def test_content_lock_publishes_once(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content = tmp_path / "content"
    shutil.copytree(EDITION, content / "ketamine-preconsult/1.0.0")
    where = {"PRECONSULT_CONTENT_DIR": str(content)}
    assert run("content", "check", **where).exit_code == 1
    assert "is published" in run("content", "lock", **where).stdout
    assert run("content", "lock", **where).stdout == ""
    assert run("content", "check", **where).exit_code == 0
    (content / "ketamine-preconsult/1.0.0/cases.yaml").write_text("[]\n")
    result = run("content", "lock", **where)
    assert result.exit_code == 1
    assert "has changed" in result.stderr


def test_openapi_is_printed_as_json(run) -> None:  # type: ignore[no-untyped-def]
    assert json.loads(run("openapi").stdout)["openapi"] == "3.1.0"
