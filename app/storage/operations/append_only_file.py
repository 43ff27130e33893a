"""Append-only files beside the database: published heads of the audit chain, and erasures.

Responsible for: appending whole lines that are durable before they are relied on and readable by the owner
alone. Never: changes or removes a line.
"""

import os
from pathlib import Path


def append(file: Path, *lines: str) -> None:
    """Append lines, which are durable when this returns. A line cut off by a crash is ended first, so that
    it stays separate.
    """
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
    """Return all lines, or none when the file does not exist."""
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []


def _settle(folder: Path) -> None:
    """Make the directory entry of a new file durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
