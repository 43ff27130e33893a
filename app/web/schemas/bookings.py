"""Request and response models for booking systems: one-time links, readiness, events.

Responsible for: the same as submissions.py, for the scopes `bookings` and `events`. Never: has behaviour, or
a member that could hold an answer; there are only ids, states and times.
"""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from app.services.bookings import handoffs, readiness
from app.web.schemas.submissions import BookingReference, LanguageTag, RequestModel, ResponseModel

Time = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Reference = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9._:-]+$")]
Type = Literal[
    "handoff.created",
    "handoff.opened",
    "handoff.revoked",
    "submission.started",
    "submission.submitted",
    "submission.corrected",
    "submission.merged",
    "submission.erased",
    "review.changed",
    "attention.needed",
    "attention.overdue",
]


class HandoffIn(RequestModel):
    """A new one-time link for a person who is to fill in the questionnaire.

    Without `expires_at` the link can be opened until the appointment, or for 14 days without an appointment.
    """

    booking_reference: BookingReference
    appointment_at: Time | None = None
    language: LanguageTag | None = None
    expires_at: Annotated[Time | None, Field(description="At most 90 days from now.")] = None
    return_url: Annotated[
        str | None,
        Field(
            max_length=handoffs.MAX_URL_LENGTH,
            description="Where the person is offered to go back to, with `status` added: `submitted` or "
            "`in_progress`. On a site of PRECONSULT_ALLOWED_RETURN_ORIGINS; never put a secret in it.",
        ),
    ] = None


class HandoffOut(ResponseModel):
    """A one-time link. `submission_id`: the submission that was started with it."""

    id: Id
    booking_reference: Reference
    state: handoffs.State
    appointment_at: dt.datetime | None
    language: str | None
    return_url: str | None
    test: bool
    created_at: dt.datetime
    updated_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None
    opened_at: dt.datetime | None
    submission_id: Id | None


class HandoffCreated(HandoffOut):
    """A one-time link with its address, shown only once. `plain_link`: for browsers without scripts."""

    link: str
    plain_link: str


class HandoffPage(ResponseModel):
    """A page of one-time links, newest first. `next`: the address of the next page."""

    items: list[HandoffOut]
    next: str | None


class ReadinessOut(ResponseModel):
    """Whether the questionnaire of a booking is done. `updated_at`: when its state last changed."""

    booking_reference: Reference
    state: readiness.State
    updated_at: dt.datetime | None
    submitted_at: dt.datetime | None
    appointment_at: dt.datetime | None
    edition: Annotated[str | None, Field(max_length=20, pattern=r"^[0-9]+(\.[0-9]+){1,3}$")]


class ReadinessList(ResponseModel):
    """The readiness of several bookings, in the order requested."""

    readiness: list[ReadinessOut]


class EventData(ResponseModel):
    """What an event is about: ids, and the resulting state. Members that are not known are omitted."""

    submission_id: Id | None = None
    handoff_id: Id | None = None
    booking_reference: Reference | None = None
    state: readiness.State | None = None
    test: bool


class EventOut(ResponseModel):
    """One event. `timestamp`: when it happened; the order of the feed is authoritative, not the times."""

    id: Id
    type: Type
    timestamp: dt.datetime
    data: EventData


class EventPage(ResponseModel):
    """A page of events. `next`: the cursor to continue from, always set; `more`: more are available."""

    events: list[EventOut]
    next: Annotated[str, Field(max_length=200)]
    more: bool
