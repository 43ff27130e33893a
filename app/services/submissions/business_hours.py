"""Business hours of the clinic, and the due dates of flags.

Responsible for: opening hours parsed once from settings, and the targets of an edition's flags as times.
Never: reads the clock or the database, or accepts hours during which the clinic would never be open.

How a target becomes a time (content, section 3.2; the clinic sets the targets):
- What arrives while the clinic is closed counts from its next opening, whether the edition says
  `next_opening` or `none`: otherwise priority 2 would be due at 09:00 exactly and priority 1 at 09:15.
- A duration is counted in opening time and ends with the working day: "same working day, 4 h" from 16:00 is
  due at closing, not at 12:00 the next day, because no one checks in between. A lunch break is not counted.
- `on_call` does not wait for the end of a break either: it is due no later than the time at which the clinic
  next closes, also for a break. Where someone is on call, its duration is always clock time, open or closed.
- `same_day` is the last closing of that day; `two_working_days` is that of the second working day after the
  day the flag was raised; `consultation` has no due date.
"""

import datetime as dt
import itertools
import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.errors import StartupError
from app.rules.engine.edition import Edition

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PART = re.compile(r"([a-z,-]+)\s+(\S.*)")
SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
DAY = dt.timedelta(days=1)
MAX_CLOSED_DAYS = 1000
Minutes = tuple[int, int]
Due = Mapping[str, dt.datetime | None]
Targets = Callable[[str, int, dt.datetime, Due], dt.datetime | None]


@dataclass(frozen=True, slots=True)
class OpeningPeriod:
    """A period when the clinic is open: from `start` until just before `end`, on this local day."""

    start: dt.datetime
    end: dt.datetime
    day: dt.date


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """`week`: for each day from Monday, its opening and closing times in minutes since midnight, in order."""

    week: tuple[tuple[Minutes, ...], ...]
    closed: frozenset[dt.date]
    zone: zoneinfo.ZoneInfo

    @classmethod
    def parse(cls, hours: str, closed: str, zone: str) -> "BusinessHours":
        """Parse `Mon-Fri 08:00-12:00, 13:00-17:00; Sat 09:00-12:00` and ISO dates. Raises Refusal."""
        try:
            week = _week(hours)
        except ValueError as wrong:
            raise StartupError(f"PRECONSULT_OPENING_HOURS can't be used: {wrong}.") from None
        try:
            days = _dates(closed)
        except ValueError as wrong:
            raise StartupError(f"PRECONSULT_CLOSED_DAYS can't be used: {wrong}.") from None
        return cls(week, days, zoneinfo.ZoneInfo(zone))

    def day(self, at: dt.datetime) -> dt.date:
        """Return the calendar day of the clinic at that time."""
        return at.astimezone(self.zone).date()

    def spans(self, day: dt.date) -> Iterator[OpeningPeriod]:
        """Yield when the clinic is open, from that day on, without end."""
        while True:
            if day not in self.closed:
                yield from self._day(day)
            day += DAY

    def next_open_moment(self, at: dt.datetime) -> Iterator[OpeningPeriod]:
        """Yield the spans that are not over at that time; the first may already have started."""
        return (span for span in self.spans(self.day(at) - DAY) if at < span.end)

    def is_open(self, at: dt.datetime) -> bool:
        return next(self.next_open_moment(at)).start <= at

    def next_opening(self, at: dt.datetime) -> dt.datetime:
        """Return `at` itself when the clinic is open, otherwise the next opening."""
        return max(at, next(self.next_open_moment(at)).start)

    def closing(self, day: dt.date) -> dt.datetime:
        """Return the last closing of a day, or of the next day on which the clinic is open."""
        spans = self.spans(day)
        last = next(spans)
        for span in spans:
            if span.day != last.day:
                return last.end
            last = span
        raise AssertionError  # pragma: no cover - days have no end

    def working_day(self, day: dt.date, number: int) -> dt.date:
        """Return the `number`th day after this one on which the clinic is open."""
        for _ in range(number):
            day = next(self.spans(day + DAY)).day
        return day

    def _day(self, day: dt.date) -> list[OpeningPeriod]:
        """Return the spans of one day in order.

        A span that a clock change removes is left out; spans that it makes overlap are merged.
        """
        times = ((self._at(day, opens), self._at(day, closes)) for opens, closes in self.week[day.weekday()])
        found: list[OpeningPeriod] = []
        for start, end in sorted(times):
            if found and start <= found[-1].end:
                found[-1] = OpeningPeriod(found[-1].start, max(found[-1].end, end), day)
            elif start < end:
                found.append(OpeningPeriod(start, end, day))
        return found

    def _at(self, day: dt.date, minutes: int) -> dt.datetime:
        midnight = dt.datetime.combine(day, dt.time(), self.zone)
        return (midnight + dt.timedelta(minutes=minutes)).astimezone(dt.UTC)  # local wall-clock time


