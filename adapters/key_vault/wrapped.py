"""What durable key vaults share: wrapped keys, and a short cache."""

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from os import urandom
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.aead import decrypt, encrypt
from application.ports.key_vault import KeyDestroyed

KEY_BYTES = 32
DESTROYED = b""

REMEMBERED_SECONDS = 5.0
REMEMBERED_KEYS = 10_000

# A value wrapped when the vault is new. It shows later whether the master key is the same.
PROBE = "/probe"


class WrongMasterKey(Exception):
    """The keys of this vault were wrapped with another master key."""


class WrappedKeyVault(ABC):
    """Stores each subject's key encrypted with the master key (AES-256-GCM, bound to the subject).

    Keys are cached for five seconds. ``destroy`` clears this process's cache at once; another
    process can use the key for up to five seconds more, unless it asks for a fresh answer. Methods
    raise WrongMasterKey.
    """

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            raise ValueError("the master key must be 32 bytes")
        self._master = AESGCM(master_key)
        self._memory = _Memory()
        self._proven = False

    @abstractmethod
    def _stored(self, subject: str) -> bytes | None:
        """Return the wrapped key, DESTROYED, or None."""

    @abstractmethod
    def _store(self, subject: str, wrapped: bytes) -> bytes:
        """Store a wrapped key durably unless one or DESTROYED is stored. Returns the stored one."""

    @abstractmethod
    def _destroy(self, subject: str) -> None:
        """Store DESTROYED durably, in place of the wrapped key or of none."""

    def key(self, subject: str, *, fresh: bool = False) -> bytes | None:
        remembered, moment = self._memory.recall(subject)
        if remembered and not fresh:
            return remembered
        wrapped = self._stored(subject)
        if wrapped:
            return self._unwrap(subject, wrapped, moment)
        if remembered:
            self._memory.forget(subject)
        return None

    def make_key(self, subject: str) -> bytes:
        self._prove()
        _, moment = self._memory.recall(subject)
        wrapped = self._store(subject, self._wrap(subject))
        if wrapped == DESTROYED:
            raise KeyDestroyed
        return self._unwrap(subject, wrapped, moment)

    def destroy(self, subject: str) -> None:
        self._destroy(subject)
        self._memory.forget(subject)

    def _prove(self) -> None:
        """Ensure that all keys of the vault are wrapped with the same master key."""
        if not self._proven:
            self._unwrap(PROBE, self._store(PROBE, self._wrap(PROBE)), -1)
            self._proven = True

    def _wrap(self, subject: str) -> bytes:
        return encrypt(self._master, urandom(KEY_BYTES), subject.encode())

    def _unwrap(self, subject: str, wrapped: bytes, moment: int) -> bytes:
        try:
            key = decrypt(self._master, wrapped, subject.encode())
        except InvalidTag as error:
            raise WrongMasterKey("the vault's keys were wrapped with another master key") from error
        self._memory.remember(subject, key, moment)
        return key


class _Memory:
    """A cache of the keys used last, each for a few seconds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._forgotten = 0

    def recall(self, subject: str) -> tuple[bytes | None, int]:
        """Return the cached key or None, and the moment, which ``remember`` needs."""
        with self._lock:
            key, until = self._keys.get(subject, (None, 0.0))
            return (key if time.monotonic() < until else None), self._forgotten

    def remember(self, subject: str, key: bytes, moment: int) -> None:
        """Cache the key, unless any key was destroyed since the moment: it may be this one."""
        with self._lock:
            if moment != self._forgotten:
                return
            self._keys[subject] = (key, time.monotonic() + REMEMBERED_SECONDS)
            self._keys.move_to_end(subject)
            if len(self._keys) > REMEMBERED_KEYS:
                self._keys.popitem(last=False)

    def forget(self, subject: str) -> None:
        with self._lock:
            self._keys.pop(subject, None)
            self._forgotten += 1
