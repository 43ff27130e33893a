"""The HTTP connection until a request head is complete: uvicorn limits neither its size nor its time.

Responsible for: both limits; what follows the head is limited in request_guard.py. Never: waits for a head
that does not end.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.web.http.long_polling import STOPPING

MAX_HEADER_BYTES = 64 * 1024  # bytes; may be exceeded by the size of one read
HEADER_TIMEOUT = 10.0  # seconds


class GuardedH11Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection when a request head is too slow or too large.

    After the first request on a connection, a head that arrives in one read needs no timer.
    """

    _in_head, _head = False, 0
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch = self.loop.call_later(HEADER_TIMEOUT, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEADER_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")
            if self._watch is None:
                self._watch = self.loop.call_later(HEADER_TIMEOUT, self.transport.close)

    def on_message_begin(self) -> None:
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unwatch()
        super().on_headers_complete()

    def shutdown(self) -> None:
        """End the wait of a long-polling request, which is answered now (web/http/long_polling.py)."""
        if self.cycle is not None:
            cast("dict[str, Any]", self.cycle.scope)[STOPPING] = True
        super().shutdown()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
