"""The layout of the dashboard's charts: positions, sizes, ticks and labels, in units of the SVG's view box.

Responsible for: columns, lines, bars and shares; a suppressed value is a short bar of fixed size. Never:
contains markup (`staff/charts.html`) or colours (`staff.css`), and never shows a number that is not in the
table below the chart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.services.reporting.charts import Chart, Kind
from app.services.reporting.small_counts import Shown

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 628, 12, 196  # the plot area of columns and lines
LABEL_Y = 214  # the labels below that area
ROW_HEIGHT, LABEL_WIDTH, NUMBER_WIDTH = 26, 230, 60  # of bars and shares
MAX_LABEL_LENGTH = 30
SUPPRESSED_SIZE = 6
LINE_SAMPLES = ("———", "- - -")  # the strokes of the lines in staff.css


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the position of its baseline."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle. `shown`: whether its size stands for a value; a suppressed one has a fixed size."""

    x: float
    y: float
    width: float
    height: float
    shown: bool


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a line."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line and its legend. Between two segments are values that are not shown."""

    segments: tuple[tuple[Point, ...], ...]
    legend: Text


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a bar chart: its label, its bars side by side, and its number after them."""

    label: Text
    bars: tuple[Bar, ...]
    number: Text


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line with its number on the scale."""

    y: float
    label: Text


@dataclass(frozen=True, slots=True)
class Axes:
    """The grid from `left` to `right`, and the first and last label below it."""

    left: int
    right: int
    ticks: tuple[Tick, ...]
    first: Text | None
    last: Text | None


@dataclass(frozen=True, slots=True)
class ChartLayout:
    """What a chart consists of; which parts it has depends on its kind."""

    height: int
    axes: Axes | None = None
    columns: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    rows: tuple[Row, ...] = ()
    width: int = WIDTH


def layout(chart: Chart) -> ChartLayout:
    """Return the layout of a chart."""
    return KINDS[chart.kind](chart)


def _columns(chart: Chart) -> ChartLayout:
    top, step = _scale_end(chart), _step(chart)
    bars = []
    for index, (value, *_) in enumerate(chart.values):
        y = BOTTOM - SUPPRESSED_SIZE if value is None else _y(value, top)
        x = LEFT + index * step + step * 0.15
        bars.append(_bar(x, y, step * 0.7, BOTTOM - y, shown=value is not None))
    return ChartLayout(HEIGHT, axes=_axes(chart, top), columns=tuple(bars))


def _lines(chart: Chart) -> ChartLayout:
    top, step = _scale_end(chart), _step(chart)
    lines = []
    for number, (sample, name) in enumerate(zip(LINE_SAMPLES, chart.head[1:], strict=True)):
        series = [values[number] for values in chart.values]
        points = [
            None if value is None else _point(LEFT + (index + 0.5) * step, _y(value, top))
            for index, value in enumerate(series)
        ]
        legend = _text(LEFT + 140 + number * 170, LABEL_Y, f"{sample} {name}")
        lines.append(Line(_segments(points), legend))
    return ChartLayout(HEIGHT, axes=_axes(chart, top), lines=tuple(lines))


def _segments(points: Sequence[Point | None]) -> tuple[tuple[Point, ...], ...]:
    """Return the runs of consecutive points."""
    runs = (tuple(filter(None, run)) for _, run in groupby(points, key=bool))
    return tuple(run for run in runs if run)


def _bars(chart: Chart) -> ChartLayout:
    longest = max((sum(each or 0 for each in values) for values in chart.values), default=0) or 1
    pairs = enumerate(zip(chart.rows, chart.values, strict=True))
    rows = tuple(_row(index, cells, values, longest) for index, (cells, values) in pairs)
    return ChartLayout(max(ROW_HEIGHT, len(rows) * ROW_HEIGHT + 8), rows=rows)


def _row(index: int, cells: Sequence[Shown], values: Sequence[float | None], longest: float) -> Row:
    y, x = index * ROW_HEIGHT + 4, float(LABEL_WIDTH)
    label = str(cells[0])
    if len(label) > MAX_LABEL_LENGTH:
        label = f"{label[: MAX_LABEL_LENGTH - 1]}…"
    bars = []
    for part, value in enumerate(values):
        if value is None and part:
            continue
        available = WIDTH - LABEL_WIDTH - NUMBER_WIDTH
        width = SUPPRESSED_SIZE if value is None else value / longest * available
        bars.append(_bar(x, y, width, ROW_HEIGHT - 8, shown=value is not None))
        x += width
    return Row(_text(LABEL_WIDTH - 8, y + 14, label), tuple(bars), _text(x + 6, y + 14, _number(cells)))


def _number(cells: Sequence[Shown]) -> str:
    """`12`, or `11 of 12` if the table has both numbers; `·` if the number is suppressed."""
    if len(cells) == 3 and isinstance(cells[2], int):
        return f"{cells[2]:,} of {cells[1]:,}"
    return f"{cells[1]:,}" if isinstance(cells[1], int) else "·"


def _axes(chart: Chart, top: float) -> Axes:
    """Three grid lines with their scale, and the first and last label."""
    ticks = []
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        ticks.append(Tick(_rounded(y), _text(LEFT - 6, y + 4, f"{top * share:g}")))
    labels = [str(row[0]) for row in chart.rows]
    first = _text(LEFT, LABEL_Y, labels[0]) if labels else None
    last = _text(RIGHT, LABEL_Y, labels[-1]) if len(labels) > 1 else None
    return Axes(LEFT, RIGHT, tuple(ticks), first, last)


def _scale_end(chart: Chart) -> float:
    """The upper end of the scale: a round number that no value exceeds."""
    most = max((each for row in chart.values for each in row if each is not None), default=0) or 1
    power = 1.0
    while power * 10 <= most:
        power *= 10
    while power > most:
        power /= 10
    return next(step * power for step in (1, 2, 4, 6, 8, 10, 20) if step * power >= most)


def _step(chart: Chart) -> float:
    """The width that each value has along the horizontal axis."""
    return (RIGHT - LEFT) / max(1, len(chart.values))


def _y(value: float, top: float) -> float:
    return BOTTOM - value / top * (BOTTOM - TOP)


def _rounded(position: float) -> float:
    return round(float(position), 1)


def _text(x: float, y: float, text: str) -> Text:
    return Text(_rounded(x), _rounded(y), text)


def _point(x: float, y: float) -> Point:
    return Point(_rounded(x), _rounded(y))


def _bar(x: float, y: float, width: float, height: float, *, shown: bool) -> Bar:
    return Bar(_rounded(x), _rounded(y), _rounded(width), _rounded(height), shown)


KINDS: dict[Kind, Callable[[Chart], ChartLayout]] = {
    "columns": _columns,
    "lines": _lines,
    "bars": _bars,
    "shares": _bars,
}
