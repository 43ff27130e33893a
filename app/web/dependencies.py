"""What a request handler needs from the application it runs in.

Responsible for: the frozen set of services of one process, which main.py creates. Never: opens transactions;
handlers pass units of work to the database.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request

from app.adapters.address_policy import AddressPolicy
from app.adapters.smtp import Mailer
from app.errors import Unavailable
from app.rules.library import Library
from app.services.auth.passwords import PasswordHasher
from app.services.operations.erasure_ledger import Ledger
from app.services.reporting.charts import Chart
from app.services.submissions.alerts import AlertStatus
from app.services.submissions.lifecycle import SubmissionService
from app.settings import Settings
from app.storage.db.database import Database, T, UnitOfWork
from app.web.authentication import Authenticator
from app.web.branding import Theme
from app.web.http.form_start_limits import FormStartLimiter
from app.web.http.long_polling import LongPoller
from app.web.http.rate_limits import RateLimiter


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one running process.

    `kept`: counts stored submissions, by status; `limits`: the limits of started forms.
    `first_pages`: the form's first page as a new user sees it, by language.
    `dashboard_cache`: the dashboard charts by (days, test), with the time of computation.
    `post`: sends e-mail, None without a mail server; `alert_status`: the alert status found by the last run.
    `reach`: where webhooks may be sent; `waiting`: long-polling requests.
    `checked`: what today's check of the content found; `checking` is its lock.
    """

    settings: Settings
    database: Database
    library: Library
    submissions: SubmissionService
    authenticator: Authenticator
    rate_limiter: RateLimiter
    registry: CollectorRegistry
    submissions_counter: Counter
    theme: Theme
    form_start_limiter: FormStartLimiter
    ledger: Ledger
    first_pages: dict[str, bytes] = field(default_factory=dict)
    passwords: PasswordHasher = field(default_factory=PasswordHasher)
    dashboard_cache: dict[tuple[int, bool], tuple[dt.datetime, tuple[Chart, ...]]] = field(
        default_factory=dict
    )
    dashboard_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    mailer: Mailer | None = None
    alert_status: AlertStatus = field(default_factory=AlertStatus)
    address_policy: AddressPolicy = field(default_factory=AddressPolicy)
    content_check_cache: dict[dt.date, tuple[dt.datetime, list[str]]] = field(default_factory=dict)
    content_check_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    long_poller: LongPoller = field(default_factory=LongPoller)


def get_services(request: Request) -> Services:
    """Return the services of the application that received this request."""
    found: Services = request.app.state.services
    return found


async def write_and_sync_ledger(services: Services, work: UnitOfWork[T]) -> T:
    """Run a unit of work that erases; return its result once the erasure is also in the ledger.

    Raises Unavailable if the erasure is committed but could not be written to the ledger.
    """
    done = await services.database.write(work)
    try:
        await services.database.run_in_thread(partial(services.ledger.sync, services.database))
    except OSError:
        detail = "It is erased; that no backup brings it back is not noted yet. Try again shortly."
        raise Unavailable(detail, retry_after=2) from None
    return done


def request_id(request: Request) -> str:
    """Return the id under which this request is logged and audited."""
    found: str = request.scope["request_id"]
    return found
