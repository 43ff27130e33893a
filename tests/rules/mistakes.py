"""Every mistake an author can make that the content check names: a tiny patch, the line, the words.

Office: reads wrong/*.yaml, one entry per mistake in the tiny edition. In `file`, `instead_of` this,
somebody `wrote` that; then the finding `says` these words about a line that reads as `on`, in the same file
or in the file `at`; `others` are told besides.
"""

from dataclasses import dataclass
from pathlib import Path

from app.rules.source import read

FOLDER = Path(__file__).parent / "wrong"
WHOLE = "*"  # instead of the whole file


@dataclass(frozen=True)
class Mistake:
    mistake: str
    file: str
    instead_of: str
    wrote: str
    says: str
    on: str
    at: str = ""
    others: tuple[str, ...] = ()

    def make(self, folder: Path) -> None:
        """Spoil the copy of the tiny edition at `folder`."""
        path = folder / self.file
        before = path.read_text(encoding="utf-8")
        assert self.instead_of == WHOLE or self.instead_of in before
        after = self.wrote if self.instead_of == WHOLE else before.replace(self.instead_of, self.wrote, 1)
        path.write_bytes(after.encode(errors="surrogateescape"))


MISTAKES = [Mistake(**entry) for path in sorted(FOLDER.glob("*.yaml")) for entry in read(path).data]
