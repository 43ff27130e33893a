"""Encryption at rest: a data key per submission, wrapped by the newest key of the keyring.

Responsible for: all use of ciphers. AES-256-GCM with random 96-bit nonces (NIST SP 800-38D); the associated
data is `table|column|row id`, by the names at the time of the first row, so a ciphertext that was moved
elsewhere cannot be decrypted. The format of wrapped keys is `<key id>.<nonce><ciphertext>`. Never: returns
data it can't verify, or falls back to plaintext.
"""

import base64
import binascii
import contextlib
import fcntl
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import StartupError

KEY_BYTES, NONCE_BYTES = 32, 12
# Associated data: the names that table and column had when the first rows were encrypted. They stay the same
# when a table or column is renamed, or stored rows could not be decrypted.
DATA_KEY_PLACE = ("submissions", "data_key")
KEY_CHECK_PLACE = ("sealing_keys", "proof")
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class DecryptionError(Exception):
    """An encrypted value that no available key decrypts: wrong key, wrong place, or changed bytes."""


class DataKey:
    """Encrypts the fields of one submission."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        self._key, self._cipher = key, AESGCM(key)

    @classmethod
    def fresh(cls) -> "DataKey":
        return cls(os.urandom(KEY_BYTES))

    def encrypt(self, plain: bytes, *place: str) -> bytes:
        """Return the nonce and ciphertext of `plain`, bound to `place` (table, column, row id)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _bound(place))

    def mac(self, purpose: str, message: bytes) -> bytes:
        """Return the HMAC-SHA256 of `message`, under a key derived for `purpose` alone."""
        return hmac.digest(self.derived(purpose), message, "sha256")

    def derived(self, purpose: str) -> bytes:
        """Return a key derived for one purpose."""
        return hmac.digest(self._key, f"preconsult {purpose}".encode(), "sha256")

    def decrypt(self, sealed: bytes, *place: str) -> bytes:
        """Return the plaintext. Raises Unopenable."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(place))
        except (InvalidTag, ValueError) as error:
            raise DecryptionError("/".join(place[:2])) from error


def pad_to_multiple(plain: bytes, size: int = 256) -> bytes:
    """Pad `plain` with spaces to a multiple of `size`: AES-GCM hides everything but the length."""
    return plain + b" " * (-len(plain) % size)


class Keyring:
    """Maps key ids to keys, newest first. With a key file it reloads the file when `keys rotate` changes
    it.
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]], file: Path | None = None) -> None:
        self._file, self._seen = file, _stamp(file)
        self._take(keys)

    def _take(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._ciphers = {name: DataKey(key) for name, key in keys}
        self._newest = keys[0][0]

    @property
    def newest(self) -> str:
        """The id of the key that wraps from now on."""
        stamp = _stamp(self._file)
        if self._file and stamp != self._seen:
            self._seen = stamp
            self._take(parse_keys(self._file.read_text(encoding="utf-8"), str(self._file)))
        return self._newest

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._ciphers or (bool(self.newest) and key_id in self._ciphers)

    def seal(self, plain: bytes, *place: str) -> bytes:
        """Encrypt with the newest key, bound to `place` (table, column, row): for data without a data key."""
        name = self.newest
        return name.encode() + b"." + self._ciphers[name].encrypt(plain, *place)

    def open(self, sealed: bytes, *place: str) -> bytes:
        """Return the plaintext of what `seal` returned. Raises Unopenable."""
        name = key_id(sealed)
        if name not in self:
            raise DecryptionError(f"key {name}")
        return self._ciphers[name].decrypt(sealed[len(name) + 1 :], *place)

    def wrap(self, key: DataKey, row: str) -> bytes:
        """Wrap `key` for storage in the row it belongs to."""
        return self.seal(key._key, *DATA_KEY_PLACE, row)

    def unwrap(self, wrapped: bytes, row: str) -> DataKey:
        """Return the data key of a row. Raises Unopenable."""
        return DataKey(self.open(wrapped, *DATA_KEY_PLACE, row))

    def sign(self, purpose: str, message: bytes) -> str:
        """Return `<key id>.<hex>`: an HMAC-SHA256 of `message` under a key derived from the newest one for
        one purpose.
        """
        return self.signer(purpose)(message)

    def signer(self, purpose: str) -> Callable[[bytes], str]:
        """Return a `sign` function for many messages, which finds and derives its key once."""
        name = self.newest
        derived = self._ciphers[name].derived(purpose)
        return lambda message: f"{name}.{hmac.digest(derived, message, 'sha256').hex()}"

    def signed(self, purpose: str, message: bytes, signature: str) -> bool:
        """Return whether a key of the keyring signed the message for this purpose."""
        name, _, mac = signature.partition(".")
        if name not in self:
            return False
        return hmac.compare_digest(self._ciphers[name].mac(purpose, message).hex().encode(), mac.encode())

    def digest(self, purpose: str, message: bytes) -> bytes:
        """Return an HMAC-SHA256 of `message` under the newest key, as a search key."""
        name = self.newest  # read first: it may replace the ciphers by those of the file
        return self._ciphers[name].mac(purpose, message)

    def digests(self, purpose: str, message: bytes) -> list[bytes]:
        """Return what `digest` returns under every key of the keyring, so that a rotation loses nothing."""
        assert self.newest  # noqa: S101 - read so that a changed key file is reloaded
        return [key.mac(purpose, message) for key in self._ciphers.values()]

    def key_check_value(self) -> bytes:
        """Return a check value that only the newest key decrypts, to be stored and checked at every start."""
        return self.seal(b"preconsult", *KEY_CHECK_PLACE)

    def verify_key_check(self, key_check: bytes) -> bool:
        """Return whether the key named in `key_check` decrypts it."""
        try:
            return self.open(key_check, *KEY_CHECK_PLACE) == b"preconsult"
        except DecryptionError:
            return False


def key_id(wrapped: bytes) -> str:
    """Return the id of the key that wrapped a value."""
    return wrapped.partition(b".")[0].decode("ascii", "replace")


def parse_keys(text: str, where: str) -> list[tuple[str, bytes]]:
    """Parse `id:base64` pairs, comma- or line-separated, newest first. Raises Refusal that names `where`,
    but no key.
    """
    keys = []
    for pair in text.replace("\n", ",").split(","):
        name, _, encoded = pair.strip().partition(":")
        if not name and not encoded:
            continue
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not KEY_ID.fullmatch(name) or len(key) != KEY_BYTES:
            raise StartupError(f"{where} is not a keyring: each entry is `id:base64` of {KEY_BYTES} bytes.")
        keys.append((name, key))
    if not keys or len({name for name, _ in keys}) < len(keys):
        raise StartupError(f"{where} is not a keyring: it needs at least one key, and each id once.")
    return keys


def open_keyring(given: str, file: Path) -> Keyring | None:
    """Load the keyring from the setting or, without one, from the key file; None when neither exists.

    Raises Refusal when it is invalid, or when other users can read the file.
    """
    if given:
        return Keyring(parse_keys(given, "PRECONSULT_ENCRYPTION_KEYS"))
    if not file.exists():
        return None
    if file.stat().st_mode & 0o077:
        raise StartupError(f"{file} can be read by others; run: chmod 600 {file}")
    return Keyring(parse_keys(file.read_text(encoding="utf-8"), str(file)), file)


def add_key(file: Path) -> str:
    """Add a new key at the top of the key file (mode 0600, replaced atomically) and return its id."""
    with _alone(file):
        name, fresh = _write_keys(file, file.read_text(encoding="utf-8"))
        fresh.replace(file)
        _settle(file.parent)
    return name


def create_key_file(file: Path) -> None:
    """Create the key file, unless another process has just done so: an existing file is never replaced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    _, fresh = _write_keys(file, "")
    with contextlib.suppress(FileExistsError):
        os.link(fresh, file)
    fresh.unlink()
    _settle(file.parent)


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Lock out other rotations: two at once would each add their key to the same older ones."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _settle(folder: Path) -> None:
    """Make the entries of a directory durable, before data depends on them."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_keys(file: Path, older: str) -> tuple[str, Path]:
    name = f"k{secrets.token_hex(4)}"
    entry = f"{name}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}\n"
    fresh = file.with_name(f"{file.name}.{name}")
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as handle:
        handle.write(entry + older)
        handle.flush()
        os.fsync(handle.fileno())
    return name, fresh


def _bound(place: Sequence[str]) -> bytes:
    return "|".join(place).encode()


def _stamp(file: Path | None) -> tuple[int, int]:
    if file is None:
        return (0, 0)
    state = file.stat()
    return (state.st_mtime_ns, state.st_ino)
