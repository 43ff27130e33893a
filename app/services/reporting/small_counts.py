"""Small-number suppression: counts of people are shown so that no individual can be identified.

Responsible for: showing 1 to 4 as "fewer than 5"; where such a cell could be computed from the other cells
and the total, further cells are suppressed, smallest first, until it could be any of 1 to 4. It does not
protect against a reader who compares two periods, or the same period before and after one person was added.
"""

from collections.abc import Sequence

MIN_CELL_COUNT = 5
FEW = f"fewer than {MIN_CELL_COUNT}"
SUPPRESSED = "not shown"
Shown = int | str


def suppress(count: int) -> Shown:
    """Return how to show one count that stands alone."""
    return FEW if 0 < count < MIN_CELL_COUNT else count


def suppress_cells(counts: Sequence[int]) -> list[Shown]:
    """Return how to show the cells of a table whose total is known or computable, in the same order."""
    small = [count for count in counts if 0 < count < MIN_CELL_COUNT]
    larger = sorted(place for place in range(len(counts)) if counts[place] >= MIN_CELL_COUNT)
    larger.sort(key=lambda place: counts[place])
    for number in range(len(larger) + 1):
        hidden = larger[:number]
        if _safe(len(small), number, sum(small) + sum(counts[place] for place in hidden)):
            return [SUPPRESSED if place in hidden else suppress(count) for place, count in enumerate(counts)]
    return [SUPPRESSED] * len(counts)


def _safe(small: int, hidden: int, together: int) -> bool:
    """Return whether each of the `small` cells could be 1 as well as 4, given the sum of all hidden cells.

    A hidden cell is 5 or more, so with one of them a small cell can always be 1; for a 4, the other cells
    must leave enough of the sum.
    """
    if not small:
        return True
    leaves_a_choice = hidden > 0 or together - 1 <= (small - 1) * (MIN_CELL_COUNT - 1)
    return leaves_a_choice and together - (MIN_CELL_COUNT - 1) >= (small - 1) + hidden * MIN_CELL_COUNT
