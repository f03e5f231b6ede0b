"""Hash passphrases with argon2id."""

from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


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
        self._dummy = self._hasher.hash("nobody has this passphrase")

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
