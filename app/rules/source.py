"""YAML 1.2 with line numbers: what is said where, so that an author is sent to the right line.

Office: the only reader of YAML. Refuses: duplicate keys, and anything that isn't plain data.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError


class Unreadable(Exception):
    """A file that is not there or not YAML. `line` counts from 1."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path, self.line, self.reason = path, line, reason


@dataclass(frozen=True)
class Source:
    """A file's plain data (lists as tuples) and the line of every key and list entry in it."""

    path: Path
    data: Any
    lines: dict[tuple[str | int, ...], int] = field(repr=False)

    def line(self, *place: str | int) -> int:
        """The line of the value at `place`, or of the nearest thing around it that has one."""
        for size in range(len(place), 0, -1):
            if place[:size] in self.lines:
                return self.lines[place[:size]]
        return 1


def read(path: Path) -> Source:
    """Read one file. Raises Unreadable."""
    try:
        # typ="rt" keeps positions; "safe" would be quicker and blind
        document = YAML(typ="rt", pure=True).load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(path, mark.line + 1 if mark else 1, str(error.problem or error.context)) from error
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise Unreadable(path, 1, str(error).splitlines()[0]) from error
    lines: dict[tuple[str | int, ...], int] = {}
    return Source(path, _plain(document, (), lines), lines)


def _plain(value: Any, place: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> Any:
    if isinstance(value, CommentedMap):
        for key in value:  # a key that was merged in (<<) has no line of its own
            at = value.lc.data[key][0] if key in value.lc.data else value.lc.line
            lines[*place, key] = at + 1
        return {key: _plain(inner, (*place, key), lines) for key, inner in value.items()}
    if isinstance(value, CommentedSeq):
        for index in range(len(value)):
            lines[*place, index] = value.lc.item(index)[0] + 1
        return tuple(_plain(inner, (*place, index), lines) for index, inner in enumerate(value))
    for plain in (bool, int, float, str):  # ruamel's scalars are subclasses that remember their style
        if isinstance(value, plain):
            return plain(value)
    return value
