"""A full set of requests to the service, valid and invalid, with canaries in every field.

Responsible for: every operation, replay and kind of error that a test can cause, and a visit to the form.
Never: judges; it only records the responses.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from tests.e2e.processes.canaries import ANSWERS, CONTACT, STRAY
from tests.e2e.processes.visits import Visits
from tests.e2e.processes.wire import Wire
from tests.e2e.processes.writers import PATH, Answer, Line
from tests.sample_answers import body
from tests.server import Server

REFERENCE = "visit-in-the-clear-8842"
UNKNOWN = f"{PATH}/019298a2-0000-7000-8000-000000000000"
EVERYTHING = body(ANSWERS, contact=CONTACT, booking_reference=REFERENCE, language="en")
DRAFT = EVERYTHING | {"status": "draft"}


@dataclass
class Conversation:
    """`told`: every response. `tokens`: every access token issued."""

    server: Server
    key: str
    told: list[Answer] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    visits: Visits = field(init=False)

    def __post_init__(self) -> None:
        self.visits = Visits(self.server)

    def ask(self, method: str, path: str, content: object = None, **more: str) -> Answer:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode() if content else None
        noise = {"user_agent": STRAY["header"], "referer": f"https://x.example/{STRAY['header']}",
                 "cookie": f"c={STRAY['header']}", "x_forwarded_for": STRAY["address"],
                 "x_canary": STRAY["header"]}  # fmt: skip
        with Line(self.server, self.key) as line:
            answer = line.ask(method, f"{path}?stray={STRAY['query']}", raw, **noise | more)
        self.told.append(answer)
        if answer.status == 201:
            self.tokens.append(answer.json()["access_token"])
        return answer

    def hold(self, url: str) -> None:
        """Send all requests, from the first to the last."""
        self._live()
        self._err()
        self._shout()
        self.visits.pay()
        with broken_table(url):
            for key in ("", "key-of-an-accident-1"):
                more = {"idempotency_key": key} if key else {}
                assert self.ask("POST", PATH, EVERYTHING, **more).status == 500
            self.visits.be_unlucky()
        assert self.ask("POST", PATH, EVERYTHING).status == 201

    def _live(self) -> None:
        """The requests of clients that follow the documentation."""
        first = self.ask("POST", PATH, EVERYTHING, idempotency_key="key-of-the-conversation")
        again = self.ask("POST", PATH, EVERYTHING, idempotency_key="key-of-the-conversation")
        assert (first.status, again.content) == (201, first.content)
        one, token = f"{PATH}/{first.json()['id']}", first.json()["access_token"]
        draft = self.ask("POST", PATH, DRAFT, idempotency_key="key-of-the-draft").json()
        two = f"{PATH}/{draft['id']}"
        assert self.ask("PATCH", two, {"contact": CONTACT | {"name": "x"}}, if_match='"1"').status == 200
        assert self.ask("PATCH", two, {"contact": CONTACT, "answers": ANSWERS}, if_match='"2"').status == 200
        assert self.ask("POST", f"{two}/submit", if_match='"3"').status == 200
        assert self.ask("POST", f"{two}/submit", if_match='"3"').status == 200
        for kind in ("application/json", "text/html", "text/plain"):
            assert self.ask("GET", f"{one}/summary", accept=kind).status == 200
        for path in (one, two, f"{one}/verification", PATH, "/metrics", "/readyz", "/openapi.json"):
            assert self.ask("GET", path).status == 200
        assert self.ask("GET", one, credential=token).status == 200
        assert self.ask("POST", "/v1/evaluations", EVERYTHING).status == 200
        assert self.ask("DELETE", two, if_match="*").status == 204
        assert self.ask("POST", PATH, DRAFT, idempotency_key="key-of-the-draft").status == 410

    def _err(self) -> None:
        """The requests of all other clients."""
        one = f"{PATH}/{self.told[0].json()['id']}"
        value, member, malformed = STRAY["value"], STRAY["member"], STRAY["malformed"]
        wrong = [ANSWERS | {name: value} for name in ANSWERS]
        wrong += [ANSWERS | {name: {value: value}} for name in ANSWERS]
        wrong += [ANSWERS | {name: [value]} for name in ANSWERS]
        wrong += [{member: value}, ANSWERS | {"contact_name": value}]
        bodies: list[object] = [EVERYTHING | {"answers": answers} for answers in wrong]
        bodies += [EVERYTHING | {"contact": {kind: f"\x07{value}@"}} for kind in CONTACT]
        bodies += [EVERYTHING | {"contact": {member: value}}, EVERYTHING | {member: value}]
        bodies += [EVERYTHING | {name: value} for name in EVERYTHING if name != "booking_reference"]
        bodies += [EVERYTHING | {name: f"{value} "} for name in ("language", "booking_reference")]
        bodies += [f'{{"answers": {malformed}'.encode(), f'{{"{malformed}": 1, "{malformed}": 2}}'.encode(),
                   f'["{malformed}\\ud800"]'.encode(), malformed.encode("utf-16"), b'{"a": NaN}']  # fmt: skip
        for each in bodies:
            for method, path, more in (("POST", PATH, {}), ("PATCH", one, {"if_match": '"1"'}),
                                       ("POST", "/v1/evaluations", {})):  # fmt: skip
                self.ask(method, path, each, **more)
        self.ask("POST", PATH, EVERYTHING | {"test": True}, idempotency_key="key-of-the-conversation")
        self.ask("POST", PATH, EVERYTHING, idempotency_key=f"{STRAY['header']}é")
        self.ask("POST", PATH, EVERYTHING, content_type=f"text/{value}")
        self.ask("POST", PATH, EVERYTHING | {"contact": {"name": value * 9000}})
        self.ask("PATCH", one, {"answers": ANSWERS}, if_match='"1"')
        for more in ({}, {"if_match": STRAY["header"]}, {"if_match": '"77"'}):
            self.ask("PATCH", one, {"answers": ANSWERS}, **more)
            self.ask("DELETE", one, **more)
        self.ask("GET", f"{one}/summary", accept=f"image/{STRAY['header']}")
        nowhere = STRAY["path"]
        for path in (UNKNOWN, f"{PATH}/{nowhere}", f"/{nowhere}", f"/v1/articles/x/passages/{nowhere}"):
            self.ask("GET", path)
            self.ask("PUT", path)
        for name in ("status", "attention", "cursor", "updated_after", "limit", "booking_reference"):
            with Line(self.server, self.key) as line:
                self.told.append(line.ask("GET", f"{PATH}?{name}={STRAY['query']}%20"))
        for credential in (STRAY["credential"], f"pcr_{STRAY['credential']}", self.key[:-1] + "_"):
            self.ask("GET", one, credential=credential)

    def _shout(self) -> None:
        """Bytes that are not valid HTTP."""
        post = f"POST {PATH} HTTP/1.1"
        for raw in (f"GET /{STRAY['path']} HTTP/9.9\r\n{STRAY['header']}\r\n\r\n",
                    f"{STRAY['path'].upper()} / HTTP/1.1\r\nhost: {STRAY['header']}\r\n\r\n",
                    f"{post}\r\ncontent-length: {STRAY['header']}\r\n\r\n{STRAY['value']}"):  # fmt: skip
            with Wire(self.server.port) as wire:
                wire.send(raw.encode())
                assert all(STRAY["header"].encode() not in answer.body for answer in wire.answers())


@contextmanager
def broken_table(url: str) -> Iterator[None]:
    """Rename a table for the length of the block, to cause an unhandled error."""
    engine = sa.create_engine(url)
    there, gone = "ALTER TABLE flags RENAME TO gone", "ALTER TABLE gone RENAME TO flags"
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(there)
        yield
        with engine.begin() as connection:
            connection.exec_driver_sql(gone)
    finally:
        engine.dispose()
