"""Conditions of every kind, as questions that an edition could contain, and answers to test them with."""

from typing import Any

from tests.sample_answers import Answers


def comparison(question: str, operator: str, answer: object) -> dict[str, object]:
    return {"question": question, "operator": operator, "answer": answer}


ONE, MANY, COUNT, HIDDEN = "one", "many", "count", "hidden"
COMPARISONS = [
    *(comparison(ONE, operator, code) for operator in ("=", "!=") for code in ("yes", "no", "dunno")),
    *(comparison(ONE, "in", codes) for codes in (["yes"], ["yes", "dunno"], ["no"])),
    *(comparison(MANY, "has", code) for code in ("a", "b", "dunno", "none")),
    *(comparison(MANY, "has_any", codes) for codes in (["a", "b"], ["b", "dunno"])),
    *(comparison(COUNT, operator, 3) for operator in ("<", "<=", ">", ">=", "=", "!=")),
    *(comparison(name, "exists", told) for name in (ONE, MANY, COUNT, HIDDEN) for told in (True, False)),
    *(comparison(HIDDEN, operator, "yes") for operator in ("=", "!=")),
]
CONDITIONS: list[dict[str, Any]] = [
    *COMPARISONS,
    *({"not": each} for each in COMPARISONS),
    *(
        {kind: [one, other]}
        for kind in ("all", "any")
        for one in COMPARISONS[:6]
        for other in COMPARISONS[9:13]
    ),
    {"not": {"any": [{"all": COMPARISONS[:2]}, {"not": COMPARISONS[10]}]}},
]
GIVEN: list[Answers] = [
    {ONE: one, MANY: many, COUNT: count}
    for one, many, count in [
        (None, None, None), ("yes", ["a"], 2), ("no", ["b", "dunno"], 3), ("dunno", ["none"], 4),
        ("yes", ["a", "dunno"], None), ("dunno", None, 3), (None, ["b"], 0),
    ]
]  # fmt: skip


def options(*codes: str) -> list[dict[str, Any]]:
    return [
        {"code": code, "label": code, "exclusive": code == "none", "unknown": code == "dunno"}
        for code in codes
    ]


def items() -> list[dict[str, Any]]:
    """Four questions, one of which is never asked, and one display item for each condition."""
    questions: list[dict[str, Any]] = [
        {"linkId": ONE, "type": "choice", "answerOption": options("yes", "no", "dunno")},
        {
            "linkId": MANY,
            "type": "choice",
            "repeats": True,
            "answerOption": options("a", "b", "dunno", "none"),
        },
        {"linkId": COUNT, "type": "integer"},
        {
            "linkId": HIDDEN,
            "type": "choice",
            "enableWhen": {"all": [comparison(ONE, "=", "yes"), comparison(ONE, "=", "no")]},
            "answerOption": options("yes", "no"),
        },
    ]
    lines = [
        {"linkId": f"c{place}", "type": "display", "enableWhen": each}
        for place, each in enumerate(CONDITIONS)
    ]
    return [each | {"text": each["linkId"]} for each in (*questions, *lines)]


def known(item: dict[str, Any]) -> dict[str, Any]:
    """An item as an edition writes it, without its texts."""
    kept = {name: value for name, value in item.items() if name != "text"}
    if "answerOption" in kept:
        kept["answerOption"] = [
            {key: value for key, value in each.items() if key != "label"} for each in kept["answerOption"]
        ]
    return kept
