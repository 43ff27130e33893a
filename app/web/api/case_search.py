"""Look-ups by staff's own programs: the case of a person, and the staff a case can be assigned to.

Responsible for: exact search by what people say on the phone, and the list of reviewers, for the scope
review. Never: takes the search text in a URL, where logs would store it.
"""

from functools import partial

from fastapi import APIRouter, Request, Response

from app import errors
from app.clock import now
from app.services.auth.authorization import Program, require_permission
from app.services.review import cases, queue
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.review.queue import MOST_FOUND, Filters, Queued, list_cases
from app.storage.submissions.submissions import PLAIN, Listed
from app.web.api.review import KEY
from app.web.dependencies import request_id, rooms
from app.web.http.request_body import read_json
from app.web.http.responses import BODIES, answer
from app.web.openapi.document import answers, body, problems
from app.web.schemas import review as review_schemas
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1", tags=["review"])
REFUSED = (errors.Unauthenticated, errors.Forbidden, errors.Unavailable)


@router.post(
    "/submissions/search",
    response_model=submissions.SubmissionPage,
    openapi_extra=body(review_schemas.SearchIn, example={"text": "+1 561 555 0142"}) | KEY,
    responses=answers() | problems(*REFUSED, *BODIES, errors.Unprocessable),
)
async def search(request: Request) -> Response:
    """Find submissions by an exact phone number, e-mail address, booking reference or id; at most 100.

    The result includes drafts, tests and closed cases. The audit log records that a search was made and what
    it found, but not the search text.
    """
    here, principal = rooms(request), await rooms(request).doorkeeper.admit(request)
    require_permission(principal, "queue")
    wanted, _ = await read_json(request, review_schemas.SearchIn)
    actor = principal.actor(request_id(request))
    find = partial(queue.found, desk=here.desk, principal=principal, text=wanted.text, now=now(), actor=actor)
    work = partial(_rows, find=find, actor=actor, trial=isinstance(principal, Program) and principal.key.test)
    return answer(serializers.page(await here.database.write(work), None))


def _rows(session: Session, *, find: partial[Filters], actor: Actor, trial: bool) -> list[Listed]:
    """Return the list of cases found; a key for tests finds only tests."""
    at = now()
    found = list_cases(session, find(session), MOST_FOUND, now=at)
    rows = [_plain(row) for row in found.rows if row.test or not trial]
    queue.record_listed(session, (row.id for row in rows), now=at, actor=actor)
    return rows


def _plain(row: Queued) -> Listed:
    return Listed(**{name: getattr(row, name) for name in PLAIN})


@router.get(
    "/reviewers",
    response_model=review_schemas.Reviewers,
    openapi_extra=KEY,
    responses=answers() | problems(*REFUSED),
)
async def reviewers(request: Request) -> Response:
    """List the staff a case can be assigned to, by name: the values for `assignee` of a review."""
    principal = await rooms(request).doorkeeper.admit(request)
    require_permission(principal, "review")
    found = await rooms(request).database.read(cases.reviewers)
    return answer({"items": [{"id": name, "name": called} for name, called in found]})
