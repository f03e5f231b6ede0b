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

    def seal_part(self, evidence_id: str, part: str, chunks: Iterator[bytes]) -> None:
        """Store a part of what arrives of an upload, under a name of its own."""
        ...

    def open_part(self, evidence_id: str, part: str) -> Iterator[bytes]:
        """The plain bytes of a part. Raises NotSealed."""
        ...

    def drop_parts(self, evidence_id: str) -> None:
        """Delete all parts, those of dead requests as well."""
        ...

    def destroy(self, evidence_id: str) -> None:
        """Destroy the key of the original and of its parts, and delete the original."""
        ...
