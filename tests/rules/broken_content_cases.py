"""Every author's mistake that the content check reports: a small patch, the line and the message.

Responsible for: reading wrong/*.yaml, one entry per mistake in the tiny edition. In `file`, the text
`instead_of` is replaced by `wrote`; then the finding has the message `says` for a line that reads `on`, in
the same file or in the file `at`; `others` are the messages of the other findings.
"""

from dataclasses import dataclass
from pathlib import Path

from app.rules.authoring.yaml_source import read

FOLDER = Path(__file__).parent / "wrong"
WHOLE = "*"  # replaces the whole file


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
        """Put the mistake into the copy of the tiny edition at `folder`."""
        path = folder / self.file
        before = path.read_text(encoding="utf-8")
        assert self.instead_of == WHOLE or self.instead_of in before
        after = self.wrote if self.instead_of == WHOLE else before.replace(self.instead_of, self.wrote, 1)
        path.write_bytes(after.encode(errors="surrogateescape"))


MISTAKES = [Mistake(**entry) for path in sorted(FOLDER.glob("*.yaml")) for entry in read(path).data]
