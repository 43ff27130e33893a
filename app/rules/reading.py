"""How hard a text is to read.

Office: Flesch-Kincaid grade for English (Kincaid et al. 1975), LIX for other spaced languages (Bjoernsson
1968). Refuses: dictionaries and downloads; syllables are counted by groups of vowels, good to about half a
grade on a paragraph.
"""

import re

WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
SENTENCES = re.compile(r"[.!?:]+(?:\s|$)")
VOWELS = re.compile(r"[aeiouy]+")
HARDEST_GRADE, HARDEST_LIX = 8.0, 45.0
FEWEST_WORDS = 9  # shorter strings have no grade worth the name


def grade(text: str) -> float:
    """US school grade of English `text`, 0 when it has no words."""
    words = WORDS.findall(text)
    if not words:
        return 0.0
    syllables = sum(_syllables(word.lower()) for word in words)
    return 0.39 * len(words) / _sentences(text) + 11.8 * syllables / len(words) - 15.59


def lix(text: str) -> float:
    """Words a sentence plus the percentage of words longer than six letters."""
    words = WORDS.findall(text)
    if not words:
        return 0.0
    return len(words) / _sentences(text) + 100 * sum(len(word) > 6 for word in words) / len(words)


def too_hard(text: str, language: str) -> str | None:
    """As "grade 9.1, at most 8" when `text` is harder than respondents should meet; else None."""
    if len(WORDS.findall(text)) < FEWEST_WORDS:
        return None
    if language.split("-", maxsplit=1)[0] == "en":
        found = grade(text)
        return f"grade {found:.1f}, at most {HARDEST_GRADE:.0f}" if found > HARDEST_GRADE else None
    found = lix(text)
    return f"LIX {found:.0f}, at most {HARDEST_LIX:.0f}" if found > HARDEST_LIX else None


def _sentences(text: str) -> int:
    return max(1, len(SENTENCES.findall(text)))


def _syllables(word: str) -> int:
    groups = len(VOWELS.findall(word))
    silent = word.endswith(("e", "es", "ed")) and not word.endswith(("le", "ted", "ded", "ses", "ces", "ges"))
    return max(1, groups - (silent and groups > 1))
