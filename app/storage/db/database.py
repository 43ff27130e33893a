"""The database: one way to write, one way to read, and every difference between SQLite and PostgreSQL.

Responsible for: `write` returns only after the commit is durable, and `read` sees committed state. Never:
starts on a database that could lose acknowledged writes (SQLite below synchronous=FULL, PostgreSQL with
synchronous_commit or fsync off), or queues without limit.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from app.errors import InFlight, StartupError, Unavailable
from app.storage.db.dialects import create_engine
from app.storage.db.sqlite_writer import Writer

Session = sa.Connection  # Core, inside a transaction: no identity map between a service and its rows
T = TypeVar("T")
UnitOfWork = Callable[[Session], T]

BUSY_SECONDS = 7  # a unit of work may arrive while another waits in vain: the longest wait is twice this
RETRIED = {"40001", "40P01"}  # serialization failure, deadlock
LOCK_TIMEOUT = "55P03"
PAUSES = (0.02, 0.1, 0.5)  # seconds before the next attempt
POSTGRES_OPTIONS = f"-c lock_timeout={BUSY_SECONDS}s -c statement_timeout=30s -c timezone=UTC"


class Database:
    """Runs units of work on database threads. `work` is a plain function of a Session; it never commits."""

    def __init__(self, url: str, *, pool: int = 8, queue_limit: int = 1000) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._queue_limit, self._waiting = queue_limit, 0
        self.engine = _engine(self.url, pool, immediate=True)
        self._readers = _engine(self.url, pool, immediate=False) if self.is_sqlite else self.engine
        self._threads = ThreadPoolExecutor(pool, thread_name_prefix="database")
        self.writer = Writer(self.engine, queue_limit) if self.is_sqlite else None

    @property
    def pending_writes(self) -> int:
        """Calls that are not finished: those on database threads and, with SQLite, those of the writer."""
        return self._waiting + (self.writer.waiting if self.writer else 0)

    async def write(self, work: UnitOfWork[T]) -> T:
        """Run `work` in a transaction and return its result once the commit is durable.

        Raises what `work` raises (its changes are rolled back), and Unavailable when the database can't
        take it.
        """
        if self.writer:
            return await self.writer.enqueue(work)
        return await self.run_in_thread(lambda: self._transact(work))

    async def read(self, work: UnitOfWork[T]) -> T:
        """Run `work` on committed state; its changes are not committed."""
        return await self.run_in_thread(lambda: self.read_blocking(work))

    def write_blocking(self, work: UnitOfWork[T]) -> T:
        """`write` for a caller without an event loop (commands)."""
        return self._transact(work)

    def read_blocking(self, work: UnitOfWork[T]) -> T:
        """`read` for a caller without an event loop (commands)."""
        for pause in (*PAUSES, None):
            try:
                with self._readers.connect() as session:
                    return work(session)
            except SQLAlchemyError as error:
                self._pause_or_raise(error, pause)
        raise AssertionError  # pragma: no cover - the last pause raises

    async def run_in_thread(self, call: Callable[[], T]) -> T:
        """Run `call`, which uses this database, on one of its threads; `close` waits only for calls made
        this way.

        Raises Unavailable when too many calls are waiting.
        """
        if self._waiting >= self._queue_limit:
            raise Unavailable("Too many requests are waiting; try again shortly.", retry_after=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting -= 1

    def _transact(self, work: UnitOfWork[T]) -> T:
        for pause in (*PAUSES, None):
            try:
                with self.engine.connect() as session, session.begin() as transaction:
                    result = work(session)
                    transaction.commit()
                    return result
            except SQLAlchemyError as error:
                self._pause_or_raise(error, pause)
        raise AssertionError  # pragma: no cover - the last pause raises

    def _pause_or_raise(self, error: SQLAlchemyError, pause: float | None) -> None:
        if pause is None or not _may_retry(error):
            raise unavailable(error) from error
        time.sleep(pause)

    def check_durable(self) -> None:
        """Raise Refusal when an acknowledged write could be lost in a power failure."""
        if self.is_sqlite:
            wanted = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"}
            ask = "PRAGMA {}"
        else:
            wanted, ask = {"fsync": "on", "synchronous_commit": "on"}, "SHOW {}"
        with self.engine.connect() as session:
            found = {name: str(session.exec_driver_sql(ask.format(name)).scalar()) for name in wanted}
        fine = all(found[name] in (value, "remote_apply", "remote_write") for name, value in wanted.items())
        if not fine:
            pragmas = ", ".join(f"{name}={value}" for name, value in found.items())
            raise StartupError(
                f"The database could lose acknowledged answers ({pragmas}); it must be {wanted}."
            )

    def checkpoint(self) -> None:
        """Remove erased data from SQLite's write-ahead log. Active readers may delay this to the next
        checkpoint.
        """
        if self.is_sqlite:
            connection = self._readers.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                connection.close()

    def close(self) -> None:
        """Finish what is queued, then close every connection and thread."""
        if self.writer:
            self.writer.close()
        self._threads.shutdown()
        self.engine.dispose()
        self._readers.dispose()


def unavailable(error: SQLAlchemyError) -> Exception:
    """Return the exception a caller gets for a database error. A mapped error never contains the statement
    or its values.
    """
    if _sqlstate(error) == LOCK_TIMEOUT:
        return InFlight("Another request is changing this; try again shortly.", retry_after=1)
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError):
        return Unavailable("The database can't take this right now; try again shortly.", retry_after=2)
    return error


def _sqlstate(error: SQLAlchemyError) -> str | None:
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None


def _may_retry(error: SQLAlchemyError) -> bool:
    """Return whether a rolled-back transaction may run again. It may not when the connection was lost
    during the commit.
    """
    if _sqlstate(error) in RETRIED:
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated and error.statement is not None


def _engine(url: sa.URL, pool: int, *, immediate: bool) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            hide_parameters=True,
            connect_args={"connect_timeout": 5, "options": POSTGRES_OPTIONS},
        )
    engine = create_engine(
        url, pool_size=pool, max_overflow=1, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}
    )
    begin = "BEGIN IMMEDIATE" if immediate else "BEGIN"

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions itself
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(session: sa.Connection) -> None:
        session.exec_driver_sql(begin)

    return engine
