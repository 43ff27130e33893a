"""Published editions are immutable: an edition that was changed or never published is not served."""

import shutil
from pathlib import Path

import pytest

from app.rules import library
from app.rules.authoring.edition_files import InvalidContent, fingerprint
from app.rules.authoring.yaml_source import dump_parsed
from app.rules.engine.edition import Edition
from app.rules.library import (
    LOCK,
    Library,
    UnknownSwitch,
    check_lock,
    edition_folders,
    load,
    load_library,
    read_lock,
    write_lock,
)


@pytest.fixture
def content(tiny_folder: Path) -> Path:
    """A content directory with the tiny edition, published."""
    content = tiny_folder.parent.parent
    write_lock(content)
    return content


def another(content: Path, version: str, name: str = "tiny") -> Path:
    """Add another edition that is a copy of tiny 1.0.0."""
    folder = content / name / version
    shutil.copytree(content / "tiny" / "1.0.0", folder)
    rename(folder, f"id: tiny\nversion: {'1.0.0'}", f"id: {name}\nversion: {version}")
    return folder


def rename(folder: Path, old: str, new: str) -> None:
    path = folder / "edition.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def messages(content: Path) -> list[str]:
    with pytest.raises(InvalidContent) as refused:
        load_library(content)
    found = refused.value.findings
    assert str(refused.value) == "\n".join(f"{each.path}:1: {each.message}" for each in found)
    return [f"{each.path.relative_to(content)}: {each.message}" for each in found]


def test_a_directory_without_editions_is_refused(tmp_path: Path) -> None:
    assert messages(tmp_path) == [".: There is no edition here: <questionnaire>/<version>/edition.yaml."]


def test_an_edition_that_was_never_published_is_refused(content: Path) -> None:
    another(content, "1.1.0")
    assert messages(content) == [
        "editions.lock: tiny/1.1.0 is not locked; publish it with `preconsult content lock`."
    ]


def test_without_a_lock_nothing_is_published(content: Path) -> None:
    (content / LOCK).unlink()
    assert read_lock(content) == {}
    assert messages(content) == [
        "editions.lock: tiny/1.0.0 is not locked; publish it with `preconsult content lock`."
    ]


@pytest.mark.parametrize("name", ["article.txt", "edition.yaml", "texts/en.yaml", "cases.yaml"])
def test_one_changed_byte_in_any_file_is_refused(content: Path, name: str) -> None:
    path = content / "tiny" / "1.0.0" / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert messages(content) == [
        "tiny/1.0.0/edition.yaml: tiny/1.0.0 was published and has changed; restore its files, or give the "
        "changed edition a new version."
    ]


def test_a_file_that_came_went_or_moved_is_a_change(content: Path) -> None:
    folder = content / "tiny" / "1.0.0"
    before = fingerprint(folder)
    (folder / "note.txt").write_text("new")
    added = fingerprint(folder)
    (folder / "note.txt").rename(folder / "texts" / "note.txt")
    moved = fingerprint(folder)
    (folder / "texts" / "note.txt").unlink()
    assert len({before, added, moved}) == 3
    assert fingerprint(folder) == before


def test_a_published_edition_that_is_gone_is_refused(content: Path) -> None:
    shutil.rmtree(content / "tiny" / "1.0.0")
    assert messages(content) == [
        "editions.lock: tiny/1.0.0 is locked and not there; an edition that was published stays."
    ]


def test_all_that_is_wrong_with_the_lock_is_told_at_once(content: Path) -> None:
    another(content, "1.1.0")
    another(content, "1.2.0")
    write_lock(content)
    shutil.rmtree(content / "tiny" / "1.1.0")
    another(content, "2.0.0")
    rename(content / "tiny" / "1.2.0", "title: ", "title: New ")
    assert [finding.split(":")[0] for finding in messages(content)] == [
        "editions.lock", "editions.lock", "tiny/1.2.0/edition.yaml",
    ]  # fmt: skip


def test_an_edition_in_a_folder_of_another_name_is_refused(content: Path) -> None:
    folder = another(content, "1.1.0")
    rename(folder, "version: 1.1.0", "version: 1.1.1")
    write_lock(content)
    assert messages(content) == [
        "tiny/1.1.0/edition.yaml: This edition calls itself tiny 1.1.1; its folder says otherwise."
    ]


def test_an_edition_at_fault_is_refused_even_when_it_is_locked(content: Path) -> None:
    folder = another(content, "1.1.0")
    rename(folder, "raised_by: [S_UNWELL]", "raised_by: [S_ILL]")
    write_lock(content)
    with pytest.raises(InvalidContent, match=r"tiny/1\.1\.0/edition\.yaml:11: not_well is raised by S_ILL"):
        load_library(content)
    with pytest.raises(
        InvalidContent, match=r"edition\.yaml:11: not_well is raised by S_ILL, which is no rule\."
    ):
        load(folder)


