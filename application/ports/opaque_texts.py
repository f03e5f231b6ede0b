"""Texts that clients keep for the server and cannot read: cursors and the ids of updates."""

from typing import Protocol


class OpaqueTexts(Protocol):
    """Turns bytes into text that only this instance can read."""

    def write(self, content: bytes, purpose: str) -> str:
        """Return the content as text for URLs; the same content and purpose, the same text."""
        ...

    def read(self, text: str, purpose: str) -> bytes:
        """Return the content. Raises NotWrittenHere unless it was written for the purpose."""
        ...


class NotWrittenHere(ValueError):
    """This instance did not write the text, or wrote it for another purpose."""
