"""Counts API requests without a valid key before any other work is done for them.

Responsible for: the limit per network for every path of the API, and which network invalid credentials count
against. Never: lets a request over its limit through; all others go on to their handler, which checks access.
"""

import contextlib

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Forbidden, Unauthenticated
from app.web.authentication import Authenticator
from app.web.http.rate_limits import RateLimiter
from app.web.openapi.document import API


class NetworkRateLimitMiddleware:
    """Plain ASGI middleware inside `Shell`. `Lane` bypasses it, but uses the same `Doorkeeper`."""

    def __init__(self, app: ASGIApp, *, rates: RateLimiter, authenticator: Authenticator) -> None:
        self.app, self.rates, self.authenticator = app, rates, authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(API):
            with contextlib.suppress(Unauthenticated, Forbidden):  # raised again by handlers that need them
                await self.authenticator.authenticate_optional(Request(scope))
            await self.rates.hit_network(scope)  # unless already counted with its credentials
        await self.app(scope, receive, send)
