"""Editions that differ from a given one in a rule, a passage or the whole rule book; no file is changed.

They skip the integrity check on purpose: some of them must never be publishable.
"""

from dataclasses import replace
from typing import Any

from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item, Questionnaire
from app.rules.engine.rule import Flag, RuleBook
from tests.rules.conditions import frozen


def with_rule(edition: Edition, name: str, **change: Any) -> Edition:
    rules = tuple(rule.model_copy(update=change) if rule.id == name else rule for rule in edition.book.rules)
    return replace(edition, book=edition.book.model_copy(update={"rules": rules}))


def with_rules(edition: Edition, groups: list[str], *rules: dict[str, Any]) -> Edition:
    """The edition with only these rules, written as in rules.yaml."""
    book = RuleBook.model_validate(frozen({"groups": groups, "rules": list(rules)}))
    return replace(edition, book=book)


def with_passage(edition: Edition, name: str, **change: Any) -> Edition:
    passages = tuple(
        each.model_copy(update=change) if each.id == name else each for each in edition.article.passages
    )
    return replace(edition, article=edition.article.model_copy(update={"passages": passages}))


def with_flags(edition: Edition, *flags: dict[str, Any]) -> Edition:
    """The edition with only these flags, written as in edition.yaml; action and targets have defaults."""
    targets = {"target_open": "same_day", "target_closed": "none", "action": "look"}
    made = tuple(Flag.model_validate(frozen(targets | flag)) for flag in flags)
    return replace(edition, meta=edition.meta.model_copy(update={"flags": made}))


def every_rule_cites_every_passage(edition: Edition) -> Edition:
    """The worst possible edition: only the filters keep a passage from the reader."""
    passages = tuple(passage.id for passage in edition.article.passages)
    rules = tuple(rule.model_copy(update={"cites": passages}) for rule in edition.book.rules)
    return replace(edition, book=edition.book.model_copy(update={"rules": rules}))


def with_items(edition: Edition, *items: dict[str, Any]) -> Edition:
    """The edition with these items, as written in questionnaire.yaml, last and outside any group."""
    added = Questionnaire.model_validate({"item": frozen(list(items))})
    every = (*edition.questionnaire.item, *added.item)
    return replace(edition, questionnaire=Questionnaire(item=every))


def with_initial(edition: Edition, **initial: Any) -> Edition:
    """The edition with these initial values in its form, by linkId."""

    def begun(item: Item) -> Item:
        change = {"initial": initial[item.link_id]} if item.link_id in initial else {}
        return item.model_copy(update={"item": tuple(begun(each) for each in item.item), **change})

    every = tuple(begun(item) for item in edition.questionnaire.item)
    return replace(edition, questionnaire=Questionnaire(item=every))
