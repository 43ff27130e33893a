"""Limits the coverage measurement of `app.rules` to the tests of rules and content.

Tracing doubles the time of a test, even of one that hardly uses the rules. Code that no test of these two
folders reaches counts as untested.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from coverage import Coverage

TESTS = Path(__file__).resolve().parent
MEASURED = {"rules", "content"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Stop tracing for a test of another folder, if only `app.rules` is measured."""
    rules_alone = item.config.getoption("cov_source", None) == ["app.rules"]
    if not rules_alone or item.path.relative_to(TESTS).parts[0] in MEASURED:
        return (yield)
    stopped = list(_stop_all())
    try:
        return (yield)
    finally:
        for each in reversed(stopped):
            each.start()


def _stop_all() -> Iterator[Coverage]:
    """Stop each running measurement: a process of pytest-xdist has two, one inside the other."""
    while (running := Coverage.current()) is not None:
        running.stop()
        yield running
