"""Demo submissions: made-up people, for seeing the service in use before anyone has used it.

Responsible for: random answers to an edition; it first picks people who show something not shown before (an
option, a rule, a flag, a language), then people with less urgent answers, as most are; they are stored as
test submissions that arrived over the last days. Never: refers to a question by name, gives answers that the
edition does not accept, or uses names and numbers that could belong to a real person.
"""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from uuid_utils import uuid7

from app.rules.engine.condition import Answer
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from app.services.submissions import lifecycle
from app.services.submissions.assessment import (
    Assessment,
    RetentionPolicy,
    SubmissionInput,
    assess_new,
    new_token,
)
from app.storage.db.database import Database, Session
from app.storage.events.audit_log import Actor
from app.storage.submissions.submissions import Vault

BATCH = 50  # submissions per unit of work
POOL_SIZE = 600  # people to choose from, so that everything an edition can say is shown
CALM_SHARE = 3  # of this many people, the one with the least urgent flags is chosen
WEEK = dt.timedelta(days=7)
DRAFT_SHARE = 0.6  # of the retention period: the maximum age
NAMES = ("Ada", "Benoit", "Carla", "Duarte", "Esther", "Fabiola", "Gus", "Helena", "Ismael", "Joana")
QUARANTINES = ("honeypot", "too_fast", "honeypot too_fast")
Traits = frozenset[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many submissions were stored, and how many of them are drafts."""

    submissions: int
    drafts: int


@dataclass(frozen=True, slots=True)
class DemoRespondent:
    """`traits`: what this person shows; `attention`: priority 1 to 4, or 5 for none."""

    given: SubmissionInput
    traits: Traits
    attention: int


def seed(
    database: Database,
    vault: Vault,
    edition: Edition,
    *,
    count: int,
    number: int,
    now: dt.datetime,
    terms: RetentionPolicy,
    actor: Actor,
) -> Seeded:
    """Store `count` made-up submissions; the same `number` gives the same people (not the same ids and keys).

    They are created in order of arrival, so that lists, which are sorted by id, show the newest first.
    """
    assessments = [
        _with_arrival_id(assess_new(edition, given, new_token(), now=at, terms=terms))
        for at, given in demo_timeline(edition, count=count, number=number, now=now, terms=terms)
    ]
    for start in range(0, count, BATCH):
        database.write_blocking(
            partial(_create_batch, vault=vault, batch=assessments[start : start + BATCH], actor=actor)
        )
    return Seeded(count, sum(each.record.status == "draft" for each in assessments))


def _with_arrival_id(assessment: Assessment) -> Assessment:
    """Return the submission with an id of its arrival time, which lists and the dashboard use."""
    new_id = uuid7(nanoseconds=round(assessment.record.created_at.timestamp() * 1000) * 10**6)
    return replace(assessment, record=replace(assessment.record, id=str(new_id)))


def _create_batch(session: Session, *, vault: Vault, batch: list[Assessment], actor: Actor) -> None:
    for assessment in batch:
        lifecycle.create(session, vault, assessment, actor=actor)


def demo_timeline(
    edition: Edition, *, count: int, number: int, now: dt.datetime, terms: RetentionPolicy
) -> list[tuple[dt.datetime, SubmissionInput]]:
    """Return when each of `count` people arrived, earliest first, and their input."""
    chance = random.Random(number)  # noqa: S311 - not a secret; it must be reproducible
    timeline = []
    for given in demo_respondents(edition, count, chance):
        retention = terms.submitted if given.complete else terms.draft
        ago = min(WEEK, retention * DRAFT_SHARE) * chance.random()
        timeline.append((now - ago // dt.timedelta(milliseconds=1) * dt.timedelta(milliseconds=1), given))
    return sorted(timeline, key=lambda each: each[0])


def demo_respondents(edition: Edition, count: int, chance: random.Random) -> list[SubmissionInput]:
    """Return `count` people.

    If there are enough of them, they show everything that `CROWD` people can show.
    """
    crowd = _crowd(edition, chance)
    rest = [next(crowd) for _ in range(POOL_SIZE)]
    chosen: list[DemoRespondent] = []
    shown: Traits = frozenset()
    while len(chosen) < count and rest:
        best = max(rest, key=lambda person: len(person.traits - shown))
        if best.traits <= shown:
            break
        rest.remove(best)
        chosen.append(best)
        shown |= best.traits
    while len(chosen) < count:
        chosen.append(max((next(crowd) for _ in range(CALM_SHARE)), key=lambda person: person.attention))
    return [person.given for person in chosen]


def _crowd(edition: Edition, chance: random.Random) -> Iterator[DemoRespondent]:
    """Yield people without end; those whose answers the edition does not accept are skipped."""
    while True:
        given = _handed_in(edition, chance)
        checked = edition.check(given.answers, given.contact, complete=given.complete)
        if not checked.issues:
            evaluation = edition.evaluate(checked.answers, enabled=checked.enabled)
            flags = [(each.flag.id, each.priority) for each in evaluation.flags]
            rules = [each.rule.id for each in evaluation.fired]
            traits = _traits(given, rules, flags)
            yield DemoRespondent(given, traits, evaluation.attention or 5)


def _traits(given: SubmissionInput, rules: list[str], flags: list[tuple[str, int]]) -> Traits:
    """Return what a person shows.

    For a draft: whether it has flags and whether it is suspected spam; the rest is for submitted forms.
    """
    if not given.complete:
        return frozenset({("draft", bool(flags)), ("draft in quarantine", bool(given.spam_reasons))})
    answers = {
        ("answer", name, code)
        for name, answer in given.answers.items()
        for code in (answer if isinstance(answer, tuple) else [answer])
    }
    around = {
        ("language", given.language),
        ("contact", frozenset(given.contact)),
        ("booking", given.booking_reference is not None),
        ("quarantine", given.spam_reasons),
    }
    raised = {("rule", each) for each in rules} | {("flag", *each) for each in flags}
    return frozenset(answers | around | raised)


def _handed_in(edition: Edition, chance: random.Random) -> SubmissionInput:
    """Return random input of one person."""
    answers = _walk(edition, chance)
    complete = chance.random() < 0.8
    if not complete:
        names = list(answers)
        answers = {name: answers[name] for name in names[: chance.randint(1, len(names))]}
    return SubmissionInput(
        answers=answers,
        contact=_contact(edition, edition.enabled(answers), chance) if complete else {},
        language=edition.languages[0] if chance.random() < 0.5 else chance.choice(edition.languages),
        booking_reference=f"SEED-{chance.randint(1000, 9999)}" if chance.random() < 0.5 else None,
        complete=complete,
        test=True,
        spam_reasons=chance.choice(QUARANTINES) if chance.random() < 0.08 else None,
    )


def _walk(edition: Edition, chance: random.Random) -> dict[str, Answer]:
    """Return answers to the questions asked, in order; some optional ones are skipped."""
    answers: dict[str, Answer] = {}
    for name, item in edition.asked.questions.items():
        enabled = edition.enabled(answers)
        if name in enabled and (chance.random() < 0.85 or name in edition.asked.missing(answers, enabled)):
            answers[name] = any_answer(item, chance)
    return answers


def any_answer(item: Item, chance: random.Random) -> Answer:
    """Return a random answer that this question accepts."""
    if item.type == "boolean":
        return item.must_be_true or chance.random() < 0.5
    if item.type == "integer":
        return chance.randint(item.min_value or 0, item.max_value or 10)
    if item.type == "string":
        return "Made up"[: item.max_length]
    if not item.repeats:
        return chance.choice(list(item.codes))
    several = [code for code in item.codes if code not in item.exclusive]
    if item.exclusive and (not several or chance.random() < 0.4):
        return (chance.choice(sorted(item.exclusive)),)
    return tuple(chance.sample(several, min(len(several), chance.randint(1, 3))))


def _contact(edition: Edition, enabled: frozenset[str], chance: random.Random) -> dict[str, str]:
    """Return the contact details asked for: phone numbers reserved for fiction, addresses at example.org."""
    name, number = chance.choice(NAMES), chance.randint(0, 99)
    details = {
        "name": f"{name} Example",
        "phone": f"+1 561 555 01{number:02}",
        "email": f"{name.lower()}.example{number}@example.org",
    }
    items = edition.asked.contact_items
    return {
        kind: text
        for kind, text in details.items()
        if kind in items and items[kind].link_id in enabled and chance.random() < 0.8
    }
