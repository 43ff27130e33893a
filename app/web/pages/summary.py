"""The summary as a page and as plain text.

Office: from the JSON summary to what a person reads; quotation and caution stay one unit. Refuses: scripts,
inline styles, anything from elsewhere, and marking up words it did not write.
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.rules.edition import Edition

TEMPLATES = Path(__file__).parents[1] / "templates"


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,
    autoescape=select_autoescape(("html",), default=False),
    trim_blocks=True,
    lstrip_blocks=True,
)


def html(edition: Edition, summary: dict[str, Any], *, retained_until: str | None) -> str:
    """A whole page; its style sheet is /static/summary.css."""
    return ENVIRONMENT.get_template("summary.html").render(_words(edition, summary, retained_until))


def text(edition: Edition, summary: dict[str, Any], *, retained_until: str | None) -> str:
    """Plain text, as for a letter or a mail somebody writes to their own doctor."""
    return ENVIRONMENT.get_template("summary.txt").render(_words(edition, summary, retained_until))


def _words(edition: Edition, summary: dict[str, Any], retained_until: str | None) -> dict[str, Any]:
    words = edition.phrasebooks[summary["language"]]
    fixed = words.texts.summary
    day = retained_until and retained_until[:10]
    return {
        "summary": summary,
        "fixed": fixed,
        "groups": words.texts.groups,
        "direction": words.texts.direction,
        "kept_until": fixed.kept_until.format(retained_until=day) if day else None,
        "made": fixed.made.format(date=summary["made_at"][:10], edition=f"{edition.id} {edition.version}"),
        "because": {
            topic["rule"]: _because(edition, summary["language"], topic) for topic in summary["topics"]
        },
        "heard": [quotation for topic in summary["topics"] for quotation in topic["quotations"]],
    }


def _because(edition: Edition, language: str, topic: dict[str, Any]) -> list[tuple[str, str]]:
    """(question, what was answered) in the respondent's words."""
    items = edition.phrasebooks[language].items
    found = []
    for reason in topic["because"]:
        words, answer = items[reason["link_id"]], reason["answer"]
        codes = answer if isinstance(answer, list | tuple) else [answer]
        said = {True: words.yes, False: words.no}
        labels = [words.options.get(code) or said.get(code) or str(code) for code in codes]
        found.append((words.text, ", ".join(str(label) for label in labels)))
    return found
