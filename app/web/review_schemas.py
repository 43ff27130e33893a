"""The shapes of the review: what staff's own programs send and get.

Office: as schemas.py, for the scope `review`. Refuses: behaviour.
"""

import datetime as dt
from typing import Annotated

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
