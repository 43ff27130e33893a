"""The summary as an accessible PDF: tagged, titled, in its reader's language (PDF/UA-1), by Typst.

Office: hands the words of a summary to templates/summary.typ and gives back the file. Refuses: markup (words
travel as JSON and stay text), the network, the fonts of this computer and its clock: the same summary always
gives the same bytes. Typst is optional.
"""

import datetime as dt
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from app.errors import NotInstalled
from app.web.pages.render import TEMPLATES

if TYPE_CHECKING:
    from typst import Fonts

ABSENT = "This server makes no PDF. Print the page and choose to save it as a PDF."
NO_LETTERS = "This server has no font for some letters here. Print the page and choose to save it as a PDF."


def installed() -> bool:
    """Can this server make a PDF?"""
    return find_spec("typst") is not None


def pdf(spoken: dict[str, Any]) -> bytes:
    """The file; `spoken` as summary.py gives it. Raises NotInstalled."""
    try:
        import typst  # noqa: PLC0415 (optional and large: loaded by who asks for a PDF)
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
        # PDF/UA holds no letter that can't be drawn: a language beyond the fonts that come with Typst
        if "could not be displayed" in error.message:
            raise NotInstalled(NO_LETTERS) from None
        raise


@cache
def _fonts() -> "Fonts":
    from typst import Fonts  # noqa: PLC0415

    return Fonts(include_system_fonts=False)
