"""Converts an edition to a FHIR R4 Questionnaire in one language.

Responsible for: items, conditions, options and texts, 1:1. Display items have the texts of the hosted form:
the footer first, why a question is asked, and each interruption directly after the question that raises it,
where a client that supports only FHIR shows it at once. Extensions of this service contain what R4 has no
element for (docs/programs.md); the service enforces it in any case.
Never: converts editions whose conditions FHIR can't express (raises Unsayable).
"""

from collections.abc import Iterator
from typing import Any, Literal, cast

from pydantic_core import to_json

from app.fhir import identifiers
from app.fhir.enable_when import Enabling, NotRepresentable
from app.fhir.models import (
    CodeableConcept,
    Coding,
    Extension,
    Questionnaire,
    QuestionnaireAnswerOption,
    QuestionnaireItem,
    QuestionnaireItemInitial,
)
from app.rules.engine import questionnaire as rules
from app.rules.engine.condition import NEVER, Condition
from app.rules.engine.edition import Edition
from app.rules.engine.rule import Rule

Given = dict[str, Any]


def questionnaire(edition: Edition, language: str) -> Questionnaire:
    """Return the Questionnaire resource of an edition in a served language. Raises Unsayable."""
    writing = _QuestionnaireBuilder(edition, language)
    reviewed = edition.meta.reviewed_by and edition.texts[language].reviewed_by
    return Questionnaire(
        id=identifiers.resource_id(edition),
        language=language,
        url=identifiers.url(edition.id),
        version=edition.version,
        name="".join(part.capitalize() for part in edition.id.split("-")),
        title=edition.title(language),
        experimental=not reviewed,
        item=[writing.footer(), *writing.items(edition.asked.item)],
    )


def display_link_ids(edition: Edition) -> frozenset[str]:
    """Return the linkIds that are only displayed: displays of the edition, and those that only FHIR has."""
    items = edition.questionnaire.by_id.values()
    own = {item.link_id for item in items if item.type == "display"}
    whys = {identifiers.help_item_id(item.link_id) for item in items if item.is_question}
    return frozenset(own | whys | {rule.id for rule in _interruptions(edition)} | {identifiers.FOOTER})


def _interruptions(edition: Edition) -> Iterator[Rule]:
    return (rule for rule in edition.book.rules if rule.interruption)


