"""Converts answers from and to a FHIR R4 QuestionnaireResponse.

Responsible for: checking that each item is where the Questionnaire has it, and that each value has the type
of its question. All errors are reported at once, with their location in the resource.
Never: interprets answers (the rules do), or accepts items that the questionnaire doesn't have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.fhir import identifiers
from app.fhir.models import Coding, QuestionnaireResponseAnswer, QuestionnaireResponseItem
from app.fhir.questionnaire import display_link_ids
from app.fhir.response_request import AnswerInput, CodingInput, ItemInput, QuestionnaireResponseInput
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item

ISSUE_MESSAGES = {
    "unknown_question": "The questionnaire has no item of this linkId.",
    "misplaced_item": "This item stands in another group of the questionnaire.",
    "repeated_item": "An item stands here once; put several answers into it.",
    "display_answered": "This is a text to be shown; it takes no answer and holds no items.",
    "group_answered": "A group takes no answer.",
    "question_with_items": "This question holds no items.",
    "too_many_answers": "This question takes one answer.",
    "wrong_type": "This is not the type of value that the question asks for.",
    "unknown_system": "This code is of another system than the options of the question.",
}
VALUES = {"boolean": bool, "integer": int, "string": str, "choice": CodingInput}


@dataclass(frozen=True, slots=True)
class ResponseIssue:
    """One error: RFC 6901 pointer from the root of the resource, and a stable code (messages in `AMISS`)."""

    pointer: str
    code: str


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """Answers and contact details in the form for `Edition.check`.

    `places`: the JSON pointer of each item in the resource, by linkId. `found_issues`: the errors.
    """

    answers: dict[str, object] = field(default_factory=dict)
    contact: dict[str, object] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    found_issues: list[ResponseIssue] = field(default_factory=list)

    def about(self, edition: Edition, pointer: str) -> str:
        """Return the linkId that an issue of `Edition.check` is about."""
        kind, name, *_ = pointer.split("/")[1:]
        return edition.questionnaire.contact_items[name].link_id if kind == "contact" else name

    def place(self, edition: Edition, pointer: str) -> str:
        """Return the pointer in the resource for an issue of `Edition.check`.

        For an item that is missing, it is the pointer of the group around it, or empty if that is missing
        too.
        """
        name, rest = self.about(edition, pointer), pointer.split("/")[3:]
        if name in self.places:
            return self.places[name] + "".join(f"/answer/{place}" for place in rest)
        group = next((group for item, group in edition.questionnaire.placed if item.link_id == name), None)
        return self.places.get(group or "", "")


def parse_response(resource: QuestionnaireResponseInput, edition: Edition) -> ParsedResponse:
    """Return the answers and errors of a QuestionnaireResponse to this edition."""
    found = ParsedResponse()
    _Parser(edition, display_link_ids(edition), found).items(
        resource.item or [], edition.questionnaire.item, ""
    )
    return found


@dataclass(frozen=True, slots=True)
class _Parser:
    """Parses one resource."""

    edition: Edition
    shown: frozenset[str]
    found: ParsedResponse

    def items(self, sent: list[ItemInput], asked: tuple[Item, ...], around: str) -> None:
        services = {item.link_id: item for item in asked}
        for number, each in enumerate(sent):
            pointer, name = f"{around}/item/{number}", each.linkId
            if name in self.found.places:
                self._add_issue(pointer, "repeated_item")
                continue
            self.found.places[name] = pointer
            if name in self.shown:
                self._add_issue_if(each.answer or each.item, pointer, "display_answered")
            elif name not in services:
                known = name in self.edition.questionnaire.by_id
                self._add_issue(pointer, "misplaced_item" if known else "unknown_question")
            elif services[name].type == "group":
                self._add_issue_if(each.answer, pointer, "group_answered")
                self.items(each.item or [], services[name].item, pointer)
            else:
                self._question(each, services[name], pointer)

    def _question(self, sent: ItemInput, item: Item, pointer: str) -> None:
        self._add_issue_if(sent.item, pointer, "question_with_items")
        answers = sent.answer or []
        self._add_issue_if(len(answers) > 1 and not item.repeats, pointer, "too_many_answers")
        values = [self._value(each, item, f"{pointer}/answer/{place}") for place, each in enumerate(answers)]
        if values and item.contact:
            self.found.contact[item.contact] = values[0]
        elif values:
            self.found.answers[item.link_id] = values if item.repeats else values[0]

    def _value(self, sent: AnswerInput, item: Item, pointer: str) -> object:
        self.items(sent.item or [], (), pointer)
        value = sent.value
        if type(value) is not VALUES[item.type]:
            self._add_issue(pointer, "wrong_type")
        if not isinstance(value, CodingInput):
            return value
        foreign = value.system not in (None, identifiers.system(self.edition.id, item.link_id))
        self._add_issue_if(foreign, pointer, "unknown_system")
        return value.code

    def _add_issue_if(self, wrong: object, pointer: str, code: str) -> None:
        if wrong:
            self._add_issue(pointer, code)

    def _add_issue(self, pointer: str, code: str) -> None:
        self.found.found_issues.append(ResponseIssue(pointer, code))


def build_items(
    edition: Edition, answers: Mapping[str, Any], language: str
) -> list[QuestionnaireResponseItem]:
    """Return the items of a response with these answers (linkId to value) and the texts of a language."""
    return list(_Builder(edition, answers, language).items(edition.questionnaire.item))


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the items of a response from answers."""

    edition: Edition
    answers: Mapping[str, Any]
    language: str

    def items(self, asked: tuple[Item, ...]) -> Iterator[QuestionnaireResponseItem]:
        words = self.edition.phrasebooks[self.language]
        for item in asked:
            if item.type == "group":
                inner = list(self.items(item.item))
                if inner:
                    yield QuestionnaireResponseItem(
                        linkId=item.link_id, text=words.texts.pages[item.link_id], item=inner
                    )
            elif item.link_id in self.answers:
                text = words.items[item.link_id].text
                yield QuestionnaireResponseItem(
                    linkId=item.link_id, text=text, answer=list(self._answer(item))
                )

    def _answer(self, item: Item) -> Iterator[QuestionnaireResponseAnswer]:
        value = self.answers[item.link_id]
        for each in value if item.repeats else [value]:
            if isinstance(each, bool):
                yield QuestionnaireResponseAnswer(valueBoolean=each)
            elif isinstance(each, int):
                yield QuestionnaireResponseAnswer(valueInteger=each)
            elif item.type == "choice":
                yield QuestionnaireResponseAnswer(valueCoding=self._coding(item, each))
            else:
                yield QuestionnaireResponseAnswer(valueString=each)

    def _coding(self, item: Item, code: str) -> Coding:
        said = self.edition.phrasebooks[self.language].items[item.link_id].options
        return Coding(system=identifiers.system(self.edition.id, item.link_id), code=code, display=said[code])
