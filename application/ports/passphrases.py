"""Hash and verify passphrases."""

from typing import Protocol


class Passphrases(Protocol):
    """Hashes and verifies passphrases."""

    def hash(self, passphrase: str) -> str: ...

    def verify(self, stored: str | None, passphrase: str) -> bool:
        """Return whether the passphrase matches. None never matches, and takes as long."""
        ...

    def needs_rehash(self, stored: str) -> bool:
        """Return whether the hash was made with weaker parameters than the present ones."""
        ...
