"""One thread writes to SQLite, a batch of works to a commit.

Office: each work runs in its own SAVEPOINT, so one failure fails one caller; nobody hears before the commit
is durable (WAL, synchronous=FULL). Refuses: more waiting works than the limit; new works once it closes.
"""

import asyncio
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
LARGEST_BATCH = 64
BATCH = Histogram(
    "preconsult_works_per_commit",
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

    def tell(self) -> None:
        if self.waiter.done():
            return  # the caller is gone; what it asked for is done all the same
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class Writer:
    """The writing thread of one process."""

    def __init__(self, engine: sa.Engine, limit: int) -> None:
        self._engine, self._limit, self._closed = engine, limit, False
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Works not begun yet."""
        return self._queue.qsize()

    async def submit(self, work: Callable[[sa.Connection], T]) -> T:
        """The result of `work`, once it is durable. Raises Unavailable when too many wait or it closes."""
        if self._closed or self.waiting >= self._limit:
            raise Unavailable("Too many requests are waiting; try again shortly.", retry_after=1)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Queued(work, loop, waiter))
        return await waiter

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._batch(first)
            try:
                self._commit(batch)
            except Exception as error:  # whatever it was, every caller is told
                for queued in batch:
                    queued.error = _cause(error)
            _tell(batch)
            if last:
                return

    def _batch(self, first: _Queued) -> tuple[list[_Queued], bool]:
        """What is waiting, up to a batch, and whether the thread is to end after it."""
        batch = [first]
        while len(batch) < LARGEST_BATCH:
            try:
                queued = self._queue.get_nowait()
            except queue.Empty:
                break
            if queued is None:
                return batch, True
            batch.append(queued)
        return batch, False

    def _commit(self, batch: list[_Queued]) -> None:
        with self._engine.connect() as session, session.begin():
            for queued in batch:
                _run_in_savepoint(session, queued)
        BATCH.observe(len(batch))


def _run_in_savepoint(session: sa.Connection, queued: _Queued) -> None:
    session.exec_driver_sql("SAVEPOINT work")
    try:
        queued.result = queued.work(session)
    except Exception as error:  # it is the caller's, and told to it
        queued.error = error if not isinstance(error, sa.exc.SQLAlchemyError) else _cause(error)
        session.exec_driver_sql("ROLLBACK TO work")  # fails when SQLite has ended the transaction: all fail
    session.exec_driver_sql("RELEASE work")


def _cause(error: Exception) -> Exception:
    """A full disk, a lock or a read error is told as Unavailable; a mistake of ours as itself."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, sqlite3.OperationalError):
        return Unavailable("The database can't take this right now; try again shortly.", retry_after=2)
    return error


def _tell(batch: list[_Queued]) -> None:
    """Tell every caller on its own event loop, one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Queued]] = {}
    for queued in batch:
        by_loop.setdefault(queued.loop, []).append(queued)
    for loop, told in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, told)


def _tell_all(told: list[_Queued]) -> None:
    for queued in told:
        queued.tell()
