"""Relative times for staff: how long ago, and how much time is left.

Responsible for: short texts that pages show next to the exact time. Never: shows false precision.
"""

import datetime as dt

MINUTE, HOUR, DAY = 60, 3600, 86400


def time_since(at: dt.datetime, now: dt.datetime) -> str:
    """The time since `at`, as "3 h ago"."""
    seconds = (now - at).total_seconds()
    return "just now" if seconds < MINUTE else f"{_long(seconds)} ago"


def time_until(due: dt.datetime, now: dt.datetime) -> str:
    """The time until `due`, as "2 h left" or "overdue by 20 min"."""
    seconds = (due - now).total_seconds()
    if seconds > 0:
        return f"{_long(max(seconds, MINUTE))} left"
    return "due now" if seconds > -MINUTE else f"overdue by {_long(-seconds)}"


def _long(seconds: float) -> str:
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min"
    if seconds < 2 * DAY:
        hours, rest = divmod(seconds, HOUR)
        minutes = rest // MINUTE
        return f"{hours:.0f} h {minutes:.0f} min" if hours < 4 and minutes else f"{hours:.0f} h"
    return f"{seconds // DAY:.0f} days"
