"""A connection until the head of a request is whole: uvicorn bounds neither its size nor its time.

Office: both bounds; what follows the head is bounded in security.py. Refuses: heads that do not end.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.web.waiting import STOPPING

LARGEST_HEAD = 64 * 1024  # bytes, give or take what one read brings
SLOWEST_HEAD = 10.0  # seconds


class Connection(HttpToolsProtocol):
    """uvicorn's protocol that hangs up on a head without end. A whole head in one piece costs no timer."""

    _in_head, _head = False, 0
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch = self.loop.call_later(SLOWEST_HEAD, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")
            if self._watch is None:
                self._watch = self.loop.call_later(SLOWEST_HEAD, self.transport.close)

    def on_message_begin(self) -> None:
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unwatch()
        super().on_headers_complete()

    def shutdown(self) -> None:
        """Whoever waits for something to happen is answered now (web/waiting.py)."""
        if self.cycle is not None:
            cast("dict[str, Any]", self.cycle.scope)[STOPPING] = True
        super().shutdown()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
