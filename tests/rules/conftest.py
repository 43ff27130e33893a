"""The editions used to test the rules, each loaded once, and an editable copy of the tiny edition."""

import shutil
from pathlib import Path

import pytest

from app.rules.engine.edition import Edition
from app.rules.library import CONTENT, load

EDITIONS = Path(__file__).parent / "editions"


@pytest.fixture(scope="session")
def edition() -> Edition:
    """The shipped edition."""
    return load(CONTENT / "ketamine-preconsult" / "1.1.0")


@pytest.fixture(scope="session")
def tiny() -> Edition:
    """The smallest edition that contains one of everything."""
    return load(EDITIONS / "tiny" / "1.0.0")


@pytest.fixture(scope="session")
def sleep() -> Edition:
    """Another clinic's edition: other questions, rules, article, languages and country."""
    return load(EDITIONS / "schlaf" / "1.0.0")


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """The folder of a copy of the tiny edition in its own content directory; the test may change it."""
    folder = tmp_path / "content" / "tiny" / "1.0.0"
    shutil.copytree(EDITIONS / "tiny" / "1.0.0", folder)
    return folder
