"""Tests of passwords: which are accepted, what is stored of them, and that each guess is expensive."""

import asyncio

import pytest

from app.errors import Unavailable
from app.services.auth import passwords
from app.services.auth.passwords import MAX_LENGTH, MIN_LENGTH, PasswordHasher, validate_password

GOOD = "blue river 92 walnut"
WORDS = ("jane.roe@clinic.example", "Jane Roe", "Sunrise Pain Clinic")


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    ["password1234", "Password123456!", "P@ssw0rd2026", "passwordpassword", "qwertyuiop[]", "1q2w3e4r5t6y",
     "aaaaaaaaaaaa", "abababababab", "123456789012", "letmeinletmein", "correct horse battery staple",
     "jane.roe@clinic.example", "Jane Roe Jane Roe", "jane.roe.2026", "SunrisePainClinic",
     "Sunrise Clinic 123", "            ", "winter2026!!", "ｐａｓｓｗｏｒｄ１２３４"],
)  # fmt: skip
def test_what_is_easily_guessed_is_refused(password: str) -> None:
    told = validate_password(password, WORDS)
    assert told is not None
    assert "guessed" in told


@pytest.mark.parametrize("password", ["", "x", "blue river4"])
def test_what_is_too_short_is_refused(password: str) -> None:
    assert f"at least {MIN_LENGTH}" in (validate_password(password) or "")


def test_what_is_too_long_is_refused_before_it_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_fits", None)
    long = "x" * (MAX_LENGTH + 1)
    assert f"at most {MAX_LENGTH}" in (validate_password(long) or "")
    assert not asyncio.run(PasswordHasher().verify(long, "kept"))


def test_a_queue_of_guesses_does_not_grow() -> None:
    async def guess() -> list[object]:
        few = PasswordHasher(at_once=1, waiting=2)
        return await asyncio.gather(*(few.verify(GOOD, None) for _ in range(5)), return_exceptions=True)

    told = asyncio.run(guess())
    assert told[:3] == [False] * 3
    assert all(isinstance(each, Unavailable) and each.retry_after for each in told[3:])


def test_another_password_does_not_fit() -> None:
    async def tried() -> list[bool]:
        services = PasswordHasher()
        kept = await services.hash(GOOD)
        return [await services.verify(each, kept) for each in (GOOD + " ", GOOD.upper(), "", "\0", "é" * 12)]

    assert asyncio.run(tried()) == [False] * 5


# --- allowed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [GOOD, "x7!kQz0#Lp9w", "pässwörter sind töll", "数字と文字を並べた長い合言葉です", "y" * 5 + GOOD],
)
def test_what_is_not_easily_guessed_is_taken(password: str) -> None:
    assert validate_password(password, WORDS) is None


def test_a_password_is_kept_as_argon2id_of_the_cost_that_owasp_names() -> None:
    async def kept() -> tuple[str, str, bool]:
        services = PasswordHasher()
        one, other = await services.hash(GOOD), await services.hash(GOOD)
        return one, other, await services.verify(GOOD, one) and await services.verify(GOOD, other)

    one, other, fits = asyncio.run(kept())
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != other
    assert fits


def test_it_fits_however_a_keyboard_composes_it() -> None:
    async def fits() -> bool:
        services = PasswordHasher()
        return await services.verify(
            "cafe\u0301 on the corner", await services.hash("caf\u00e9 on the corner")
        )

    assert asyncio.run(fits())


def test_nobodys_password_is_as_much_work_as_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What that comes to in time, tests/e2e/processes/test_sign_in.py measures from outside."""
    verified: list[str] = []

    def counted(given: bytes, kept: str) -> bool:
        verified.append(kept)
        return fits(given, kept)

    fits = passwords._fits
    monkeypatch.setattr(passwords, "_fits", counted)

    async def tried() -> str:
        services = PasswordHasher()
        kept = await services.hash(GOOD)
        for each in (kept, None):
            assert not await services.verify("another one altogether", each)
        return kept

    somebodys = asyncio.run(tried())
    assert (len(verified), verified[0]) == (2, somebodys)
    assert cost(verified[1]) == cost(somebodys)


def cost(kept: str) -> tuple[str, list[int]]:
    """Kind, version and parameters of a PHC string, and the lengths of salt and hash."""
    _, kind, version, parameters, salt, tag = kept.split("$")
    return f"{kind} {version} {parameters}", [len(salt), len(tag)]
