"""The summary as Chromium prints it: at most two sheets, with its whole content and no controls.

The PDF that the server makes is tested in tests/web/html/test_pdf.py.
"""

import io
import re
import unicodedata
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, PdfMargins
from pypdf import PdfReader

from tests.e2e.browser.respondent import Respondent
from tests.sample_answers import CARA
from tests.server import Server

CONTROLS = ".keeping a, .keeping button, .keeping h2, .leave button, .languages button"
EDGES: PdfMargins = {"top": "15mm", "bottom": "15mm", "left": "15mm", "right": "15mm"}


@pytest.fixture(params=["en", "es", "ht", "pt-BR"])
def summary(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Page]:
    """The summary page of a respondent with CRPS, and depression that two medicines did not help enough."""
    context = browser.new_context()
    somebody = Respondent(context.new_page(), server.url)
    somebody.come(CARA, language=request.param)
    somebody.send()
    yield somebody.page
    context.close()


def plain(text: str) -> str:
    """The characters only, without ligatures and line breaks."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def test_a_printed_summary_is_two_sheets_at_most_and_has_nothing_to_press(summary: Page) -> None:
    controls = summary.locator(CONTROLS).all_inner_texts()
    quoted, cautions = (summary.locator(each).all_inner_texts() for each in ("blockquote", ".caution"))
    assert (len(controls), len(quoted), len(cautions)) == (11, 7, 6)
    said = [*quoted, *cautions, summary.locator("h1").inner_text(), summary.locator(".safety").inner_text()]
    for paper in ("Letter", "A4"):
        sheets = PdfReader(io.BytesIO(summary.pdf(format=paper, margin=EDGES))).pages
        printed = plain("".join(sheet.extract_text() for sheet in sheets))
        assert len(sheets) <= 2, paper
        assert [words for words in said if plain(words) not in printed] == []
        assert [words for words in controls if plain(words) in printed] == []
