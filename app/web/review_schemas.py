"""The shapes of the review: what staff's own programs send and get.

Office: as schemas.py, for the scope `review`. Refuses: behaviour.
"""

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from app.services.review import LONGEST_NOTE, Action, Review
from app.web.schemas import In, Out

STAFF_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
StaffId = Annotated[
    str | None, Field(pattern=STAFF_ID, description="Somebody of the staff who may review; null is nobody.")
]


class ReviewIn(In):
    """Where the review goes, and with whom the case is; without `assignee` that stays as it is."""

    review: Review
    assignee: StaffId = None


class NoteIn(In):
    """A note: text of several lines, without other control characters."""

    text: Annotated[
        str, Field(min_length=1, max_length=2 * LONGEST_NOTE, description="At most 2,000 in NFC.")
    ]


class FlagActionIn(In):
    """What was done about a flag; `closed` takes it off the clock."""

    action: Action


class CorrectionIn(In):
    """Answers as they should be: linkId to value; null takes one out, what is not named stays."""

    answers: Annotated[dict[str, Any], Field(min_length=1)]


class MergeIn(In):
    """The case of the same person that this one is a duplicate of."""

    into: Annotated[str, Field(pattern=STAFF_ID)]


class SearchIn(In):
    """A whole phone number, e-mail address, booking reference or id, as somebody says it."""

    text: Annotated[str, Field(min_length=1, max_length=254)]


class ReviewerOut(Out):
    id: str
    name: str


class Reviewers(Out):
    """By name."""

    items: list[ReviewerOut]


class ReviewOut(Out):
    """Where the review of a submission stands. The steps are in the guide; what is no step is 409."""

    id: str
    review: Review
    assignee: str | None
    attention: int | None
    due_at: dt.datetime | None
    merged_into: str | None
    updated_at: dt.datetime


class ActorOut(Out):
    """Who did it: `respondent`, `api_key`, `staff`, `command` or `service`, and which."""

    kind: str
    id: str | None


class NoteOut(Out):
    id: str
    at: dt.datetime
    by: ActorOut
    text: str


class Notes(Out):
    """In the order they were written."""

    items: list[NoteOut]


class ContactOut(Out):
    """How to reach the person; null is what they did not give."""

    name: str | None
    phone: str | None
    email: str | None


class ChangeOut(Out):
    """One answer before and after; null is no answer."""

    link_id: str
    before: Any
    after: Any


class CorrectionOut(Out):
    """One correction: what was replaced when, and which rules fire since, or no longer."""

    version: int
    replaced_at: dt.datetime
    changes: list[ChangeOut]
    fired: list[str]
    no_longer: list[str]


class Corrections(Out):
    """The newest first."""

    items: list[CorrectionOut]


class FlagActionOut(Out):
    id: str
    flag: str
    action: Action
    at: dt.datetime
    by: ActorOut


class HistoryEvent(Out):
    """One thing that happened to a submission or to one of its flags; reads are among them."""

    at: dt.datetime
    action: str
    object_type: str
    object_id: str
    by: ActorOut


class History(Out):
    """The newest first, at most 500."""

    items: list[HistoryEvent]
