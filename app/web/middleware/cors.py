"""Which websites may call the API from a browser (CORS).

Responsible for: the exact origins in the settings, for what a clinic's own form needs: questionnaires,
submissions, evaluations. Never: allows credentials (cookies), patterns, `*`, `null`, or any other path.

This middleware wraps `Shell`, so `create_app` adds it last. `Shell` itself answers 400, 408, 413 and
unhandled errors, and a page can read a problem only when that response carries these headers too. `Lane` and
the exception handlers are further in and need nothing. `Shell` still logs and counts each of these requests
and adds its headers. Only a preflight is answered here and never reaches `Shell`: it gets no x-request-id,
log line, metric or security headers. A preflight has no body, identifies no one and requests nothing of the
service.
"""

import re
from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

CORS_PATHS = re.compile(r"/v1/(?:questionnaires|submissions|evaluations)(?:/|\Z)")
METHODS = ("GET", "POST", "PATCH", "DELETE")
ALLOWED_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "accept-language",
)
EXPOSED_HEADERS = (
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
    """Plain ASGI middleware around the application; main.py adds it only when origins are configured."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        if not {"*", "null"}.isdisjoint(origins):
            raise ValueError("Each origin is named; `*` and `null` are everybody.")
        self.app = app
        self.opened = CORSMiddleware(
            app,
            allow_origins=frozenset(origins),
            allow_methods=METHODS,
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = scope["type"] == "http" and CORS_PATHS.match(scope["path"])
        await (self.opened if opened else self.app)(scope, receive, send)
