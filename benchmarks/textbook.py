"""The baseline: POST /v1/submissions as an engineer writes it after the FastAPI and SQLAlchemy tutorials.

Pydantic models in and out (response_model), sync `def` endpoints, a Session per request from a yield
dependency, ORM models, SQLite WAL with synchronous=FULL (or PostgreSQL). It does the same work: it commits in
the handler, before the response; looks up the API key; stores idempotency keys, flags and an audit row;
encrypts. It has advantages: it calls our own rules core through Edition's public API, loaded once, and has a
pool that does not lock up. Nothing in it is slow on purpose.
"""

import datetime as dt
import hashlib
import os
import secrets
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from benchmarks.payloads import edition
from benchmarks.textbook_tables import (
    ApiKey,
    AuditEvent,
    Base,
    Flag,
    IdempotencyKey,
    Submission,
    now,
    open_engine,
)

KEY = os.environ.get("TEXTBOOK_API_KEY", "textbook")
Answer = bool | int | str | list[str]


class Contact(BaseModel):
    name: str | None = None
    phone: str | None = None
    email: str | None = None


class SubmissionIn(BaseModel):
    questionnaire: str
    answers: dict[str, Answer | None]
    contact: Contact = Contact()
    language: str | None = None
    booking_reference: str | None = None


class Resource(BaseModel):
    id: str
    kind: str
    name: str
    note: str | None
    hours: str
    call: str | None
    text: str | None
    chat_url: str | None
    languages: list[str]


class Interruption(BaseModel):
    rule: str
    kind: str
    text: str
    resources: list[Resource]


class Reason(BaseModel):
    link_id: str
    answer: Answer


class Caution(BaseModel):
    id: str
    text: str


class Quotation(BaseModel):
    passage: str
    exact: str
    lang: str
    prefix: str
    suffix: str
    start: int
    end: int
    section: str
    gist: str | None = None
    cautions: list[Caution]


class Topic(BaseModel):
    rule: str
    group: str
    text: str
    because: list[Reason]
    quotations: list[Quotation]


class Source(BaseModel):
    article: str
    title: str
    sha256: str
    published: dt.date | None
    note: str


class Summary(BaseModel):
    interruptions: list[Interruption]
    title: str
    notice: list[str]
    topics: list[Topic]
    general_cautions: list[Caution]
    sources: list[Source]
    who_to_talk_to: str
    who_can_see: str
    footer: str
    questionnaire: str
    edition: str
    language: str
    citation_mode: str
    digest: str


class SubmissionOut(BaseModel):
    id: uuid.UUID
    status: str
    access_token: str
    interruptions: list[Interruption]
    summary: Summary
    retained_until: dt.datetime


engine = open_engine(os.environ.get("TEXTBOOK_DATABASE_URL", "sqlite://"))
SessionLocal = sessionmaker(engine)
Base.metadata.create_all(engine)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


with SessionLocal() as first:
    first.add(ApiKey(name="bench", secret_hash=digest(KEY), scopes="submissions:write"))
    first.commit()


def get_session() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


Database = Annotated[Session, Depends(get_session)]
Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def get_key(session: Database, bearer: Bearer) -> ApiKey:
    asked = select(ApiKey).where(ApiKey.secret_hash == digest(bearer.credentials))
    key = session.scalars(asked).one_or_none()
    if key is None or key.revoked_at is not None:
        raise HTTPException(401, "The API key is not valid.")
    if "submissions:write" not in key.scopes.split():
        raise HTTPException(403, "The API key may not do this.")
    return key


app = FastAPI(title="textbook")
loaded = edition()


@app.post("/v1/submissions", status_code=201, response_model=SubmissionOut)
def create_submission(
    given: SubmissionIn,
    session: Database,
    key: Annotated[ApiKey, Depends(get_key)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Any:
    request_hash = digest(given.model_dump_json())
    hashed_key = digest(f"{key.id}:{idempotency_key}")
    if idempotency_key and (earlier := session.get(IdempotencyKey, hashed_key)):
        if earlier.request_hash != request_hash:
            raise HTTPException(422, "This Idempotency-Key was used for another request.")
        return earlier.response
    if given.questionnaire != loaded.id:
        raise HTTPException(404, "There is no such questionnaire.")
    checked = loaded.check(given.answers, given.contact.model_dump(exclude_none=True))
    if checked.issues:
        raise HTTPException(422, [{"pointer": each.pointer, "code": each.code} for each in checked.issues])
    answer = _store(session, given, dict(checked.contact), dict(checked.answers))
    if idempotency_key:
        kept = answer.model_dump(mode="json")
        session.add(IdempotencyKey(key=hashed_key, request_hash=request_hash, response=kept))
    session.add(AuditEvent(actor=key.name, action="submission.created", submission_id=answer.id))
    try:
        session.commit()
    except IntegrityError:
        raise HTTPException(409, "The same request is under way.") from None
    return answer


def _store(
    session: Session, given: SubmissionIn, contact: dict[str, str], answers: dict[str, Any]
) -> SubmissionOut:
    language = loaded.language(given.language)
    evaluation = loaded.evaluate(answers)
    summary = Summary.model_validate(loaded.summarise(evaluation, language))
    token = secrets.token_urlsafe(32)
    submission = Submission(
        id=uuid.uuid4(),
        questionnaire=given.questionnaire,
        edition=loaded.version,
        language=language,
        status="submitted",
        attention=evaluation.attention,
        booking_reference=given.booking_reference,
        retained_until=now() + dt.timedelta(days=30),
        token_hash=digest(token),
        answers=dict(evaluation.answers_to_store),
        contact=contact or None,
        summary=summary.model_dump(mode="json"),
        flags=[Flag(kind=each.flag.id, priority=each.priority) for each in evaluation.flags],
    )
    session.add(submission)
    return SubmissionOut(
        id=submission.id,
        status=submission.status,
        access_token=token,
        interruptions=summary.interruptions,
        summary=summary,
        retained_until=submission.retained_until,
    )
