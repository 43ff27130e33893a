"""An HTTP client for an application in the same process. Never: uses the network.

Starlette's TestClient switches threads eight times per request; here a single call into the application's
event loop answers the request, which takes a third of the time.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import httpx2
from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.from_thread import BlockingPortal
    from starlette.types import ASGIApp

Peer = tuple[str, int]
PEER = ("testclient", 50000)


class Turn(httpx2.BaseTransport):
    """Transport that answers a request with one call into an event loop on another thread."""

    def __init__(self, app: ASGIApp, portal: BlockingPortal, peer: Peer) -> None:
        self._asgi = httpx2.ASGITransport(app, raise_app_exceptions=False, client=peer)
        self._portal = portal

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._asgi.handle_async_request(request)
        body = b"".join([part async for part in answer.stream])  # type: ignore[union-attr]
        return httpx2.Response(answer.status_code, headers=answer.headers.raw, stream=httpx2.ByteStream(body))


class Client(httpx2.Client):
    """HTTP client of an application. `peer`: the address its connections come from."""

    def __init__(
        self,
        app: ASGIApp,
        portal: BlockingPortal,
        *,
        base_url: str = "http://testserver",
        peer: Peer = PEER,
        follow_redirects: bool = True,
    ) -> None:
        self.app, self.portal = app, portal
        super().__init__(
            transport=Turn(app, portal, peer),
            base_url=base_url,
            headers={"user-agent": "testclient"},
            follow_redirects=follow_redirects,
        )

    def beside(
        self,
        peer: Peer = PEER,
        *,
        base_url: str = "http://testserver",
        follow_redirects: bool = True,
        app: ASGIApp | None = None,
    ) -> Client:
        """Another client of the same application (or of one that wraps it), with its own cookies."""
        return Client(
            app or self.app, self.portal, base_url=base_url, peer=peer, follow_redirects=follow_redirects
        )


@contextlib.contextmanager
def at(app: ASGIApp) -> Iterator[Client]:
    """A client of an application whose lifespan does not start: no background job runs."""
    with start_blocking_portal() as portal, Client(app, portal) as client:
        yield client
