"""Counts what comes to the API without a valid key, before anything is done for it.

Office: the limit per network for every path of the API, and whom wrong credentials count against. Refuses:
requests over their limit; all else goes on to its handler, which admits or refuses as ever.
"""

import contextlib

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Forbidden, Unauthenticated
from app.web.principals import Doorkeeper
from app.web.rates import Rates

API = ("/v1/", "/fhir/")


class Toll:
    """Plain ASGI, inside the shell. The lane of the busiest route goes past it, to the same doorkeeper."""

    def __init__(self, app: ASGIApp, *, rates: Rates, doorkeeper: Doorkeeper) -> None:
        self.app, self.rates, self.doorkeeper = app, rates, doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(API):
            with contextlib.suppress(Unauthenticated, Forbidden):  # the handler says so, where it minds
                await self.doorkeeper.admit_any(Request(scope))
            await self.rates.take_network(scope)  # unless it was counted with its credentials
        await self.app(scope, receive, send)
