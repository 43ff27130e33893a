"""The summary as an accessible PDF (PDF/UA-1): tagged, titled, in the reader's language, made with Typst.

Responsible for: compiling `templates/summary.typ` with the texts of a summary. Never: interprets the texts
as markup (they are passed as JSON), and never uses the network, system fonts or the clock: the same summary
always gives the same bytes. Typst is optional.
"""

import datetime as dt
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from app.errors import NotInstalled
from app.web.html.templates import TEMPLATES

if TYPE_CHECKING:
    from typst import Fonts

ABSENT = "This server makes no PDF. Print the page and choose to save it as a PDF."
MISSING_GLYPHS = (
    "This server has no font for some letters here. Print the page and choose to save it as a PDF."
)


def installed() -> bool:
    """Can this server make a PDF?"""
    return find_spec("typst") is not None


def pdf(spoken: dict[str, Any]) -> bytes:
    """The PDF file; `spoken` as `summary.spoken` returns it.

    Raises NotInstalled if Typst is missing, or if its fonts lack a character of the text.
    """
    try:
        import typst  # noqa: PLC0415 (optional and large: loaded only when a PDF is requested)
    except ImportError:
        raise NotInstalled(ABSENT) from None
    try:
        return typst.compile(
            TEMPLATES / "summary.typ",
            root=TEMPLATES,
            font_paths=_fonts(),
            format="pdf",
            pdf_standards=["ua-1"],
            sys_inputs={"spoken": to_json(spoken).decode()},
            timestamp=dt.datetime.fromisoformat(spoken["summary"]["made_at"]).replace(microsecond=0),
        )
    except typst.TypstError as error:
        # PDF/UA allows no missing glyph: the language is not covered by the fonts that come with Typst
        if "could not be displayed" in error.message:
            raise NotInstalled(MISSING_GLYPHS) from None
        raise


@cache
def _fonts() -> "Fonts":
    from typst import Fonts  # noqa: PLC0415

    return Fonts(include_system_fonts=False)
