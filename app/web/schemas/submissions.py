"""Request and response models, as OpenAPI documents them.

Responsible for: request models, which are enforced, and response models, which document; a test checks every
response against them. Never: has behaviour.
"""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LINK_ID = r"^[a-z][a-z0-9_]*$"
LanguageTag = Annotated[
    str, Field(max_length=35, pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$", description="BCP 47 tag.")
]
BookingReference = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Your own opaque reference of the booking. It stands in lists: never put a name in it.",
    ),
]
Value = bool | int | str | list[str]
ReviewState = Literal["new", "in_review", "ready", "needs_contact", "closed"]


class RequestModel(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class ResponseModel(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class EvaluationIn(RequestModel):
    """Answers to one questionnaire. `test` marks test data; keys made with --test always mark it."""

    questionnaire: Annotated[str, Field(max_length=100, examples=["ketamine-preconsult"])]
    edition: Annotated[str | None, Field(max_length=20, description="Empty means the current one.")] = None
    answers: Annotated[dict[str, Any], Field(description="linkId to value; null or absence is no answer.")]
    contact: Annotated[
        dict[str, Any] | None, Field(description="Kept apart, sealed, never seen by rules.")
    ] = None
    language: LanguageTag | None = None
    booking_reference: BookingReference | None = None
    status: Literal["submitted", "draft"] = "submitted"
    test: bool = False


class SubmissionIn(EvaluationIn):
    """A submission, or a draft if `status` is `draft`."""


class SubmissionPatch(RequestModel):
    """JSON merge patch (RFC 7396) of a draft: null removes a member."""

    answers: Annotated[
        dict[str, Any] | None, Field(description="linkId to value; null takes an answer back.")
    ] = None
    contact: dict[str, Any] | None = None
    language: LanguageTag | None = None
    booking_reference: BookingReference | None = None


class CrisisResource(ResponseModel):
    id: str
    kind: Literal["emergency", "crisis", "local"]
    name: str
    note: str | None
    hours: str
    call: str | None
    text: str | None
    chat_url: str | None
    languages: list[str]


class Interruption(ResponseModel):
    """Show it before anything else; `page`: on a page of its own, with one Continue button."""

    rule: str
    kind: Literal["page", "block"]
    text: str
    resources: list[CrisisResource]


class Because(ResponseModel):
    link_id: str
    answer: Value


class Caution(ResponseModel):
    id: str
    text: str


class Quotation(ResponseModel):
    """The article's words: `exact` is `article[start:end]` in code points. Show its cautions with it."""

    passage: str
    exact: str
    lang: str
    prefix: str
    suffix: str
    start: int
    end: int
    section: str
    gist: str | None = None
    cautions: list[Caution]


class Topic(ResponseModel):
    rule: str
    group: str
    text: str
    because: list[Because]
    quotations: list[Quotation]


class SourceOut(ResponseModel):
    article: str
    title: str
    sha256: str
    published: dt.date | None
    note: str


class FlagOut(ResponseModel):
    flag: str
    priority: Annotated[int, Field(ge=1, le=4)]
    target_open: str
    target_closed: str
    action: str


class StoredFlagOut(FlagOut):
    id: str
    raised_at: dt.datetime
    answer_changed_at: dt.datetime | None
    due_at: Annotated[dt.datetime | None, Field(description="By when to act; null: at the consultation.")]
    closed_at: dt.datetime | None


class UndeterminedOut(ResponseModel):
    """A rule that is neither true nor false yet, and the questions that would settle it."""

    rule: str
    would_settle: list[str]


class Summary(ResponseModel):
    """The summary "Things to discuss with a clinician". The digest covers everything except `made_at`."""

    interruptions: list[Interruption]
    title: str
    notice: list[str]
    topics: list[Topic]
    general_cautions: list[Caution]
    sources: list[SourceOut]
    who_to_talk_to: str
    who_can_see: str
    questions: list[str] | None = Field(None, description="To ask a clinician; of editions that have them.")
    not_covered: list[str] | None = Field(None, description="What the article says nothing about.")
    footer: str
    questionnaire: str
    edition: str
    language: str
    citation_mode: Literal["full", "limited", "none"]
    digest: str
    made_at: dt.datetime
    flags: list[StoredFlagOut] | None = Field(None, description="For keys with the scope review.")
    undetermined: list[UndeterminedOut] | None = Field(None, description="For keys with the scope review.")


class EvaluationOut(ResponseModel):
    summary: Summary
    flags: list[FlagOut] | None = Field(None, description="For keys with the scope review.")
    undetermined: list[UndeterminedOut] | None = Field(None, description="For keys with the scope review.")


class SubmissionOut(ResponseModel):
    """A submission. A draft has `enabled` and `missing`, a submitted one has `summary`."""

    interruptions: list[Interruption]
    id: str
    status: Literal["draft", "submitted"]
    access_token: str | None = Field(None, description="The respondent's; shown once, when created.")
    questionnaire: str
    edition: str
    language: str
    test: bool
    booking_reference: str | None
    answers: dict[str, Value] | None = Field(None, description="Not in the answer to a create.")
    enabled: list[str] | None = None
    missing: list[str] | None = None
    summary: Summary | None = None
    footer: str
    created_at: dt.datetime
    updated_at: dt.datetime
    submitted_at: dt.datetime | None
    retained_until: dt.datetime
    attention: int | None = Field(None, description="1 (most urgent) to 4; for keys that read.")
    quarantine: list[str] | None = Field(None, description="As in lists; for keys that read.")
    flags: list[StoredFlagOut] | None = Field(None, description="For keys with the scope review.")
    undetermined: list[UndeterminedOut] | None = Field(None, description="For keys with the scope review.")
    review: ReviewState | None = Field(None, description="For keys with the scope review.")
    assignee: str | None = Field(None, description="Somebody of the staff; for keys with the scope review.")
    due_at: dt.datetime | None = Field(None, description="For keys with the scope review.")
    merged_into: str | None = Field(None, description="For keys with the scope review.")


QUARANTINE = Field(description="Why nobody may have written it (`honeypot`, `too_fast`); empty: nothing odd.")


class ListedSubmission(ResponseModel):
    id: str
    questionnaire: str
    edition: str
    language: str
    status: Literal["draft", "submitted"]
    attention: int | None
    test: bool
    booking_reference: str | None
    quarantine: Annotated[list[str], QUARANTINE]
    created_at: dt.datetime
    updated_at: dt.datetime
    submitted_at: dt.datetime | None
    retained_until: dt.datetime
    review: ReviewState
    assignee: Annotated[str | None, Field(description="Somebody of the staff, by id.")]
    due_at: Annotated[dt.datetime | None, Field(description="By when to act on the most pressing flag.")]
    looked_at: Annotated[dt.datetime | None, Field(description="When staff looked at it first.")]
    held: Annotated[bool, Field(description="Kept past its time until a hold is ended.")]
    merged_into: Annotated[str | None, Field(description="The case of the same person it was merged into.")]


class SubmissionPage(ResponseModel):
    """A page of submissions. `next`: the address of the next page as in Link (RFC 8288), null on the last."""

    items: list[ListedSubmission]
    next: str | None


class Difference(ResponseModel):
    what: str
    then: Any
    now: Any


class Verification(ResponseModel):
    """Whether the stored submission still gives the same summary, and if not, the differences."""

    identical: bool
    digest: str
    recomputed_digest: str | None
    edition: str
    article_sha256: str
    differences: list[Difference]


class QuestionnaireListed(ResponseModel):
    id: str
    version: str
    title: str
    languages: list[str]
    href: str


class QuestionnaireList(ResponseModel):
    items: list[QuestionnaireListed]


class OptionOut(ResponseModel):
    code: str
    label: str
    exclusive: bool
    unknown: bool


class ItemOut(BaseModel):
    """An item, with the names of FHIR (Questionnaire.item). The content guide documents the conditions."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    linkId: str  # noqa: N815 - the name in FHIR
    type: Literal["group", "display", "boolean", "choice", "integer", "string"]
    text: str


class QuestionnaireOut(ResponseModel):
    id: str
    version: str
    title: str
    language: str
    languages: list[str]
    reviewed: bool
    footer: str
    item: list[ItemOut]


class PassageOut(ResponseModel):
    """One passage. `policy`, `strength` and `reason` are for keys with the scope review."""

    article: str
    passage: str
    exact: str
    lang: str
    prefix: str
    suffix: str
    start: int
    end: int
    section: str
    gist: str | None = None
    cautions: list[Caution]
    general_cautions: list[Caution]
    policy: Literal["as_is", "with_caution", "never"] | None = None
    label: str | None = None
    strength: str | None = None
    reason: str | None = None


class ErrorOut(ResponseModel):
    pointer: str = Field(description="RFC 6901, from the root of the body.")
    code: str
    detail: str


class ProblemOut(ResponseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ErrorOut] | None = None
