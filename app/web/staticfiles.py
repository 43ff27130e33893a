"""/static: our own files and vendored ones, compressed, and kept by browsers while their address holds.

Office: gzip where it can't leak (BREACH needs secrets beside input; there are none in these files), cache
headers. Refuses: anything that depends on who asks.
"""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send


class Static:
    """Plain ASGI around Starlette's files: `?v=…` in the address means that the bytes never change."""

    def __init__(self, directory: Path) -> None:
        self.app = GZipMiddleware(StaticFiles(directory=directory), minimum_size=500)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                versioned = scope["query_string"].startswith(b"v=")
                kept = "public, max-age=31536000, immutable" if versioned else "public, max-age=300"
                MutableHeaders(scope=message)["cache-control"] = kept
            await send(message)

        await self.app(scope, receive, told)
