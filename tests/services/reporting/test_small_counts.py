"""Tests of small-number suppression: who knows the total of a table can't work out any count of 1 to 4."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.reporting.small_counts import (
    FEW,
    MIN_CELL_COUNT,
    SUPPRESSED,
    Shown,
    suppress,
    suppress_cells,
)

HID = SUPPRESSED


@pytest.mark.parametrize(
    ("counts", "cells"),
    [
        ([], []),
        ([0, 0], [0, 0]),
        ([5, 20, 0], [5, 20, 0]),
        ([3], [HID]),  # the total is this cell
        ([3, 0], [HID, HID]),
        ([1, 1], [HID, HID]),  # two counts of 1 to 4 with a sum of 2 can only be 1 and 1
        ([4, 4], [HID, HID]),
        ([2, 3], [FEW, FEW]),  # a sum of 5 could be 1 and 4 or 4 and 1
        ([1, 1, 1, 1, 1], [HID] * 5),
        ([20, 3], [FEW if each == 3 else HID for each in (20, 3)]),
        ([20, 3, 30, 0], [HID, FEW, 30, 0]),
        ([20, 2, 3, 30], [20, FEW, FEW, 30]),
        ([5, 1, 30], [HID, FEW, HID]),  # 6 minus at least 5 leaves 1, so a third cell is hidden
        ([5, 1], [HID, HID]),
        ([1, 1, 20], [FEW, FEW, HID]),
        ([4, 4, 20], [FEW, FEW, HID]),
        ([1, 2, 3, 4, 100], [FEW, FEW, FEW, FEW, 100]),
    ],
)
def test_small_counts_are_not_shown_and_can_not_be_worked_out(counts: list[int], cells: list[Shown]) -> None:
    assert suppress_cells(counts) == cells


@pytest.mark.parametrize(("count", "told"), [(0, 0), (1, FEW), (4, FEW), (5, 5), (10**9, 10**9)])
def test_a_count_that_stands_alone(count: int, told: Shown) -> None:
    assert suppress(count) == told


@given(st.lists(st.one_of(st.integers(0, 6), st.integers(0, 60)), max_size=7))
def test_whoever_knows_the_total_can_not_tell_any_of_1_to_4_apart(counts: list[int]) -> None:
    cells = suppress_cells(counts)
    assert len(cells) == len(counts)
    assert not any(isinstance(cell, int) and 0 < cell < MIN_CELL_COUNT for cell in cells)
    assert all(cell == count for cell, count in zip(cells, counts, strict=True) if isinstance(cell, int))
    assert all(0 < count < MIN_CELL_COUNT for cell, count in zip(cells, counts, strict=True) if cell == FEW)
    rest = sum(counts) - sum(cell for cell in cells if isinstance(cell, int))
    few_cells, hidden = cells.count(FEW), cells.count(SUPPRESSED)
    if few_cells:
        assert possible(few_cells, hidden, rest) == {1, 2, 3, 4}


def possible(few_cells: int, hidden: int, rest: int) -> set[int]:
    """Values one of the few cells can have if they and the hidden cells (5 or more each) add up to `rest`."""
    found = set()
    for values in itertools.product(range(1, MIN_CELL_COUNT), repeat=few_cells):
        left = rest - sum(values)
        if left == 0 if hidden == 0 else left >= hidden * MIN_CELL_COUNT:
            found.add(values[0])
    return found
