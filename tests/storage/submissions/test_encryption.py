"""Encryption: data that was moved or changed, or belongs to another key, cannot be decrypted."""

import base64
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.encryption import (
    DataKey,
    DecryptionError,
    Keyring,
    add_key,
    create_key_file,
    key_id,
    open_keyring,
    pad_to_multiple,
    parse_keys,
)
from app.errors import StartupError

ROW, OTHER = "0192-row", "0192-other"


def ring(*names: str) -> Keyring:
    return Keyring([(name, os.urandom(32)) for name in names])


def test_another_place_does_not_open_it() -> None:
    key = DataKey.fresh()
    sealed = key.encrypt(b"secret", "submissions", "answers", ROW)
    for place in (
        ("submissions", "contact", ROW),
        ("flags", "answers", ROW),
        ("submissions", "answers", OTHER),
    ):
        with pytest.raises(DecryptionError):
            key.decrypt(sealed, *place)


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 40])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(DecryptionError):
        DataKey.fresh().decrypt(sealed, "submissions", "answers", ROW)


def test_one_changed_bit_does_not_open() -> None:
    key = DataKey.fresh()
    sealed = bytearray(key.encrypt(b"secret", "submissions", "answers", ROW))
    sealed[-1] ^= 1
    with pytest.raises(DecryptionError):
        key.decrypt(bytes(sealed), "submissions", "answers", ROW)


def test_a_data_key_opens_only_on_its_row_and_with_its_key() -> None:
    keyring, key = ring("k1"), DataKey.fresh()
    wrapped = keyring.wrap(key, ROW)
    with pytest.raises(DecryptionError):
        keyring.unwrap(wrapped, OTHER)
    with pytest.raises(DecryptionError, match="k1"):
        ring("k2").unwrap(wrapped, ROW)
    with pytest.raises(DecryptionError):
        ring("k1").unwrap(wrapped, ROW)


def test_the_newest_key_wraps_and_older_ones_still_open() -> None:
    old, new = ("k1", os.urandom(32)), ("k2", os.urandom(32))
    key = DataKey.fresh()
    sealed = key.encrypt(b"secret", "submissions", "answers", ROW)
    wrapped = Keyring([old]).wrap(key, ROW)
    both = Keyring([new, old])
    assert both.unwrap(wrapped, ROW).decrypt(sealed, "submissions", "answers", ROW) == b"secret"
    assert key_id(both.wrap(key, ROW)) == "k2"


def test_the_same_text_never_looks_the_same() -> None:
    key = DataKey.fresh()
    assert len({key.encrypt(b"yes", "submissions", "answers", ROW) for _ in range(100)}) == 100


def test_a_proof_tells_the_right_key_from_a_wrong_one() -> None:
    keyring = ring("k1")
    assert keyring.verify_key_check(keyring.key_check_value())
    assert not ring("k1").verify_key_check(keyring.key_check_value())
    assert not ring("k2").verify_key_check(keyring.key_check_value())


@pytest.mark.parametrize(
    "text",
    ["", "k1", "k1:", "k1:short", "k1:" + "A" * 44, "k 1:" + base64.b64encode(bytes(32)).decode(),
     ",".join(["k1:" + base64.b64encode(bytes(32)).decode()] * 2)],
)  # fmt: skip
def test_what_is_no_keyring_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(StartupError) as refusal:
        parse_keys(text, "PRECONSULT_ENCRYPTION_KEYS")
    assert "PRECONSULT_ENCRYPTION_KEYS" in str(refusal.value)
    assert not text or text not in str(refusal.value)


def test_a_key_file_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    create_key_file(file)
    file.chmod(0o644)
    with pytest.raises(StartupError, match="chmod 600"):
        open_keyring("", file)


def test_the_first_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "keyring"
    assert open_keyring("", file) is None
    create_key_file(file)
    made = file.read_text()
    create_key_file(file)
    assert file.read_text() == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["keyring"]


def test_a_running_keyring_follows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    create_key_file(file)
    keyring = open_keyring("", file)
    assert keyring is not None
    before = keyring.newest
    wrapped = keyring.wrap(DataKey.fresh(), ROW)
    added = add_key(file)
    assert keyring.newest == added != before
    keyring.unwrap(wrapped, ROW)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "use",
    [
        lambda keyring: keyring.seal(b"plain", "table", "column", ROW),
        lambda keyring: keyring.wrap(DataKey.fresh(), ROW),
        lambda keyring: keyring.sign("purpose", b"message"),
        lambda keyring: keyring.digest("purpose", b"message"),
        lambda keyring: keyring.digests("purpose", b"message"),
        lambda keyring: keyring.key_check_value(),
    ],
    ids=["seal", "wrap", "sign", "digest", "digests", "key_check_value"],
)
def test_whatever_first_meets_a_rotated_file_uses_its_newest_key(
    use: Callable[[Keyring], object], tmp_path: Path
) -> None:
    file = tmp_path / "keyring"
    create_key_file(file)
    keyring = open_keyring("", file)
    assert keyring is not None
    added = add_key(file)
    assert use(keyring)
    assert keyring.newest == added


def test_a_key_from_the_file_of_another_process_is_found_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    create_key_file(file)
    running = open_keyring("", file)
    add_key(file)
    other = open_keyring("", file)
    assert running is not None
    assert other is not None
    running.unwrap(other.wrap(DataKey.fresh(), ROW), ROW)


def test_what_is_padded_does_not_tell_its_length() -> None:
    kinds = (b"proxy", b"self_harm_now", b"self_harm_unanswered")
    assert {len(pad_to_multiple(kind, 64)) for kind in kinds} == {64}
    assert [pad_to_multiple(kind, 64).rstrip() for kind in kinds] == list(kinds)
    assert len(pad_to_multiple(b"x" * 65, 64)) == 128


def test_keys_added_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    create_key_file(file)
    rivals = [threading.Thread(target=add_key, args=(file,)) for _ in range(8)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert len(parse_keys(file.read_text(), "the file")) == 9
