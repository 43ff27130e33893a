"""Which websites may call the API from a browser (CORS).

Office: the exact origins of the settings, for what a form of the clinic's own needs: questionnaires,
submissions, evaluations. Refuses: credentials (cookies), patterns, `*` and `null`, and every other path.

Its place is outside the Shell, so added last of all in create_app: the Shell itself answers 400, 408, 413
and the accidents, and a page can read a problem only when that answer too carries these headers. Lane and
exception handlers lie further in and need nothing. The Shell logs, counts and dresses each such request as
before. A preflight alone is answered here and never reaches it: no x-request-id, no log line, no metric, no
security headers; it has no body, names nobody and asks nothing of the service.
"""

import re
from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = re.compile(r"/v1/(?:questionnaires|submissions|evaluations)(?:/|\Z)")
METHODS = ("GET", "POST", "PATCH", "DELETE")
SENT = ("authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "accept-language")
READ = (
    "etag",
    "location",
    "idempotency-replayed",
    "retry-after",
    "x-request-id",
    "link",
    "ratelimit",
    "ratelimit-policy",
    "deprecation",
    "sunset",
)


class Cors:
    """Plain ASGI around everything; main.py adds it only when there are origins."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        if not {"*", "null"}.isdisjoint(origins):
            raise ValueError("Each origin is named; `*` and `null` are everybody.")
        self.app = app
        self.opened = CORSMiddleware(
            app,
            allow_origins=frozenset(origins),
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = scope["type"] == "http" and OPEN.match(scope["path"])
        await (self.opened if opened else self.app)(scope, receive, send)
