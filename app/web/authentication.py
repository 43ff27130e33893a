"""Authentication: which principal sends a request.

Responsible for: the principal of an Authorization header (RFC 6750), counted by key or by network, and
recording the day a key was last used. Never: accepts credentials anywhere else, in particular in a URL.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections import OrderedDict
from functools import partial

from starlette.requests import Request

from app.errors import Forbidden, Unauthenticated
from app.services.auth.api_keys import authenticate, parse
from app.services.auth.authorization import ApiClient, Principal, Respondent, hash_token
from app.services.submissions.assessment import TOKEN
from app.storage.auth import api_keys
from app.storage.auth.api_keys import ApiKey
from app.storage.db.database import Database
from app.web.http.client_address import Networks, client_address
from app.web.http.rate_limits import RateLimiter

FRESH_SECONDS = 1.0  # how long a cached key row is used; after that, a revoked key is refused everywhere
MAX_CACHED_KEYS = 1000


class Authenticator:
    """Authenticates requests; caches each API key row for a second, so that a busy key needs no query."""

    def __init__(self, database: Database, rates: RateLimiter, proxies: Networks = ()) -> None:
        self._database, self._rates, self._proxies = database, rates, proxies
        self._seen: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()
        self._used: dict[str, dt.date] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def authenticate(self, request: Request) -> Principal:
        """Return the principal of a request, counted once. Raises Unauthenticated, Forbidden or TooMany."""
        scope = request.scope
        if "principal" in scope:  # already authenticated by `Toll`
            found: Principal = scope["principal"]
            return found
        try:
            principal = await self._recognise(request)
        except (Unauthenticated, Forbidden):
            await self._rates.hit_network(scope)
            raise
        if isinstance(principal, ApiClient):
            scope["actor"] = principal.key.id
            await self._rates.hit_key(scope, principal.key.id)
        else:
            scope["actor"] = "respondent"
            await self._rates.hit_network(scope)
        scope["principal"] = principal
        return principal

    async def authenticate_optional(self, request: Request) -> Principal | None:
        """Return the principal, or None if no credentials were sent; invalid ones raise as in `admit`."""
        return await self.authenticate(request) if "authorization" in request.headers else None

    async def _recognise(self, request: Request) -> Respondent | ApiClient:
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise Unauthenticated("Send an API key or an access token as `Authorization: Bearer …`.")
        if credential.startswith(TOKEN):
            return Respondent(hash_token(credential))
        parsed = parse(credential)
        if parsed is None:
            raise Unauthenticated("This is neither an API key nor an access token.")
        key_id, secret = parsed
        at = dt.datetime.now(dt.UTC)
        network = client_address(request.scope, self._proxies)
        origin = request.headers.get("origin")
        key = authenticate(await self._row(key_id), secret, now=at, network=network, origin=origin)
        if self._used.get(key.id) != at.date():
            self._note(key, at)
        return ApiClient(key)

    async def _row(self, key_id: str) -> ApiKey | None:
        now = time.monotonic()
        seen = self._seen.get(key_id)
        if seen and now - seen[0] < FRESH_SECONDS:
            return seen[1]
        row = await self._database.read(partial(api_keys.fetch, key_id=key_id))
        self._seen[key_id] = (now, row)
        if len(self._seen) > MAX_CACHED_KEYS:
            self._seen.popitem(last=False)
        return row

    def _note(self, key: ApiKey, at: dt.datetime) -> None:
        """Record the day a key was used, once a day per process, without delaying the request."""
        self._used[key.id] = at.date()
        if key.last_used_at is None or key.last_used_at.date() < at.date():
            task = asyncio.create_task(self._keep_day(key.id, at.date()))
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def _keep_day(self, key_id: str, day: dt.date) -> None:
        with contextlib.suppress(Exception):  # a missed day is recorded the next day, or by another process
            await self._database.write(partial(api_keys.record_use, key_id=key_id, day=day))
