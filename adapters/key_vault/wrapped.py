"""What durable key vaults share: wrapped keys, their epochs, and a short cache."""

import logging
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from hmac import digest as hmac_digest
from os import urandom
from threading import Lock
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.aead import decrypt, encrypt
from adapters.key_vault.epochs import Epoch, EpochFile, WrongEpochs, bucket_of
from application.ports.key_vault import KeyDestroyed

log = logging.getLogger(__name__)

KEY_BYTES = 32
DESTROYED = b""
NO_EPOCH = 0

REMEMBERED_SECONDS = 5.0
REMEMBERED_KEYS = 10_000

BATCH = 500
"""How many keys are wrapped again in one transaction."""

ATTEMPTS = 10
"""How often a key is read that others wrap again at the same time."""

# The identity of the file of epochs, wrapped with the master key alone when the vault is new.
PROBE = "/probe"


class WrongMasterKey(Exception):
    """The keys of this vault were wrapped with another master key."""


class Stored(NamedTuple):
    """A wrapped key and the number of its epoch, as it is stored.

    In place of a destroyed key, DESTROYED is stored, with the epoch that still unwraps old copies
    of the key, or NO_EPOCH.
    """

    epoch: int
    wrapped: bytes


SETTLED = Stored(NO_EPOCH, DESTROYED)


class KeyChange(NamedTuple):
    """A key that is wrapped again."""

    subject: str
    old: Stored
    new: Stored


