"""Screenshots of pages in test-results/ for human review; no test compares them.

Taken only if `wanted` is set (with --thorough): a screenshot of a whole page costs as much as loading it.
"""

import re
from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).parents[3] / "test-results"

wanted = False
_taken: set[str] = set()


def take(page: Page, name: str, *, full_page: bool = True) -> None:
    """Take a screenshot of the page as shown, once for each name and run."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]
    if wanted and stem not in _taken:
        _taken.add(stem)
        FOLDER.mkdir(exist_ok=True)
        page.screenshot(path=FOLDER / f"{stem}.png", full_page=full_page)
