"""Made-up people, for whoever wants to see the service at work before anybody has used it.

Office: walks an edition at random; takes first whoever shows what nobody before has shown (an option, a rule,
a flag, a language), then calmer people, as most are; keeps them as tests, as if they had come over the last
days. Refuses: to know a question by its name, answers that the edition does not accept, names and numbers
that could be anybody's.
"""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from uuid_utils import uuid7

from app.rules.condition import Answer
from app.rules.edition import Edition
from app.rules.questionnaire import Item
from app.services import submissions
from app.services.drawn import Drawn, Given, Terms, draw_up, new_token
from app.storage.audit import Actor
from app.storage.database import Database, Session
from app.storage.submissions import Vault

BATCH = 50  # submissions in one unit of work
CROWD = 600  # people to choose from, so that nothing an edition can say is left unsaid
CALM = 3  # of so many, the one who needs staff least
WEEK = dt.timedelta(days=7)
SHARE = 0.6  # of the time they are kept: so old is the oldest at most
NAMES = ("Ada", "Benoit", "Carla", "Duarte", "Esther", "Fabiola", "Gus", "Helena", "Ismael", "Joana")
QUARANTINES = ("honeypot", "too_fast", "honeypot too_fast")
Traits = frozenset[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many submissions were kept, and how many of them are drafts."""

    submissions: int
    drafts: int


@dataclass(frozen=True, slots=True)
class Person:
    """`traits`: what this one shows; `attention`: 1 to 4, or 5 for nobody's."""

    given: Given
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
    terms: Terms,
    actor: Actor,
) -> Seeded:
    """Keep `count` made-up submissions; the same `number` gives the same people (not the same ids and keys).

    They are drawn up in the order they came, so that lists, which go by id, show the newest first.
    """
    drawn = [
        _dated(draw_up(edition, given, new_token(), now=at, terms=terms))
        for at, given in arrivals(edition, count=count, number=number, now=now, terms=terms)
    ]
    for place in range(0, count, BATCH):
        database.write_now(partial(_keep, vault=vault, batch=drawn[place : place + BATCH], actor=actor))
    return Seeded(count, sum(each.record.status == "draft" for each in drawn))


def _dated(drawn: Drawn) -> Drawn:
    """With an id of the time it came, as real ones have: lists and figures go by it."""
    made = uuid7(nanoseconds=round(drawn.record.created_at.timestamp() * 1000) * 10**6)
    return replace(drawn, record=replace(drawn.record, id=str(made)))


def _keep(session: Session, *, vault: Vault, batch: list[Drawn], actor: Actor) -> None:
    for drawn in batch:
        submissions.keep(session, vault, drawn, actor=actor)


def arrivals(
    edition: Edition, *, count: int, number: int, now: dt.datetime, terms: Terms
) -> list[tuple[dt.datetime, Given]]:
    """When each of `count` people came, the earliest first, and what they handed in."""
    chance = random.Random(number)  # noqa: S311 - not a secret, the same every time is the point
    came = []
    for given in people(edition, count, chance):
        kept = terms.submitted if given.complete else terms.draft
        ago = min(WEEK, kept * SHARE) * chance.random()
        came.append((now - ago // dt.timedelta(milliseconds=1) * dt.timedelta(milliseconds=1), given))
    return sorted(came, key=lambda each: each[0])


def people(edition: Edition, count: int, chance: random.Random) -> list[Given]:
    """`count` people: between them they show all that `CROWD` of them can, if they are enough for it."""
    crowd = _crowd(edition, chance)
    rest = [next(crowd) for _ in range(CROWD)]
    chosen: list[Person] = []
    shown: Traits = frozenset()
    while len(chosen) < count and rest:
        best = max(rest, key=lambda person: len(person.traits - shown))
        if best.traits <= shown:
            break
        rest.remove(best)
        chosen.append(best)
        shown |= best.traits
    while len(chosen) < count:
        chosen.append(max((next(crowd) for _ in range(CALM)), key=lambda person: person.attention))
    return [person.given for person in chosen]


def _crowd(edition: Edition, chance: random.Random) -> Iterator[Person]:
    """People without end; whoever the edition does not accept is passed over."""
    while True:
        given = _handed_in(edition, chance)
        checked = edition.check(given.answers, given.contact, complete=given.complete)
        if not checked.issues:
            evaluation = edition.evaluate(checked.answers, enabled=checked.enabled)
            flags = [(each.flag.id, each.priority) for each in evaluation.flags]
            rules = [each.rule.id for each in evaluation.fired]
            traits = _traits(given, rules, flags)
            yield Person(given, traits, evaluation.attention or 5)


def _traits(given: Given, rules: list[str], flags: list[tuple[str, int]]) -> Traits:
    """What a person shows. A draft shows how one looks, calm or not; the rest is for those who sent it."""
    if not given.complete:
        return frozenset({("draft", bool(flags)), ("draft in quarantine", bool(given.quarantine))})
    answers = {
        ("answer", name, code)
        for name, answer in given.answers.items()
        for code in (answer if isinstance(answer, tuple) else [answer])
    }
    around = {
        ("language", given.language),
        ("contact", frozenset(given.contact)),
        ("booking", given.booking_reference is not None),
        ("quarantine", given.quarantine),
    }
    raised = {("rule", each) for each in rules} | {("flag", *each) for each in flags}
    return frozenset(answers | around | raised)


def _handed_in(edition: Edition, chance: random.Random) -> Given:
    """What somebody at random hands in."""
    answers = _walk(edition, chance)
    complete = chance.random() < 0.8
    if not complete:
        names = list(answers)
        answers = {name: answers[name] for name in names[: chance.randint(1, len(names))]}
    return Given(
        answers=answers,
        contact=_contact(edition, edition.enabled(answers), chance) if complete else {},
        language=edition.languages[0] if chance.random() < 0.5 else chance.choice(edition.languages),
        booking_reference=f"SEED-{chance.randint(1000, 9999)}" if chance.random() < 0.5 else None,
        complete=complete,
        test=True,
        quarantine=chance.choice(QUARANTINES) if chance.random() < 0.08 else None,
    )


def _walk(edition: Edition, chance: random.Random) -> dict[str, Answer]:
    """Answers to what is asked, in the order it is asked; some of what may be skipped is skipped."""
    answers: dict[str, Answer] = {}
    for name, item in edition.asked.questions.items():
        enabled = edition.enabled(answers)
        if name in enabled and (chance.random() < 0.85 or name in edition.asked.missing(answers, enabled)):
            answers[name] = any_answer(item, chance)
    return answers


def any_answer(item: Item, chance: random.Random) -> Answer:
    """An answer that this question takes."""
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
    """Contact details, as far as they are asked for: numbers kept for fiction, addresses of example.org."""
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
