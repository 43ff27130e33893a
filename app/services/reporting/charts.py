"""Charts of the dashboard: each states its finding in its title and has a table below it.

Responsible for: counting what storage returned and suppressing small counts (`small_counts.py`). Whether a
target was met or missed describes the work of staff, not a person, so both counts of a group that is shown
are shown. Never: knows how a chart is rendered.
"""

import datetime as dt
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.rules.engine.edition import Edition
from app.rules.library import Library
from app.services.reporting.small_counts import MIN_CELL_COUNT, SUPPRESSED, Shown, suppress, suppress_cells
from app.storage.reporting.dashboard import AbandonedDraft, Arrival, FlagOutcome

MAX_TOPICS = 12
LANGUAGE = "en"  # language of the staff app
TOO_FEW = "too few"
PRIORITIES = range(1, 5)
Kind = Literal["columns", "lines", "bars", "shares"]


@dataclass(frozen=True, slots=True)
class Chart:
    """The data of one chart. `title` is the finding; a value of None is not plotted.

    `rows` are the table below it: a label and one cell for each further column of `head`.
    """

    name: str
    title: str
    note: str
    kind: Kind
    head: tuple[str, ...]
    rows: tuple[tuple[Shown, ...], ...]
    values: tuple[tuple[float | None, ...], ...]


def arrivals(days: int, labels: Sequence[str], counts: Sequence[int], before: int) -> Chart:
    """Return the chart of how many questionnaires arrived, by bin."""
    cells, earlier = suppress_cells(counts), suppress(before)
    earlier_text = f"{earlier:,}" if isinstance(earlier, int) else earlier
    arrived = _count_phrase(sum(counts), "questionnaire", "questionnaires")
    return Chart(
        name="arrivals",
        title=f"{arrived} arrived in the last {days} days; {earlier_text} in the {days} days before",
        note="Each counts on the day it was begun.",
        kind="columns",
        head=("From", "Arrived"),
        rows=tuple(zip(labels, cells, strict=True)),
        values=tuple((_plotted_value(cell),) for cell in cells),
    )


def time_to_first_view(
    ends: Sequence[dt.datetime], labels: Sequence[str], sample: Sequence[Arrival], note: str
) -> Chart:
    """Return the chart of the time to the first view: median and ninth decile, binned like the arrivals."""
    seconds: list[list[float]] = [[] for _ in labels]
    for each in sample:
        index = bisect_right(ends, each.submitted_at) - 1
        if each.first_viewed_at and 0 <= index < len(seconds):
            seconds[index].append(_seconds_to_first_view(each))
    all_seconds = [_seconds_to_first_view(each) for each in sample if each.first_viewed_at]
    pairs = [_median_and_ninth_decile(each) for each in seconds]
    overall = _median_and_ninth_decile(all_seconds)
    title = "Too few cases were looked at to say how soon"
    if overall:
        half, most = (format_duration(each) for each in overall)
        title = f"Half were looked at within {half}, nine in ten within {most}"
    return Chart(
        name="looks",
        title=title,
        note=" ".join(filter(None, ["Hours from sending the form to the first look.", note])),
        kind="lines",
        head=("From", "Half within", "Nine in ten within"),
        rows=tuple(
            (label, *((format_duration(pair[0]), format_duration(pair[1])) if pair else (TOO_FEW, TOO_FEW)))
            for label, pair in zip(labels, pairs, strict=True)
        ),
        values=tuple(tuple(wait / 3600 for wait in pair) if pair else (None, None) for pair in pairs),
    )


def flags(found: Sequence[FlagOutcome], now: dt.datetime, note: str = "") -> Chart:
    """Return the chart of how many flags that fell due or were acted on were met in time.

    A priority with flags of too few people is not shown.
    """
    settled = [flag for flag in found if flag.acted_at or flag.due_at <= now]
    met = [flag for flag in settled if flag.acted_at and flag.acted_at <= flag.due_at]
    people = {each: {flag.submission for flag in settled if flag.priority == each} for each in PRIORITIES}
    cells = suppress_cells([len(each) for each in people.values()])
    totals, in_time = (Counter(flag.priority for flag in each) for each in (settled, met))
    title = f"Flags met in time: {len(met):,} of {len(settled):,}"
    if len(set().union(*people.values())) < MIN_CELL_COUNT:
        title = "Too few flags fell due to say how many were met in time" if settled else "No flag fell due"
    return Chart(
        name="flags",
        title=title,
        note=" ".join(filter(None, ["Acted on or closed before its target; a look alone is no act.", note])),
        kind="shares",
        head=("Priority", "Fell due", "Met in time"),
        rows=tuple(
            (f"Priority {each}", totals[each], in_time[each])
            if isinstance(cell, int)
            else (f"Priority {each}", cell, SUPPRESSED)
            for each, cell in zip(PRIORITIES, cells, strict=True)
        ),
        values=tuple(
            (in_time[each], totals[each] - in_time[each]) if isinstance(cell, int) else (None, None)
            for each, cell in zip(PRIORITIES, cells, strict=True)
        ),
    )


