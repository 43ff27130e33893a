"""Passwords: which ones are accepted, and how they are stored.

Responsible for: Argon2id (RFC 9106; 19 MiB, two passes: OWASP's first choice) as PHC strings, at most two at
once per process, on separate threads. Never: accepts a password that is too short, too long (checked before
hashing) or easily guessed, lets a queue of guesses grow without limit, or responds faster for an unknown
user.
"""

import asyncio
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app.errors import Unavailable

T = TypeVar("T")
MIN_LENGTH, MAX_LENGTH = 12, 256
MAX_CONCURRENT, MAX_QUEUED = 2, 32
PLAIN_LEFT = 6  # distinct characters required besides the easily guessed parts
COMMON = (Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").split()
JOINTS = re.compile(r"[\s_.-]")  # separators between words


def validate_password(password: str, words: Sequence[str] = ()) -> str | None:
    """Return why a password is rejected, or None. `words`: the user's and the clinic's own words."""
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters. A few words in a row are easy to remember."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    left = _plain(password)
    own = [part for word in words for part in (word, *word.replace("@", " ").split()) if len(part) >= 4]
    for word in sorted((*map(_plain, own), *COMMON), key=len, reverse=True):
        left = left.replace(word, "")
    if len(set(left)) < PLAIN_LEFT:
        return "This is easily guessed. Use words that have nothing to do with you, the clinic or each other."
    return None


class PasswordHasher:
    """Hashes and verifies passwords, outside the event loop and the database threads."""

    def __init__(self, at_once: int = MAX_CONCURRENT, waiting: int = MAX_QUEUED) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._most, self._under_way = at_once + waiting, 0

    async def hash(self, password: str) -> str:
        """Return the PHC string to store. Raises Unavailable when too many requests wait."""
        return await self._on_thread(lambda: _kdf().derive_phc_encoded(_bytes(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Return whether the password matches the stored hash. Raises Unavailable.

        Without a stored hash (`None`) this takes the same time and returns False.
        """
        if len(password) > MAX_LENGTH:
            return False
        return await self._on_thread(
            lambda: _fits(_bytes(password), stored or _nobodys()) and stored is not None
        )

    async def _on_thread(self, call: Callable[[], T]) -> T:
        if self._under_way >= self._most:
            raise Unavailable("Many people are signing in at this moment; try again shortly.", retry_after=2)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._under_way -= 1


def _kdf() -> Argon2id:
    return Argon2id(salt=os.urandom(16), length=32, iterations=2, lanes=1, memory_cost=19456)


@cache
def _nobodys() -> str:
    """Return a hash of the same cost that no password matches."""
    return _kdf().derive_phc_encoded(os.urandom(32))


def _fits(given: bytes, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(given, stored)
    except InvalidKey:
        return False
    return True


def _bytes(password: str) -> bytes:
    """Return the same bytes however a keyboard composes the characters (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password).encode()


def _plain(text: str) -> str:
    return JOINTS.sub("", unicodedata.normalize("NFKC", text).casefold())
