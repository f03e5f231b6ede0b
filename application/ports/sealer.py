"""Originals of evidence, encrypted with a key of their own and never served."""

from collections.abc import Iterator
from typing import Protocol

PARTS = "uploads/"


class NotSealed(Exception):
    """There is no such original or part, its key was destroyed, or it was tampered with."""


def parts_prefix(evidence_id: str) -> str:
    """What the keys of the parts of an upload begin with."""
    return f"{PARTS}{evidence_id}/"


class Sealer(Protocol):
    """Seals what is uploaded: first its parts as they arrive, then the original as a whole.

    Parts are kept in the media store under ``parts_prefix`` and their name. Once the key was
    destroyed nothing is sealed any more either: NotSealed.
    """

    def seal(self, evidence_id: str, chunks: Iterator[bytes]) -> tuple[str, int]:
        """Store the original encrypted; its SHA-256 (hex, of the plain bytes) and its size."""
        ...

    def open(self, evidence_id: str) -> Iterator[bytes]:
        """Return the plain bytes of the original. Raises NotSealed, at the latest at the end."""
        ...

    def seal_part(self, evidence_id: str, name: str, chunks: Iterator[bytes]) -> int:
        """Store a part of an upload encrypted; its size in plain bytes."""
        ...

    def open_part(self, evidence_id: str, name: str) -> Iterator[bytes]:
        """Return the plain bytes of the part. Raises NotSealed, at the latest at the end."""
        ...

    def destroy(self, evidence_id: str) -> None:
        """Destroy the key for good, and delete the original."""
        ...
