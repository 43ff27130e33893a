"""Two independent validators of FHIR R4 documents, and FHIR's own interpretation of enableWhen.

The npm package `fhir` checks structure and required value sets of 4.0.1; `fhir.resources` (R4B, which changed
nothing in the resources that the project writes) checks types, cardinality and unknown elements. Never: uses
code of the project.
"""

import importlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

VALIDATE = Path(__file__).parents[1] / "js" / "fhir-validate.mjs"
Json = dict[str, Any]


def complaints(*documents: Json) -> list[str]:
    """The errors that either validator reports for these resources."""
    return [*by_npm(*documents), *(told for document in documents for told in by_pydantic(document))]


def by_npm(*documents: Json) -> list[str]:
    node = os.environ.get("NODE") or "node"
    sent = json.dumps(documents)
    done = subprocess.run([node, VALIDATE], input=sent, capture_output=True, check=False, text=True)
    assert not done.returncode, done.stderr
    told: list[list[str]] = json.loads(done.stdout)
    assert len(told) == len(documents)
    return [each for one in told for each in one]


def by_pydantic(document: Json) -> Iterator[str]:
    name = document["resourceType"]
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    try:
        model.model_validate(document)
    except ValueError as error:
        yield str(error)


def walk(items: list[Json]) -> Iterator[Json]:
    """Every item of a resource, in reading order."""
    for item in items:
        yield item
        yield from walk(item.get("item", []))


def enabled(questionnaire: Json, answers: Mapping[str, Any]) -> set[str]:
    """The linkIds that FHIR enables; items that are not enabled have no answer (R4, Questionnaire)."""
    there: dict[str, Any] = {}
    found: set[str] = set()

    def look(items: list[Json]) -> None:
        for item in items:
            rows = [holds(row, there) for row in item.get("enableWhen", [])]
            if rows and not (all(rows) if item.get("enableBehavior") == "all" else any(rows)):
                continue
            found.add(item["linkId"])
            if item["linkId"] in answers:
                there[item["linkId"]] = answers[item["linkId"]]
            look(item.get("item", []))

    look(questionnaire["item"])
    return found


def holds(row: Json, answers: Mapping[str, Any]) -> bool:
    """Whether an enableWhen row holds: for any matching answer; `!=` if no answer is equal or none given."""
    given = answers.get(row["question"])
    values = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    if row["operator"] == "exists":
        return bool(values) is row["answerBoolean"]
    (wanted,) = (value for name, value in row.items() if name.startswith("answer"))
    wanted = wanted["code"] if isinstance(wanted, dict) else wanted
    if row["operator"] == "!=":
        return wanted not in values
    compare = {"=": "__eq__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}[row["operator"]]
    return any(getattr(value, compare)(wanted) is True for value in values)
