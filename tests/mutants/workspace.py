"""A temporary copy of the tracked files of a checkout, in which faults are planted.

Responsible for: making the copy, planting one fault, restoring the file. Never: changes the checkout itself.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.fault import Fault

ROOT = Path(__file__).parents[2]
LINKED = (".venv", "tests/js/node_modules")  # made by dev.py, not tracked, never changed by a test


@dataclass(frozen=True, slots=True)
class Workspace:
    """`scratch`: a directory beside the copy, for reports and temporary files of tests."""

    root: Path
    scratch: Path

    @property
    def python(self) -> str:
        """The interpreter of the checkout, or the current one if it has no environment."""
        own = self.root / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    @property
    def environment(self) -> dict[str, str]:
        """The current environment variables, with the programs of the checkout first."""
        programs = Path(self.python).parent
        return os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}

    @contextlib.contextmanager
    def with_fault(self, fault: Fault) -> Iterator[None]:
        """Plant a fault in the copy until the block ends. Raises Misfit."""
        path = self.root / fault.file
        sound, changed = path.read_bytes(), fault.planted(self.root)
        try:
            self._write(path, changed.encode())
            yield
        finally:
            self._write(path, sound)
            shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)  # examples found with the fault

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file and drop its bytecode: two writes within a second look alike to the import system."""
        path.write_bytes(content)
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


@contextlib.contextmanager
def workspace(checkout: Path) -> Iterator[Workspace]:
    """A copy of a checkout, removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        made = Workspace(Path(folder) / "checkout", Path(folder) / "scratch")
        made.scratch.mkdir()
        _copy(checkout, made.root)
        yield made


def _copy(checkout: Path, root: Path) -> None:
    listed = subprocess.run(["git", "-C", checkout, "ls-files", "-z"], capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = checkout / name, root / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in LINKED:
        made = next((each / name for each in (checkout, ROOT) if (each / name).exists()), None)
        if made is not None:
            (root / name).symlink_to(made.resolve(), target_is_directory=True)
