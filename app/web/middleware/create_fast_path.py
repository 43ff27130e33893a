"""The fast path: requests that create a submission reach their handler without the framework's overhead.

Responsible for: calling the same handler, which has the same OpenAPI description and the same tests; `python3
dev.py bench submit` measures the time saved. Never: handles any other route.
"""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class CreateFastPath:
    """Plain ASGI middleware inside `Shell`, which answers the problems that the handler raises."""

    def __init__(self, app: ASGIApp, *, route: APIRoute) -> None:
        self.app, self.route = app, route
        self.method = "".join(route.methods or ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self.route.path or scope["method"] != self.method:
            await self.app(scope, receive, send)
            return
        scope["route"] = self.route
        response = await self.route.endpoint(Request(scope, receive))
        await response(scope, receive, send)
