"""The contrast of the clinic's colours with the paper they are shown on (WCAG 2.2).

Responsible for: the ratio, and the refusal of a colour that is hard to read. Never: chooses colours.
"""

DARK_PAPER = "#14191d"


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours `#rrggbb`, 1 to 21 (WCAG 2.2, relative luminance)."""
    darker, lighter = sorted(_luminance(each) for each in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def require_readable(color: str, paper: str) -> str:
    if contrast(color, paper) < 4.5:
        raise ValueError(f"its contrast with {paper} is {contrast(color, paper):.2f}, and 4.5 is needed")
    return color.lower()
