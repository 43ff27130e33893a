"""QuestionnaireResponses as clients send them, built from answers independently of app/fhir."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from tests.fhir.oracles import Json

VALUES = {"boolean": "valueBoolean", "integer": "valueInteger", "string": "valueString"}


def sent(edition: Edition, answers: Mapping[str, Any], status: str = "completed", **more: Any) -> Json:
    """A QuestionnaireResponse with these answers (linkId to value, including contact items)."""
    document = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"urn:preconsult:questionnaire:{edition.id}|{edition.version}",
        "status": status,
    }
    item = list(_items(edition, edition.questionnaire.item, answers))
    return document | ({"item": item} if item else {}) | more


def _items(edition: Edition, asked: tuple[Item, ...], answers: Mapping[str, Any]) -> Iterator[Json]:
    for item in asked:
        inner = list(_items(edition, item.item, answers))
        if inner:
            yield {"linkId": item.link_id, "item": inner}
        elif item.link_id in answers:
            given = answers[item.link_id]
            values = given if isinstance(given, list | tuple) else [given]
            yield {"linkId": item.link_id, "answer": [_value(edition, item, value) for value in values]}


def _value(edition: Edition, item: Item, value: object) -> Json:
    if item.type != "choice":
        return {VALUES[item.type]: value}
    return {"valueCoding": {"system": f"urn:preconsult:options:{edition.id}:{item.link_id}", "code": value}}
