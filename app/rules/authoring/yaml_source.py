"""Reads YAML 1.2 with line numbers, so that a finding can point authors to the right line.

Responsible for: all reading of YAML. Never: accepts duplicate keys, or anything that isn't plain data.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PARSED = Path(__file__).parents[1] / "parsed.json"  # beside the content: a published folder never changes
DAY = "$date"  # the key of a date, a type that JSON doesn't have
Json = dict[str, Any]
Lines = dict[tuple[str | int, ...], int]


class YamlError(Exception):
    """A file that doesn't exist or isn't valid YAML. `line` starts at 1."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path, self.line, self.reason = path, line, reason


@dataclass
class Source:
    """A file's plain data (lists as tuples), and the line of each key and list entry, loaded on demand."""

    path: Path
    data: Any
    lines: Lines | None = field(default=None, repr=False)
    published: bool = False  # the bytes are those of a published file, checked at publication

    def line(self, *place: str | int) -> int:
        """Return the line of the value at `place`, or of its nearest parent that has one."""
        if self.lines is None:
            self.lines = parse(self.path)[1]
        for size in range(len(place), 0, -1):
            if place[:size] in self.lines:
                return self.lines[place[:size]]
        return 1


def read(path: Path) -> Source:
    """Read one file. Raises Unreadable."""
    try:
        known = _published().get(hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError as error:
        raise YamlError(path, 1, str(error)) from error
    return Source(path, _tuples(known), published=True) if known else Source(path, *parse(path))


def parse(path: Path) -> tuple[Any, Lines]:
    """Parse the YAML of a file; return its data and its lines. Raises Unreadable."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - published files are read without it
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        # typ="rt" provides positions; "safe" is faster but provides none
        document = YAML(typ="rt", pure=True).load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(path, mark.line + 1 if mark else 1, str(error.problem or error.context)) from error
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise YamlError(path, 1, str(error).splitlines()[0]) from error
    lines: Lines = {}
    return _plain(document, (), lines), lines


@cache
def _published() -> Json:
    """Return the data of every published file by the SHA-256 of its bytes; all other files are parsed.

    Parsing all of them takes a second, and a service that crashed must be available again within two.
    """
    found: Json = json.loads(PARSED.read_bytes()) if PARSED.exists() else {}
    return found


def dump_parsed(paths: Iterable[Path]) -> str:
    """Return the content of `parsed.json` for these files; it is deterministic, so a test can compare it."""
    data = {hashlib.sha256(path.read_bytes()).hexdigest(): parse(path)[0] for path in sorted(paths)}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_day) + "\n"


def _day(value: dt.date) -> Json:
    return {DAY: value.isoformat()}


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        if DAY in value:
            return dt.date.fromisoformat(value[DAY])
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _plain(value: Any, place: tuple[str | int, ...], lines: Lines) -> Any:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq  # noqa: PLC0415 - as above

    if isinstance(value, CommentedMap):
        for key in value:  # a merged key (<<) has no line of its own
            at = value.lc.data[key][0] if key in value.lc.data else value.lc.line
            lines[*place, key] = at + 1
        return {key: _plain(inner, (*place, key), lines) for key, inner in value.items()}
    if isinstance(value, CommentedSeq):
        for index in range(len(value)):
            lines[*place, index] = value.lc.item(index)[0] + 1
        return tuple(_plain(inner, (*place, index), lines) for index, inner in enumerate(value))
    for plain in (bool, int, float, str):  # ruamel's scalars are subclasses that store their style
        if isinstance(value, plain):
            return plain(value)
    return value
