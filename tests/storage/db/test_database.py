"""The unit of work: durable before it returns, a failure affects one caller only, bounded queues."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.errors import StartupError, Unavailable
from app.storage.db.database import Database, Session
from tests import postgres_server

TABLE = sa.Table("works", sa.MetaData(), sa.Column("n", sa.Integer, primary_key=True))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url, pool=4)
    TABLE.metadata.create_all(made.engine)
    yield made
    made.close()


def insert(number: int) -> Callable[[Session], int]:
    def work(session: Session) -> int:
        session.execute(sa.insert(TABLE), {"n": number})
        return number

    return work


def numbers(session: Session) -> list[int]:
    return list(session.execute(sa.select(TABLE.c.n).order_by(TABLE.c.n)).scalars())


def test_a_database_that_could_lose_acknowledged_answers_is_refused(database_url: str) -> None:
    database = Database(database_url)
    database.check_durable()
    weaker = "PRAGMA synchronous=NORMAL" if database.is_sqlite else "SET synchronous_commit = off"
    sa.event.listen(database.engine, "checkout", lambda connection, *_: connection.cursor().execute(weaker))
    with pytest.raises(StartupError, match="could lose acknowledged answers"):
        database.check_durable()
    database.close()


def test_one_failure_fails_one_caller(database: Database) -> None:
    def fail(session: Session) -> None:
        session.execute(sa.insert(TABLE), {"n": 99})
        raise LookupError("mine alone")

    async def run() -> list[object]:
        works = [database.write(insert(1)), database.write(fail), database.write(insert(2))]
        return list(await asyncio.gather(*works, return_exceptions=True))

    first, second, third = asyncio.run(run())
    assert (first, third) == (1, 2)
    assert isinstance(second, LookupError)
    assert database.read_blocking(numbers) == [1, 2]


def test_a_constraint_broken_by_one_work_leaves_the_others(database: Database) -> None:
    async def run() -> list[object]:
        works = [database.write(insert(number)) for number in (1, 1, 2, 2, 3)]
        return list(await asyncio.gather(*works, return_exceptions=True))

    outcomes = asyncio.run(run())
    assert sum(isinstance(each, sa.exc.IntegrityError) for each in outcomes) == 2
    assert database.read_blocking(numbers) == [1, 2, 3]


def test_many_callers_at_once_all_get_their_own_result(database: Database) -> None:
    async def run() -> list[int]:
        return list(await asyncio.gather(*(database.write(insert(number)) for number in range(300))))

    assert asyncio.run(run()) == list(range(300))
    assert database.read_blocking(numbers) == list(range(300))


def test_a_caller_that_went_away_does_not_stop_the_others(database: Database) -> None:
    async def run() -> int:
        gone = asyncio.ensure_future(database.write(insert(1)))
        await asyncio.sleep(0)
        gone.cancel()
        return await database.write(insert(2))

    assert asyncio.run(run()) == 2
    assert 2 in database.read_blocking(numbers)


def test_reading_keeps_nothing(database: Database) -> None:
    async def run() -> None:
        await database.read(insert(1))

    asyncio.run(run())
    assert database.read_blocking(numbers) == []


def test_too_many_waiting_are_told_to_come_back(database_url: str) -> None:
    database = Database(database_url, pool=1, queue_limit=1)
    at_work, go = threading.Event(), threading.Event()

    def wait(_session: Session) -> bool:
        at_work.set()
        return go.wait(10)

    async def run() -> list[object]:
        first = asyncio.ensure_future(database.write(wait))
        assert await asyncio.to_thread(at_work.wait, 10)
        others = [asyncio.ensure_future(database.write(lambda _session: 1)) for _ in range(3)]
        await asyncio.wait(others, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        go.set()
        assert await first is True
        return list(await asyncio.gather(*others, return_exceptions=True))

    told = asyncio.run(run())
    refused = [each for each in told if isinstance(each, Unavailable)]
    assert refused
    assert refused[0].retry_after == 1
    database.close()


def test_closing_finishes_what_is_queued_and_takes_no_more(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    TABLE.metadata.create_all(database.engine)

    async def run() -> list[int]:
        works = [asyncio.ensure_future(database.write(insert(number))) for number in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(database.close)
        with pytest.raises(Unavailable):
            await database.write(insert(99))
        return list(await asyncio.gather(*works))

    assert asyncio.run(run()) == list(range(50))
    with sqlite3.connect(tmp_path / "a.db") as copy:
        assert copy.execute("SELECT count(*) FROM works").fetchone() == (50,)


def test_closing_waits_for_what_was_begun_and_given_up_and_leaves_nothing_open(tmp_path: Path) -> None:
    file = tmp_path / "closing.db"
    database, begun, read = Database(f"sqlite:///{file}"), threading.Event(), []

    def slow() -> None:
        begun.set()
        time.sleep(0.1)
        read.append(database.read_blocking(lambda session: session.execute(sa.text("SELECT 1")).scalar_one()))
        database.checkpoint()

    async def given_up() -> None:
        task = asyncio.create_task(database.run_in_thread(slow))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        await asyncio.to_thread(database.close)

    asyncio.run(given_up())
    assert read == [1]
    assert [
        each for each in list(Path("/proc/self/fd").iterdir()) if str(file) in os.path.realpath(each)
    ] == []


def test_a_lost_connection_is_made_again(database: Database) -> None:
    database.write_blocking(insert(1))
    connection = database.engine.raw_connection()
    assert connection.driver_connection is not None
    connection.driver_connection.close()
    connection.close()
    database.write_blocking(insert(2))
    assert database.read_blocking(numbers) == [1, 2]


def test_serialization_failures_and_deadlocks_are_tried_again(postgres: postgres_server.Postgres) -> None:
    postgres.create_database("retried")
    database = Database(postgres.url("retried"))
    TABLE.metadata.create_all(database.engine)
    tried: list[int] = []

    def work(session: Session) -> int:
        tried.append(1)
        if len(tried) < 3:
            session.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")
        session.execute(sa.insert(TABLE), {"n": len(tried)})
        return len(tried)

    assert database.write_blocking(work) == 3
    assert database.read_blocking(numbers) == [3]
    database.close()
