"""What a handler needs of the application it runs in.

Office: one frozen set of rooms, made in main.py. Refuses: transactions (handlers hand works to the database).
"""

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request

from app.address_policy import Reach
from app.errors import Unavailable
from app.outbound import Post
from app.rules.library import Library
from app.services.alerts import Outlook
from app.services.erasures import Ledger
from app.services.passwords import Passwords
from app.services.pictures import Picture
from app.services.submissions import Desk
from app.settings import Settings
from app.storage.database import Database, T, Work
from app.web.limits import Limits
from app.web.pages.theme import Theme
from app.web.principals import Doorkeeper
from app.web.rates import Rates
from app.web.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts of one running service. `kept`: submissions kept, by status; `limits`: of forms begun.

    `first_pages`: the form's first page as somebody new sees it, by language.
    `figures`: the dashboard's pictures by (days, test) and when they were counted, by one at a time.
    `post`: sends letters, None when no mail server is set; `outlook`: what the last round saw of alerts.
    `reach`: where webhooks may go; `waiting`: requests that wait for something to happen.
    `checked`: what a check of the content found today, asked by one at a time.
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
    """The rooms of the application this request came to."""
    found: Rooms = request.app.state.rooms
    return found


async def erase(here: Rooms, work: Work[T]) -> T:
    """`write` for a work that erases: it resolves once the erasure stands in the ledger too."""
    done = await here.database.write(work)
    try:
        await here.database.on_thread(partial(here.ledger.settle, here.database))
    except OSError:
        told = "It is erased; that no backup brings it back is not noted yet. Try again shortly."
        raise Unavailable(told, retry_after=2) from None
    return done


def now() -> dt.datetime:
    """The time, to the millisecond that the API shows."""
    at = dt.datetime.now(dt.UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def request_id(request: Request) -> str:
    """The id under which this request is logged and audited."""
    found: str = request.scope["request_id"]
    return found
