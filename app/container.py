"""The parts of a process, each created from settings: content, retention terms, mail, counters, database,
ledger.

Responsible for: what the server and the commands both need. Never: handles HTTP.
"""

from collections.abc import Callable
from pathlib import Path

from app.adapters.redis_counters import Counts
from app.adapters.smtp import Post
from app.errors import Refusal
from app.rules.authoring.edition_files import Faulty
from app.rules.library import CONTENT, Library, Unswitchable, load_library
from app.services.operations.erasure_ledger import Ledger
from app.services.submissions.assessment import Terms
from app.services.submissions.business_hours import Hours
from app.settings import Settings
from app.storage.db.database import Database


def open_library(settings: Settings, load: Callable[[Path], Library] = load_library) -> Library:
    """Load the editions to serve, as the clinic has configured them. Raises Refusal with the first error."""
    try:
        library = load(settings.content_dir or CONTENT)
        asked = settings.form_questionnaire
        if asked and library.current(asked) is None:
            raise Refusal("PRECONSULT_FORM_QUESTIONNAIRE names a questionnaire that is not installed.")
        return library.serving(off=settings.off, unreviewed=settings.serves_unreviewed)
    except Unswitchable as refused:
        raise Refusal(f"PRECONSULT_SWITCHED_OFF: {refused}.") from None
    except Faulty as faulty:
        more = f" (and {len(faulty.findings) - 1} more)" if len(faulty.findings) > 1 else ""
        raise Refusal(f"The content is at fault: {faulty.findings[0]}{more}") from None


def open_terms(settings: Settings) -> Terms:
    """Create the retention terms and the opening hours of the clinic. Raises Refusal."""
    return Terms.of(
        hours=settings.retention_draft_hours,
        days=settings.retention_days,
        opening=Hours.of(settings.opening_hours, settings.closed_days, settings.clinic_time_zone),
        on_call=settings.on_call,
    )


def open_post(settings: Settings) -> Post | None:
    """Create the mailer with its recipients and server, or None when no server is configured. Raises
    Refusal.
    """
    return Post.of(settings.smtp_url, settings.alert_from, settings.alert_emails, settings.escalation_emails)


def open_counts(settings: Settings) -> Counts | None:
    """Create the counters that replicas share, or None when each process counts alone. Raises Refusal."""
    return Counts(settings.redis_url) if settings.redis_url else None


def open_database(settings: Settings) -> Database:
    """Open the configured database. The directory of an embedded one is created."""
    if settings.database.startswith("sqlite"):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Database(settings.database, pool=settings.database_pool, queue_limit=settings.queue_limit)


def open_ledger(settings: Settings) -> Ledger:
    """Open the configured erasure ledger. The data directory is created when the ledger is in it."""
    if settings.erasure_ledger is None:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Ledger(settings.ledger)
