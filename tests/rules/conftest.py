"""The editions the rules are tested with, each loaded once, and a copy of the tiny one to spoil."""

import shutil
from pathlib import Path

import pytest

from app.rules.edition import Edition
from app.rules.library import CONTENT, load

EDITIONS = Path(__file__).parent / "editions"


@pytest.fixture(scope="session")
def edition() -> Edition:
    """The edition this product ships."""
    return load(CONTENT / "ketamine-preconsult" / "1.1.0")


@pytest.fixture(scope="session")
def tiny() -> Edition:
    """The smallest edition that holds one of everything."""
    return load(EDITIONS / "tiny" / "1.0.0")


@pytest.fixture(scope="session")
def sleep() -> Edition:
    """Another clinic's edition: other questions, rules, article, languages and country."""
    return load(EDITIONS / "schlaf" / "1.0.0")


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """A content directory with a copy of the tiny edition, free to be changed; gives the edition's folder."""
    folder = tmp_path / "content" / "tiny" / "1.0.0"
    shutil.copytree(EDITIONS / "tiny" / "1.0.0", folder)
    return folder
