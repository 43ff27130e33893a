"""A FHIR R4 QuestionnaireResponse as a client sends it.

Responsible for: the strictly typed elements that the service reads. Of the rest of R4, text, extensions,
persons and times are ignored, and meta is read only for a test label, so that no narrative, reference or
address in them has an effect. Never: accepts what could change the meaning of the answers (contained,
modifierExtension, implicitRules), or fetches anything.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.fhir import identifiers

LetGo = Annotated[None, BeforeValidator(lambda _: None), WithJsonSchema({"description": "Let go unread."})]
Text = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]+$")]
Tag = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$")]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]+$")]


def _marked_as_test(meta: Any) -> bool:
    """Return True if a tag or security label of this Meta marks the resource as test data."""
    labels = [meta.get(name) for name in ("tag", "security")] if isinstance(meta, dict) else []
    codings = [coding for each in labels if isinstance(each, list) for coding in each]
    return any(
        isinstance(coding, dict) and coding.get("code") == identifiers.TEST_TAG[1] for coding in codings
    )


IsTest = Annotated[
    bool,
    BeforeValidator(_marked_as_test),
    WithJsonSchema({"description": "Read for a tag or security label HTEST alone, which marks a test."}),
]


class InputModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    id: LetGo = None
    extension: LetGo = None

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, value: Any) -> Any:
        if isinstance(value, dict) and None in value.values():
            raise PydanticCustomError("null", "FHIR has no null.")
        return value


class CodingInput(InputModel):
    system: Name | None = None
    code: Name
    display: LetGo = None
    version: LetGo = None
    userSelected: LetGo = None


class AnswerInput(InputModel):
    """One value, and the items nested under it."""

    valueBoolean: bool | None = None
    valueInteger: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None
    valueString: Text | None = None
    valueCoding: CodingInput | None = None
    item: Annotated[list["ItemInput"] | None, Field(min_length=1)] = None

    @property
    def value(self) -> bool | int | str | CodingInput | None:
        given = (self.valueBoolean, self.valueInteger, self.valueString, self.valueCoding)
        return next((value for value in given if value is not None), None)

    @model_validator(mode="after")
    def _one_value(self) -> "AnswerInput":
        if len({"valueBoolean", "valueInteger", "valueString", "valueCoding"} & self.model_fields_set) != 1:
            raise PydanticCustomError("one_value", "An answer has one value.")
        return self


class ItemInput(InputModel):
    linkId: Name
    definition: LetGo = None
    text: LetGo = None
    answer: Annotated[list[AnswerInput] | None, Field(min_length=1)] = None
    item: Annotated[list["ItemInput"] | None, Field(min_length=1)] = None


class IdentifierInput(InputModel):
    use: LetGo = None
    type: LetGo = None
    system: Name | None = None
    value: Name | None = None
    period: LetGo = None
    assigner: LetGo = None


class QuestionnaireResponseInput(InputModel):
    """A QuestionnaireResponse as a client sends it.

    `questionnaire`: the canonical URL of a Questionnaire, with `|version`, or without it for the current one.
    `meta`: read only for a tag or security label HTEST, which marks the response as a test.
    """

    resourceType: Literal["QuestionnaireResponse"]
    meta: IsTest = False
    language: Tag | None = None
    text: LetGo = None
    identifier: IdentifierInput | None = None
    basedOn: LetGo = None
    partOf: LetGo = None
    questionnaire: Name
    status: Literal["completed", "in-progress"]
    subject: LetGo = None
    encounter: LetGo = None
    authored: LetGo = None
    author: LetGo = None
    source: LetGo = None
    item: Annotated[list[ItemInput] | None, Field(min_length=1)] = None


for _model in (AnswerInput, ItemInput, QuestionnaireResponseInput):
    _model.model_rebuild()
