"""Charts, rendered on the server as SVG.

Responsible for: columns, lines, bars and shares, each with a title and a description for screen readers;
suppressed values are shown as short outlined bars. Never: uses scripts or inline styles (the classes get
their colours in staff.css), and never shows a number that is not in the table below the chart.
"""

from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup, escape

from app.services.reporting.charts import Chart

WIDE, HIGH, LEFT, FOOT, TOP, RIGHT = 640, 220, 44, 24, 12, 12
ROW, LABEL, LETTERS, NUMBERS = 26, 230, 30, 60
STUB = 6
STROKES = ("———", "- - -")
Values = Sequence[Sequence[float | None]]


def draw(picture: Chart) -> Markup:
    """The chart as SVG; its table has the same content as text."""
    high, parts = KINDS[picture.kind](picture)
    names = escape(f"{picture.name}-title"), escape(f"{picture.name}-desc")
    opening = Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-labelledby="{} {}">'
        '<title id="{}">{}</title><desc id="{}">{}</desc>'
    ).format(picture.kind, WIDE, high, *names, names[0], picture.title, names[1], _described(picture))
    return opening + Markup("").join(parts) + Markup("</svg>")


def _described(picture: Chart) -> str:
    return f"{' by '.join(reversed(picture.head[:2]))}. {picture.note} The table below holds every number."


def _columns(picture: Chart) -> tuple[int, Iterator[Markup]]:
    top = _top(picture.values)

    def parts() -> Iterator[Markup]:
        yield from _axes(picture, top)
        step = (WIDE - LEFT - RIGHT) / max(1, len(picture.values))
        for place, (value, *_) in enumerate(picture.values):
            x, wide = LEFT + place * step + step * 0.15, step * 0.7
            y = _y(value, top) if value is not None else HIGH - FOOT - STUB
            yield _rect("bar" if value is not None else "kept-back", x, y, wide, HIGH - FOOT - y)

    return HIGH, parts()


def _lines(picture: Chart) -> tuple[int, Iterator[Markup]]:
    top = _top(picture.values)

    def parts() -> Iterator[Markup]:
        yield from _axes(picture, top)
        step = (WIDE - LEFT - RIGHT) / max(1, len(picture.values))
        for line in range(2):
            points = [
                (LEFT + (place + 0.5) * step, None if values[line] is None else _y(values[line] or 0, top))
                for place, values in enumerate(picture.values)
            ]
            yield from _path(f"line-{line + 1}", points)
            name = picture.head[line + 1] if len(picture.head) > line + 1 else ""
            yield _text(f"key line-{line + 1}", LEFT + 140 + line * 170, HIGH - 6, f"{STROKES[line]} {name}")

    return HIGH, parts()


def _path(name: str, points: Sequence[tuple[float, float | None]]) -> Iterator[Markup]:
    """One line with a dot for each value, and a gap where no value is shown."""
    drawn, pen = [], "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        drawn.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
        yield Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(name, x, y)
    if drawn:
        yield Markup('<path class="{}" d="{}"/>').format(name, "".join(drawn))


def _bars(picture: Chart) -> tuple[int, Iterator[Markup]]:
    """One row for each label: a bar, or several parts of one, followed by its number."""
    most = max((sum(each or 0 for each in values) for values in picture.values), default=0) or 1
    room = WIDE - LABEL - NUMBERS

    def parts() -> Iterator[Markup]:
        for place, (row, values) in enumerate(zip(picture.rows, picture.values, strict=True)):
            y, x = place * ROW + 4, float(LABEL)
            label = str(row[0])
            clipped = label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…"
            yield _text("label", LABEL - 8, y + 14, clipped)
            for part, value in enumerate(values):
                if value is None and part:
                    continue
                wide = STUB if value is None else value / most * room
                yield _rect("kept-back" if value is None else f"bar part-{part + 1}", x, y, wide, ROW - 8)
                x += wide
            yield _text("number", x + 6, y + 14, _beside(row))

    return max(ROW, len(picture.rows) * ROW + 8), parts()


def _beside(row: Sequence[object]) -> str:
    """`12`, or `11 of 12` if the table has both numbers; `·` if the number is suppressed."""
    if len(row) == 3 and isinstance(row[2], int):
        return f"{row[2]:,} of {row[1]:,}"
    return f"{row[1]:,}" if isinstance(row[1], int) else "·"


def _axes(picture: Chart, top: float) -> Iterator[Markup]:
    """Three grid lines with their scale, and the first and last label."""
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            LEFT, WIDE - RIGHT, y, y
        )
        yield _text("scale", LEFT - 6, y + 4, f"{top * share:g}")
    if picture.rows:
        yield _text("first", LEFT, HIGH - 6, str(picture.rows[0][0]))
        if len(picture.rows) > 1:
            yield _text("last", WIDE - RIGHT, HIGH - 6, str(picture.rows[-1][0]))


def _top(values: Values) -> float:
    """The upper end of the scale: a round number that no value exceeds."""
    most = max((each for row in values for each in row if each is not None), default=0) or 1
    power = 1.0
    while power * 10 <= most:
        power *= 10
    while power > most:
        power /= 10
    return next(step * power for step in (1, 2, 4, 6, 8, 10, 20) if step * power >= most)


def _y(value: float, top: float) -> float:
    return HIGH - FOOT - value / top * (HIGH - FOOT - TOP)


def _rect(name: str, x: float, y: float, wide: float, high: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        name, x, y, wide, high
    )


def _text(name: str, x: float, y: float, words: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(name, x, y, words)


KINDS: dict[str, Callable[[Chart], tuple[int, Iterator[Markup]]]] = {
    "columns": _columns,
    "lines": _lines,
    "bars": _bars,
    "shares": _bars,
}
