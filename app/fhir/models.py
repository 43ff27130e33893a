"""FHIR R4 (4.0.1) resources as this service writes them, with the element names of the specification.

Responsible for: the structure, which is validated when a document is created.
Never: defines elements that the service doesn't write, or behaviour.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FHIR_VERSION = "4.0.1"
ItemType = Literal["group", "display", "boolean", "choice", "integer", "string"]
Operator = Literal["exists", "=", "!=", ">", "<", ">=", "<="]


class Element(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    def document(self) -> dict[str, Any]:
        """Return a JSON-ready dict without the elements that are None: FHIR has no null."""
        return self.model_dump(exclude_none=True)


class Coding(Element):
    system: str | None = None
    code: str
    display: str | None = None


class CodeableConcept(Element):
    coding: list[Coding] | None = None
    text: str | None = None


class Extension(Element):
    url: str
    valueBoolean: bool | None = None
    valueCode: str | None = None
    valueInteger: int | None = None
    valueString: str | None = None
    valueCodeableConcept: CodeableConcept | None = None
    extension: list["Extension"] | None = None


class Identifier(Element):
    system: str
    value: str


class Meta(Element):
    versionId: str | None = None
    lastUpdated: str | None = None
    tag: list[Coding] | None = None


# --- Questionnaire -----------------------------------------------------------------------------------


class QuestionnaireEnableWhen(Element):
    """One row of enableWhen. Exactly one `answer[x]` is present."""

    question: str
    operator: Operator
    answerBoolean: bool | None = None
    answerInteger: int | None = None
    answerCoding: Coding | None = None


class QuestionnaireAnswerOption(Element):
    extension: list[Extension] | None = None
    valueCoding: Coding
    initialSelected: bool | None = None


class QuestionnaireItemInitial(Element):
    """An initial value. Exactly one `value[x]` is present."""

    valueBoolean: bool | None = None
    valueInteger: int | None = None
    valueString: str | None = None


class QuestionnaireItem(Element):
    extension: list[Extension] | None = None
    linkId: str
    text: str
    type: ItemType
    enableWhen: list[QuestionnaireEnableWhen] | None = None
    enableBehavior: Literal["all", "any"] | None = None
    required: bool | None = None
    repeats: bool | None = None
    maxLength: int | None = None
    answerOption: list[QuestionnaireAnswerOption] | None = None
    initial: list[QuestionnaireItemInitial] | None = None
    item: list["QuestionnaireItem"] | None = None


class Questionnaire(Element):
    """An edition in one language. `experimental`: no clinician has signed it off yet."""

    resourceType: Literal["Questionnaire"] = "Questionnaire"
    id: str
    language: str
    url: str
    version: str
    name: str
    title: str
    status: Literal["active"] = "active"
    experimental: bool
    subjectType: list[str] = Field(default_factory=lambda: ["Patient"])
    item: list[QuestionnaireItem]


# --- QuestionnaireResponse ---------------------------------------------------------------------------


class QuestionnaireResponseAnswer(Element):
    valueBoolean: bool | None = None
    valueInteger: int | None = None
    valueString: str | None = None
    valueCoding: Coding | None = None


class QuestionnaireResponseItem(Element):
    linkId: str
    text: str | None = None
    answer: list[QuestionnaireResponseAnswer] | None = None
    item: list["QuestionnaireResponseItem"] | None = None


class QuestionnaireResponse(Element):
    """A stored submission. `extension` contains its interruptions: show them before anything else."""

    resourceType: Literal["QuestionnaireResponse"] = "QuestionnaireResponse"
    id: str
    meta: Meta
    language: str
    extension: list[Extension] | None = None
    identifier: Identifier | None = None
    questionnaire: str
    status: Literal["completed", "in-progress"]
    authored: str
    item: list[QuestionnaireResponseItem] | None = None


# --- OperationOutcome, Bundle, CapabilityStatement ---------------------------------------------------


class OperationOutcomeIssue(Element):
    severity: Literal["error", "warning", "information"]
    code: str
    details: CodeableConcept
    diagnostics: str | None = None
    expression: list[str] | None = None


class OperationOutcome(Element):
    resourceType: Literal["OperationOutcome"] = "OperationOutcome"
    issue: list[OperationOutcomeIssue]


class BundleLink(Element):
    relation: Literal["self", "next"]
    url: str


class BundleSearch(Element):
    mode: Literal["match"] = "match"


class BundleEntry(Element):
    fullUrl: str
    resource: Questionnaire
    search: BundleSearch = Field(default_factory=BundleSearch)


class Bundle(Element):
    """A searchset of Questionnaires."""

    resourceType: Literal["Bundle"] = "Bundle"
    type: Literal["searchset"] = "searchset"
    total: int
    link: list[BundleLink]
    entry: list[BundleEntry] | None = None


class CapabilityEntry(Element):
    """An entry of a list in the statement: interaction (code), search parameter (name, type) or operation."""

    code: str | None = None
    name: str | None = None
    type: str | None = None
    definition: str | None = None
    documentation: str | None = None


class CapabilityResource(Element):
    type: str
    interaction: list[CapabilityEntry]
    searchParam: list[CapabilityEntry] | None = None
    operation: list[CapabilityEntry] | None = None
    documentation: str | None = None


class CapabilitySecurity(Element):
    cors: bool | None = None
    description: str


class CapabilityRest(Element):
    mode: Literal["server"] = "server"
    security: CapabilitySecurity
    resource: list[CapabilityResource]


class CapabilitySoftware(Element):
    name: str


class CapabilityImplementation(Element):
    description: str
    url: str


class CapabilityStatement(Element):
    resourceType: Literal["CapabilityStatement"] = "CapabilityStatement"
    status: Literal["active"] = "active"
    date: str
    kind: Literal["instance"] = "instance"
    software: CapabilitySoftware
    implementation: CapabilityImplementation
    fhirVersion: str = FHIR_VERSION
    format: list[str]
    rest: list[CapabilityRest]


for _model in (Extension, QuestionnaireItem, QuestionnaireResponseItem):
    _model.model_rebuild()
