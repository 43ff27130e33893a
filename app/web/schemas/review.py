"""Request and response models of the review, for staff's own programs.

Responsible for: the same as submissions.py, for the scope `review`. Never: has behaviour.
"""

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from app.services.review.cases import MAX_NOTE_LENGTH, Action, Review
from app.web.schemas.submissions import RequestModel, ResponseModel

STAFF_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
StaffId = Annotated[
    str | None, Field(pattern=STAFF_ID, description="Somebody of the staff who may review; null is nobody.")
]


class ReviewIn(RequestModel):
    """The next review state, and the assignee of the case; without `assignee` that is unchanged."""

    review: Review
    assignee: StaffId = None


class NoteIn(RequestModel):
    """A note: text of one or more lines, without other control characters."""

    text: Annotated[
        str, Field(min_length=1, max_length=2 * MAX_NOTE_LENGTH, description="At most 2,000 in NFC.")
    ]


class FlagActionIn(RequestModel):
    """What was done about a flag; a `closed` flag no longer counts towards the due date of the case."""

    action: Action


class CorrectionIn(RequestModel):
    """Corrected answers: linkId to value; null removes an answer, and those not named are unchanged."""

    answers: Annotated[dict[str, Any], Field(min_length=1)]


class MergeIn(RequestModel):
    """The case of the same person that this one duplicates."""

    into: Annotated[str, Field(pattern=STAFF_ID)]


class SearchIn(RequestModel):
    """A complete phone number, e-mail address, booking reference or id, as a person states it."""

    text: Annotated[str, Field(min_length=1, max_length=254)]


class ReviewerOut(ResponseModel):
    id: str
    name: str


class Reviewers(ResponseModel):
    """The staff a case can be assigned to, by name."""

    items: list[ReviewerOut]


class ReviewOut(ResponseModel):
    """The review of a submission. The guide lists the permitted transitions; any other is 409."""

    id: str
    review: Review
    assignee: str | None
    attention: int | None
    due_at: dt.datetime | None
    merged_into: str | None
    updated_at: dt.datetime


class ActorOut(ResponseModel):
    """Who did it: the kind (`respondent`, `api_key`, `staff`, `command` or `service`) and the id."""

    kind: str
    id: str | None


class NoteOut(ResponseModel):
    id: str
    at: dt.datetime
    by: ActorOut
    text: str


class Notes(ResponseModel):
    """Notes in the order they were written."""

    items: list[NoteOut]


class ContactOut(ResponseModel):
    """The contact details of the person; null is what the person did not give."""

    name: str | None
    phone: str | None
    email: str | None


class ChangeOut(ResponseModel):
    """One answer before and after; null is no answer."""

    link_id: str
    before: Any
    after: Any


class CorrectionOut(ResponseModel):
    """One correction: what was replaced, when, and which rules fire since then or no longer fire."""

    version: int
    replaced_at: dt.datetime
    changes: list[ChangeOut]
    fired: list[str]
    no_longer: list[str]


class Corrections(ResponseModel):
    """Corrections, newest first."""

    items: list[CorrectionOut]


class FlagActionOut(ResponseModel):
    id: str
    flag: str
    action: Action
    at: dt.datetime
    by: ActorOut


class HistoryEvent(ResponseModel):
    """One thing that happened to a submission or to one of its flags, including reads."""

    at: dt.datetime
    action: str
    object_type: str
    object_id: str
    by: ActorOut


class History(ResponseModel):
    """Events, newest first, at most 500."""

    items: list[HistoryEvent]
