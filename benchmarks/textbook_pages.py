"""The baseline for pages: the hosted form as an engineer writes it after the FastAPI and Jinja tutorials.

Sync `def` endpoints, a Session per request from a yield dependency, ORM models, the form's session in its own
row, answers decrypted as the row is loaded, templates with inheritance and macros by Jinja2Templates, SQLite
WAL with synchronous=FULL. It does the same work: it commits before it redirects, checks a CSRF token, raises
flags at save, writes an audit row. It has advantages: it calls our own rules core through Edition's public
API, loaded once, and leaves out what a benchmark does not request (interruption pages, errors across pages,
going back to the check page, security headers, a log). Nothing in it is slow on purpose.
"""

import datetime as dt
import hashlib
import os
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from babel.dates import format_date
from fastapi import Cookie, Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, select_autoescape
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship, sessionmaker

from app.rules.engine.questionnaire import Item
from benchmarks.payloads import edition
from benchmarks.textbook_tables import AuditEvent, Base, Flag, Submission, now, open_engine

HOUR = dt.timedelta(hours=1)
SECRET = secrets.token_bytes(32)
Form = Mapping[str, list[str]]


class FormSession(Base):
    __tablename__ = "form_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    csrf: Mapped[str] = mapped_column(String(64))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submissions.id"), index=True)
    expires_at: Mapped[dt.datetime]
    submission: Mapped[Submission] = relationship()


engine = open_engine(os.environ.get("TEXTBOOK_DATABASE_URL", "sqlite://"))
SessionLocal = sessionmaker(engine)
Base.metadata.create_all(engine)
environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(),
    extensions=["jinja2.ext.i18n"],
)
environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
templates = Jinja2Templates(env=environment)
app = FastAPI(title="textbook")
loaded = edition()
groups = loaded.asked.item


def get_database() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


Database = Annotated[Session, Depends(get_database)]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def get_session(database: Database, session_token: Annotated[str | None, Cookie()] = None) -> FormSession:
    found = database.get(FormSession, digest(session_token or ""))
    if found is None or found.expires_at.replace(tzinfo=dt.UTC) < now():
        raise HTTPException(403, "The form was closed.")
    return found


async def get_form(request: Request) -> Form:
    return parse_qs((await request.body()).decode(), keep_blank_values=True)


Visit = Annotated[FormSession, Depends(get_session)]
Sent = Annotated[Form, Depends(get_form)]


def page(request: Request, name: str, session: FormSession | None, **words: Any) -> HTMLResponse:
    language = session.submission.language if session else loaded.language(request.headers["accept-language"])
    book = loaded.phrasebooks[language]
    shared = {
        "language": language,
        "languages": loaded.languages,
        "texts": book.texts,
        "items": book.items,
        "footer": book.footer,
        "csrf": session.csrf if session else "",
        "blocks": [],
    }
    if session:
        evaluation = loaded.evaluate(session.submission.answers)
        shared["blocks"] = loaded.interruptions(evaluation, language)
    return templates.TemplateResponse(
        request, name, shared | words, headers={"Cache-Control": "no-store"}
    )  # fmt: skip


def sign(stamp: str) -> str:
    return f"{stamp}.{hashlib.blake2b(stamp.encode(), key=SECRET).hexdigest()}"


@app.get("/form")
def start(request: Request) -> HTMLResponse:
    return page(
        request,
        "start.html",
        None,
        group=groups[0],
        total=len(groups),
        title=loaded.title("en"),
        instance=sign(str(time.time())),
        errors={},
    )


@app.post("/form")
def begin(database: Database, form: Sent) -> RedirectResponse:
    instance = form["instance"][0]
    if instance != sign(instance.rpartition(".")[0]) or form["website"][0:1] not in ([], [""]):
        raise HTTPException(403, "This form is not ours.")
    answers = read(groups[0], form)
    token = secrets.token_urlsafe(32)
    submission = Submission(
        id=uuid.uuid4(),
        questionnaire=loaded.id,
        edition=loaded.version,
        language="en",
        status="draft",
        attention=None,
        retained_until=now() + 72 * HOUR,
        token_hash=digest(secrets.token_urlsafe(32)),
        answers=answers,
        contact=None,
        summary={},
    )
    database.add(submission)
    database.add(AuditEvent(actor="respondent", action="submission.drafted", submission_id=submission.id))
    database.add(
        FormSession(
            token_hash=digest(token),
            csrf=secrets.token_urlsafe(32),
            submission_id=submission.id,
            expires_at=now() + HOUR,
        )
    )
    database.commit()
    response = RedirectResponse(following(groups[0], loaded.enabled(answers)), 303)
    response.set_cookie("session_token", token, httponly=True, samesite="lax")
    return response


