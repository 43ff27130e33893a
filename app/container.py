"""The parts of a process, each created from settings: content, retention terms, mail, counters, database,
ledger.

Responsible for: what the server and the commands both need. Never: handles HTTP.
"""

from collections.abc import Callable
from pathlib import Path

from app.adapters.redis_counters import RedisCounters
from app.adapters.smtp import Mailer
from app.errors import StartupError
from app.rules.authoring.edition_files import InvalidContent
from app.rules.library import CONTENT, Library, UnknownSwitch, load_library
from app.services.operations.erasure_ledger import Ledger
from app.services.submissions.assessment import RetentionPolicy
from app.services.submissions.business_hours import BusinessHours
from app.settings import Settings
from app.storage.db.database import Database


def open_library(settings: Settings, load: Callable[[Path], Library] = load_library) -> Library:
    """Load the editions to serve, as the clinic has configured them. Raises Refusal with the first error."""
    try:
        library = load(settings.content_dir or CONTENT)
        asked = settings.form_questionnaire
        if asked and library.current(asked) is None:
            raise StartupError("PRECONSULT_FORM_QUESTIONNAIRE names a questionnaire that is not installed.")
        return library.configured(off=settings.disabled, unreviewed=settings.serves_unreviewed)
    except UnknownSwitch as refused:
        raise StartupError(f"PRECONSULT_DISABLED_QUESTIONS: {refused}.") from None
    except InvalidContent as faulty:
        more = f" (and {len(faulty.findings) - 1} more)" if len(faulty.findings) > 1 else ""
        raise StartupError(f"The content is at fault: {faulty.findings[0]}{more}") from None


def build_retention_policy(settings: Settings) -> RetentionPolicy:
    """Create the retention terms and the opening hours of the clinic. Raises Refusal."""
    return RetentionPolicy.from_settings(
        hours=settings.draft_retention_hours,
        days=settings.submission_retention_days,
        opening=BusinessHours.parse(settings.opening_hours, settings.closed_days, settings.clinic_time_zone),
        on_call=settings.on_call_out_of_hours,
    )


def build_mailer(settings: Settings) -> Mailer | None:
    """Create the mailer with its recipients and server, or None when no server is configured. Raises
    Refusal.
    """
    return Mailer.from_settings(
        settings.smtp_url, settings.alert_from, settings.alert_emails, settings.escalation_emails
    )


def build_counters(settings: Settings) -> RedisCounters | None:
    """Create the counters that replicas share, or None when each process counts alone. Raises Refusal."""
    return RedisCounters(settings.redis_url) if settings.redis_url else None


def open_database(settings: Settings) -> Database:
    """Open the configured database. The directory of an embedded one is created."""
    if settings.database.startswith("sqlite"):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Database(settings.database, pool=settings.database_pool, queue_limit=settings.max_pending_writes)


def open_ledger(settings: Settings) -> Ledger:
    """Open the configured erasure ledger. The data directory is created when the ledger is in it."""
    if settings.erasure_ledger_file is None:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Ledger(settings.ledger)
