"""The request guard, plain ASGI: limits on requests, headers on responses, one log line and metric each.

Responsible for: request ids, body size and deadline, security headers, handling otherwise unhandled errors.
Never: puts paths, queries, headers, bodies or exception messages in logs and metrics; labels are route
templates.
"""

import asyncio
import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from app.errors import BadRequest, ContentTooLarge, Internal, Problem, RequestTimeout
from app.logging import error_location, log
from app.web.http import problems
from app.web.http.rate_limits import FIELDS

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "x-frame-options": "DENY",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class RequestGuardMiddleware:
    """Middleware that wraps the application."""

    def __init__(
        self, app: ASGIApp, *, registry: CollectorRegistry, max_body: int, body_seconds: float, https: bool
    ) -> None:
        self.app, self.max_body, self.body_seconds = app, max_body, body_seconds
        headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if https else {})
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.names = {name for name, _ in self.headers}
        self._meters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        labels = ("method", "route", "status")
        self.requests = Counter("preconsult_http_requests", "Requests answered.", labels, registry=registry)
        self.seconds = Histogram(
            "preconsult_http_request_seconds", "Time to answer.", ("method", "route"), registry=registry
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request in the metrics; each labelled metric is looked up only once."""
        meters = self._meters.get((method, route, status))
        if meters is None:
            counter = self.requests.labels(method, route, str(status))
            meters = self._meters[method, route, status] = (counter, self.seconds.labels(method, route))
        meters[0].inc()
        meters[1].observe(seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Request(self, scope, receive, send)
        await exchange.run()


class _Request:
    """One request and its response."""

    __slots__ = (
        "began",
        "body_to_come",
        "deadline",
        "guard",
        "receive",
        "received",
        "request_id",
        "scope",
        "send",
        "status",
    )

    def __init__(self, guard: RequestGuardMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.guard, self.scope, self.receive, self.send = guard, scope, receive, send
        self.began, self.received, self.status = time.perf_counter(), 0, 0
        self.deadline: float | None = None
        self.body_to_come = False
        self.request_id = scope["request_id"] = str(uuid7())

    async def run(self) -> None:
        try:
            self._check_head()
            await self.guard.app(self.scope, self._receive, self._send)
        except Problem as problem:  # raised while the body was received
            await self._answer(problem)
        except ClientDisconnect:
            self.status = 499  # logged and counted as in nginx, never sent: the client is gone
        except Exception as error:  # the last handler: every unhandled error is logged and answered
            log.error(
                "unhandled_exception",
                request_id=self.request_id,
                error=type(error).__name__,
                at=error_location(error),
            )
            await self._answer(Internal("An error on our side; quote `instance` when you report it."))
        finally:
            self._log()

    def _check_head(self) -> None:
        hosts = 0
        for name, value in self.scope["headers"]:
            hosts += name == b"host"
            self.body_to_come |= name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            if name == b"content-length" and value.isdigit() and int(value) > self.guard.max_body:
                raise ContentTooLarge(f"A body may have at most {self.guard.max_body} bytes.")
        if hosts > 1 or (not hosts and self.scope["http_version"] == "1.1"):
            raise BadRequest("A request names its host, once (RFC 9112, section 3.2).")

    async def _receive(self) -> Message:
        """Return the next part of the body. Raises TooLarge and TooSlow."""
        now = asyncio.get_running_loop().time()
        if self.deadline is None:
            self.deadline = now + self.guard.body_seconds
        try:
            if self.received < 0:  # the body is complete: only the disconnect follows
                return await self.receive()
            async with asyncio.timeout_at(self.deadline):
                message = await self.receive()
        except TimeoutError:
            raise RequestTimeout(
                f"A body has to arrive within {self.guard.body_seconds:g} seconds."
            ) from None
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            if self.received > self.guard.max_body:
                raise ContentTooLarge(f"A body may have at most {self.guard.max_body} bytes.")
            if not message.get("more_body", False):
                self.received = -1
        return message

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.setdefault("headers", [])
            given = {name for name, _ in headers}
            if b"content-security-policy" in given:
                given.add(b"x-frame-options")  # the page itself declares who may frame it
            headers += [pair for pair in self.guard.headers if pair[0] not in given]
            headers += self.scope.get(FIELDS, ())
            headers.append((b"x-request-id", self.request_id.encode()))
            if self.body_to_come and self.received >= 0:
                headers.append((b"connection", b"close"))  # the rest of the body is not read
        await self.send(message)

    async def _answer(self, problem: Problem) -> None:
        if self.status == 0:
            reply = problems.response(problem, self.request_id, path=self.scope["path"])
            await reply(self.scope, self.receive, self._send)

    def _log(self) -> None:
        method = self.scope["method"] if self.scope["method"] in METHODS else "other"
        route = getattr(self.scope.get("route"), "path", "none")
        seconds = time.perf_counter() - self.began
        self.guard.count(method, route, self.status, seconds)
        log.info(
            "request",
            request_id=self.request_id,
            method=method,
            route=route,
            status=self.status,
            ms=round(seconds * 1000, 1),
            actor=self.scope.get("actor"),
        )
