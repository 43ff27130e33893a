"""Counts of people that can be shown without pointing at anybody.

Office: 1 to 4 is "fewer than 5"; where the other cells and the total would give such a cell away, further
cells are not shown, the smallest first, until it could be any of 1 to 4. Refuses: to guard against somebody
who compares what two periods show, or the same one before and after a single person came.
"""

from collections.abc import Sequence

LEAST = 5
FEW = f"fewer than {LEAST}"
KEPT_BACK = "not shown"
Shown = int | str


def few(count: int) -> Shown:
    """One count that stands alone."""
    return FEW if 0 < count < LEAST else count


def shown(counts: Sequence[int]) -> list[Shown]:
    """The cells of one table whose total is known or could be worked out; in the order they came."""
    small = [count for count in counts if 0 < count < LEAST]
    larger = sorted(place for place in range(len(counts)) if counts[place] >= LEAST)
    larger.sort(key=lambda place: counts[place])
    for number in range(len(larger) + 1):
        hidden = larger[:number]
        if _safe(len(small), number, sum(small) + sum(counts[place] for place in hidden)):
            return [KEPT_BACK if place in hidden else few(count) for place, count in enumerate(counts)]
    return [KEPT_BACK] * len(counts)


def _safe(small: int, hidden: int, together: int) -> bool:
    """Could each of the `small` cells be 1 as well as 4, whoever knows what all unseen cells come to?

    A hidden one is 5 or more, so there always is room for a 1; for a 4 the others leave enough.
    """
    if not small:
        return True
    room_for_one = hidden > 0 or together - 1 <= (small - 1) * (LEAST - 1)
    return room_for_one and together - (LEAST - 1) >= (small - 1) + hidden * LEAST
