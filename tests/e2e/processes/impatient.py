"""`preconsult` that waits three seconds for a locked database, where the product waits seven.

    python -m tests.e2e.processes.impatient serve --port 8000

The behaviour after the timeout is the same; a test that waits for it takes half the time.
"""

from app.storage.db import database

PROGRAM = ("-m", "tests.e2e.processes.impatient")
SECONDS = 3


def hurry() -> None:
    """Shorten the wait in this process."""
    usual = f"lock_timeout={database.BUSY_SECONDS}s"
    assert usual in database.POSTGRES_OPTIONS
    database.POSTGRES_OPTIONS = database.POSTGRES_OPTIONS.replace(usual, f"lock_timeout={SECONDS}s")
    database.BUSY_SECONDS = SECONDS


if __name__ == "__main__":
    from app.cli import main

    hurry()
    main(prog_name="preconsult")
