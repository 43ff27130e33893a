"""Tests of API keys: their format, and which are refused before the database is read."""

import datetime as dt
import re
import secrets

import pytest

from app.errors import Forbidden, StartupError, Unauthenticated
from app.services.auth.api_keys import BASE62, PATTERN, NewApiKey, authenticate, checksum, create, parse
from app.services.auth.authorization import SCOPES, hash_token
from app.storage.auth.api_keys import ApiKey
from app.storage.db.database import Database
from app.storage.events.audit_log import Actor
from tests.conftest import Service

NOW = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)


def key(**change: object) -> ApiKey:
    sealed = {"id": "abcdefgh", "name": "n", "secret_hash": hash_token("s"), "scopes": frozenset(SCOPES)}
    bound = {"is_test": False, "origins": frozenset(), "cidrs": (), "created_at": NOW, "expires_at": None}
    plain = sealed | bound
    return ApiKey(**(plain | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wanted",
    [
        NewApiKey("", ("review",)),
        NewApiKey("x" * 101, ("review",)),
        NewApiKey("n", ()),
        NewApiKey("n", ("everything",)),
        NewApiKey("n", ("submissions:write",), origins=("https://clinic.example/path",)),
        NewApiKey("n", ("submissions:write", "review"), origins=("https://clinic.example",)),
        NewApiKey("n", ("review",), cidrs=("not a network",)),
    ],
)
def test_a_key_that_can_not_be_is_refused(service: Service, wanted: NewApiKey) -> None:
    database: Database = service.database
    with pytest.raises(StartupError):
        database.write_blocking(lambda session: create(session, wanted, now=NOW, actor=Actor("command")))


@pytest.mark.parametrize(
    ("found", "secret"),
    [
        (None, "s"),
        (key(), "wrong"),
        (key(revoked_at=NOW), "s"),
        (key(expires_at=NOW), "s"),
    ],
)
def test_unknown_wrong_revoked_and_expired_look_the_same(found: ApiKey | None, secret: str) -> None:
    with pytest.raises(Unauthenticated, match="not known, or no longer live"):
        authenticate(found, secret, now=NOW, network=None, origin=None)


@pytest.mark.parametrize("network", [None, "testclient", "198.51.100.7"])
def test_a_key_bound_to_networks_is_refused_elsewhere(network: str | None) -> None:
    with pytest.raises(Forbidden):
        authenticate(key(cidrs=("192.0.2.0/24", "2001:db8::/32")), "s", now=NOW, network=network, origin=None)


@pytest.mark.parametrize("network", ["192.0.2.9", "2001:db8::9"])
def test_a_key_bound_to_networks_is_taken_from_them(network: str) -> None:
    bound = key(cidrs=("192.0.2.0/24", "2001:db8::/32"))
    assert authenticate(bound, "s", now=NOW, network=network, origin=None) is bound


def test_a_key_reads_as_documented_and_parses_back(service: Service) -> None:
    wanted = NewApiKey("n", ("review",), test=True, days=3)
    text = service.database.write_blocking(
        lambda session: create(session, wanted, now=NOW, actor=Actor("command"))
    )
    assert re.fullmatch(r"pc_test_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}", text)
    assert PATTERN.fullmatch(text)
    parsed = parse(text)
    assert parsed is not None
    assert parsed[0] == text.split("_")[2]


def test_a_random_string_hardly_ever_passes_for_a_key() -> None:
    stems = (f"pc_live_{'a' * 8}_{''.join(secrets.choice(BASE62) for _ in range(38))}" for _ in range(10_000))
    assert not [stem for stem in stems if parse(stem)]


def test_one_mistyped_character_is_noticed() -> None:
    stem = "pc_live_abcdefgh_" + "k" * 32
    good = stem + checksum(stem)
    assert parse(good) == ("abcdefgh", "k" * 32)
    for place in range(len("pc_live_"), len(good)):
        other = "A" if good[place] != "A" else "B"
        assert parse(good[:place] + other + good[place + 1 :]) is None
