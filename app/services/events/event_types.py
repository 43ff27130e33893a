"""Event catalogue: the types of events published to API clients, and the content of an event.

Responsible for: which audit events become events of the feed, and the document of an event, which is the same
in the feed and in a webhook. Never: includes answers, names, topics or kinds of flags; an event has only ids,
a type, a state and times.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.clock import format_timestamp
from app.storage.events.outbox import Event, EventSubject
from app.storage.submissions.submissions import ID

Json = dict[str, Any]
TEST = "webhook.test"
# type of event: its description in the API documentation
TYPES: Mapping[str, str] = {
    "handoff.created": "A one-time link was created.",
    "handoff.opened": "A person started the questionnaire through a one-time link.",
    "handoff.revoked": "A one-time link was revoked; it no longer opens anything.",
    "submission.started": "A draft was started.",
    "submission.submitted": "A questionnaire was submitted.",
    "submission.corrected": "Staff corrected a submission.",
    "submission.merged": "Staff merged a submission into another one of the same person.",
    "submission.erased": "A submission was erased, with everything that was stored of it.",
    "review.changed": "Staff changed the state of a review; `state` is the readiness after it.",
    "attention.needed": "A submission needs attention. Needs the scope `review`.",
    "attention.overdue": "It was not dealt with in time. Needs the scope `review`.",
}
RESTRICTED = frozenset(["attention.needed", "attention.overdue"])
# audit action: (type of event, state of the questionnaire after it)
ACTIONS: Mapping[str, tuple[str, str | None]] = {
    "handoff.created": ("handoff.created", "not_started"),
    "handoff.opened": ("handoff.opened", "in_progress"),
    "handoff.revoked": ("handoff.revoked", None),
    "submission.drafted": ("submission.started", "in_progress"),
    "submission.submitted": ("submission.submitted", "submitted"),
    "submission.corrected": ("submission.corrected", None),
    "submission.merged": ("submission.merged", None),
    "submission.merged_from": ("review.changed", None),
    "submission.erased": ("submission.erased", "not_started"),
    "review.new": ("review.changed", "submitted"),
    "review.in_review": ("review.changed", "in_review"),
    "review.ready": ("review.changed", "ready"),
    "review.needs_contact": ("review.changed", "needs_contact"),
    "review.closed": ("review.changed", "ready"),
    "flag.raised": ("attention.needed", None),
    "flag.escalated": ("attention.overdue", None),
}
STATES = frozenset(state for _, state in ACTIONS.values() if state)
# state of the booking of a submitted questionnaire, by the state of its review
REVIEWED: Mapping[str, str] = {
    "new": "submitted", "in_review": "in_review", "ready": "ready", "closed": "ready",
    "needs_contact": "needs_contact",
}  # fmt: skip
REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def booking_state(status: str, review: str) -> str:
    """Return the state of a booking from its submission; `needs_contact` takes precedence over all others."""
    if review == "needs_contact":
        return review
    return "in_progress" if status == "draft" else REVIEWED[review]


def state_after(action: str, subject: EventSubject) -> str | None:
    """Return the readiness state after an action.

    Where the action alone does not determine it, the submission does, as it is when the event is published.
    """
    following = ACTIONS[action][1]
    if subject.status is None or subject.review is None or action == "submission.merged":
        return following
    state = booking_state(subject.status, subject.review)
    reviewed = action.startswith("review.") and following != "needs_contact"
    if action in ("submission.corrected", "submission.merged_from"):
        return state
    if (action == "submission.submitted" and state == "needs_contact") or (
        reviewed and state == "in_progress"
    ):
        return state
    return following


def event_payload(event: Event) -> Json:
    """Return the published form of an event: `{id, type, timestamp, data: {…ids, state, test}}`.

    Raises ValueError for a row that holds anything else: an event has no free text.
    """
    _require_thin(event)
    payload = {
        "submission_id": event.submission_id,
        "handoff_id": event.handoff_id,
        "booking_reference": event.booking_reference,
        "state": event.state,
    }
    data = {name: value for name, value in payload.items() if value is not None} | {"test": event.is_test}
    return {"id": event.id, "type": event.type, "timestamp": format_timestamp(event.at), "data": data}


def _require_thin(event: Event) -> None:
    names = (event.id, event.submission_id or event.id, event.handoff_id or event.id)
    thin = all(ID.fullmatch(each) for each in names)
    thin &= event.type == TEST or event.type in TYPES
    thin &= event.state is None or event.state in STATES
    thin &= event.booking_reference is None or bool(REFERENCE.fullmatch(event.booking_reference))
    if not thin:
        raise ValueError("an event holds ids, a type, a state and times, and nothing else")
