"""The one hot path: a request to keep a submission goes to its handler without the framework's detours.

Office: the same handler, described by the same OpenAPI, held by the same tests; what it saves is in
`python3 dev.py bench submit`. Refuses: any other route.
"""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class Lane:
    """Plain ASGI, inside the shell, which answers the problems the handler raises."""

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
