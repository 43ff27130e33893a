"""Measures how hard a text is to read.

Responsible for: the Flesch-Kincaid grade for English (Kincaid et al. 1975), and LIX for other languages that
separate words with spaces (Bjoernsson 1968).
Never: uses dictionaries or downloads. Syllables are counted as groups of vowels, which is accurate to about
half a grade on a paragraph.
"""

import re

WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
SENTENCES = re.compile(r"[.!?:]+(?:\s|$)")
VOWELS = re.compile(r"[aeiouy]+")
HARDEST_GRADE, HARDEST_LIX = 8.0, 45.0
FEWEST_WORDS = 9  # shorter strings have no meaningful grade


def flesch_kincaid_grade(text: str) -> float:
    """Return the US school grade of an English `text`; 0 if it has no words."""
    words = WORDS.findall(text)
    if not words:
        return 0.0
    syllables = sum(_syllables(word.lower()) for word in words)
    return 0.39 * len(words) / _sentences(text) + 11.8 * syllables / len(words) - 15.59


def lix(text: str) -> float:
    """Return the number of words per sentence plus the percentage of words longer than six letters."""
    words = WORDS.findall(text)
    if not words:
        return 0.0
    return len(words) / _sentences(text) + 100 * sum(len(word) > 6 for word in words) / len(words)


def exceeds_reading_level(text: str, language: str) -> str | None:
    """Return, for example, "grade 9.1, at most 8" if `text` is too hard for respondents; otherwise None."""
    if len(WORDS.findall(text)) < FEWEST_WORDS:
        return None
    if language.split("-", maxsplit=1)[0] == "en":
        found = flesch_kincaid_grade(text)
        return f"grade {found:.1f}, at most {HARDEST_GRADE:.0f}" if found > HARDEST_GRADE else None
    found = lix(text)
    return f"LIX {found:.0f}, at most {HARDEST_LIX:.0f}" if found > HARDEST_LIX else None


def _sentences(text: str) -> int:
    return max(1, len(SENTENCES.findall(text)))


def _syllables(word: str) -> int:
    groups = len(VOWELS.findall(word))
    silent = word.endswith(("e", "es", "ed")) and not word.endswith(("le", "ted", "ded", "ses", "ces", "ges"))
    return max(1, groups - (silent and groups > 1))
