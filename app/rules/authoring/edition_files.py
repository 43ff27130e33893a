"""Reads the files of an edition draft into models, and gives every finding a file and a line.

Responsible for: converting YAML to models.
Never: checks the models against each other (integrity.py and lint.py do).
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.rules.authoring.yaml_source import Source, YamlError, read
from app.rules.engine.article import Article
from app.rules.engine.crisis_resources import Crisis
from app.rules.engine.edition import Edition, EditionMeta
from app.rules.engine.questionnaire import Questionnaire
from app.rules.engine.rule import RuleBook
from app.rules.engine.texts import CHECKED, Texts

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class LintError:
    """One mistake: where it is, and what to do about it."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class InvalidContent(Exception):
    """An edition that can't be served; `findings` contains the reasons."""

    def __init__(self, findings: list[LintError]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


@dataclass(frozen=True)
class Draft:
    """The models of one edition, and the sources they were read from (name without `.yaml` to source)."""

    folder: Path
    meta: EditionMeta
    questionnaire: Questionnaire
    book: RuleBook
    article: Article
    article_text: str
    article_bytes: bytes
    crisis: Crisis
    texts: dict[str, Texts]
    sources: dict[str, Source] = field(repr=False)

    def finding(self, file: str, place: Place, message: str) -> LintError:
        source = self.sources[file]
        return LintError(source.path, source.line(*place), message)

    def location(self, file: str, place: Place) -> Callable[[str], LintError]:
        """Return `finding` with its file and place already set."""
        return partial(self.finding, file, place)

    def edition(self) -> Edition:
        return Edition(
            meta=self.meta,
            questionnaire=self.questionnaire,
            book=self.book,
            article=self.article,
            article_text=self.article_text,
            texts=self.texts,
            crisis=self.crisis,
            sha256=fingerprint(self.folder),
            folder=self.folder,
        )


def read_draft(folder: Path) -> Draft:
    """Read the files of one edition. Raises Faulty with every finding about the structure of a file."""
    reader = _Reader(folder)
    meta = reader.shape("edition", EditionMeta)
    questionnaire = reader.shape("questionnaire", Questionnaire)
    book = reader.shape("rules", RuleBook)
    article = reader.shape("article", Article)
    crisis = reader.shape("crisis", Crisis)
    names = sorted(path.stem for path in (folder / "texts").glob("*.yaml"))
    texts = {name: reader.shape(f"texts/{name}", Texts) for name in names}
    raw = reader.raw(meta.article_file if meta else "article.txt")
    if reader.findings or not (meta and questionnaire and book and article and crisis):
        raise InvalidContent(sorted(reader.findings))
    served = {name: text for name, text in texts.items() if text}
    return Draft(
        folder, meta, questionnaire, book, article, raw.decode(), raw, crisis, served, reader.sources
    )  # fmt: skip


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 over the edition's files: relative path, size and bytes of each, by path."""
    whole = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources: dict[str, Source] = {}
        self.findings: list[LintError] = []

    def raw(self, name: str) -> bytes:
        path = self.folder / name
        try:
            content = path.read_bytes()
            content.decode()
        except (OSError, UnicodeDecodeError) as error:
            self.findings.append(LintError(path, 1, f"The article can't be read as UTF-8 text: {error}."))
            return b""
        return content

    def shape(self, name: str, model: type[Model]) -> Model | None:
        try:
            source = self.sources[name] = read(self.folder / f"{name}.yaml")
            return model.model_validate(source.data, context={CHECKED: source.published})
        except YamlError as error:
            self.findings.append(
                LintError(error.path, error.line, f"This file can't be read: {error.reason}.")
            )
        except ValidationError as error:
            self.findings += _findings(source, error)
        return None


def _findings(source: Source, error: ValidationError) -> Iterator[LintError]:
    """Convert Pydantic's errors, the deepest one on each line, to messages for authors."""
    deepest: dict[int, tuple[int, str]] = {}
    for each in error.errors(include_url=False, include_input=False):
        place = _place(source.data, each["loc"], missing=each["type"] == "missing")
        line = source.line(*place)
        name = ".".join(str(part) for part in place) or "this file"
        message = _ADVICE.get(each["type"], "{name}: {msg}.").format(name=name, msg=each["msg"])
        if line not in deepest or deepest[line][0] < len(place):
            deepest[line] = (len(place), message)
    for line, (_, message) in deepest.items():
        yield LintError(source.path, line, message)


def _place(data: Any, loc: Place, *, missing: bool) -> Place:
    """Return `loc` without the tags of unions: only keys that are in the file, and the missing one."""
    place: list[str | int] = []
    for part in loc:
        inside = dict(enumerate(data)) if isinstance(data, tuple) else data if isinstance(data, dict) else {}
        if part in inside:
            place.append(part)
            data = inside[part]
    return (*place, loc[-1]) if missing else tuple(place)


_ADVICE = {
    "extra_forbidden": "The key {name} is not known here; correct its spelling or take it out.",
    "missing": "The key {name} is missing; add it.",
}
