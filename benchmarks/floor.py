"""The lower bound: bare ASGI, the body parsed, a row durable in SQLite, a prepared response.

Uses no framework, validation or rules; raw sqlite3 on a writer thread that commits in groups (WAL, FULL).
`bare` does even less: it reads and stores nothing; the load generator is measured with it.
"""

import asyncio
import os
import queue
import sqlite3
import threading
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pydantic_core import from_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Row = tuple[str, str, bytes]
Queued = tuple[Row, "asyncio.Future[None]"]

SIZE = int(os.environ.get("FLOOR_ANSWER_BYTES", "5600"))
BODY = b'{"id":"00000000-0000-7000-8000-000000000000","summary":"%b"}' % (b"x" * (SIZE - 60))
START = {
    "type": "http.response.start",
    "status": 201,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}
END = {"type": "http.response.body", "body": BODY}
INSERT = "INSERT INTO submissions (id, questionnaire, body) VALUES (?, ?, ?)"

_queue: queue.SimpleQueue[Queued] = queue.SimpleQueue()


def _write(loop: asyncio.AbstractEventLoop) -> None:
    connection = sqlite3.connect(os.environ["FLOOR_DATABASE"], isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE submissions (id TEXT PRIMARY KEY, questionnaire TEXT, body BLOB)")
    while True:
        batch = [_queue.get()]
        while not _queue.empty() and len(batch) < 64:
            batch.append(_queue.get_nowait())
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, [row for row, _ in batch])
        connection.execute("COMMIT")
        loop.call_soon_threadsafe(_tell, batch)


def _tell(batch: list[Queued]) -> None:
    for _, waiter in batch:
        waiter.set_result(None)


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        threading.Thread(target=_write, args=(asyncio.get_running_loop(),), daemon=True).start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message.get("more_body"):
            break
    row = (str(uuid.uuid4()), from_json(body)["questionnaire"], body)
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    _queue.put((row, waiter))
    await waiter
    await send(START)
    await send(END)


async def bare(scope: Message, receive: Receive, send: Send) -> None:
    await send(START)
    await send(END)
