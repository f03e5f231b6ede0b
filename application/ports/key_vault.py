"""The keys that encrypt personal data and the media of evidence."""

from typing import Protocol


def evidence_subject(evidence_id: str) -> str:
    """Return the subject of the key that encrypts all media of a piece of evidence."""
    return f"evidence/{evidence_id}"


class KeyVault(Protocol):
    """One 256-bit key per subject: a member's id, or ``evidence_subject``.

    A destroyed key is deleted from all copies of the vault, and is never made again.
    """

    def key(self, subject: str, *, fresh: bool = False) -> bytes | None:
        """Return the subject's key, or None if it does not exist or is destroyed.

        A process that did not destroy it may return it from a cache for a few seconds, unless it is
        asked for a ``fresh`` answer.
        """
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
