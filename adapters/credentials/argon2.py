"""Hash passphrases with argon2id."""

from base64 import b64encode
from os import urandom
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION


class Argon2Passphrases:
    """Hashes with ``time_cost`` passes, ``memory_cost`` KiB and ``parallelism`` threads.

    The defaults are those of RFC 9106 for little memory. Passphrases are normalised (NFC), because
    devices compose letters differently.
    """

    def __init__(
        self, *, time_cost: int = 3, memory_cost: int = 64 * 1024, parallelism: int = 4
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_cost, parallelism=parallelism
        )
        # Random bytes that no passphrase fits: cheaper than a hash, and as costly to verify.
        salt, digest = _encoded(self._hasher.salt_len), _encoded(self._hasher.hash_len)
        costs = f"m={memory_cost},t={time_cost},p={parallelism}"
        self._dummy = f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"

    def hash(self, passphrase: str) -> str:
        return self._hasher.hash(normalize("NFC", passphrase))

    def verify(self, stored: str | None, passphrase: str) -> bool:
        try:
            self._hasher.verify(stored or self._dummy, normalize("NFC", passphrase))
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def needs_rehash(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)


def _encoded(length: int) -> str:
    """So many random bytes, as a hash spells them."""
    return b64encode(urandom(length)).decode().rstrip("=")
