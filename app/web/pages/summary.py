"""The summary as a page and as plain text.

Office: from the JSON summary to what a person reads; quotation and caution stay one unit. Refuses: scripts,
inline styles, anything from elsewhere, and marking up words it did not write.
"""

import datetime as dt
from typing import Any

from app.rules.edition import Edition
from app.web.pages.render import date, environment, translations

Json = dict[str, Any]
UNREVIEWED = (  # as base.html says it, where the catalogs find it
    "A trained translator has not checked these words yet. "
    "If something is not clear, ask for an interpreter or read it in English."
)


def html(edition: Edition, summary: Json, *, kept_until: dt.datetime | None, zone: str) -> str:
    """A whole page for whoever asks by REST, in the same dress as the form."""
    return filled("summary.html", spoken(edition, summary, kept_until=kept_until, zone=zone))


def text(edition: Edition, summary: Json, *, kept_until: dt.datetime | None, zone: str) -> str:
    """Plain text, as for a letter or a mail somebody writes to their own doctor."""
    return filled("summary.txt", spoken(edition, summary, kept_until=kept_until, zone=zone))


def filled(template: str, words: Json) -> str:
    """A template with what `spoken` gives."""
    return environment(words["summary"]["language"]).get_template(template).render(words)


def spoken(edition: Edition, summary: Json, *, kept_until: dt.datetime | None, zone: str) -> Json:
    """The summary and every word around it, as templates take them."""
    language = summary["language"]
    words = edition.phrasebooks[language]
    fixed = words.texts.summary
    made = date(dt.datetime.fromisoformat(summary["made_at"]), language, zone)
    day = kept_until and date(kept_until, language, zone)
    return {
        "summary": summary,
        "fixed": fixed,
        "unreviewed": translations(language).gettext(UNREVIEWED) if edition.machine_made(language) else "",
        "groups": words.texts.groups,
        "direction": words.texts.direction,
        "kept_until": fixed.kept_until.format(retained_until=day) if day else None,
        "made": fixed.made.format(date=made, edition=f"{edition.id} {edition.version}"),
        "because": {topic["rule"]: _because(edition, language, topic) for topic in summary["topics"]},
        "heard": [quotation for topic in summary["topics"] for quotation in topic["quotations"]],
    }


def _because(edition: Edition, language: str, topic: Json) -> list[tuple[str, str]]:
    """(question, what was answered) in the respondent's words."""
    return [
        (edition.phrasebooks[language].items[reason["link_id"]].text, said(edition, language, **reason))
        for reason in topic["because"]
    ]


def said(edition: Edition, language: str, *, link_id: str, answer: Any) -> str:
    """An answer in the words it was given in."""
    words = edition.phrasebooks[language].items[link_id]
    codes = answer if isinstance(answer, list | tuple) else [answer]
    named = {True: words.yes, False: words.no}
    labels = [
        words.options.get(str(code)) or (named[code] if isinstance(code, bool) else str(code))
        for code in codes
    ]
    return ", ".join(str(label) for label in labels)