class _QuestionnaireBuilder:
    """Builds the Questionnaire of one edition in one language."""

    def __init__(self, edition: Edition, language: str) -> None:
        self.edition, self.words = edition, edition.phrasebooks[language]
        self.enabling = Enabling(edition)
        order = list(edition.asked.by_id)
        self.raised: dict[str, list[Rule]] = {}  # by the last question an interruption asks about
        for rule in _interruptions(edition):
            asked = rule.when.questions()
            if not asked:
                raise NotRepresentable("An interruption that asks about rules alone has no place in a form.")
            self.raised.setdefault(max(asked, key=order.index), []).append(rule)

    def footer(self) -> QuestionnaireItem:
        return QuestionnaireItem(linkId=identifiers.FOOTER, type="display", text=self.words.footer)

    def items(self, items: tuple[rules.Item, ...]) -> list[QuestionnaireItem]:
        """Return the items in order, without those that are never enabled and groups that become empty."""
        found = []
        for item in items:
            when = self._when(item.enable_when)
            if when is None:
                continue
            made = self._item(item, when)
            if made.type != "group" or made.item:
                found += [made, *self._blocks(item)]
        return found

    def _item(self, item: rules.Item, when: Given) -> QuestionnaireItem:
        if item.type == "group":
            text = self.words.texts.pages[item.link_id]
            return QuestionnaireItem(
                linkId=item.link_id, type="group", text=text, item=self.items(item.item), **when
            )
        text = self.words.items[item.link_id].text
        if item.type == "display":
            return QuestionnaireItem(linkId=item.link_id, type="display", text=text, **when)
        return QuestionnaireItem(
            linkId=item.link_id,
            type=item.type,
            text=text,
            extension=list(self._extensions(item)) or None,
            required=item.required or None,
            repeats=item.repeats or None,
            maxLength=item.max_length,
            answerOption=[self._option(item, option) for option in item.answer_option] or None,
            initial=_initial(item),
            item=self._why(item),
            **when,
        )

    def _when(self, condition: Condition | None) -> Given | None:
        """Return `enableWhen` and `enableBehavior`; None if the condition is never true."""
        if condition is None:
            return {}
        if condition is NEVER:
            return None
        behaviour, rows = self.enabling.to_enable_when(condition)
        if not rows:
            return None
        several = cast("Literal['all', 'any']", behaviour) if len(rows) > 1 else None
        return {"enableWhen": rows, "enableBehavior": several}

    def _blocks(self, item: rules.Item) -> Iterator[QuestionnaireItem]:
        """Yield the interruptions that `item` raises."""
        for rule in self.raised.get(item.link_id, ()):
            when = self._when(rule.when)
            if when is not None:
                yield QuestionnaireItem(
                    linkId=rule.id, type="display", text=self.words.rules[rule.id], **when
                )

    def _why(self, item: rules.Item) -> list[QuestionnaireItem] | None:
        said = self.words.items[item.link_id].why
        if not said:
            return None
        return [
            QuestionnaireItem(
                linkId=identifiers.help_item_id(item.link_id),
                type="display",
                text=said,
                extension=[_control("help")],
            )
        ]

    def _option(self, item: rules.Item, option: rules.AnswerOption) -> QuestionnaireAnswerOption:
        marks = [(identifiers.EXCLUSIVE, option.exclusive), (identifiers.UNKNOWN, option.unknown)]
        coding = Coding(
            system=identifiers.system(self.edition.id, item.link_id),
            code=option.code,
            display=self.words.items[item.link_id].options[option.code],
        )
        extension = [Extension(url=url, valueBoolean=True) for url, marked in marks if marked]
        selected = (
            option.code in item.initial if isinstance(item.initial, tuple) else option.code == item.initial
        )
        return QuestionnaireAnswerOption(
            valueCoding=coding, initialSelected=selected or None, extension=extension or None
        )

    def _extensions(self, item: rules.Item) -> Iterator[Extension]:
        if item.type == "choice":
            yield _control("check-box" if item.repeats else "radio-button")
        for url, bound in ((identifiers.MIN_VALUE, item.min_value), (identifiers.MAX_VALUE, item.max_value)):
            if bound is not None:
                yield Extension(url=url, valueInteger=bound)
        if item.must_be_true:
            yield Extension(url=identifiers.MUST_BE_TRUE, valueBoolean=True)
        if item.required_when:
            condition = to_json(item.required_when.model_dump(by_alias=True, mode="json")).decode()
            yield Extension(url=identifiers.REQUIRED_WHEN, valueString=condition)
        said = self.words.items[item.link_id]
        for value, label in (("true", said.yes), ("false", said.no)):
            if item.type == "boolean" and label:
                yield Extension(
                    url=identifiers.LABEL,
                    extension=[
                        Extension(url="value", valueCode=value),
                        Extension(url="text", valueString=label),
                    ],
                )


def _initial(item: rules.Item) -> list[QuestionnaireItemInitial] | None:
    """Return the initial value; None for a choice, which has it on its options in R4 (invariant que-11)."""
    match item.initial:
        case bool(value):
            return [QuestionnaireItemInitial(valueBoolean=value)]
        case int(value):
            return [QuestionnaireItemInitial(valueInteger=value)]
        case str(value) if item.type == "string":
            return [QuestionnaireItemInitial(valueString=value)]
    return None


def _control(code: str) -> Extension:
    """Return the extension for the display of an item; the hosted form displays it in the same way."""
    coding = Coding(system=identifiers.ITEM_CONTROLS, code=code)
    return Extension(url=identifiers.ITEM_CONTROL, valueCodeableConcept=CodeableConcept(coding=[coding]))
