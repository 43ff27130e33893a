"""Request and response models of webhook endpoints and their deliveries.

Responsible for: the same as submissions.py, for the scope `webhooks`. Never: has behaviour, or a member that
could hold an answer.
"""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from app.adapters.address_policy import MAX_URL_LENGTH
from app.services.events.webhook_endpoints import MAX_DESCRIPTION_LENGTH
from app.web.schemas.bookings import Id, Type
from app.web.schemas.submissions import RequestModel, ResponseModel

Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="An https address on the public internet, port 443 or one from 1024 on. It is shown to "
        "administrators: never put a secret in it.",
        examples=["https://book.clinic.example/hooks/preconsult"],
    ),
]
Types = Annotated[
    list[Type], Field(max_length=len(Type.__args__), description="Empty means all that it may be told of.")
]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH, description="One line, for people.")]
Delivered = Literal["pending", "delivered", "failed"]


class EndpointIn(RequestModel):
    """A new endpoint. Created with a `pc_test_` key it receives test events, else all others."""

    url: Url
    types: Annotated[Types, Field(default_factory=list)]
    description: Description = ""
    attention: Annotated[
        bool, Field(description="Told of `attention.*` too; needs a key with the scope `review`.")
    ] = False


class EndpointPatch(RequestModel):
    """JSON merge patch (RFC 7396): `types: null` means all; `paused: false` sends waiting events."""

    url: Url = ""
    types: Types | None = None
    description: Description | None = None
    paused: bool = False


class EndpointOut(ResponseModel):
    """An endpoint. `paused_because`: `by_hand`, `failing` (a whole day), or `gone` (it answered 410)."""

    id: Id
    url: str
    types: list[Type]
    description: str
    attention: bool
    test: bool
    paused: bool
    paused_because: Literal["by_hand", "failing", "gone"] | None
    paused_at: dt.datetime | None
    failing_since: Annotated[
        dt.datetime | None, Field(description="Every try has failed since then; null: the last went well.")
    ]
    former_secret_until: Annotated[
        dt.datetime | None, Field(description="Until then the secret before the newest signs too.")
    ]
    created_at: dt.datetime
    updated_at: dt.datetime


class EndpointCreated(EndpointOut):
    """An endpoint with its secret, which is shown only once."""

    secret: Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/]+=*$")]


class EndpointList(ResponseModel):
    """Endpoints, oldest first, at most twenty."""

    items: list[EndpointOut]


class AttemptOut(ResponseModel):
    """One attempt. `error`: the class of the error that occurred before there was a status."""

    at: dt.datetime
    status: int | None
    latency_ms: int | None
    error: str | None


class DeliveryOut(ResponseModel):
    """The delivery of one event to one endpoint. `tries`: attempts started since it was last sent by hand."""

    id: Id
    event_id: Id
    type: str
    state: Delivered
    tries: int
    created_at: dt.datetime
    next_try_at: dt.datetime | None
    done_at: dt.datetime | None
    attempts: list[AttemptOut]


class DeliveryPage(ResponseModel):
    """A page of deliveries, newest first."""

    items: list[DeliveryOut]
    next: Annotated[str | None, Field(description="Address of the next page.")]
