"""Ids that are made here: random ones, and those derived so that a repetition finds itself."""

from hashlib import blake2b
from uuid import UUID, uuid4, uuid5

_NAMESPACE = UUID("6f0a2f5e-3a0e-4cf2-9a8e-0a6d6c1f7b52")


def new_command_id() -> str:
    """A command id that nothing repeats."""
    return str(uuid4())


def derived_id(*parts: str) -> str:
    """A UUID that the same parts always lead to (version 5)."""
    return str(uuid5(_NAMESPACE, "\x1f".join(parts)))


def keyed_id(key: bytes, *parts: str) -> str:
    """A UUID-shaped id that the same parts lead to, and that tells nothing of them without the key.

    It is 128 bits of keyed BLAKE2b (RFC 7693).
    """
    digest = blake2b("\x1f".join(parts).encode(), key=key[:64], digest_size=16)
    return str(UUID(bytes=digest.digest(), version=4))
