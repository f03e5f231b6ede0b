"""The epoch keys of a key vault: one small file, outside the data, that is overwritten in place.

The keys of the vault are spread over buckets by the hash of their subject. Each bucket has an epoch
key, without which none of its keys can be unwrapped. A bucket gets its next epoch before the
previous one is overwritten, so that two are live while the keys of the bucket are wrapped again.

The file is a header and two slots of 64 bytes for each bucket. Epoch n is in slot n % 2. A slot
that does not match its checksum is empty: a write that was cut off leaves the other slot as it was.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from struct import Struct
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from adapters.disk import overwrite_and_remove, replace_file, sync_folder
from application.ports.event_store import StoreUnavailable

BUCKETS = 1024
KEY_BYTES = 32
SLOT = Struct(">Q32s24s")  # number, key, checksum
SLOTS = 2
MAGIC = b"klarity epochs 1"
HEADER = Struct(">16s32s16x")  # magic, identity
UNFINISHED = ".epochs-"
EMPTY = bytes(SLOT.size)
SIZE = HEADER.size + BUCKETS * SLOTS * SLOT.size


class WrongEpochs(StoreUnavailable):
    """The file of epochs is missing or damaged, or does not belong to the vault as it is now."""


class Epoch(NamedTuple):
    """One generation of a bucket's key. Numbers grow from 1."""

    number: int
    key: bytes


def bucket_of(subject: str) -> int:
    """Return the bucket of a subject's key."""
    return int.from_bytes(sha256(subject.encode()).digest()[:4]) % BUCKETS


class EpochFile:
    """The epochs at a path. Processes and machines of an instance share one file.

    Every call opens the file, so that it sees what others wrote, on a network file system too.
    Methods raise WrongEpochs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self) -> None:
        """Make the file with fresh keys, unless it exists. Of several processes one makes it."""
        if self._path.exists():
            return
        with self._reporting():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._path.parent, prefix=UNFINISHED) as file:
                file.write(_fresh())
                file.flush()
                os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(file.name, self._path)
            sync_folder(self._path.parent)

    def erase(self) -> None:
        """Overwrite and remove the file, if there is one, and what a killed restore has left."""
        with self._reporting():
            for path in (self._path, *self._path.parent.glob(f"{UNFINISHED}*")):
                with suppress(FileNotFoundError):
                    overwrite_and_remove(path)

    def restore(self, content: Iterable[bytes]) -> None:
        """Write the file as a backup holds it, after it was erased."""
        with self._reporting():
            replace_file(self._path, content, UNFINISHED)

    def identity(self) -> bytes:
        """Return the random bytes that tell this file from others."""
        with self._opened(os.O_RDONLY) as file:
            header, size = os.pread(file, HEADER.size, 0), os.fstat(file).st_size
        if size != SIZE or not header.startswith(MAGIC):
            raise WrongEpochs(f"{self._path} is damaged, or is no file of epochs")
        _, identity = HEADER.unpack(header)
        return bytes(identity)

    def live(self, bucket: int) -> tuple[Epoch, ...]:
        """Return the bucket's epochs, the newest last: one, or two while keys are rewrapped."""
        with self._opened(os.O_RDONLY) as file:
            slots = os.pread(file, SLOTS * SLOT.size, _offset(bucket, 0))
        found = [_read(bucket, slots[place:][: SLOT.size]) for place in (0, SLOT.size)]
        live = tuple(sorted(filter(None, found)))
        if not live:
            raise WrongEpochs(f"{self._path} is damaged: restore its newest backup")
        return live

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others from replacing epochs meanwhile, on this machine and on others."""
        with self._opened(os.O_RDWR) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def begin(self, bucket: int) -> None:
        """Give the bucket its next epoch, durably. The older of two must have ended before."""
        (epoch,) = self.live(bucket)
        following = Epoch(epoch.number + 1, os.urandom(KEY_BYTES))
        self._overwrite(bucket, following.number, _written(bucket, following))

    def end(self, bucket: int) -> None:
        """Overwrite the epoch before the newest, durably: what it wrapped is unreadable now."""
        newest = self.live(bucket)[-1]
        self._overwrite(bucket, newest.number - 1, EMPTY)

    def _overwrite(self, bucket: int, number: int, slot: bytes) -> None:
        with self._opened(os.O_RDWR) as file:
            os.pwrite(file, slot, _offset(bucket, number % SLOTS))
            os.fsync(file)

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        with self._reporting():
            file = os.open(self._path, flags | os.O_CLOEXEC)
            try:
                yield file
            finally:
                os.close(file)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WrongEpochs(f"{self._path} cannot be used: {error.strerror}") from error


def _fresh() -> bytes:
    header = HEADER.pack(MAGIC, os.urandom(KEY_BYTES))
    # Epoch 1 is in the second slot.
    slots = [EMPTY + _written(bucket, Epoch(1, os.urandom(KEY_BYTES))) for bucket in range(BUCKETS)]
    return header + b"".join(slots)


def _offset(bucket: int, slot: int) -> int:
    return HEADER.size + (bucket * SLOTS + slot) * SLOT.size


def _written(bucket: int, epoch: Epoch) -> bytes:
    return SLOT.pack(epoch.number, epoch.key, _checksum(bucket, epoch))


def _read(bucket: int, slot: bytes) -> Epoch | None:
    if len(slot) < SLOT.size:
        return None
    number, key, checksum = SLOT.unpack(slot)
    epoch = Epoch(number, key)
    return epoch if checksum == _checksum(bucket, epoch) else None


def _checksum(bucket: int, epoch: Epoch) -> bytes:
    return sha256(b"%d %d " % (bucket, epoch.number) + epoch.key).digest()[:24]
