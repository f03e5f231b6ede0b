"""How passphrases are kept: as something that only the passphrase itself fits."""

from typing import Protocol


class Passphrases(Protocol):
    def hash(self, passphrase: str) -> str: ...

    def verify(self, stored: str | None, passphrase: str) -> bool:
        """Return whether the passphrase fits; None takes as long as any other and never fits."""
        ...

    def needs_rehash(self, stored: str) -> bool:
        """Return whether the hash was made with weaker parameters than today's."""
        ...
