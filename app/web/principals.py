"""Who is asking.

Office: from the Authorization header (RFC 6750) to a principal. Refuses: credentials anywhere else, above all
in a URL.
"""

import datetime as dt
import time
from collections import OrderedDict
from functools import partial

from starlette.requests import Request

from app.errors import Unauthenticated
from app.services.access import Principal, Program, Respondent, token_hash
from app.services.drawn import TOKEN
from app.services.keys import admit, parse
from app.storage import keys
from app.storage.database import Database
from app.storage.keys import ApiKey
from app.web.network import Networks, client

FRESH_SECONDS = 1.0  # how long a key row is believed; a revoked key is refused everywhere after that
MOST_REMEMBERED = 1000


class Doorkeeper:
    """Recognises API keys; remembers each row for a second, so that a busy key costs no look-up."""

    def __init__(self, database: Database, proxies: Networks = ()) -> None:
        self._database, self._proxies = database, proxies
        self._seen: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()

    async def admit(self, request: Request) -> Principal:
        """The principal of a request. Raises Unauthenticated or Forbidden."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise Unauthenticated("Send an API key or an access token as `Authorization: Bearer …`.")
        if credential.startswith(TOKEN):
            request.scope["actor"] = "respondent"
            return Respondent(token_hash(credential))
        parsed = parse(credential)
        if parsed is None:
            raise Unauthenticated("This is neither an API key nor an access token.")
        key_id, secret = parsed
        key = admit(
            await self._row(key_id),
            secret,
            now=dt.datetime.now(dt.UTC),
            network=client(request.scope, self._proxies),
            origin=request.headers.get("origin"),
        )
        request.scope["actor"] = key.id
        return Program(key)

    async def admit_any(self, request: Request) -> Principal | None:
        """The principal, or None when no credentials were sent; wrong ones are refused all the same."""
        return await self.admit(request) if "authorization" in request.headers else None

    async def _row(self, key_id: str) -> ApiKey | None:
        now = time.monotonic()
        seen = self._seen.get(key_id)
        if seen and now - seen[0] < FRESH_SECONDS:
            return seen[1]
        row = await self._database.read(partial(keys.fetch, key_id=key_id))
        self._seen[key_id] = (now, row)
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return row
