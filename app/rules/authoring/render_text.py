"""`content show`: an edition in plain text as respondents see it, for people who check the wording.

Responsible for: the questions in order with their conditions, every rule with its text and quotations, and
the crisis resources. Never: shows data that respondents don't see, except the ids, the conditions, and the
passages that are never shown.
"""

from collections.abc import Iterator

from app.rules.engine.condition import (
    AllOf,
    AnyOf,
    CitesPassage,
    Comparison,
    Condition,
    Fired,
    NoneFired,
    Not,
)
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from app.rules.engine.rule import Rule


def render_edition(edition: Edition, language: str) -> Iterator[str]:
    """Yield the lines of text."""
    words = edition.texts[language]
    yield f"{edition.meta.title} ({edition.id} {edition.version}, {language})"
    yield f"Reviewed by: {edition.meta.reviewed_by or 'nobody yet: not clinically reviewed'}"
    yield ""
    yield "QUESTIONS"
    for item, _ in edition.questionnaire.placed:
        yield from _item(edition, item, language)
    yield ""
    yield "WHAT THE SUMMARY SAYS"
    yield words.summary.title
    yield from (f"  {line}" for line in words.summary.notice)
    for rule in edition.book.rules:
        yield from _rule(edition, rule, language)
    yield ""
    yield "NEVER SHOWN TO RESPONDENTS"
    yield from (
        f"  {each.id}: “{each.exact}” ({each.reason})"
        for each in edition.article.passages
        if each.policy == "never"
    )
    yield ""
    yield "WHERE TO GET HELP"
    for resource in edition.phrasebooks[language].resources:
        ways = [f"call {resource['call']}"] * bool(resource["call"]) + [f"text {resource['text']}"] * bool(
            resource["text"]
        )
        yield f"  {resource['name']}: {', '.join(ways) or 'see note'} ({resource['hours']})"
    yield f"  On every page: {edition.phrasebooks[language].footer}"


def _item(edition: Edition, item: Item, language: str) -> Iterator[str]:
    words = edition.texts[language]
    if item.type == "group":
        yield ""
        yield f"[{item.link_id}] {words.pages[item.link_id]}"
        return
    text = edition.phrasebooks[language].items[item.link_id]
    yield f"  {item.link_id}: {text.text}{' (must be answered)' if item.required else ''}"
    if item.enable_when:
        yield f"      shown when {render_condition(item.enable_when)}"
    if item.required_when:
        yield f"      must be answered when {render_condition(item.required_when)}"
    yield from (
        f"      {'( )' if not item.repeats else '[ ]'} {text.options[code]}  [{code}]" for code in item.codes
    )


def _rule(edition: Edition, rule: Rule, language: str) -> Iterator[str]:
    words = edition.phrasebooks[language]
    yield ""
    yield f"  {rule.id}, when {render_condition(rule.when)}:"
    yield f"      {words.rules[rule.id]}"
    for name in rule.cites:
        quotation = words.quotations[name]
        yield f"      “{quotation['exact']}” ({name}, {quotation['section']})"
        yield from (f"          {caution['text']}" for caution in quotation["cautions"])


def render_condition(condition: Condition) -> str:
    """Return a condition in words and signs, as `age_band in (18_24, 25_44) and not (ride_home = yes)`."""
    match condition:
        case Comparison():
            named = ", ".join(str(value) for value in condition.named_options())
            listed = f"({named})" if isinstance(condition.answer, tuple) else named
            return f"{condition.question} {condition.operator} {listed}"
        case Fired():
            return f"{condition.fired} fired"
        case NoneFired():
            return f"none of ({', '.join((*condition.none_fired.rules, *condition.none_fired.groups))}) fired"
        case CitesPassage():
            some = condition.cites_passage
            return f"one of ({', '.join((*some.rules, *some.groups))}) cites a passage"
        case Not():
            return f"not ({render_condition(condition.not_)})"
        case AllOf() | AnyOf():
            word = " and " if isinstance(condition, AllOf) else " or "
            return word.join(
                f"({render_condition(part)})" if part.children() else render_condition(part)
                for part in condition.children()
            )
    raise TypeError(condition)  # pragma: no cover - every node is above
