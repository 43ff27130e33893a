"""The load generator: keep-alive connections that each send a request after every response (a closed loop).

Responsible for: sending prepared requests, timing the responses, and checking each: its status (201) and its
content (an id). It runs in a separate process on a separate core; how busy it was is part of the result.
Never: counts a wrong response.
"""

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from benchmarks.pinned import LOAD_CORE, on_core

PATIENCE = 60.0  # seconds beyond the end of the load


@dataclass(frozen=True, slots=True)
class Job:
    """Send requests for `seconds` or, if given, `count` times.

    `bodies` of submissions, or whole `requests` that are sent as they are; a correct response has this
    `status` and contains `holds`.
    """

    port: int
    bodies: tuple[str, ...] = ()
    key: str = ""
    connections: int = 64
    seconds: float = 3.0
    count: int | None = None
    salt: int = 0  # makes the idempotency keys of this job unique
    requests: tuple[str, ...] = ()
    status: int = 201
    holds: str = '"id":'


@dataclass(frozen=True, slots=True)
class Result:
    """`answers`: correct responses. `busy`: the share of its core that the generator used."""

    answers: int
    seconds: float
    p50: float
    p99: float
    busy: float
    answer_bytes: int
    wrong: int
    example: str

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def run(job: Job) -> Result:
    """Run the job in a separate process, on the load's core."""
    with on_core(LOAD_CORE):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"],
            input=json.dumps(asdict(job)),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return Result(**json.loads(done.stdout))


class Load:
    """State that all connections share: the requests, the clock, the counts."""

    def __init__(self, job: Job) -> None:
        self.job, self.sent, self.size = job, 0, 0
        self.requests = [_request(job, body) for body in job.bodies]
        self.ready = [request.encode() for request in job.requests]
        self.right, self.holds = f"HTTP/1.1 {job.status} ".encode(), job.holds.encode()
        self.latencies: list[float] = []
        self.wrong: list[bytes] = []
        self.begun = self.last = time.perf_counter()
        self.deadline = self.begun + job.seconds

    def next(self) -> bytes | None:
        """The next request, or None if the job is done."""
        enough = self.sent >= self.job.count if self.job.count else time.perf_counter() >= self.deadline
        if enough:
            return None
        self.sent += 1
        if self.ready:
            return self.ready[self.sent % len(self.ready)]
        before, after = self.requests[self.sent % len(self.requests)]
        return b"%b%08x-0000-7000-8000-%012x%b" % (before, self.job.salt, self.sent, after)

    def answered(self, answer: bytes, asked: float) -> None:
        """Count one response."""
        self.last = time.perf_counter()
        if answer.startswith(self.right) and self.holds in answer:
            self.latencies.append(self.last - asked)
            self.size += len(answer)
        else:
            self.wrong.append(answer[:2000])

    def result(self, busy: float) -> Result:
        """The results, in seconds and shares."""
        ordered = sorted(self.latencies) or [0.0]
        return Result(
            answers=len(self.latencies),
            seconds=self.last - self.begun,
            p50=_quantile(ordered, 0.50),
            p99=_quantile(ordered, 0.99),
            busy=busy,
            answer_bytes=self.size // len(ordered),
            wrong=len(self.wrong),
            example=self.wrong[0].decode(errors="replace") if self.wrong else "",
        )


class Connection(asyncio.Protocol):
    """One client: sends a request, reads the whole response, sends the next."""

    def __init__(self, load: Load) -> None:
        self.load, self.answer, self.wanted, self.asked = load, b"", 0, 0.0
        self.waiting = False
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's class does not declare this type

    def ask(self) -> None:
        request = self.load.next()
        if request is None:
            self.transport.close()
            return
        self.answer, self.wanted, self.waiting = b"", 0, True
        self.asked = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.answer += data
        if not self.wanted:
            self.wanted = _length(self.answer)
        if self.wanted and len(self.answer) >= self.wanted:
            self.waiting = False
            self.load.answered(self.answer, self.asked)
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting:
            self.load.answered(b"connection lost after: " + self.answer, self.asked)
        if not self.over.done():
            self.over.set_result(None)


def _request(job: Job, text: str) -> tuple[bytes, bytes]:
    """The bytes before and after the idempotency key."""
    body = text.encode()
    head = (
        f"POST /v1/submissions HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\nAuthorization: Bearer {job.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
    )
    return head.encode(), b"\r\n\r\n" + body


def _length(answer: bytes) -> int:
    """The length of head and body together; 0 while it is unknown."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    _, _, rest = answer[:end].lower().partition(b"\r\ncontent-length:")
    return end + 4 + int(rest.partition(b"\r\n")[0] or 0)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def _drive(job: Job) -> Result:
    loop, load = asyncio.get_running_loop(), Load(job)
    lines = [
        (await loop.create_connection(lambda: Connection(load), "127.0.0.1", job.port))[1]
        for _ in range(job.connections)
    ]
    gc.disable()
    used = time.process_time()
    load.begun = time.perf_counter()
    load.deadline = load.begun + job.seconds
    for line in lines:
        line.ask()
    async with asyncio.timeout(job.seconds + PATIENCE):
        await asyncio.gather(*(line.over for line in lines))
    return load.result(busy=(time.process_time() - used) / (load.last - load.begun))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(_drive(Job(**json.load(sys.stdin)))))))
