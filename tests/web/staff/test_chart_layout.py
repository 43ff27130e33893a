"""Rendered charts: well-formed, labelled SVG without scripts or styles; suppressed counts do not appear."""

import xml.etree.ElementTree as ET

import pytest

from app.services.reporting.charts import Chart, Kind
from app.services.reporting.small_counts import FEW, SUPPRESSED
from app.web.html.templates import environment
from app.web.staff.chart_layout import KINDS, layout

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</svg>",
    "&amp; ' \"",
    "a\u202eb",
    "x" * 500,
]


def chart(kind: Kind, values: list[tuple[float | None, ...]], label: str = "a", **more: str) -> Chart:
    texts = {"name": "mine", "title": "What was found", "note": "A note."} | more
    rows = tuple(
        (f"{label}{place}", *(SUPPRESSED if each is None else int(each) for each in row))
        for place, row in enumerate(values)
    )
    return Chart(**texts, kind=kind, head=("What", "How many", "Met"), rows=rows, values=tuple(values))


def render(chart: Chart) -> str:
    """Render the SVG of a chart as the dashboard does."""
    macros = environment("en").get_template("staff/charts.html").module
    return str(macros.chart_svg(chart, layout(chart)))  # type: ignore[attr-defined]


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def found(root: ET.Element, tag: str, name: str = "") -> list[ET.Element]:
    return [
        each for each in root.iter(f"{SVG}{tag}") if name in (each.get("class") or "").split() or not name
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", HOSTILE)
def test_words_stay_words(kind: Kind, words: str) -> None:
    root = parse(render(chart(kind, [(3, 1), (5, 5)], label=words, title=words, note=words)))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        "svg", "title", "desc", "rect", "line", "text", "circle", "path"
    }  # fmt: skip
    for each in root.iter():
        assert not [name for name in each.attrib if name == "style" or name.startswith("on")]
    assert root.findtext(f"{SVG}title") == words


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "values", [[], [(0, 0)], [(None, None)], [(None, None), (7, 3)], [(10**9, 1)], [(0.01, 0.02)]]
)
def test_any_values_make_a_chart_within_its_view_box(
    kind: Kind, values: list[tuple[float | None, ...]]
) -> None:
    root = parse(render(chart(kind, values)))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "mine-title mine-desc"
    wide, high = (float(each) for each in (root.get("viewBox") or "").split()[2:])
    for each in found(root, "rect"):
        x, y, across, down = (float(each.get(name) or "nan") for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + across <= wide
        assert 0 <= y <= y + down <= high
    for each in found(root, "circle"):
        assert 0 <= float(each.get("cy") or "nan") <= high


def test_what_is_not_shown_has_no_size_of_its_own() -> None:
    roots = [parse(render(chart(kind, [(None,), (20,)]))) for kind in ("columns", "bars")]
    for root in roots:
        [bar] = found(root, "rect", "suppressed")
        assert "6.0" in (bar.get("width"), bar.get("height"))
    assert "·" in [each.text for each in found(roots[1], "text", "number")]
    assert FEW not in render(chart("bars", [(None,)]))


def test_a_line_has_a_gap_where_nothing_is_shown() -> None:
    root = parse(render(chart("lines", [(1, 2), (2, 3), (None, None), (4, 6), (1, 1)])))
    assert [(each.get("d") or "").count("M") for each in found(root, "path")] == [2, 2]
    assert len(found(root, "circle", "line-1")) == 4


def test_shares_stand_side_by_side_and_say_how_many_of_how_many() -> None:
    mine = Chart(
        "mine", "t", "", "shares", ("Priority", "Fell due", "Met"), (("Priority 1", 24, 18),), ((18, 6),)
    )
    root = parse(render(mine))
    first, second = found(root, "rect")
    ends = float(first.get("x") or 0) + float(first.get("width") or 0)
    assert ends == pytest.approx(float(second.get("x") or 0), abs=0.2)
    assert float(first.get("width") or 0) == pytest.approx(3 * float(second.get("width") or 0), abs=0.5)
    assert [each.text for each in found(root, "text", "number")] == ["18 of 24"]


@pytest.mark.parametrize(
    ("most", "top"),
    [(1, "1"), (3, "4"), (5, "6"), (7, "8"), (9, "10"), (11, "20"), (150, "200"), (0.3, "0.4")],
)
def test_heights_are_read_by_round_numbers(most: float, top: str) -> None:
    root = parse(render(chart("columns", [(most,)])))
    assert found(root, "text", "scale")[-1].text == top
