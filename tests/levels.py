"""Which tests a run includes and on which databases. `tests/README.md` explains the rule.

`pytest`              the full suite: everything except tests marked `thorough`
`pytest --thorough`   everything, at full strength, and every database test on both databases
`pytest --quick`      SQLite only, without tests marked `thorough` or known to take long
"""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from tests import seconds

TESTS = Path(__file__).resolve().parent
BOTH = ["sqlite", "postgres"]
LEVELS = ("full", "thorough", "quick")
EXAMPLES = {"full": 100, "thorough": 250, "quick": 20}  # hypothesis examples per property
# Tests in these folders use the database only through services, which have tests on both databases.
ONE_DATABASE = {"web", "cli"}
MARKS = (
    "thorough: repeats at full strength what another test shows; only with --thorough",
    "both_databases: can differ by database though its folder runs on one",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("preconsult")
    group.addoption("--thorough", action="store_true", help="everything, at full strength")
    group.addoption("--quick", action="store_true", help="on SQLite, without the long tests")


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    if config.getoption("--thorough") and config.getoption("--quick"):
        raise pytest.UsageError("--thorough and --quick exclude each other")
    chosen = level(config)
    hypothesis.settings.register_profile(chosen, max_examples=EXAMPLES[chosen])
    hypothesis.settings.load_profile(chosen)  # before tests are imported: each takes the current one


def level(config: pytest.Config) -> str:
    """The level of this run."""
    return next((name for name in LEVELS[1:] if config.getoption(f"--{name}")), LEVELS[0])


def databases(level: str, path: Path, *, both: bool) -> list[str]:
    """The databases on which a test in this file runs; `both`: it is marked `both_databases`."""
    one = TESTS in path.parents and path.relative_to(TESTS).parts[0] in ONE_DATABASE
    if level == "quick" or (level == "full" and one and not both):
        return BOTH[:1]
    return BOTH


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.iter_markers("parametrize")
    if "database_url" in metafunc.fixturenames and not any("database_url" in m.args[0] for m in marked):
        both = metafunc.definition.get_closest_marker("both_databases") is not None
        chosen = databases(level(metafunc.config), metafunc.definition.path, both=both)
        metafunc.parametrize("database_url", chosen, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = level(config)
    recorded = seconds.recorded()
    left_out = {
        item
        for item in items
        if (chosen != "thorough" and item.get_closest_marker("thorough"))
        or (chosen == "quick" and recorded.get(item.nodeid, 0.0) > seconds.LONG)
    }
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether to repeat at full strength."""
    return level(pytestconfig) == "thorough"
