"""The errors of the service, as a tree:

    Problem
    ├── BadRequest 400 ........... malformed-json, malformed-request
    ├── Unauthenticated 401 ...... session-ended
    ├── Forbidden 403
    ├── NotFound 404
    ├── MethodNotAllowed 405
    ├── NotAcceptable 406
    ├── TooSlow 408
    ├── Conflict 409 ............. not-a-draft, not-submitted, on-hold, in-flight, not-this-step
    ├── Gone 410 ................. cursor-gone
    ├── PreconditionFailed 412
    ├── TooLarge 413
    ├── UnsupportedMediaType 415
    ├── Unprocessable 422 ........ invalid-answers, invalid-request, idempotency-key-reused
    ├── PreconditionRequired 428
    ├── TooMany 429
    ├── Internal 500
    ├── NotInstalled 501
    └── Unavailable 503

Responsible for: slug, title and HTTP status of each problem (RFC 9457). A slug never changes its meaning.
Never: handles HTTP itself, or repeats a value that a person gave: every word of `detail` is written by this
service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

TYPE = "urn:preconsult:problem:"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in a request: an RFC 6901 pointer, a stable code, and a sentence."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """Base class of all problems. `detail` is a sentence that says what to do."""

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]

    def __init__(
        self, detail: str, *, errors: Sequence[FieldError] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail, self.errors, self.retry_after = detail, tuple(errors), retry_after


class BadRequest(Problem):
    slug, title, status = "malformed-request", "The request is malformed", 400


class MalformedJson(BadRequest):
    slug, title = "malformed-json", "The body is not JSON"


class Unauthenticated(Problem):
    slug, title, status = "unauthenticated", "Credentials are needed", 401


class SessionEnded(Unauthenticated):
    slug, title = "session-ended", "The session has ended"


class Forbidden(Problem):
    slug, title, status = "forbidden", "These credentials may not do this", 403


class NotFound(Problem):
    slug, title, status = "not-found", "There is nothing here", 404


class MethodNotAllowed(Problem):
    slug, title, status = "method-not-allowed", "This method is not offered here", 405


class NotAcceptable(Problem):
    slug, title, status = "not-acceptable", "None of the accepted media types is offered", 406


class RequestTimeout(Problem):
    slug, title, status = "request-timeout", "The body took too long to arrive", 408


class Conflict(Problem):
    slug, title, status = "conflict", "The state of the resource does not allow this", 409


class NotADraft(Conflict):
    slug, title = "not-a-draft", "The submission is no longer a draft"


class NotSubmitted(Conflict):
    slug, title = "not-submitted", "The submission is still a draft"


class UnderLegalHold(Conflict):
    slug, title = "on-hold", "The submission is under a hold"


class InvalidTransition(Conflict):
    slug, title = "not-this-step", "The review is not where this could be done"


class InFlight(Conflict):
    slug, title = "in-flight", "Another request is changing this"


class Gone(Problem):
    slug, title, status = "gone", "This was here and has been erased", 410


class CursorGone(Gone):
    slug, title = "cursor-gone", "What follows this cursor is not kept any more"


class PreconditionFailed(Problem):
    slug, title, status = "precondition-failed", "The resource has changed in the meantime", 412


class ContentTooLarge(Problem):
    slug, title, status = "content-too-large", "The body is too large", 413


class UnsupportedMediaType(Problem):
    slug, title, status = "unsupported-media-type", "The body is of a media type not offered here", 415


class InvalidRequest(Problem):
    slug, title, status = "invalid-request", "The request can't be carried out as it is", 422


class InvalidAnswers(InvalidRequest):
    slug, title = "invalid-answers", "Some answers need another look"


class IdempotencyKeyReused(InvalidRequest):
    slug, title = "idempotency-key-reused", "This Idempotency-Key belongs to another request"


class PreconditionRequired(Problem):
    slug, title, status = "precondition-required", "If-Match is needed", 428


class TooManyRequests(Problem):
    slug, title, status = "too-many-requests", "Too many requests came from there", 429


class Internal(Problem):
    slug, title, status = "internal", "Something went wrong on our side", 500


class NotInstalled(Problem):
    slug, title, status = "not-installed", "This part is not installed on this server", 501


class Unavailable(Problem):
    slug, title, status = "unavailable", "The service can't take this right now", 503


class StartupError(Exception):
    """The service or a command does not start. The message is one clear line for an operator."""


def every_problem() -> list[type[Problem]]:
    """Return all problem classes, each base class before its subclasses."""
    found: list[type[Problem]] = []
    pending = list(Problem.__subclasses__())
    while pending:
        kind = pending.pop(0)
        found.append(kind)
        pending = [*kind.__subclasses__(), *pending]
    return found
