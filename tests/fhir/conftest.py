"""The editions that the FHIR tests use: all published editions, and those of the tests."""

from pathlib import Path

from app.rules.engine.edition import Edition
from app.rules.library import CONTENT, edition_folders, load

FIXTURES = Path(__file__).parents[1] / "rules" / "editions"
EDITIONS: list[Edition] = [
    load(folder) for content in (CONTENT, FIXTURES) for folder in edition_folders(content)
]
IDS = [f"{edition.id}-{edition.version}" for edition in EDITIONS]
TINY = next(edition for edition in EDITIONS if edition.id == "tiny")
SHIPPED = next(edition for edition in EDITIONS if edition.version == "1.1.0")
