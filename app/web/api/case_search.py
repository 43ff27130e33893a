"""Look-ups by staff's own programs: the case of a person, and the staff a case can be assigned to.

Responsible for: exact search by what people say on the phone, and the list of reviewers, for the scope
review. Never: takes the search text in a URL, where logs would store it.
"""

from functools import partial

from fastapi import APIRouter, Request, Response

from app import errors
from app.clock import now
from app.services.auth.authorization import ApiClient, require_permission
from app.services.review import cases, queue
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.review.queue import MAX_FOUND, Filters, QueueRow, list_cases
from app.storage.submissions.submissions import PLAIN, SubmissionRow
from app.web.api.review import KEY
from app.web.dependencies import get_services, request_id
from app.web.http.request_body import read_json
from app.web.http.responses import BODY_PROBLEMS, json_response
from app.web.openapi.document import answers, body, problems
from app.web.schemas import review as review_schemas
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1", tags=["review"])
REFUSED = (errors.Unauthenticated, errors.Forbidden, errors.Unavailable)


@router.post(
    "/submissions/search",
    response_model=submissions.SubmissionPage,
    openapi_extra=body(review_schemas.SearchIn, example={"text": "+1 561 555 0142"}) | KEY,
    responses=answers() | problems(*REFUSED, *BODY_PROBLEMS, errors.InvalidRequest),
)
async def search(request: Request) -> Response:
    """Find submissions by an exact phone number, e-mail address, booking reference or id; at most 100.

    The result includes drafts, tests and closed cases. The audit log records that a search was made and what
    it found, but not the search text.
    """
    here, principal = get_services(request), await get_services(request).authenticator.authenticate(request)
    require_permission(principal, "queue")
    wanted, _ = await read_json(request, review_schemas.SearchIn)
    actor = principal.actor(request_id(request))
    find = partial(
        queue.search_cases,
        desk=here.submissions,
        principal=principal,
        text=wanted.text,
        now=now(),
        actor=actor,
    )
    work = partial(
        _rows, find=find, actor=actor, trial=isinstance(principal, ApiClient) and principal.key.test
    )
    return json_response(serializers.page(await here.database.write(work), None))


def _rows(session: Session, *, find: partial[Filters], actor: Actor, trial: bool) -> list[SubmissionRow]:
    """Return the list of cases found; a key for tests finds only tests."""
    at = now()
    found = list_cases(session, find(session), MAX_FOUND, now=at)
    rows = [_plain(row) for row in found.rows if row.test or not trial]
    queue.record_views(session, (row.id for row in rows), now=at, actor=actor)
    return rows


def _plain(row: QueueRow) -> SubmissionRow:
    return SubmissionRow(**{name: getattr(row, name) for name in PLAIN})


@router.get(
    "/reviewers",
    response_model=review_schemas.Reviewers,
    openapi_extra=KEY,
    responses=answers() | problems(*REFUSED),
)
async def reviewers(request: Request) -> Response:
    """List the staff a case can be assigned to, by name: the values for `assignee` of a review."""
    principal = await get_services(request).authenticator.authenticate(request)
    require_permission(principal, "review")
    found = await get_services(request).database.read(cases.reviewers)
    return json_response({"items": [{"id": name, "name": called} for name, called in found]})