def test_a_lock_pins_what_is_new_and_leaves_what_is_pinned(content: Path) -> None:
    first = (content / LOCK).read_text(encoding="utf-8")
    assert write_lock(content) == []
    another(content, "1.10.0")
    another(content, "1.9.0")
    assert write_lock(content) == ["tiny/1.10.0", "tiny/1.9.0"]
    lock = (content / LOCK).read_text(encoding="utf-8")
    assert first in lock
    assert lock.splitlines() == sorted(lock.splitlines())
    assert read_lock(content) == {
        f"tiny/{version}": fingerprint(content / "tiny" / version) for version in ("1.0.0", "1.10.0", "1.9.0")
    }
    assert check_lock(content) == []


def test_locking_our_own_content_writes_beside_it_what_was_parsed(
    content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = content.parent / "parsed.json"
    monkeypatch.setattr(library, "CONTENT", content)
    monkeypatch.setattr(library, "PARSED", parsed)
    assert write_lock(content) == []
    assert parsed.read_text(encoding="utf-8") == dump_parsed(content.rglob("*.yaml"))


def test_a_lock_is_not_written_over_a_change(content: Path) -> None:
    before = (content / LOCK).read_bytes()
    rename(content / "tiny" / "1.0.0", "title: ", "title: New ")
    another(content, "1.1.0")
    with pytest.raises(InvalidContent, match="was published and has changed"):
        write_lock(content)
    assert (content / LOCK).read_bytes() == before


def test_editions_are_served_newest_first_by_number_and_not_by_letter(content: Path) -> None:
    for version in ("1.10.0", "1.9.0", "0.9.9"):
        another(content, version)
    another(content, "3.0.0", name="other")
    write_lock(content)
    assert [folder.name for folder in edition_folders(content)] == [
        "3.0.0",
        "0.9.9",
        "1.0.0",
        "1.10.0",
        "1.9.0",
    ]
    library = load_library(content)
    assert [each.version for each in library.editions["tiny"]] == ["1.10.0", "1.9.0", "1.0.0", "0.9.9"]
    assert _version(library.current("tiny")) == "1.10.0"
    assert _version(library.find("tiny", None)) == "1.10.0"
    assert _version(library.find("tiny", "1.9.0")) == "1.9.0"
    assert _version(library.current("other")) == "3.0.0"
    assert _version(library.article("tea-in-short")) in ("1.10.0", "3.0.0")


def _version(edition: Edition | None) -> str:
    assert edition is not None
    return edition.version


def test_what_is_not_there_is_none(content: Path) -> None:
    library: Library = load_library(content)
    assert library.current("coffee") is None
    assert library.find("coffee", None) is None
    assert library.find("coffee", "1.0.0") is None
    assert library.find("tiny", "9.9.9") is None
    assert library.article("coffee-in-short") is None


def test_a_switch_that_no_edition_has_is_refused_with_those_there_are(content: Path) -> None:
    library = load_library(content)
    with pytest.raises(UnknownSwitch, match=r"^self_harm can't be switched off; an edition offers: calls$"):
        library.configured(off=frozenset({"self_harm", "calls"}), unreviewed=True)


def test_where_nothing_can_be_switched_off_that_is_said(content: Path) -> None:
    rename(content / "tiny" / "1.0.0", "switches:\n  calls: [may_call]\n", "")
    (content / LOCK).unlink()
    write_lock(content)
    with pytest.raises(UnknownSwitch, match=r"^a, b can't be switched off; an edition offers: none$"):
        load_library(content).configured(off=frozenset({"b", "a"}), unreviewed=True)


def test_every_edition_is_served_as_the_clinic_has_set_it(content: Path) -> None:
    folder = another(content, "0.9.0")
    rename(folder, "switches:\n  calls: [may_call]\n", "")
    write_lock(content)
    library = load_library(content)
    served = library.configured(off=frozenset({"calls"}), unreviewed=False)
    assert [(each.version, each.off, each.unreviewed) for each in served.editions["tiny"]] == [
        ("1.0.0", frozenset({"calls"}), False), ("0.9.0", frozenset({"calls"}), False),
    ]  # fmt: skip
    newest, older = served.editions["tiny"]
    assert "may_call" not in newest.enabled({})
    assert "may_call" in older.enabled({})
    assert served.off == {"calls"}
    assert library.off == frozenset()
    assert "may_call" in library.editions["tiny"][0].enabled({})


def test_an_edition_that_is_served_as_it_is_stays_the_same_object(content: Path) -> None:
    library = load_library(content)
    assert library.configured(off=frozenset(), unreviewed=True).current("tiny") is library.current("tiny")


def test_an_edition_is_found_as_it_was_asked_whatever_is_switched_off_now(content: Path) -> None:
    library = load_library(content)
    served = library.configured(off=frozenset({"calls"}), unreviewed=False)
    then, now = served.find_with_switches("tiny", "1.0.0", frozenset()), served.find("tiny", "1.0.0")
    assert then
    assert now
    assert (then.off, then.unreviewed, "may_call" in then.enabled({})) == (frozenset(), False, True)
    assert served.find_with_switches("tiny", "1.0.0", frozenset({"calls"})) is now
    assert served.find_with_switches("tiny", "9.9.9", frozenset()) is None
    assert served.find_with_switches("coffee", "1.0.0", frozenset({"calls"})) is None
