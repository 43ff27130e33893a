"""`preconsult` that is killed by SIGKILL at one chosen point of its own work.

    python -m tests.e2e.processes.crash_points before_commit notes 3 serve --port 8000

Each point is always reached, whereas a kill from outside would hit it only by chance. The hooks are those of
SQLAlchemy and ASGI; the product knows nothing of them. Never: ends the process by anything but SIGKILL.
"""

import asyncio
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Literal

Moment = Literal["statement", "before_commit", "after_commit", "answer"]
LONG_ENOUGH = 0.2  # seconds in which a response that is sent too early gets out


@dataclass(frozen=True)
class CrashPoint:
    """The `number`th time that `moment` occurs for `what`: a written table, or a status.

    statement: written, and not committed. before_commit: a whole transaction is written, and any response
    sent too early has arrived. after_commit: durable, and not answered. answer: only its head is sent.
    """

    moment: Moment
    what: str
    number: int

    @property
    def program(self) -> tuple[str, ...]:
        """What Python runs in place of the product."""
        return ("-m", "tests.e2e.processes.crash_points", self.moment, self.what, str(self.number))


class Countdown:
    """Kills this process the `number`th time that `reached` is called."""

    def __init__(self, number: int, pause: float) -> None:
        self._left, self._pause, self._lock = number, pause, threading.Lock()

    def reached(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            time.sleep(self._pause)  # the length of the pause is the caller's choice
            os.kill(os.getpid(), signal.SIGKILL)


def arm(point: CrashPoint) -> None:
    """Install the crash point in this process."""
    countdown = Countdown(point.number, LONG_ENOUGH if point.moment == "before_commit" else 0)
    if point.moment == "answer":
        _arm_answers(int(point.what), countdown)
    else:
        _arm_transactions(point, countdown)


def _arm_transactions(point: CrashPoint, countdown: Countdown) -> None:
    import sqlalchemy as sa  # noqa: PLC0415 - importing CrashPoint does not need it
    from sqlalchemy.engine.default import DefaultDialect  # noqa: PLC0415 - the same

    writes = re.compile(rf"\s*(INSERT INTO|UPDATE|DELETE FROM) {point.what}\b")
    commit: Any = DefaultDialect.do_commit
    just_now = threading.local()

    def executed(connection: sa.Connection, _cursor: object, statement: str, *_more: object) -> None:
        if not writes.match(statement):
            return
        connection.info["wrote"] = True
        if point.moment == "statement":
            countdown.reached()

    def committing(connection: sa.Connection) -> None:
        just_now.wrote = connection.info.pop("wrote", False)
        if just_now.wrote and point.moment == "before_commit":
            countdown.reached()

    def committed(dialect: DefaultDialect, connection: Any) -> None:
        commit(dialect, connection)
        if getattr(just_now, "wrote", False) and point.moment == "after_commit":
            countdown.reached()
        just_now.wrote = False

    sa.event.listen(sa.Engine, "after_cursor_execute", executed)
    sa.event.listen(sa.Engine, "commit", committing)
    sa.event.listen(sa.Engine, "rollback", lambda connection: connection.info.pop("wrote", None))
    DefaultDialect.do_commit = committed  # type: ignore[method-assign]


def _arm_answers(status: int, countdown: Countdown) -> None:
    import uvicorn  # noqa: PLC0415 - the same

    run = uvicorn.run

    def cut_off(app: Any, **settings: Any) -> None:
        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            async def sent(message: Any) -> None:
                await send(message)
                if message["type"] == "http.response.start" and message["status"] == status:
                    await asyncio.sleep(0.01)  # lets the head get out
                    countdown.reached()

            await app(scope, receive, sent)

        run(wrapped, **settings)

    uvicorn.run = cut_off


if __name__ == "__main__":
    moment, what, number, *arguments = sys.argv[1:]
    arm(CrashPoint(moment, what, int(number)))  # type: ignore[arg-type]
    sys.argv = ["preconsult", *arguments]
    from app.cli import main

    main()
