"""Every edition that this service can serve, loaded once and checked byte for byte.

Responsible for: finding, loading and pinning editions.
Never: serves an edition that has errors or whose published bytes have changed (editions.lock); a correction
is a new edition.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from app.rules.authoring.edition_files import InvalidContent, LintError, fingerprint, read_draft
from app.rules.authoring.integrity import check_integrity
from app.rules.authoring.yaml_source import PARSED, dump_parsed
from app.rules.engine.edition import Edition

CONTENT = Path(__file__).parent / "content"
LOCK = "editions.lock"


class UnknownSwitch(Exception):
    """An optional question group that no edition has."""


@dataclass(frozen=True)
class Library:
    """The editions of each questionnaire id, newest first.

    `off`: the optional question groups that the clinic has turned off.
    """

    editions: Mapping[str, tuple[Edition, ...]]

    off: frozenset[str] = frozenset()

    def configured(self, *, off: frozenset[str], unreviewed: bool) -> "Library":
        """Return the library with the clinic's settings.

        `off`: the optional question groups to turn off. `unreviewed`: serve translations that no one has
        signed off. Raises Unswitchable if no edition has one of the groups.
        """
        every = [edition for each in self.editions.values() for edition in each]
        known = {name for edition in every for name in edition.meta.switches}
        if not off <= known:
            strange, offered = ", ".join(sorted(off - known)), ", ".join(sorted(known)) or "none"
            raise UnknownSwitch(f"{strange} can't be switched off; an edition offers: {offered}")
        editions = {
            name: tuple(_set(edition, off, unreviewed) for edition in each)
            for name, each in self.editions.items()
        }
        return Library(editions, off)

    def find_with_switches(self, questionnaire: str, version: str, off: frozenset[str]) -> Edition | None:
        """Return the edition as it was served when the optional question groups `off` were turned off."""
        found = self.find(questionnaire, version)
        return found and _set(found, off, found.unreviewed)

    def current(self, questionnaire: str) -> Edition | None:
        """Return the newest edition, or None if the questionnaire doesn't exist."""
        return next(iter(self.editions.get(questionnaire, ())), None)

    def find(self, questionnaire: str, version: str | None) -> Edition | None:
        """Return the edition, or the current one if `version` is None; None if it doesn't exist."""
        if version is None:
            return self.current(questionnaire)
        return next((each for each in self.editions.get(questionnaire, ()) if each.version == version), None)

    def article(self, article: str) -> Edition | None:
        """Return the newest edition that contains this article."""
        every = (each for editions in self.editions.values() for each in editions)
        return next((each for each in every if each.article.article.id == article), None)


def load(folder: Path) -> Edition:
    """Load one edition. Raises Faulty with every error, its file and its line."""
    draft = read_draft(folder)
    found = check_integrity(draft)
    if found:
        raise InvalidContent(found)
    return draft.edition()


def edition_folders(content: Path) -> Iterator[Path]:
    """Return the edition folders below `content`: <questionnaire>/<version>/."""
    return (path.parent for path in sorted(content.glob("*/*/edition.yaml")))


def load_library(content: Path = CONTENT) -> Library:
    """Load every edition below `content` after checking them against the lock. Raises Faulty."""
    found = check_lock(content)
    if found:
        raise InvalidContent(found)
    editions: dict[str, list[Edition]] = {}
    for folder in edition_folders(content):
        edition = load(folder)
        if (edition.id, edition.version) != (folder.parent.name, folder.name):
            wrong = f"This edition calls itself {edition.id} {edition.version}; its folder says otherwise."
            raise InvalidContent([LintError(folder / "edition.yaml", 1, wrong)])
        editions.setdefault(edition.id, []).append(edition)
    if not editions:
        raise InvalidContent(
            [LintError(content, 1, "There is no edition here: <questionnaire>/<version>/edition.yaml.")]
        )
    return Library({name: tuple(sorted(each, key=_version, reverse=True)) for name, each in editions.items()})


def check_lock(content: Path) -> list[LintError]:
    """Return a finding for each difference between editions.lock and the folders."""
    lock, pinned = content / LOCK, read_lock(content)
    found = []
    present = {_name(folder): folder for folder in edition_folders(content)}
    for name, folder in present.items():
        if name not in pinned:
            found.append(
                LintError(lock, 1, f"{name} is not locked; publish it with `preconsult content lock`.")
            )
        elif fingerprint(folder) != pinned[name]:
            advice = "restore its files, or give the changed edition a new version"
            found.append(
                LintError(folder / "edition.yaml", 1, f"{name} was published and has changed; {advice}.")
            )
    found += [LintError(lock, 1, f"{name} is locked and not there; an edition that was published stays.")
              for name in pinned.keys() - present.keys()]  # fmt: skip
    return sorted(found)


def read_lock(content: Path) -> dict[str, str]:
    """Return `<questionnaire>/<version>` to SHA-256, from lines `<sha256>  <name>`; empty without a lock."""
    path = content / LOCK
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines if "  " in line)}


def write_lock(content: Path) -> list[str]:
    """Pin every edition that isn't pinned yet; return their names. Raises Faulty if a pinned one changed."""
    pinned = read_lock(content)
    fresh = {
        _name(folder): fingerprint(folder)
        for folder in edition_folders(content)
        if _name(folder) not in pinned
    }
    lines = sorted(f"{sha256}  {name}" for name, sha256 in (pinned | fresh).items())
    broken = [each for each in check_lock(content) if "is not locked" not in each.message]
    if broken:
        raise InvalidContent(broken)
    (content / LOCK).write_text("\n".join(lines) + "\n", encoding="utf-8")
    if content == CONTENT:
        PARSED.write_text(dump_parsed(content.rglob("*.yaml")), encoding="utf-8")
    return sorted(fresh)


@lru_cache(maxsize=64)
def _set(edition: Edition, off: frozenset[str], unreviewed: bool) -> Edition:
    if (edition.off, edition.unreviewed) == (off, unreviewed):
        return edition
    return replace(edition, off=off, unreviewed=unreviewed)


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def _version(edition: Edition) -> tuple[int, ...]:
    return tuple(int(part) for part in edition.version.split("."))
