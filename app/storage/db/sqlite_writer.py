"""One thread writes to SQLite and commits units of work in batches.

Responsible for: running each unit of work in its own SAVEPOINT, so that one failure affects one caller, and
returning results only after the commit is durable (WAL, synchronous=FULL). Never: accepts more waiting
units of work than the limit, or new ones once it closes.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from prometheus_client import Histogram

from app.errors import Unavailable

T = TypeVar("T")
MAX_BATCH = 64
BATCH = Histogram(
    "preconsult_writes_per_commit",
    "Works committed together.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=None,
)


@dataclass(slots=True)
class _Queued:
    work: Callable[[sa.Connection], Any]
    loop: asyncio.AbstractEventLoop
    waiter: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def notify(self) -> None:
        if self.waiter.done():
            return  # the caller is gone; its unit of work is done all the same
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class Writer:
    """The writing thread of one process. Units of work from one iteration of an event loop are queued
    together.
    """

    def __init__(self, engine: sa.Engine, limit: int) -> None:
        self._engine, self._limit, self._closed = engine, limit, False
        self.waiting = 0  # units of work without a delivered result
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Queued]] = {}
        self._queue: queue.SimpleQueue[list[_Queued] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def enqueue(self, work: Callable[[sa.Connection], T]) -> T:
        """Return the result of `work` once it is durable. Raises Unavailable when too many wait or the
        writer is closed.
        """
        if self._closed or self.waiting >= self._limit:
            raise Unavailable("Too many requests are waiting; try again shortly.", retry_after=1)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        if loop not in self._gathered:
            self._gathered[loop] = []
            loop.call_soon(self._flush, loop)
        self._gathered[loop].append(_Queued(work, loop, waiter))
        self.waiting += 1
        return await waiter

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._closed = True
        for loop in list(self._gathered):
            self._flush(loop)
        self._queue.put(None)
        self._thread.join()

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        gathered = self._gathered.pop(loop, None)
        if gathered:
            self._queue.put(gathered)

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            last = self._collect_batch(batch)
            try:
                self._commit(batch)
            except Exception as error:  # every caller gets the error, whatever it is
                for queued in batch:
                    queued.error = _cause(error)
            self._resolve(batch)
            if last:
                return

    def _collect_batch(self, batch: list[_Queued]) -> bool:
        """Add queued units of work to `batch` until it is full. Returns whether the thread is to end after
        it.
        """
        while len(batch) < MAX_BATCH:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return True
            batch += more
        return False

    def _commit(self, batch: list[_Queued]) -> None:
        with self._engine.connect() as session, session.begin():
            for queued in batch:
                _run_in_savepoint(session, queued)
        BATCH.observe(len(batch))

    def _resolve(self, batch: list[_Queued]) -> None:
        """Deliver the results to the callers on their own event loops, with one wake-up per loop."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Queued]] = {}
        for queued in batch:
            by_loop.setdefault(queued.loop, []).append(queued)
        for loop, done in by_loop.items():
            with contextlib.suppress(RuntimeError):  # a closed loop has no callers
                loop.call_soon_threadsafe(self._resolve_in_loop, done)

    def _resolve_in_loop(self, done: list[_Queued]) -> None:
        self.waiting -= len(done)
        for queued in done:
            queued.notify()


def _run_in_savepoint(session: sa.Connection, queued: _Queued) -> None:
    driver = session.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - this is SQLite's writer
    driver.execute("SAVEPOINT work")
    try:
        queued.result = queued.work(session)
    except Exception as error:  # it belongs to the caller, who gets it
        queued.error = error if not isinstance(error, sa.exc.SQLAlchemyError) else _cause(error)
        try:
            driver.execute("ROLLBACK TO work")
        except sqlite3.Error:  # SQLite has ended the transaction: the first error applies to the whole batch
            raise error from None
    driver.execute("RELEASE work")


def _cause(error: Exception) -> Exception:
    """Return Unavailable for a full disk, a lock or a read error; a programming error is returned
    unchanged.
    """
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if not isinstance(cause, sqlite3.OperationalError) or cause.sqlite_errorcode == sqlite3.SQLITE_ERROR:
        return error
    problem = Unavailable("The database can't take this right now; try again shortly.", retry_after=2)
    problem.__cause__ = error
    return problem
