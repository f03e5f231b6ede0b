"""Keys in this process. Data encrypted with them is unreadable once it ends."""

from os import urandom
from threading import Lock

from application.ports.key_vault import KeyDestroyed

KEY_BYTES = 32


class MemoryKeyVault:
    """Keys in a dict. None marks a destroyed key."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: dict[str, bytes | None] = {}

    def key(self, subject: str, *, fresh: bool = False) -> bytes | None:  # noqa: ARG002 - always fresh
        return self._keys.get(subject)

    def make_key(self, subject: str) -> bytes:
        with self._lock:
            key = self._keys.setdefault(subject, urandom(KEY_BYTES))
        if key is None:
            raise KeyDestroyed
        return key

    def destroy(self, subject: str) -> None:
        with self._lock:
            self._keys[subject] = None
