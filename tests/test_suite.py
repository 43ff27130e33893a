"""Rules for the tests themselves; tests/README.md explains them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.storage.db.database import Database
from tests import levels, postgres_server, seconds
from tests.databases import Shared

TESTS = Path(__file__).parent
LONGEST = 0.2  # seconds


def long_sleeps(text: str) -> Iterator[int]:
    """Line numbers of `sleep` calls without a reason that are longer than LONGEST or take an expression."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).split(".")[-1] == "sleep":
            asked = node.args[0]
            short = isinstance(asked, ast.Constant) and float(str(asked.value)) <= LONGEST
            if not short and "#" not in lines[node.lineno - 1]:
                yield node.lineno


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("time.sleep(0.2)", []),
        ("time.sleep(0.3)", [1]),
        ("await asyncio.sleep(60)", [1]),
        ("sleep(seconds)", [1]),
        ("time.sleep(0.3)  # the lock is held this long", []),
        ("sleep()", []),
    ],
)
def test_a_long_sleep_without_a_reason_is_found(line: str, found: list[int]) -> None:
    assert list(long_sleeps(line)) == found


def test_each_long_sleep_has_its_reason_on_the_line() -> None:
    files = (path for path in TESTS.rglob("*.py") if "node_modules" not in path.parts)
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    found = [f"{p.relative_to(TESTS)}:{line}" for p, text in texts.items() for line in long_sleeps(text)]
    assert found == []


def test_the_recorded_seconds_are_those_of_files_that_are_there() -> None:
    files = {name.partition("::")[0] for name in seconds.recorded()}
    assert [name for name in sorted(files) if not (TESTS.parent / name).is_file()] == []


def test_a_long_test_is_a_unit_of_its_own_and_the_others_of_a_file_are_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seconds, "recorded", lambda: {"a.py": 3.0, "a.py::test_long": 9.0})
    assert seconds.unit("a.py::test_long") == "a.py::test_long"
    assert {seconds.unit("a.py::test_short"), seconds.unit("a.py::test_new[1]")} == {"a.py"}


def test_the_longest_unit_is_given_out_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seconds, "recorded", lambda: {"short.py": 1.0, "long.py": 30.0, "long.py::test": 9.0})
    queue = seconds.LongestFirst((name, {}) for name in ["short.py", "new.py", "long.py::test", "long.py"])
    assert [queue.popitem(last=False)[0] for _ in range(4)] == [
        "long.py",
        "long.py::test",
        "new.py",
        "short.py",
    ]


def test_quick_takes_only_sqlite_and_thorough_takes_both() -> None:
    chosen = {
        (folder, level): levels.databases(level, TESTS / folder / "test_it.py", both=False)
        for folder in ("web", "cli", "services", "e2e")
        for level in levels.LEVELS
    }
    one, both = ["sqlite"], ["sqlite", "postgres"]
    assert chosen == {
        (folder, level): one if level == "quick" or (level == "full" and folder in ("web", "cli")) else both
        for folder, level in chosen
    }
    assert levels.databases("full", TESTS / "web" / "test_it.py", both=True) == both


def test_a_shared_database_outlives_a_restart_of_its_server(
    postgres: postgres_server.Postgres, shared_postgres: Shared
) -> None:
    with shared_postgres.lasting():
        Database(shared_postgres.address).close()  # leaves an idle engine
    postgres.restart()
    shared_postgres.renew()
    with shared_postgres.lasting():
        database = Database(shared_postgres.address)
        assert database.read_blocking(lambda session: session.scalar(sa.text("SELECT 1"))) == 1
        database.close()
    shared_postgres.empty()
