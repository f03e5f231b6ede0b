"""Originals of evidence, each encrypted with its own key and never served."""

from collections.abc import Iterator
from typing import Protocol

PARTS = "uploads/"


class NotSealed(Exception):
    """No such original or part exists, its key is destroyed, or the ciphertext was changed."""


def parts_prefix(evidence_id: str) -> str:
    """Return the common prefix of the keys of an upload's parts."""
    return f"{PARTS}{evidence_id}/"


class Sealer(Protocol):
    """Encrypts uploads: first the parts as they arrive, then the whole original.

    Parts are kept in the media store under ``parts_prefix`` and their name. Once the key was
    destroyed nothing is sealed any more either: NotSealed.
    """

    def seal(self, evidence_id: str, chunks: Iterator[bytes]) -> tuple[str, int]:
        """Store the original encrypted. Returns SHA-256 (hex) and size of the plain bytes."""
        ...

    def open(self, evidence_id: str) -> Iterator[bytes]:
        """Yield the plain bytes of the original. Raises NotSealed, at the latest after the last."""
        ...

    def seal_part(self, evidence_id: str, name: str, chunks: Iterator[bytes]) -> int:
        """Store a part of an upload encrypted. Returns its size in plain bytes."""
        ...

    def open_part(self, evidence_id: str, name: str) -> Iterator[bytes]:
        """Yield the plain bytes of the part. Raises NotSealed, at the latest after the last."""
        ...

    def destroy(self, evidence_id: str) -> None:
        """Destroy the key for good, then delete the original."""
        ...
