"""/static: the project's own files and vendored ones, compressed, and cached by browsers.

Responsible for: gzip, which is safe here (BREACH needs secrets next to input, and these files contain none),
and cache headers. Never: serves anything that depends on the client.
"""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send


class ImmutableStaticFiles:
    """Plain ASGI around Starlette's files: `?v=…` in the address means that the bytes never change."""

    def __init__(self, directory: Path) -> None:
        self.app = GZipMiddleware(StaticFiles(directory=directory), minimum_size=500)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                versioned = scope["query_string"].startswith(b"v=")
                cache = "public, max-age=31536000, immutable" if versioned else "public, max-age=300"
                MutableHeaders(scope=message)["cache-control"] = cache
            await send(message)

        await self.app(scope, receive, send_with_headers)
