"""One planted fault, and whether it fits a checkout.

Responsible for: the data of a fault, its place in the code, the existence of its tests. Never: runs anything.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["any", "processes", "browser", "postgres", "web"]


class Misfit(Exception):
    """A fault that can't be planted in this checkout."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`name`: what goes wrong and for whom. `only`: the one kind of test that detects it. `slow`: minutes."""

    name: str
    file: str
    find: str
    replacement: str
    tests: tuple[str, ...]
    only: Kind = "any"
    slow: bool = False

    def planted(self, root: Path) -> str:
        """The text of the file with the fault in it. Raises Misfit."""
        path = root / self.file
        if not path.is_file():
            raise Misfit(f"there is no file {self.file}")
        text = path.read_text(encoding="utf-8")
        times = text.count(self.find)
        if times != 1:
            raise Misfit(f"its text occurs {times} times in {self.file}, not once")
        changed = text.replace(self.find, self.replacement)
        if changed == text:
            raise Misfit("it changes nothing")
        if path.suffix == ".py":
            _require_python(changed, self.file)
        return changed


def problems(fault: Fault, root: Path) -> Iterator[str]:
    """Reasons why this fault can't be used in this checkout; empty if it can."""
    try:
        fault.planted(root)
    except Misfit as misfit:
        yield str(misfit)
    if not fault.tests:
        yield "it names no tests"
    for test in fault.tests:
        file, _, name = test.partition("::")
        if not (root / file).exists():
            yield f"there is no {file}"
        elif name and name not in _functions(root / file):
            yield f"there is no {name} in {file}"


def _require_python(text: str, file: str) -> None:
    try:
        compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Misfit(f"with it {file} is no Python: {error.msg}, line {error.lineno}") from None


@cache
def _functions(file: Path) -> frozenset[str]:
    """The functions at the top level of a test file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
