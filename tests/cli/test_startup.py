"""Which modules a start imports, checked in fresh interpreters.

Each library in these lists adds a fraction of a second to every command or server that does not need it.
The tests check imports and never measure time: `python3 dev.py bench startup` measures.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import NoSuchTableError, OperationalError

from app.cli import COMMANDS, main
from app.cli.lazy import LazyGroup
from app.errors import StartupError
from app.rules.library import load_library
from app.storage.db import migrations

ROOT = Path(__file__).parents[2]
WEB = {"fastapi", "starlette", "uvicorn", "jinja2", "prometheus_client"}
RARE = {"alembic", "babel.messages", "httpcore", "limits", "mako", "redis", "ruamel", "segno", "typst"}
COLOURS = {"pygments", "rich"}
HEAVY = (
    WEB
    | RARE
    | COLOURS
    | {"asyncio", "cryptography", "pydantic", "pydantic_settings", "sqlalchemy", "structlog"}
)
COMMAND = "from app.cli import main; main({words}, standalone_mode=False)"
SERVER = "import uvicorn; from app.main import serve_app; serve_app()"


def imported(program: str, data_dir: Path) -> set[str]:
    """The modules that are loaded in a fresh interpreter after it has run this program."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PRECONSULT_")}
    settings = {"PRECONSULT_ENV": "development", "PRECONSULT_DATA_DIR": str(data_dir)}
    listing = "import sys; print('\\nmodules', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; {listing}"],
        cwd=ROOT, env=others | settings, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())


def command(*words: str) -> str:
    return COMMAND.format(words=list(words))


def test_the_list_of_commands_is_given_without_any_library(tmp_path: Path) -> None:
    found = imported(command("--help"), tmp_path)
    assert "click" in found
    assert found & HEAVY == set()
    assert {name for name in found if name.startswith("app.cli.")} == {"app.cli.lazy"}


def test_a_mistyped_command_is_refused_without_any_library(tmp_path: Path) -> None:
    refused = f"try:\n    {command('nonsense')}\nexcept Exception as error: print(error)\nprint()"
    assert imported(refused, tmp_path) & HEAVY == set()


def test_keys_are_listed_without_the_server_and_without_migrations(tmp_path: Path) -> None:
    imported(command("migrate"), tmp_path)
    found = imported(command("keys", "list"), tmp_path)
    assert "sqlalchemy" in found
    assert found & (WEB - {"prometheus_client"} | RARE | COLOURS | {"structlog"}) == set()


def test_a_server_starts_without_what_only_rare_requests_need(tmp_path: Path) -> None:
    imported(command("migrate"), tmp_path)
    found = imported(SERVER, tmp_path)
    assert "fastapi" in found
    assert found & (RARE | COLOURS | {"jinja2", "sqlalchemy.dialects.postgresql"}) == set()


def test_a_server_that_has_to_migrate_loads_alembic(tmp_path: Path) -> None:
    assert "alembic" in imported(SERVER, tmp_path)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_of_a_command_what_the_command_says(name: str) -> None:
    listed = click.Command(name, help=COMMANDS[name][1])
    loaded = main.commands[name]
    assert loaded.name == name
    for limit in (20, 45, 60, 1000):
        assert loaded.get_short_help_str(limit) == listed.get_short_help_str(limit)


def test_help_lists_every_command_in_order() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    assert re.findall(r"^  (\w[\w-]*)  ", shown, re.MULTILINE) == sorted(COMMANDS)
    assert len(main.commands) == len(COMMANDS)


def failing(error: Exception) -> click.Group:
    """A group with one command, which raises `error`."""
    group = LazyGroup(package="app.cli", table={})

    @click.command("fail")
    def fail() -> None:
        raise error

    group.commands = {"fail": fail}
    return group


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (StartupError("The clinic is closed."), "The clinic is closed."),
        (
            OperationalError("SELECT secret", {}, LockNotAvailable("secret")),
            "The database can't be used (LockNotAvailable); see PRECONSULT_DATABASE_URL.",
        ),
        (
            NoSuchTableError("secret"),
            "The database can't be used (NoSuchTableError); see PRECONSULT_DATABASE_URL.",
        ),
        (FileNotFoundError(2, "No such file", "keys"), "keys can't be used: No such file."),
        (OSError(28, "No space left"), "A file can't be used: No space left."),
    ],
)
def test_what_a_command_meets_is_told_in_one_line(error: Exception, line: str) -> None:
    result = CliRunner().invoke(failing(error), ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"preconsult: {line}\n")


def test_a_mistake_of_ours_is_no_refusal() -> None:
    result = CliRunner().invoke(failing(KeyError("x")), ["fail"])
    assert isinstance(result.exception, KeyError)


def test_the_revisions_are_those_that_alembic_reads() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.MIGRATIONS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert list(reversed(migrations.revisions())) == [each.revision for each in scripts.walk_revisions()]
    assert migrations.head() == scripts.get_current_head()


def test_expressions_of_published_texts_are_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [banned.regex for edition in load_library().editions["ketamine-preconsult"]
             for words in edition.texts.values() for banned in words.banned_phrases]  # fmt: skip
    assert len({re.compile(regex) for regex in every}) > 10
    monkeypatch.setattr("app.rules.engine.texts.re", None)
    assert load_library().editions
