"""Claims about what must never happen for any set of answers, each as a term that no answers may make true.

Responsible for: the safety guarantees of content/README.md sections 1, 3 and 5, with the ids of that
specification, and for each claim a change to the edition that violates it, to show that its proof can fail.
Never: proves a claim.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from app.rules.engine.edition import Edition
from tests.rules.conditions import condition
from tests.rules.edition_variants import with_passage, with_rule
from tests.rules.solver import Model, Term

NEVER = ("P02", "P03", "P06", "P14", "P16", "P27", "P28", "P29", "P30")
AS_IS = ("P01", "P07", "P08", "P11", "P31")
LIST_ITEMS = ("P18", "P19", "P20", "P21", "P22", "P23")
HEALTH_GROUPS = ("pain", "mood", "health", "general")
SIGNS = ("numb_or_bladder_bowel", "new_weakness", "chest_or_breathing", "stroke_signs", "sickle_fever")
Claim = Callable[[Model], Term]
Spoil = Callable[[Edition], Edition]


def _passages(model: Model) -> list[str]:
    return [passage.id for passage in model.edition.article.passages]


def a_passage_marked_never_is_quoted(model: Model) -> Term:
    return model.logic.some(model.shown(passage) for passage in NEVER)


def a_passage_that_needs_a_caution_is_quoted_in_limited_mode(model: Model) -> Term:
    careful = [passage for passage in _passages(model) if passage not in AS_IS]
    quoted = model.logic.some(model.shown(passage) for passage in careful)
    return model.logic.every([model.mode["limited"], quoted])


def anything_is_quoted_to_somebody_under_18(model: Model) -> Term:
    quoted = model.logic.some(model.shown(passage) for passage in _passages(model))
    return model.logic.every([model.given("age_band", "under_18"), quoted])


def the_sentence_about_suicidal_thoughts_is_quoted_without_a_no(model: Model) -> Term:
    denied = [model.enabled["self_harm_thoughts"], model.given("self_harm_thoughts", "no")]
    return model.logic.every([model.shown("P26"), model.logic.no(model.logic.every(denied))])


def thoughts_of_self_harm_today_raise_no_interruption(model: Model) -> Term:
    return _given_unfired(model, model.given("self_harm_thoughts", "now"), "S_NOW", "self_harm_now")


def thoughts_of_self_harm_last_month_raise_no_interruption(model: Model) -> Term:
    return _given_unfired(model, model.given("self_harm_thoughts", "recent"), "S_RECENT", "self_harm_recent")


def an_urgent_sign_raises_no_interruption(model: Model) -> Term:
    sign = model.logic.some(model.given("urgent_signs", sign) for sign in SIGNS)
    return _given_unfired(model, sign, "S_URGENT", "urgent_physical")


def _given_unfired(model: Model, given: Term, rule: str, flag: str) -> Term:
    every, no = model.logic.every, model.logic.no
    return every([given, no(every([model.fired[rule], model.flags[flag]]))])


def quotations_are_not_limited_after_a_crisis_or_without_an_age(model: Model) -> Term:
    lowering = ("S_URGENT", "S_NOW", "S_RECENT", "A_UNKNOWN")
    fired = model.logic.some(model.fired[rule] for rule in lowering)
    return model.logic.every([fired, model.mode["full"]])


def two_rules_quote_the_same_passage(model: Model) -> Term:
    pairs = combinations(model.quoted.items(), 2)
    return model.logic.some(
        model.logic.every([one, other])
        for ((_, services), one), ((_, there), other) in pairs
        if services == there
    )


def the_opening_of_the_list_is_quoted_without_an_item(model: Model) -> Term:
    item = model.logic.some(model.shown(passage) for passage in LIST_ITEMS)
    return model.logic.every([model.shown("P17"), model.logic.no(item)])


def an_adult_is_not_told_how_little_is_known(model: Model) -> Term:
    told = model.logic.every([model.fired["G_ALWAYS"], model.shown("P31")])
    return model.logic.every([model.logic.no(model.fired["U18"]), model.logic.no(told)])


def somebody_under_18_gets_a_topic(model: Model) -> Term:
    topics = [rule.id for rule in model.edition.book.rules if rule.group in HEALTH_GROUPS]
    shown = [model.logic.no(model.mode["none"]), *(model.fired[rule] for rule in topics)]
    return model.logic.every([model.given("age_band", "under_18"), model.logic.some(shown)])


def two_of_the_three_rules_about_depression_fire(model: Model) -> Term:
    pairs = combinations(("M_TRD", "M_DEP_OTHER", "M_DEP_UNCLEAR"), 2)
    return model.logic.some(model.logic.every([model.fired[rule] for rule in pair]) for pair in pairs)


def nothing_matches_and_yet_something_does(model: Model) -> Term:
    rules = [rule.id for rule in model.edition.book.rules if rule.group in ("pain", "mood")]
    matched = model.logic.some(model.fired[rule] for rule in rules)
    return model.logic.every([model.fired["G_NOTHING"], matched])


def _rule(name: str, **change: Any) -> Spoil:
    return lambda edition: with_rule(edition, name, **change)


def _passage(name: str, **change: Any) -> Spoil:
    return lambda edition: with_passage(edition, name, **change)


def _both(one: Spoil, other: Spoil) -> Spoil:
    return lambda edition: other(one(edition))


_NO_DEPRESSION_BEFORE = condition(
    {"question": "depression_told_by_clinician", "operator": "=", "answer": "yes"}
)
CLAIMS: dict[Claim, Spoil] = {
    a_passage_marked_never_is_quoted: _both(
        _passage("P06", policy="with_caution"), _rule("M_TRD", cites=("P06",))
    ),
    a_passage_that_needs_a_caution_is_quoted_in_limited_mode: _passage("P24", policy="as_is"),
    anything_is_quoted_to_somebody_under_18: _both(
        _rule("U18", citation_mode=None, stops=()),
        _rule("G_ALWAYS", when=condition({"none_fired": {"rules": ["S_NOW"]}})),
    ),
    the_sentence_about_suicidal_thoughts_is_quoted_without_a_no: _passage("P26", only_if=None),
    thoughts_of_self_harm_today_raise_no_interruption: _rule("S_NOW", even_if_disabled=False),
    thoughts_of_self_harm_last_month_raise_no_interruption: _rule("S_RECENT", even_if_disabled=False),
    an_urgent_sign_raises_no_interruption: _rule("S_URGENT", even_if_disabled=False),
    quotations_are_not_limited_after_a_crisis_or_without_an_age: _rule("A_UNKNOWN", citation_mode=None),
    the_opening_of_the_list_is_quoted_without_an_item: _rule("P_CRPS", cites=("P17",)),
    an_adult_is_not_told_how_little_is_known: _rule(
        "G_ALWAYS", when=condition({"none_fired": {"rules": ["U18", "S_NOW"]}})
    ),
    somebody_under_18_gets_a_topic: _rule("U18", stops=("pain", "mood", "health")),
    two_of_the_three_rules_about_depression_fire: _rule("M_DEP_UNCLEAR", when=_NO_DEPRESSION_BEFORE),
    nothing_matches_and_yet_something_does: _rule(
        "G_NOTHING", when=condition({"none_fired": {"groups": ["pain"]}})
    ),
}
FILTERED = (
    a_passage_marked_never_is_quoted,
    a_passage_that_needs_a_caution_is_quoted_in_limited_mode,
    anything_is_quoted_to_somebody_under_18,
    the_sentence_about_suicidal_thoughts_is_quoted_without_a_no,
    two_rules_quote_the_same_passage,
)


def conditions_of(edition: Edition) -> Iterator[Any]:
    """Every condition of an edition."""
    for item, _ in edition.questionnaire.placed:
        yield from (each for each in (item.enable_when, item.required_when) if each)
    yield from (rule.when for rule in edition.book.rules)
    yield from (passage.only_if for passage in edition.article.passages if passage.only_if)
    yield from (flag.unless for flag in edition.meta.flags if flag.unless)
