"""The keys that personal data and sealed originals are encrypted with."""

from typing import Protocol


class KeyVault(Protocol):
    """One 256-bit key per subject: a member's id, or ``evidence/<id>`` for a sealed original.

    A destroyed key is gone from every copy that the vault keeps, and is never made again.
    """

    def key(self, subject: str) -> bytes | None:
        """Return the subject's key, or None where there is none or it was destroyed."""
        ...

    def make_key(self, subject: str) -> bytes:
        """Return the subject's key, made durably if there is none. Raises KeyDestroyed."""
        ...

    def destroy(self, subject: str) -> None:
        """Destroy the key for good, or bar it from ever being made."""
        ...


class KeyDestroyed(Exception):
    """The subject's key was destroyed and is not made again."""
