"""CPU affinity: the server on one core, the load (and PostgreSQL) on another.

Responsible for: keeping child processes that are started within `on_core` on that core. Never: fails where
pinning is not possible; it only reports that.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
PINNED = len(CORES) > 1
SERVER_CORE = CORES[0] if PINNED else None
LOAD_CORE = CORES[1] if PINNED else None


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Processes started in this block inherit the core; this thread gets its previous cores back."""
    if core is None or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def told() -> str:
    """A line that says which core runs what."""
    if not PINNED:
        return "one core only (or no pinning here): server and load share it, so the ratios are flattered"
    return f"server on core {SERVER_CORE}, load on core {LOAD_CORE}"
