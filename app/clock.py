"""The clock of the service: the current UTC time, and its RFC 3339 format.

Responsible for: times to the millisecond. Never: handles the time zones of a clinic (business_hours.py).
"""

import datetime as dt


def format_timestamp(at: dt.datetime) -> str:
    """Return a UTC time in RFC 3339 format with milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> dt.datetime:
    """Return the current time in UTC, to the millisecond, as the API shows it."""
    at = dt.datetime.now(dt.UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
