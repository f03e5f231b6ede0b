"""Originals of evidence, encrypted with a key of their own and never served."""

from collections.abc import Iterator
from typing import Protocol


class NotSealed(Exception):
    """There is no such original, its key was destroyed, or it was tampered with."""


class Sealer(Protocol):
    def seal(self, evidence_id: str, chunks: Iterator[bytes]) -> tuple[str, int]:
        """Store the original encrypted; its SHA-256 (hex, of the plain bytes) and its size."""
        ...

    def open(self, evidence_id: str) -> Iterator[bytes]:
        """The plain bytes of the original. Raises NotSealed, at the latest at the end."""
        ...
