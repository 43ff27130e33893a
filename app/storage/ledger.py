"""Files that are only ever added to, beside the database: published heads, what was erased.

Office: whole lines, durable before anybody counts on them, readable by the owner alone. Refuses: to change or
take out a line.
"""

import os
from pathlib import Path


def append(file: Path, *lines: str) -> None:
    """Add lines; they are durable when this returns. What a crash cut off keeps a line of its own."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        cut_off = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, ("\n" * cut_off + "".join(f"{line}\n" for line in lines)).encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    if size == 0:
        _settle(file.parent)


def lines(file: Path) -> list[str]:
    """Every line there is; none without a file."""
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []


def _settle(folder: Path) -> None:
    """Make the name of a new file durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