def languages(sample: Sequence[Arrival], note: str) -> Chart:
    found = Counter(each.language for each in sample).most_common()
    cells = suppress_cells([count for _, count in found])
    title = "No language stands out"
    if found and isinstance(cells[0], int):
        title = f"Language most used: {_in_english(found[0][0])} ({cells[0]:,} of {len(sample):,})"
    return _bars("languages", title, note, "Language", [_in_english(tag) for tag, _ in found], cells)


def topics(sample: Sequence[Arrival], library: Library, note: str) -> Chart:
    """Return the chart of the topics people were shown.

    One person can have several, so the counts do not add up to a total.
    """
    opened = [each for each in sample if each.rules is not None]
    found = Counter((each.edition[0], rule) for each in opened for rule in each.rules or ())
    names: dict[tuple[str, str], str] = {}
    for questionnaire, rule in found:
        edition = library.current(questionnaire)
        is_topic = edition and any(each.id == rule and not each.interruption for each in edition.book.rules)
        if edition and is_topic:
            names[questionnaire, rule] = f"{rule}: {edition.texts[LANGUAGE].rules.get(rule, '')}"
    ranked = sorted(names, key=lambda each: (-found[each] if found[each] >= MIN_CELL_COUNT else 0, each))[
        :MAX_TOPICS
    ]
    cells = [_suppress_with_remainder(found[each], len(opened)) for each in ranked]
    title = "Too few cases to say what most are about"
    if ranked and isinstance(cells[0], int):
        title = f"Topic most often shown: {ranked[0][1]} ({cells[0]:,} of {len(opened):,})"
    return _bars("topics", title, note, "Topic", [names[each] for each in ranked], cells)


def drop_off(drafts: Sequence[AbandonedDraft], library: Library) -> Chart:
    """Return the chart of the last page with an answer, from abandoned drafts.

    Drafts are deleted after a few days, so only those still stored count.
    """
    stopped: Counter[str] = Counter()
    order: dict[str, int] = {}
    for found in {draft.edition for draft in drafts}:
        edition = library.find(*found)
        pages = _pages(edition) if edition else {}
        order |= {name: index for index, name in enumerate(pages.values())}
        answered = [draft.answered for draft in drafts if draft.edition == found and edition]
        stopped.update(_last_page(pages, each) for each in answered if each is not None)
    names = sorted(stopped, key=lambda name: order.get(name, -1))
    cells = suppress_cells([stopped[name] for name in names])
    title = f"{_count_phrase(stopped.total(), 'form', 'forms')} begun and left"
    return _bars(
        "left", title, "Drafts that are still kept, by the last page answered.", "Page", names, cells
    )


# --- parts -----------------------------------------------------------------------------------------


def _bars(
    name: str, title: str, note: str, what: str, labels: Sequence[str], cells: Sequence[Shown]
) -> Chart:
    return Chart(
        name=name,
        title=title,
        note=note,
        kind="bars",
        head=(what, "People"),
        rows=tuple(zip(labels, cells, strict=True)),
        values=tuple((_plotted_value(cell),) for cell in cells),
    )


def _in_english(tag: str) -> str:
    """Return the English name of a BCP 47 tag, such as "Haitian Creole"."""
    from babel import Locale  # noqa: PLC0415 - needed by the dashboard only

    return Locale.parse(tag.replace("-", "_")).english_name or tag


def _pages(edition: Edition) -> dict[str, str]:
    """Return linkId to page title for each question, in reading order."""
    titles = edition.texts[LANGUAGE].pages
    return {item.link_id: titles.get(group, group) for item, group in edition.questionnaire.placed if group}


def _last_page(pages: dict[str, str], answered: Iterable[str]) -> str:
    given = set(answered)
    return next((page for name, page in reversed(pages.items()) if name in given), "no answer yet")


def _suppress_with_remainder(count: int, total: int) -> Shown:
    """Return a count, unless it or the rest of the total is too small to show."""
    return SUPPRESSED if 0 < total - count < MIN_CELL_COUNT else suppress(count)


def _plotted_value(cell: Shown) -> int | None:
    return cell if isinstance(cell, int) else None


def _count_phrase(count: int, one: str, many: str) -> str:
    cell = suppress(count)
    if not count:
        return f"No {one}"
    return f"{cell:,} {many}" if isinstance(cell, int) else f"F{cell[1:]} {many}"


def _seconds_to_first_view(arrival: Arrival) -> float:
    """Return the seconds until the first view; 0 when it was first viewed as a draft."""
    assert arrival.first_viewed_at is not None  # noqa: S101 - callers pass only viewed ones
    return max(0.0, (arrival.first_viewed_at - arrival.submitted_at).total_seconds())


def _median_and_ninth_decile(seconds: Sequence[float]) -> tuple[float, float] | None:
    """Return median and ninth decile (nearest rank); None for fewer than `MIN_CELL_COUNT` values."""
    ordered = sorted(seconds)
    if len(ordered) < MIN_CELL_COUNT:
        return None
    return ordered[math.ceil(len(ordered) / 2) - 1], ordered[math.ceil(len(ordered) * 0.9) - 1]


def format_duration(seconds: float) -> str:
    """Format a duration for reading: `12 min`, `1 h 40 min`, `2 days 3 h`."""
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"
