"""What a handler needs of the application it runs in.

Office: one frozen set of rooms, made in main.py. Refuses: transactions (handlers hand works to the database).
"""

import datetime as dt
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request

from app.rules.library import Library
from app.services.submissions import Desk
from app.settings import Settings
from app.storage.database import Database
from app.web.limits import Limits
from app.web.pages.theme import Theme
from app.web.principals import Doorkeeper


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts of one running service. `kept`: submissions kept, by status; `limits`: of forms begun.

    `first_pages`: the form's first page as somebody new sees it, by language.
    """

    settings: Settings
    database: Database
    library: Library
    desk: Desk
    doorkeeper: Doorkeeper
    registry: CollectorRegistry
    kept: Counter
    theme: Theme
    limits: Limits
    first_pages: dict[str, bytes] = field(default_factory=dict)


def rooms(request: Request) -> Rooms:
    """The rooms of the application this request came to."""
    found: Rooms = request.app.state.rooms
    return found


def now() -> dt.datetime:
    """The time, to the millisecond that the API shows."""
    at = dt.datetime.now(dt.UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def request_id(request: Request) -> str:
    """The id under which this request is logged and audited."""
    found: str = request.scope["request_id"]
    return found
