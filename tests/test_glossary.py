"""The vocabulary of the code: standard terms instead of the private words of the first releases.

Responsible for: the names in app/ and migrations/, one meaning for each public class name, module docstrings.
Never: checks text for people, which is in content and locales.
"""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORMER = {  # private words, and metaphors; docs/glossary.md gives the standard terms
    "amiss", "desk", "doorkeeper", "door", "drawn", "house", "kept", "lane", "letter", "letters", "look",
    "looked", "looks", "manager", "nobody", "office", "room", "rooms", "saw", "shell", "stretch", "tell",
    "tells", "toll", "told", "trail", "util", "utils", "whoever",
}  # fmt: skip
EXCEPTIONS = {  # what has the name from outside
    "OFFICE_HOURS": "business hours of an office",
    "bind_processor": "SQLAlchemy",
    "kept_until": "key of the texts of editions",
    "looked_at": "member of the released API",
    "util": "module of importlib and of SQLAlchemy",
    "utils": "module of FastAPI",
    "uuid_utils": "library",
}
SAME_NAME = {  # the same thing in two layers, or the name of a FHIR resource
    "Case", "Event", "EventPage", "Filters", "Questionnaire", "QueuePage", "SubmissionPage",
}  # fmt: skip
PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
FILES = sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("migrations/*.py")])


def former_words(source: str) -> Iterator[tuple[str, int]]:
    """Each name in the code that contains a former word, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        pieces = {piece.lower() for piece in PIECES.findall(token.string)}
        if token.type == tokenize.NAME and token.string not in EXCEPTIONS and pieces & FORMER:
            yield token.string, token.start[0]


def test_a_former_word_is_found_in_any_part_of_a_name() -> None:
    source = "def told_kept(look): pass\nclass ShellDoor: pass\nholds = 'told'  # told\n"
    assert list(former_words(source)) == [("told_kept", 1), ("look", 1), ("ShellDoor", 2)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_names_use_standard_terms(file: Path) -> None:
    assert list(former_words(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_module_says_what_it_is(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert not source.strip() or ast.get_docstring(ast.parse(source))


def test_a_public_class_name_has_one_meaning() -> None:
    places = defaultdict(set)
    for file in ROOT.glob("app/**/*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(file)
    assert {name for name, files in places.items() if len(files) > 1} == SAME_NAME
