"""Request bodies of plausible respondents: many different, valid, the same in every run.

Responsible for: walking through the questionnaire and answering what is asked. Never: depends on chance that
differs between runs, or returns a body that the edition does not accept.
"""

import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from app.rules.library import CONTENT, edition_folders, load
from app.services.demo.submissions import any_answer

QUESTIONNAIRE = "ketamine-preconsult"
COUNT = 256
CONTACT = {"name": "Sam Example", "phone": "+1 555 010 0199", "email": "sam@example.org"}

# Common answers, so that most submissions are not emergencies: linkId to answer and its share.
USUAL: dict[str, tuple[object, float]] = {
    "urgent_signs": (["none_of_these"], 0.95),
    "self_harm_thoughts": ("no", 0.85),
    "age_band": ("25_44", 0.4),
    "answering_for": ("myself", 0.9),
}


@cache
def edition() -> Edition:
    """The edition to measure; read without its lock, so that an unpublished one can be measured."""
    return load([folder for folder in edition_folders(CONTENT) if folder.parent.name == QUESTIONNAIRE][-1])


@cache
def bodies(count: int = COUNT) -> tuple[str, ...]:
    """`count` different bodies of POST /v1/submissions."""
    made: dict[str, None] = {}
    for person in _people():
        made[json.dumps(person, separators=(",", ":"))] = None
        if len(made) == count:
            break
    return tuple(made)


def _people() -> Iterator[dict[str, Any]]:
    chance, asked = random.Random(20261122), edition()
    while True:
        answers: dict[str, Any] = {}
        for name, item in asked.questionnaire.questions.items():
            if name in asked.enabled(answers) and (item.required or chance.random() < 0.9):
                answers[name] = _answer(item, chance)
        contact = CONTACT if answers.get("contact_permission") == "yes" else {}
        if not asked.check(answers, contact).issues:
            person = {"questionnaire": QUESTIONNAIRE, "answers": answers}
            yield person | {"contact": contact} if contact else person


def _answer(item: Item, chance: random.Random) -> object:
    usual, share = USUAL.get(item.link_id, (None, 0))
    return usual if chance.random() < share else any_answer(item, chance)
