"""`content check` on wrong editions: each mistake is reported with file, line and a message on what to do."""

import ast
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.rules.authoring import check_quotations, check_texts, edition_files, integrity, lint
from app.rules.authoring.edition_files import LintError
from app.rules.authoring.lint import check
from tests.rules.broken_content_cases import MISTAKES, Mistake

TODAY = dt.date(2026, 11, 22)


def line_of(found: LintError) -> str:
    if not found.path.exists():
        return ""
    lines = found.path.read_bytes().decode(errors="surrogateescape").splitlines() or [""]
    return lines[found.line - 1].strip()


def fits(message: str, says: str) -> bool:
    """Whether the message is the expected one; for messages of other libraries, whether it begins so."""
    return message == says if says.endswith(".") else message.startswith(says)


def test_the_tiny_edition_is_without_fault(tiny_folder: Path) -> None:
    assert check(tiny_folder, today=TODAY) == []


def test_a_form_that_begins_with_an_answer_it_takes_is_without_fault(tiny_folder: Path) -> None:
    path = tiny_folder / "questionnaire.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("minValue: 0", "minValue: 0\n        initial: 2"), encoding="utf-8")
    assert check(tiny_folder, today=TODAY) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.mistake)
def test_a_mistake_is_told_with_file_line_and_words(mistake: Mistake, tiny_folder: Path) -> None:
    mistake.make(tiny_folder)
    found = check(tiny_folder, today=TODAY)
    told = [each for each in found if fits(each.message, mistake.says)]
    path = tiny_folder / (mistake.at or mistake.file)
    assert [each.path for each in told] == [path], found
    assert line_of(told[0]) == mistake.on
    assert str(told[0]) == f"{path}:{told[0].line}: {told[0].message}"
    assert sorted(each.message for each in found if each not in told) == sorted(mistake.others)


def test_findings_come_in_order_of_file_and_line(tiny_folder: Path) -> None:
    for mistake in MISTAKES:
        if mistake.mistake in ("a flag is raised by no rule", "a rule stands twice", "a group has no words"):
            mistake.make(tiny_folder)
    found = check(tiny_folder, today=TODAY)
    assert [each.path.name for each in found] == ["edition.yaml", "rules.yaml", "en.yaml", "en.yaml"]
    assert found == sorted(found)


def messages(module_file: str) -> Iterator[str]:
    """A pattern for every message in a module: each sentence that is no docstring, with values left open."""
    tree = ast.parse(Path(module_file).read_text(encoding="utf-8"))
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in inner | docs or not isinstance(node, ast.JoinedStr | ast.Constant):
            continue
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        words = [part.value if isinstance(part, ast.Constant) else None for part in parts]
        text = "".join(each if isinstance(each, str) else "\0" for each in words)
        if re.search(r"\w .*\.$", text, re.DOTALL):
            yield re.escape(re.sub(r"\{\w+\}", "\0", text)).replace("\0", ".*")


def test_every_message_of_the_content_check_has_a_mistake_that_calls_it_forth() -> None:
    patterns = {
        pattern
        for module in (edition_files, integrity, lint, check_quotations, check_texts)
        for pattern in messages(str(module.__file__))
    }
    assert len(patterns) > 50
    said = [mistake.says for mistake in MISTAKES]
    heard = {pattern for pattern in patterns if any(re.fullmatch(pattern, words) for words in said)}
    assert patterns - heard == set()
