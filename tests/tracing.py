"""Where the coverage of `app.rules` is measured: in the tests of rules and content, and nowhere else.

Tracing doubles the time of a test, also of one that hardly enters the rules. What no test of these two
folders reaches counts as untested.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import Coverage

TESTS = Path(__file__).resolve().parent
MEASURED = {"rules", "content"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Stop tracing for a test of another folder, while `app.rules` is all that is asked for."""
    running = Coverage.current() if item.config.getoption("cov_source", None) == ["app.rules"] else None
    if running is None or item.path.relative_to(TESTS).parts[0] in MEASURED:
        return (yield)
    running.stop()
    try:
        return (yield)
    finally:
        running.start()
