"""Logs: one JSON object per line on stderr, built from an allow-list of fields.

Responsible for: the application's own events, through structlog; records of libraries by name, level and
place only. Never: logs messages of libraries, exception text, paths, queries, headers, bodies, names or
answers.
"""

import contextlib
import json
import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

_RICH = sys.modules.pop("rich", None)
sys.modules["rich"] = None  # type: ignore[assignment] # rich takes 0.1 s to import; JSON needs no colours
try:
    import structlog
finally:
    del sys.modules["rich"]
    if _RICH is not None:
        sys.modules["rich"] = _RICH

FIELDS = (
    "time", "level", "event", "request_id", "method", "route", "status", "ms", "actor", "count", "failed",
    "error", "at", "logger",
)  # fmt: skip

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def configure(level: str) -> None:
    """Send every log line of this process through the allow-list."""
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _allowed_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )
    handler = _Foreign()
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.WARNING)


def error_location(error: BaseException) -> str:
    """Return the innermost application frame, such as `submissions.py:42 submit`; never the message."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{Path(__file__).parent.name}/" in frame.filename] or list(frames)
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}" if ours else "unknown"


def error_code(error: BaseException) -> str:
    """Return a database's error code (a SQLSTATE, or SQLITE_FULL), else the class; never the message."""
    cause = getattr(error, "orig", None) or error
    name = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return name or type(cause).__name__


def _allowed_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    known = {name: event[name] for name in FIELDS if event.get(name) is not None}
    return json.dumps(known, default=lambda value: type(value).__name__)


class _Stderr:
    """Writes lines to stderr. A line that fails (full disk, closed pipe) is lost; the caller continues."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


class _Foreign(logging.Handler):
    """Logs records of libraries, without their messages."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.warning(
            "library",
            logger=record.name.partition(".")[0],
            at=f"{record.module}:{record.lineno} {record.funcName}",
            error=type(error).__name__ if error else None,
        )
