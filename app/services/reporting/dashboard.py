"""Data of the dashboard for one period: arrivals, time to the first view, and where people stopped.

Responsible for: querying storage for one period of the clinic's calendar and having each chart made
(`charts.py`). Never: uses names or free text, or decrypts more than about `MAX_ROWS` rows; above that, a
sample of each day or week stands for all, and the chart says so.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.rules.library import Library
from app.services.reporting import charts
from app.services.reporting.charts import Chart
from app.services.reporting.small_counts import MIN_CELL_COUNT
from app.services.submissions.business_hours import BusinessHours
from app.storage.db.database import Session
from app.storage.reporting import dashboard as queries
from app.storage.reporting.dashboard import Arrival, DateRange
from app.storage.submissions.submissions import Vault

PERIODS = (7, 30, 90)  # days
MAX_ROWS = 500  # rows decrypted for one chart, and flags; above that a sample stands for all
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The last `days` days of the clinic's calendar, today included."""

    days: int
    now: dt.datetime
    hours: BusinessHours
    test: bool = False

    @property
    def today(self) -> dt.date:
        return self.hours.day(self.now)

    def midnight(self, ago: int) -> dt.datetime:
        """Return when the day `ago` days ago started, in UTC; tomorrow is -1."""
        day = self.today - ago * DAY
        return dt.datetime.combine(day, dt.time(), self.hours.zone).astimezone(dt.UTC)

    def date_range(self, begins: int, ends: int) -> DateRange:
        """Return the range from the start of the day `begins` days ago to that of the day `ends` days ago."""
        return DateRange(self.midnight(begins), self.midnight(ends), self.test)

    @property
    def current(self) -> DateRange:
        return self.date_range(self.days - 1, -1)

    @property
    def previous(self) -> DateRange:
        return self.date_range(2 * self.days - 1, self.days - 1)

    def axis_labels(self, step: int) -> list[int]:
        """Return where bins of `step` days start, in days ago, and where the last one ends.

        The first bin may be short.
        """
        return [self.days - 1, *reversed(range(-1, self.days - 1, step))]

    def day(self, ago: int) -> str:
        """Return the label of the day `ago` days ago in a table (ISO 8601)."""
        return (self.today - ago * DAY).isoformat()


def build_charts(
    session: Session, vault: Vault, library: Library, period: Period, *, idle: dt.timedelta
) -> tuple[Chart, ...]:
    """Return all charts of a period. `idle`: a draft without a change for this long counts as abandoned."""
    flags = queries.flag_outcomes(session, period.current, MAX_ROWS)
    drafts = queries.abandoned(session, vault, period.current, period.now - idle, MAX_ROWS)
    marks, counts = _bins(session, period)
    sample = _sample(session, vault, period, marks, counts)
    before = queries.count(session, period.previous, "submitted")
    note = _note(len(sample), sum(counts))
    newest = f"From the newest {MAX_ROWS:,}." if len(flags) == MAX_ROWS else ""
    labels = [period.day(ago) for ago in marks[:-1]]
    ends = [period.midnight(ago) for ago in marks]
    return (
        charts.arrivals(period.days, labels, counts, before),
        charts.time_to_first_view(ends, labels, sample, note),
        charts.flags(flags, period.now, newest),
        charts.languages(sample, note),
        charts.topics(sample, library, note),
        charts.drop_off(drafts, library),
    )


def _sample(
    session: Session, vault: Vault, period: Period, marks: Sequence[int], counts: Sequence[int]
) -> list[Arrival]:
    """Return all arrivals; above `MAX_ROWS`, the newest of each bin in proportion to its count."""
    if sum(counts) <= MAX_ROWS:
        return queries.arrivals(session, vault, period.current, MAX_ROWS)
    ranges = (period.date_range(*pair) for pair in pairwise(marks))
    shares = (math.ceil(count * MAX_ROWS / sum(counts)) for count in counts)
    pairs = zip(ranges, shares, strict=True)
    return [each for pair in pairs if pair[1] for each in queries.arrivals(session, vault, *pair)]


def _note(opened: int, arrived: int) -> str:
    if opened >= arrived:
        return ""
    return f"From {opened:,} of {arrived:,}: of each day or week the newest."


def _bins(session: Session, period: Period) -> tuple[list[int], list[int]]:
    """Return bin limits and counts by day, or by week for many days or mostly counts too small to show."""
    by_day = period.axis_labels(1)
    if period.days <= 31:
        counts = _counts(session, period, by_day)
        nonzero = [count for count in counts if count]
        if sum(count < MIN_CELL_COUNT for count in nonzero) * 2 <= len(nonzero):
            return by_day, counts
    by_week = period.axis_labels(7)
    return by_week, _counts(session, period, by_week)


def _counts(session: Session, period: Period, marks: Sequence[int]) -> list[int]:
    return [queries.count(session, period.date_range(*pair), "submitted") for pair in pairwise(marks)]