def due_at(
    target_open: str, target_closed: str, raised_at: dt.datetime, hours: BusinessHours, *, on_call: bool
) -> dt.datetime | None:
    """Return the due date of a flag raised at that time; None when it can wait for the consultation."""
    if target_open == "consultation":
        return None
    if target_open == "two_working_days":
        return hours.closing(hours.working_day(hours.day(raised_at), 2))
    begins = hours.next_opening(raised_at)
    if target_open == "same_day":
        return hours.closing(next(hours.next_open_moment(begins)).day)
    days, time = _duration(target_open)
    if target_closed == "on_call" and on_call:
        return raised_at + days * DAY + time
    if days:
        day = hours.working_day(hours.day(begins), days)
        if not time:
            return hours.closing(day)
        begins = next(hours.spans(day)).start
    return _counted(hours, begins, time, through_breaks=target_closed != "on_call")


def due_date_calculator(edition: Edition, hours: BusinessHours, *, on_call: bool) -> Targets:
    """Return the function for due dates of an edition's flags.

    It takes kind, priority, time raised, and the due dates of the flags beside it. A flag that goes with
    others (`parent`) is due with the first of them that is due at or after the time it was raised.
    """
    parents = {flag.id: flag.with_flags for flag in edition.meta.flags if flag.target_open == "parent"}

    def due(kind: str, priority: int, raised_at: dt.datetime, others: Due) -> dt.datetime | None:
        beside = [others.get(parent) for parent in parents.get(kind, ())]
        coming = [at for at in beside if at is not None and at >= raised_at]
        if coming:
            return min(coming)
        flag = edition.flag(kind, priority)
        return due_at(flag.target_open, flag.target_closed, raised_at, hours, on_call=on_call)

    return due


def _counted(
    hours: BusinessHours, begins: dt.datetime, time: dt.timedelta, *, through_breaks: bool
) -> dt.datetime:
    """Return the time after `time` of opening time, but no later than the end of the working day.

    With `through_breaks` false, no later than the next break.
    """
    spans = hours.next_open_moment(begins)
    span, at = next(spans), begins
    while True:
        if at + time <= span.end:
            return at + time
        following = next(spans)
        goes_on = following.start <= span.end or (through_breaks and following.day == span.day)
        if not goes_on:
            return span.end
        time -= span.end - at
        span, at = following, max(span.end, following.start)


def _duration(text: str) -> tuple[int, dt.timedelta]:
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days, dt.timedelta(hours=hours, minutes=minutes)


def _week(text: str) -> tuple[tuple[Minutes, ...], ...]:
    """Parse the weekly hours. Raises ValueError that says how they should be written."""
    week: list[list[Minutes]] = [[] for _ in DAYS]
    for part in filter(None, (each.strip() for each in text.lower().split(";"))):
        found = PART.fullmatch(part)
        if found is None:
            raise ValueError("each part is days and times, as Mon-Fri 09:00-17:00")
        spans = [_span(each.strip()) for each in found[2].split(",")]
        for day in _days(found[1]):
            week[day] += spans
    for name, spans in zip(DAYS, week, strict=True):
        spans.sort()
        if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans)):
            raise ValueError(f"times overlap on {name.capitalize()}")
    if not any(week):
        raise ValueError("the clinic would never be open; Mon-Fri 09:00-17:00 is an example")
    return tuple(tuple(spans) for spans in week)


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError("days are Mon, Tue, Wed, Thu, Fri, Sat, Sun, or from one to another as Mon-Fri")
        begin = DAYS.index(first)
        length = (DAYS.index(last) - begin) % 7 if dash else 0
        yield from ((begin + place) % 7 for place in range(length + 1))


def _span(text: str) -> Minutes:
    found = SPAN.fullmatch(text)
    if found is None:
        raise ValueError("times read 09:00-17:00, from 00:00 to 24:00")
    hour, minute, *end = found.groups()
    opens = int(hour) * 60 + int(minute)
    closes = int(end[0]) * 60 + int(end[1]) if end[0] else 24 * 60
    if closes <= opens:
        raise ValueError("a day closes after it opens; what goes past midnight is two parts")
    return opens, closes


def _dates(text: str) -> frozenset[dt.date]:
    found = [each.strip() for each in text.split(",") if each.strip()]
    if len(found) > MAX_CLOSED_DAYS:
        raise ValueError(f"it names more than {MAX_CLOSED_DAYS} days")
    try:
        return frozenset(dt.datetime.strptime(each, "%Y-%m-%d").date() for each in found)  # noqa: DTZ007
    except ValueError:
        raise ValueError("each is a day as 2026-12-25") from None
