"""How long files and long tests took when they were last measured, and the resulting order.

`tests/seconds.json` contains the seconds of each file and, by node id, of each test longer than LONG;
`python3 -m tests.measures DIR --remember` writes it. Wrong numbers cost time but never change a result.
"""

from __future__ import annotations

import functools
import json
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest

FILE = Path(__file__).with_suffix(".json")
LONG = 2.0
UNKNOWN = 5.0  # a new file starts early instead of last


@functools.cache
def recorded() -> dict[str, float]:
    """Seconds by file, and by node id for long tests."""
    found: dict[str, float] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def unit(nodeid: str) -> str:
    """What one worker runs at a time: one long test, or all other tests of a file."""
    return nodeid if recorded().get(nodeid, 0.0) > LONG else nodeid.partition("::")[0]


class LongestFirst(OrderedDict[str, dict[str, bool]]):
    """Work units of xdist, returned in descending order of their seconds."""

    def popitem(self, last: bool = True) -> tuple[str, dict[str, bool]]:
        longest = max(self, key=lambda name: recorded().get(name, UNKNOWN))
        return longest, self.pop(longest)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """xdist's scheduling by scope, where the scope is `unit` and the longest units start first."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self.workqueue = LongestFirst()

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None
