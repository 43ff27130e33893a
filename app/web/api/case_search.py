"""Look-ups by staff's own programs: the case of a person, and the staff a case can be assigned to.

Responsible for: exact search by what people say on the phone, and the list of reviewers, for the scope
review. Never: takes the search text in a URL, where logs would store it.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.clock import now
from app.services.auth.authorization import ApiClient, Principal
from app.services.review import cases, queue
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.review.queue import MAX_FOUND, Filters, QueueRow, list_cases
from app.storage.submissions.submissions import PLAIN, SubmissionRow
from app.web.api.dependencies import CurrentServices, RequestId, RequirePermission
from app.web.http.api_route import ApiRoute
from app.web.http.responses import json_response
from app.web.openapi.document import answers, example
from app.web.schemas import review as schemas
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1", tags=["review"], route_class=ApiRoute)


@router.post(
    "/submissions/search",
    response_model=submissions.SubmissionPage,
    responses=answers(),
    openapi_extra=example({"text": "+1 561 555 0142"}),
)
async def search(
    body: schemas.SearchIn,
    services: CurrentServices,
    principal: Annotated[Principal, Depends(RequirePermission("queue"))],
    request_id: RequestId,
) -> Response:
    """Find submissions by an exact phone number, e-mail address, booking reference or id; at most 100.

    The result includes drafts, tests and closed cases. The audit log records that a search was made and what
    it found, but not the search text.
    """
    actor = principal.actor(request_id)
    find = partial(
        queue.search_cases,
        submission_service=services.submissions,
        principal=principal,
        text=body.text,
        now=now(),
        actor=actor,
    )
    test_only = isinstance(principal, ApiClient) and principal.key.is_test
    work = partial(_rows, find=find, actor=actor, test_only=test_only)
    return json_response(serializers.page(await services.database.write(work), None))


def _rows(session: Session, *, find: partial[Filters], actor: Actor, test_only: bool) -> list[SubmissionRow]:
    """Return the list of cases found; a key for tests finds only tests."""
    at = now()
    found = list_cases(session, find(session), MAX_FOUND, now=at)
    rows = [_plain(row) for row in found.rows if row.is_test or not test_only]
    queue.record_views(session, (row.id for row in rows), now=at, actor=actor)
    return rows


def _plain(row: QueueRow) -> SubmissionRow:
    return SubmissionRow(**{name: getattr(row, name) for name in PLAIN})


@router.get("/reviewers", response_model=schemas.Reviewers, responses=answers())
async def reviewers(
    services: CurrentServices, _principal: Annotated[Principal, Depends(RequirePermission("review"))]
) -> Response:
    """List the staff a case can be assigned to, by name: the values for `assignee` of a review."""
    found = await services.database.read(cases.reviewers)
    return json_response({"items": [{"id": staff_id, "name": name} for staff_id, name in found]})