def find(step: str) -> Item:
    for group in groups:
        if group.link_id == step:
            return group
    raise HTTPException(404, "There is no such page.")


def pages(enabled: frozenset[str]) -> list[Item]:
    return [group for group in groups if any(item.link_id in enabled for item in group.item)]


def following(group: Item, enabled: frozenset[str]) -> str:
    later = groups[groups.index(group) + 1 :]
    found = next((each for each in pages(enabled) if each in later), None)
    return f"/form/s/{found.link_id}" if found else "/form/check"


def read(group: Item, form: Form) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for item in group.item:
        values = [value for value in form.get(item.link_id, []) if value]
        if item.type == "display" or item.contact or not values:
            continue
        if item.repeats:
            answers[item.link_id] = values
        elif item.type == "integer":
            answers[item.link_id] = int(values[0]) if values[0].isdigit() else values[0]
        else:
            answers[item.link_id] = values[0] == "true" if item.type == "boolean" else values[0]
    return answers


def question_page(
    request: Request, session: FormSession, group: Item, answers: dict[str, Any], errors: dict[str, str]
) -> HTMLResponse:
    enabled = loaded.enabled(answers)
    shown = pages(enabled)
    place = shown.index(group)
    return page(
        request,
        "question.html",
        session,
        group=group,
        enabled=enabled,
        answers=answers,
        errors=errors,
        part=place + 1,
        total=len(shown),
        back=f"/form/s/{shown[place - 1].link_id}" if place else "/form",
    )


@app.get("/form/s/{step}")
def ask(request: Request, session: Visit, step: str) -> HTMLResponse:
    return question_page(request, session, find(step), session.submission.answers, {})


@app.post("/form/s/{step}", response_model=None)
def answer(
    request: Request, database: Database, session: Visit, form: Sent, step: str
) -> RedirectResponse | HTMLResponse:
    if not secrets.compare_digest(form["csrf"][0], session.csrf):
        raise HTTPException(403, "This form belongs to another session.")
    group, submission = find(step), session.submission
    if submission.status != "draft":
        return RedirectResponse("/form/summary", 303)
    before = loaded.enabled(submission.answers)
    others = {name: value for name, value in submission.answers.items() if name not in form["asked"]}
    answers = others | read(group, form)
    checked = loaded.check(answers, {}, complete=False)
    if checked.issues:
        errors = {
            each.pointer.split("/")[2]: loaded.message_for(each, submission.language)
            for each in checked.issues
        }
        return question_page(request, session, group, answers, errors)
    evaluation = loaded.evaluate(checked.answers)
    submission.answers = dict(checked.answers)
    submission.attention = evaluation.attention
    submission.retained_until = now() + 72 * HOUR
    known = {each.kind for each in submission.flags}
    for each in evaluation.flags:
        if each.flag.id not in known:
            submission.flags.append(Flag(kind=each.flag.id, priority=each.priority))
    session.expires_at = now() + HOUR
    database.add(AuditEvent(actor="respondent", action="submission.changed", submission_id=submission.id))
    database.commit()
    names = {item.link_id for item in group.item}
    if (checked.enabled - before) & names:
        return RedirectResponse(f"/form/s/{step}", 303)
    return RedirectResponse(following(group, checked.enabled), 303)


@app.get("/form/check")
def check(request: Request, session: Visit) -> HTMLResponse:
    return page(request, "check.html", session, answers=session.submission.answers)


@app.post("/form/check")
def send(database: Database, session: Visit, form: Sent) -> RedirectResponse:
    if not secrets.compare_digest(form["csrf"][0], session.csrf):
        raise HTTPException(403, "This form belongs to another session.")
    submission = session.submission
    checked = loaded.check(submission.answers, {})
    if checked.issues:
        raise HTTPException(422, "Something is missing.")
    evaluation = loaded.evaluate(checked.answers)
    submission.answers = dict(evaluation.answers_to_store)
    submission.summary = loaded.summarise(evaluation, submission.language)
    submission.status = "submitted"
    submission.retained_until = now() + 30 * 24 * HOUR
    database.add(AuditEvent(actor="respondent", action="submission.submitted", submission_id=submission.id))
    database.commit()
    return RedirectResponse("/form/summary", 303)


def said(reason: dict[str, Any]) -> str:
    words = loaded.phrasebooks["en"].items[reason["link_id"]]
    codes = reason["answer"] if isinstance(reason["answer"], list) else [reason["answer"]]
    return ", ".join(words.options.get(str(code), str(code)) for code in codes)


@app.get("/form/summary")
def summary(request: Request, session: Visit) -> HTMLResponse:
    submission = session.submission
    return page(
        request,
        "summary.html",
        session,
        summary=submission.summary,
        kept_until=format_date(submission.retained_until, "long", locale="en"),
        made=format_date(submission.created_at, "long", locale="en"),
        said=said,
    )
