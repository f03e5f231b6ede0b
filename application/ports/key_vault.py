"""The keys that encrypt personal data and sealed originals."""

from typing import Protocol


class KeyVault(Protocol):
    """One 256-bit key per subject: a member's id, or ``evidence/<id>`` for a sealed original.

    A destroyed key is deleted from all copies of the vault, and is never made again.
    """

    def key(self, subject: str) -> bytes | None:
        """Return the subject's key, or None if it does not exist or is destroyed."""
        ...

    def make_key(self, subject: str) -> bytes:
        """Return the subject's key, and store a new one durably first if there is none.

        Raises KeyDestroyed.
        """
        ...

    def destroy(self, subject: str) -> None:
        """Destroy the key for good. Without a key, none can be made any more."""
        ...


class KeyDestroyed(Exception):
    """The subject's key is destroyed and is not made again."""
