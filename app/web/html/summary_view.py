"""The summary as an HTML page and as plain text.

Responsible for: rendering the JSON summary for people, with each quotation and its caution as one unit.
Never: includes scripts, inline styles or external resources, and never treats texts as markup.
"""

import datetime as dt
from typing import Any

from app.rules.engine.edition import Edition
from app.web.html.templates import date, environment, translations

Json = dict[str, Any]
UNREVIEWED = (  # the same text as in base.html, here for the translation catalogues
    "A trained translator has not checked these words yet. "
    "If something is not clear, ask for an interpreter or read it in English."
)


def html(edition: Edition, summary: Json, *, kept_until: dt.datetime | None, zone: str) -> str:
    """A complete HTML page for REST clients, with the same design as the form."""
    return render_context("summary.html", summary_context(edition, summary, kept_until=kept_until, zone=zone))


def text(edition: Edition, summary: Json, *, kept_until: dt.datetime | None, zone: str) -> str:
    """Plain text, for example for a message that the user writes to their own doctor."""
    return render_context("summary.txt", summary_context(edition, summary, kept_until=kept_until, zone=zone))


def render_context(template: str, words: Json) -> str:
    """A template rendered with the values of `spoken`."""
    return environment(words["summary"]["language"]).get_template(template).render(words)


def summary_context(edition: Edition, summary: Json, *, kept_until: dt.datetime | None, zone: str) -> Json:
    """The summary and all texts around it, as the templates expect them."""
    language = summary["language"]
    words = edition.phrasebooks[language]
    fixed = words.texts.summary
    made = date(dt.datetime.fromisoformat(summary["made_at"]), language, zone)
    day = kept_until and date(kept_until, language, zone)
    return {
        "summary": summary,
        "fixed": fixed,
        "unreviewed": translations(language).gettext(UNREVIEWED)
        if edition.unreviewed_languages(language)
        else "",
        "groups": words.texts.groups,
        "direction": words.texts.direction,
        "kept_until": fixed.kept_until.format(retained_until=day) if day else None,
        "made": fixed.made.format(date=made, edition=f"{edition.id} {edition.version}"),
        "because": {topic["rule"]: _because(edition, language, topic) for topic in summary["topics"]},
        "heard": [quotation for topic in summary["topics"] for quotation in topic["quotations"]],
    }


def _because(edition: Edition, language: str, topic: Json) -> list[tuple[str, str]]:
    """(question, answer) for each answer that raised a topic, in the language of the summary."""
    return [
        (
            edition.phrasebooks[language].items[reason["link_id"]].text,
            answer_text(edition, language, **reason),
        )
        for reason in topic["because"]
    ]


def answer_text(edition: Edition, language: str, *, link_id: str, answer: Any) -> str:
    """An answer as text in `language`: the labels of the chosen options, or the value itself."""
    words = edition.phrasebooks[language].items[link_id]
    codes = answer if isinstance(answer, list | tuple) else [answer]
    named = {True: words.yes, False: words.no}
    labels = [
        words.options.get(str(code)) or (named[code] if isinstance(code, bool) else str(code))
        for code in codes
    ]
    return ", ".join(str(label) for label in labels)
