"""The baseline's ORM models, as the SQLAlchemy 2 tutorial writes them; health data is Fernet-encrypted JSON.

Responsible for: the tables of textbook.py. Never: optimizes beyond the tutorial.
"""

import datetime as dt
import json
import os
import uuid
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import Engine, ForeignKey, LargeBinary, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

FERNET = Fernet(os.environ.get("TEXTBOOK_FERNET_KEY") or Fernet.generate_key())


class EncryptedJSON(TypeDecorator[Any]):
    """JSON that is encrypted in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> bytes | None:
        return None if value is None else FERNET.encrypt(json.dumps(value).encode())

    def process_result_value(self, value: bytes | None, dialect: object) -> Any:
        return None if value is None else json.loads(FERNET.decrypt(value))


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Base(DeclarativeBase):
    pass


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    scopes: Mapped[str] = mapped_column(String(200))
    revoked_at: Mapped[dt.datetime | None]


class Submission(Base):
    __tablename__ = "submissions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    questionnaire: Mapped[str] = mapped_column(String(100))
    edition: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(35))
    status: Mapped[str] = mapped_column(String(10), index=True)
    attention: Mapped[int | None] = mapped_column(index=True)
    booking_reference: Mapped[str | None] = mapped_column(String(100), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(default=now, index=True)
    retained_until: Mapped[dt.datetime] = mapped_column(index=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    answers: Mapped[Any] = mapped_column(EncryptedJSON)
    contact: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True)
    summary: Mapped[Any] = mapped_column(EncryptedJSON)
    flags: Mapped[list["Flag"]] = relationship(back_populates="submission", cascade="all, delete-orphan")


class Flag(Base):
    __tablename__ = "flags"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submissions.id"), index=True)
    kind: Mapped[Any] = mapped_column(EncryptedJSON)
    priority: Mapped[int]
    submission: Mapped[Submission] = relationship(back_populates="flags")


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    response: Mapped[Any] = mapped_column(EncryptedJSON)
    created_at: Mapped[dt.datetime] = mapped_column(default=now, index=True)


class AuditEvent(Base):
    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(default=now)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(40))
    submission_id: Mapped[uuid.UUID] = mapped_column(index=True)


def open_engine(url: str) -> Engine:
    """SQLite as durable as ours, with a pool that does not lock up at 64 clients; or PostgreSQL."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=45)
    engine = create_engine(url, pool_size=45, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
