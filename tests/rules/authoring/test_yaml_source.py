"""YAML is read as plain data with the line of every value; anything that is not plain data is rejected."""

from pathlib import Path

import pytest

from app.rules.authoring.yaml_source import PARSED, Source, YamlError, dump_parsed, parse, read
from app.rules.library import CONTENT


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.yaml"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: [1\nc: 2\n", 3, "expected ',' or ']', but got ':'"),
        ("a: 1\nb: 2\na: 3\n", 3, 'found duplicate key "a"'),
        ("a: {b: 1,\n  b: 2}\n", 2, 'found duplicate key "b"'),
        ("a: 1\n\tb: 2\n", 2, "found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
        ("a: \x07\n", 1, "unacceptable character #x0007"),
        ("a: *nobody\n", 1, "found undefined alias 'nobody'"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(YamlError) as refused:
        read(path)
    assert (refused.value.path, refused.value.line) == (path, line)
    assert reason in refused.value.reason
    assert "\n" not in refused.value.reason
    assert str(refused.value) == f"{path}:{line}: {refused.value.reason}"


def test_a_file_that_is_not_there_or_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="No such file or directory"):
        read(tmp_path / "nowhere.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xe9\n")
    with pytest.raises(YamlError, match=r":1: 'utf-8' codec can't decode byte 0xe9") as refused:
        read(path)
    assert refused.value.line == 1


TEXT = """\
# a comment
name: tea
number: 4
share: 0.5
holds: true
nothing: null
words: "911"
yes: no
list:
  - black
  - {code: green,
     unknown: true}
  - [1, 2]
nested:
  inner:
    deep: >-
      two
      lines
"""


def test_data_comes_back_plain_with_lists_as_tuples(tmp_path: Path) -> None:
    source = read(written(tmp_path, TEXT))
    assert source.data == {
        "name": "tea",
        "number": 4,
        "share": 0.5,
        "holds": True,
        "nothing": None,
        "words": "911",
        "yes": "no",
        "list": ("black", {"code": "green", "unknown": True}, (1, 2)),
        "nested": {"inner": {"deep": "two lines"}},
    }
    kinds = [type(source.data[name]) for name in ("name", "number", "share", "holds", "words", "list")]
    assert kinds == [str, int, float, bool, str, tuple]


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("name",), 2),
        (("number",), 3),
        (("list",), 9),
        (("list", 0), 10),
        (("list", 1, "code"), 11),
        (("list", 1, "unknown"), 12),
        (("list", 2, 1), 13),
        (("nested", "inner", "deep"), 16),
        (("nested", "inner", "missing"), 15),
        (("nested", "missing", "deeper"), 14),
        (("missing",), 1),
        ((), 1),
    ],
)
def test_every_place_has_the_line_it_stands_on_or_that_of_the_nearest_thing_around(
    tmp_path: Path, place: tuple[str | int, ...], line: int
) -> None:
    assert read(written(tmp_path, TEXT)).line(*place) == line


def test_a_key_that_was_merged_in_has_the_line_of_what_it_was_merged_into(tmp_path: Path) -> None:
    source = read(written(tmp_path, "base: &base\n  kind: x\nlist:\n  - <<: *base\n    own: y\n"))
    assert source.data["list"] == ({"kind": "x", "own": "y"},)
    assert (source.line("list", 0, "own"), source.line("list", 0, "kind")) == (5, 4)


def test_an_empty_file_is_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "# only a comment\n")
    assert read(path) == Source(path, None, {})


def test_what_is_published_was_parsed_before_and_says_the_same() -> None:
    files = sorted(CONTENT.rglob("*.yaml"))
    assert PARSED.read_text(encoding="utf-8") == dump_parsed(files), "run `preconsult content lock` again"
    data, lines = parse(files[0])
    place = next(iter(lines))
    assert read(files[0]).data == data
    assert read(files[0]).line(*place) == lines[place]
