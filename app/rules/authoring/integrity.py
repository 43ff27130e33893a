"""The conditions for serving an edition: every reference resolves, and every byte matches.

Responsible for: the checks at start-up and in `content check`; check_quotations.py checks the quotations and
check_texts.py the texts. Never: checks style or reachability (lint.py does).
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from app.rules.authoring.check_quotations import check_article
from app.rules.authoring.check_texts import check_words
from app.rules.authoring.edition_files import Draft, LintError, Place
from app.rules.engine.answers import validate_value
from app.rules.engine.condition import Comparison, Condition, referenced_rules
from app.rules.engine.questionnaire import Item
from app.rules.engine.rule import Rule

FITTING = {
    "boolean": {"exists", "=", "!="},
    "integer": {"exists", "=", "!=", "in", "<", "<=", ">", ">="},
    "choice": {"exists", "=", "!=", "in"},
    "repeats": {"exists", "has", "has_any"},
}
RESERVED = {"asked", "instance", "language", "link", "remove", "token", "website"}  # the form's own fields
LISTS = {"in", "has_any"}


def check_integrity(draft: Draft) -> list[LintError]:
    """Return every finding that prevents `draft` from being served, sorted by file and line."""
    checks = (_ids, _names, _items, _initial, _enablement, _switches, _rules, _passages, _flags, _crisis)
    words = (check_article, check_words)
    return sorted({finding for check in (*checks, *words) for finding in check(draft)})


def _names(draft: Draft) -> Iterator[LintError]:
    for place, item in item_locations(draft):
        if item.link_id in RESERVED:
            yield draft.location("questionnaire", place)(
                f"The form uses the name {item.link_id} itself; take another linkId."
            )


def _ids(draft: Draft) -> Iterator[LintError]:
    items = [item.link_id for item, _ in draft.questionnaire.placed]
    for file, place, names in (
        ("questionnaire", ("item",), items),
        ("rules", ("rules",), [rule.id for rule in draft.book.rules]),
        ("article", ("passages",), [passage.id for passage in draft.article.passages]),
        ("crisis", ("resources",), [resource.id for resource in draft.crisis.resources]),
        ("edition", ("flags",), [flag.id for flag in draft.meta.flags]),
    ):
        for name, times in Counter(names).items():
            if times > 1:
                yield draft.finding(file, place, f"The id {name} stands {times} times; each id stands once.")


def _items(draft: Draft) -> Iterator[LintError]:
    for place, item in item_locations(draft):
        say = draft.location("questionnaire", place)
        if item.type == "choice" and len(item.answer_option) < 2:
            yield say(f"{item.link_id} needs at least two options.")
        if item.type != "choice" and (item.answer_option or item.repeats):
            yield say(f"Only a choice has options or repeats; {item.link_id} is of type {item.type}.")
        if not item.repeats and item.exclusive:
            yield say(
                f"exclusive means something only where repeats is true; {item.link_id} takes one option."
            )
        if len(item.codes) < len(item.answer_option):
            yield say(f"{item.link_id} lists an option twice.")
        if item.required and item.required_when:
            yield say(
                f"{item.link_id} has conflicting requirements: keep required or requiredWhen, not both."
            )
        if (item.type == "group") is not bool(item.item):
            yield say(f"{item.link_id}: a group holds items, and nothing else does.")


def _initial(draft: Draft) -> Iterator[LintError]:
    """Find initial values that a form must not show before the person has answered.

    An initial value must not stand for a person's consent, for contact details, or for an answer that an
    interruption asks about; and it must be a valid answer to its question.
    """
    interrupting = [rule.when for rule in draft.book.rules if rule.interruption]
    safety = {name for condition in interrupting for name in condition.questions()}
    for place, item in item_locations(draft):
        if item.initial is None:
            continue
        say = draft.location("questionnaire", (*place, "initial"))
        if not item.is_question or item.contact or item.must_be_true or item.link_id in safety:
            yield say(f"Nobody answers {item.link_id} for a person; take initial out.")
        elif next(validate_value(item, "", item.initial), None) or item.initial in ((), ""):
            yield say(f"The initial of {item.link_id} is none of the answers it takes.")


def item_locations(draft: Draft) -> Iterator[tuple[Place, Item]]:
    """Return every item of the questionnaire with its location in the file."""

    def walk(items: tuple[Item, ...], around: Place) -> Iterator[tuple[Place, Item]]:
        for index, item in enumerate(items):
            place = (*around, "item", index)
            yield place, item
            yield from walk(item.item, place)

    return walk(draft.questionnaire.item, ())


def _enablement(draft: Draft) -> Iterator[LintError]:
    earlier: set[str] = set()
    for place, item in item_locations(draft):
        for key, condition in (("enableWhen", item.enable_when), ("requiredWhen", item.required_when)):
            if condition is None:
                continue
            at = (*place, key)
            yield from check_condition(draft, "questionnaire", at, condition)
            for name in condition.questions():
                if name in draft.questionnaire.questions and name not in earlier:
                    yield draft.finding(
                        "questionnaire",
                        at,
                        f"{item.link_id} asks about {name}, which comes later; move it up.",
                    )
        earlier.add(item.link_id)


def _switches(draft: Draft) -> Iterator[LintError]:
    """Check that the items of each optional question group exist and that none of them must be answered."""
    for switch, names in draft.meta.switches.items():
        say = draft.location("edition", ("switches", switch))
        for name in names:
            item = draft.questionnaire.by_id.get(name)
            if item is None:
                yield say(f"{switch} switches {name}, which is no item.")
            elif item.required or item.required_when:
                yield say(f"{switch} switches {name}, which must be answered; take one of the two back.")


def check_condition(
    draft: Draft, file: str, place: Place, condition: Condition, *, rules: bool = False
) -> Iterator[LintError]:
    """Find comparisons with a question or an option that doesn't exist.

    `rules`: the condition may ask about rules.
    """
    say = draft.location(file, place)
    if not rules and next(referenced_rules(condition), None):
        yield say("Only the `when` of a rule may ask about rules; ask about answers here.")
    for comparison in condition.comparisons():
        item = draft.questionnaire.questions.get(comparison.question)
        if item is None:
            yield say(f"There is no question {comparison.question} (contact items can't be asked about).")
        else:
            yield from (say(message) for message in _comparison(item, comparison))


def _comparison(item: Item, asked: Comparison) -> Iterator[str]:
    kind = "repeats" if item.repeats else item.type
    wanted = "boolean" if asked.operator == "exists" else item.type
    types: dict[str, type] = {"boolean": bool, "integer": int}
    fitting = FITTING.get(kind, {"exists"})
    if asked.operator not in fitting:
        yield f"The operator {asked.operator} doesn't fit {item.link_id}; use one of {sorted(fitting)}."
    elif isinstance(asked.answer, tuple) is not (asked.operator in LISTS):
        yield f"The operator {asked.operator} takes {'a list' if asked.operator in LISTS else 'one answer'}."
    elif any(type(value) is not types.get(wanted, str) for value in asked.named_options()):
        yield f"{item.link_id} is compared with {asked.answer!r}, which is not of type {wanted}."
    elif item.type == "choice" and asked.operator != "exists":
        unknown = [value for value in asked.named_options() if value not in item.codes]
        if unknown:
            yield f"{item.link_id} has no option {', '.join(map(str, unknown))}."


def _rules(draft: Draft) -> Iterator[LintError]:
    earlier: list[Rule] = []
    for index, rule in enumerate(draft.book.rules):
        yield from check_condition(draft, "rules", ("rules", index, "when"), rule.when, rules=True)
        for message in (*_named(draft, rule), *_asked(draft, rule, earlier), *_cited(draft, rule)):
            yield draft.finding("rules", ("rules", index), message)
        earlier.append(rule)
    order = [rule.group for rule in earlier if rule.group in draft.book.groups]
    for one, other in pairwise(order):
        if draft.book.groups.index(one) > draft.book.groups.index(other):
            message = f"A rule of {other} stands after one of {one}; keep the order."
            yield draft.finding("rules", ("rules",), message)


def _named(draft: Draft, rule: Rule) -> Iterator[str]:
    for group in (rule.group, *rule.stops):
        if group not in draft.book.groups:
            yield f"{rule.id} names the group {group}, which `groups` does not list."
    for name in rule.keeps:
        if name not in draft.questionnaire.questions:
            yield f"{rule.id} keeps {name}, which is no question."
    for name in rule.when.questions():
        if rule.stops and name not in rule.keeps:
            yield f"{rule.id} stops the others and has to keep {name}, which it asks about."
    for source in rule.basis:
        if source not in draft.article.sources:
            yield f"{rule.id} rests on {source}, which `sources` in article.yaml does not list."


def _cited(draft: Draft, rule: Rule) -> Iterator[str]:
    passages = {passage.id: passage for passage in draft.article.passages}
    if rule.interruption and rule.cites:
        yield f"{rule.id} is an interruption, which quotes nothing; take its cites out."
    for name in rule.cites:
        if name not in passages:
            yield f"{rule.id} cites {name}, which article.yaml does not have."
        elif passages[name].policy == "never":
            yield f"{rule.id} cites {name}, whose policy is never; take it out."
        elif passages[name].only_with and not set(passages[name].only_with) & set(rule.cites):
            yield f"{rule.id} cites {name} alone; it goes only with {', '.join(passages[name].only_with)}."


def _asked(draft: Draft, rule: Rule, earlier: list[Rule]) -> Iterator[str]:
    names = {each.id for each in earlier}
    for some in referenced_rules(rule.when):
        for name in some.rules:
            if name not in names:
                yield f"{rule.id} asks about the rule {name}, which doesn't come before it."
        for group in some.groups:
            if group not in draft.book.groups:
                yield f"{rule.id} asks about the group {group}, which `groups` does not list."
            elif group not in _before(draft.book.groups, rule.group):
                yield f"{rule.id} asks about the group {group}, which is not done before it."


def _before(groups: tuple[str, ...], group: str) -> tuple[str, ...]:
    return groups[: groups.index(group)] if group in groups else groups


def _passages(draft: Draft) -> Iterator[LintError]:
    for index, passage in enumerate(draft.article.passages):
        if passage.only_if:
            yield from check_condition(draft, "article", ("passages", index, "only_if"), passage.only_if)


def _flags(draft: Draft) -> Iterator[LintError]:
    rules = {rule.id for rule in draft.book.rules}
    earlier: set[str] = set()
    for index, flag in enumerate(draft.meta.flags):
        say = draft.location("edition", ("flags", index))
        for name in flag.raised_by:
            if name not in rules:
                yield say(f"{flag.id} is raised by {name}, which is no rule.")
        for name in flag.with_flags:
            if name not in earlier:
                yield say(f"{flag.id} goes with {name}, which doesn't come before it.")
        if (flag.priority == "parent") is not bool(flag.with_flags):
            yield say(f"{flag.id}: priority parent goes with with_flags, and only with it.")
        if flag.unless:
            yield from check_condition(draft, "edition", ("flags", index, "unless"), flag.unless)
        earlier.add(flag.id)


def _crisis(draft: Draft) -> Iterator[LintError]:
    place, say = draft.meta.place, draft.location("crisis", ("resources",))
    shown = {each.kind for each in draft.crisis.at(place)}
    for kind in ("emergency", "crisis"):
        if kind not in shown:
            yield say(f"{place} has no {kind} resource; a form without one may not be served.")
    if not draft.crisis.numbers(place):
        yield draft.finding(
            "crisis", ("primary",), f"`primary` names no emergency and crisis number for {place}."
        )
