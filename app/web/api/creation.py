"""Creating a resource once per Idempotency-Key, and the response to it.

Responsible for: a repeated request gets the first response, also when it would be invalid by now. Never:
knows a resource.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fastapi import Response

from app.clock import now
from app.errors import InvalidRequest
from app.services import idempotency
from app.services.idempotency import Claim, Created, ResponseStore
from app.storage.db.database import Database, Session
from app.web.http.content_negotiation import etag


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is about to be created, the store of its response, and the unit of work that inserts it."""

    created: Created
    store: ResponseStore
    insert: Callable[[Session], None]


async def create_once(
    database: Database, claim: Claim | None, stored: ResponseStore, prepare: Callable[[], Prepared]
) -> Created:
    """Create what `prepare` returns, or return what the first request with this key created.

    `stored` opens the first response. Raises what `prepare` raises, and as `idempotency.run_once`.
    """
    try:
        prepared = prepare()
    except InvalidRequest:  # the first request may have been valid at its time, or under an older edition
        again = None
        if claim is not None:
            again = await database.read(partial(idempotency.replay, store=stored, claim=claim))
        if again is None:
            raise
        return again
    work = partial(
        idempotency.run_once,
        store=prepared.store,
        claim=claim,
        created=prepared.created,
        insert=prepared.insert,
        now=now(),
    )
    return await database.write(work)


def created_response(created: Created, path: str, *, media_type: str = "application/json") -> Response:
    """Return 201 with Location and ETag; `path` is the address of the collection."""
    headers = etag(1) | {"location": f"{path}/{created.id}", "cache-control": "no-store"}
    if created.replayed:
        headers["idempotency-replayed"] = "true"
    return Response(created.content, 201, headers, media_type)
