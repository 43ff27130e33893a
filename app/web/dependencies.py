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

from app.adapters.address_policy import Reach
from app.adapters.smtp import Post
from app.errors import Unavailable
from app.rules.library import Library
from app.services.auth.passwords import Passwords
from app.services.operations.erasure_ledger import Ledger
from app.services.reporting.charts import Picture
from app.services.submissions.alerts import Outlook
from app.services.submissions.lifecycle import Desk
from app.settings import Settings
from app.storage.db.database import Database, T, Work
from app.web.authentication import Doorkeeper
from app.web.branding import Theme
from app.web.http.form_start_limits import Limits
from app.web.http.long_polling import Waiting
from app.web.http.rate_limits import Rates


@dataclass(frozen=True, slots=True)
class Rooms:
    """The services of one running process.

    `kept`: counts stored submissions, by status; `limits`: the limits of started forms.
    `first_pages`: the form's first page as a new user sees it, by language.
    `figures`: the dashboard charts by (days, test), with the time of computation; `counting` is their lock.
    `post`: sends e-mail, None without a mail server; `outlook`: the alert status found by the last run.
    `reach`: where webhooks may be sent; `waiting`: long-polling requests.
    `checked`: what today's check of the content found; `checking` is its lock.
    """

    settings: Settings
    database: Database
    library: Library
    desk: Desk
    doorkeeper: Doorkeeper
    rates: Rates
    registry: CollectorRegistry
    kept: Counter
    theme: Theme
    limits: Limits
    ledger: Ledger
    first_pages: dict[str, bytes] = field(default_factory=dict)
    passwords: Passwords = field(default_factory=Passwords)
    figures: dict[tuple[int, bool], tuple[dt.datetime, tuple[Picture, ...]]] = field(default_factory=dict)
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)
    post: Post | None = None
    outlook: Outlook = field(default_factory=Outlook)
    reach: Reach = field(default_factory=Reach)
    checked: dict[dt.date, tuple[dt.datetime, list[str]]] = field(default_factory=dict)
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: Waiting = field(default_factory=Waiting)


def rooms(request: Request) -> Rooms:
    """Return the services of the application that received this request."""
    found: Rooms = request.app.state.rooms
    return found


async def erase(here: Rooms, work: Work[T]) -> T:
    """Run a unit of work that erases; return its result once the erasure is also in the ledger.

    Raises Unavailable if the erasure is committed but could not be written to the ledger.
    """
    done = await here.database.write(work)
    try:
        await here.database.on_thread(partial(here.ledger.settle, here.database))
    except OSError:
        told = "It is erased; that no backup brings it back is not noted yet. Try again shortly."
        raise Unavailable(told, retry_after=2) from None
    return done


def request_id(request: Request) -> str:
    """Return the id under which this request is logged and audited."""
    found: str = request.scope["request_id"]
    return found