class WrappedKeyVault(ABC):
    """Stores each subject's key encrypted under the master key and the epoch of its bucket.

    ``destroy`` returns when the epoch is gone that could open old copies of the destroyed key: in
    freed blocks of the disk, in journals, in backups. All other keys of the bucket are wrapped
    again before. Whoever meets a key of the epoch before the newest wraps it again before using it,
    so that it is never left behind, even if it was stored late.

    Keys are cached for five seconds. ``destroy`` clears this process's cache at once; another
    process can use the key for up to five seconds more, unless it asks for a fresh answer. Methods
    raise WrongMasterKey.
    """

    def __init__(self, master_key: bytes, epochs: EpochFile, *, give_up: bool = False) -> None:
        """``give_up`` destroys the keys whose epoch is lost, instead of refusing to begin."""
        if len(master_key) != KEY_BYTES:
            raise ValueError("the master key must be 32 bytes")
        self._master_key = master_key
        self._epochs = epochs
        self._give_up = give_up
        self._memory = _Memory()

    @abstractmethod
    def _stored(self, subject: str) -> Stored | None:
        """Return what is stored for the subject."""

    @abstractmethod
    def _store(self, subject: str, key: Stored) -> Stored:
        """Store a key durably unless something is stored. Returns what is stored."""

    @abstractmethod
    def _replace(self, changes: Sequence[KeyChange]) -> None:
        """Replace each old key by its new one, durably, if the old one is still stored."""

    @abstractmethod
    def _destroy(self, subject: str) -> None:
        """Store DESTROYED durably in place of the wrapped key, and leave its epoch as it is.

        Without a key, store DESTROYED with NO_EPOCH."""

    @abstractmethod
    def _of_epoch(self, bucket: int, number: int) -> Sequence[tuple[str, Stored]]:
        """Return the wrapped keys of a bucket that are of this epoch."""

    @abstractmethod
    def _newest(self) -> Mapping[int, int]:
        """Return the buckets with keys, and the newest epoch that is stored for each."""

    @abstractmethod
    def _destroy_lost(self, bucket: int, live: Sequence[int]) -> int:
        """Store DESTROYED with NO_EPOCH for the bucket's keys of other epochs than the live ones.

        Returns how many keys these were."""

    @abstractmethod
    def _unsettled(self) -> Mapping[int, int]:
        """Return the buckets with destroyed keys that have an epoch, and the newest of these."""

    @abstractmethod
    def _settle(self, bucket: int, newest: int) -> None:
        """Store NO_EPOCH for the bucket's destroyed keys that are of an epoch before the newest."""

    def key(self, subject: str, *, fresh: bool = False) -> bytes | None:
        remembered, moment = self._memory.recall(subject)
        if remembered and not fresh:
            return remembered
        key = self._open(subject)
        if key:
            self._memory.remember(subject, key, moment)
        elif remembered:
            self._memory.forget(subject)
        return key

    def make_key(self, subject: str) -> bytes:
        key, bucket = urandom(KEY_BYTES), bucket_of(subject)
        made = self._wrap(subject, key, self._epochs.live(bucket)[-1])
        while self._store(subject, made) == made:
            newest = self._epochs.live(bucket)[-1]
            if newest.number == made.epoch:
                return key
            # Its epoch was replaced before it was stored. Nobody has used the key yet.
            again = self._wrap(subject, key, newest)
            self._replace([KeyChange(subject, made, again)])
            made = again
        if found := self.key(subject):
            return found
        raise KeyDestroyed

    def destroy(self, subject: str) -> None:
        if self._stored(subject) != SETTLED:
            self._destroy(subject)
        self._memory.forget(subject)
        self._replace_epochs()

    def _begin(self) -> None:
        """Check master key and epochs, and finish what a killed process has begun."""
        known = self._stored(PROBE)
        if known is None:
            self._epochs.make()
        identity = self._epochs.identity()
        probe = Stored(NO_EPOCH, encrypt(AESGCM(self._master_key), identity, PROBE.encode()))
        known = known or self._store(PROBE, probe)
        if _decrypted(self._master_key, PROBE, known.wrapped) != identity:
            raise WrongEpochs("KLARITY_EPOCHS names the file of epochs of another vault")
        if self._give_up:
            self._give_up_lost_keys()
        for bucket, number in self._newest().items():
            if number > self._epochs.live(bucket)[-1].number:
                raise WrongEpochs("the file of epochs is an old backup: the vault has newer epochs")
        self._replace_epochs()

    def _give_up_lost_keys(self) -> None:
        given_up = sum(
            self._destroy_lost(bucket, [epoch.number for epoch in self._epochs.live(bucket)])
            for bucket in self._newest()
        )
        log.warning("gave up %d keys whose epochs are lost", given_up)

    def _open(self, subject: str) -> bytes | None:
        """Return the subject's key, of the newest epoch by now."""
        for _ in range(ATTEMPTS):
            stored = self._stored(subject)
            if stored is None or stored.wrapped == DESTROYED:
                return None
            # Read after the key: an epoch that begins later finds the key and wraps it again.
            live = {epoch.number: epoch for epoch in self._epochs.live(bucket_of(subject))}
            if stored.epoch == max(live):
                return self._unwrap(subject, stored, live[stored.epoch])
            if stored.epoch in live:
                self._renew([(subject, stored)], *sorted(live.values()))
        raise WrongEpochs(
            "the epoch of a key is not in the file of epochs: one of them is an old backup"
        )

    def _replace_epochs(self) -> None:
        """Replace the epochs that could open old copies of destroyed keys."""
        for bucket in self._unsettled():
            with self._epochs.locked():
                # Another process may have done it by now.
                if destroyed := self._unsettled().get(bucket):
                    self._replace_epoch(bucket, destroyed)

    def _replace_epoch(self, bucket: int, destroyed: int) -> None:
        self._leave_older(bucket)
        if self._epochs.live(bucket)[-1].number == destroyed:
            self._epochs.begin(bucket)
            self._leave_older(bucket)
        self._settle(bucket, self._epochs.live(bucket)[-1].number)

    def _leave_older(self, bucket: int) -> None:
        """Wrap all keys of the bucket under its newest epoch, and end the one before."""
        live = self._epochs.live(bucket)
        if len(live) > 1:
            older, newest = live
            keys = self._of_epoch(bucket, older.number)
            for first in range(0, len(keys), BATCH):
                self._renew(keys[first : first + BATCH], older, newest)
        self._epochs.end(bucket)

    def _renew(self, keys: Sequence[tuple[str, Stored]], older: Epoch, newest: Epoch) -> None:
        self._replace(list(self._renewed(keys, older, newest)))

    def _renewed(
        self, keys: Sequence[tuple[str, Stored]], older: Epoch, newest: Epoch
    ) -> Iterator[KeyChange]:
        for subject, old in keys:
            try:
                key = self._unwrap(subject, old, older)
            except WrongMasterKey:
                # Somebody changed it in the store. The destroyed key must go nevertheless.
                log.error("left a key behind that cannot be unwrapped")
            else:
                yield KeyChange(subject, old, self._wrap(subject, key, newest))

    def _wrap(self, subject: str, key: bytes, epoch: Epoch) -> Stored:
        cipher = AESGCM(self._wrapping_key(epoch))
        return Stored(epoch.number, encrypt(cipher, key, subject.encode()))

    def _unwrap(self, subject: str, stored: Stored, epoch: Epoch) -> bytes:
        return _decrypted(self._wrapping_key(epoch), subject, stored.wrapped)

    def _wrapping_key(self, epoch: Epoch) -> bytes:
        """Both are needed: the master key, which is never replaced, and the epoch."""
        return hmac_digest(self._master_key, epoch.key, "sha256")


def _decrypted(key: bytes, subject: str, wrapped: bytes) -> bytes:
    try:
        return decrypt(AESGCM(key), wrapped, subject.encode())
    except (InvalidTag, ValueError) as error:  # a value too short to be a wrapped key
        raise WrongMasterKey("the vault's keys were wrapped with another master key") from error


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
