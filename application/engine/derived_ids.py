"""Make ids: random ones, and derived ones, which a repeated request or reaction gets again."""

from hashlib import blake2b
from uuid import UUID, uuid4, uuid5

_NAMESPACE = UUID("6f0a2f5e-3a0e-4cf2-9a8e-0a6d6c1f7b52")


def new_command_id() -> str:
    """Return a random command id."""
    return str(uuid4())


def derived_id(*parts: str) -> str:
    """Return the UUID (version 5) of these parts: the same parts give the same one."""
    return str(uuid5(_NAMESPACE, "\x1f".join(parts)))


def keyed_id(key: bytes, *parts: str) -> str:
    """Return an id of these parts in the form of a UUID: 128 bits of keyed BLAKE2b (RFC 7693).

    Without the key, the id reveals nothing of the parts.
    """
    digest = blake2b("\x1f".join(parts).encode(), key=key[:64], digest_size=16)
    return str(UUID(bytes=digest.digest(), version=4))
