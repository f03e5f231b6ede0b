"""Encrypt every blob with the key of its evidence, in front of another media store."""

import logging
from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag

from adapters.media_store.frames import (
    FRAME,
    SALT,
    SEALED_FRAME,
    FrameCipher,
    Pieces,
    encrypted,
    last_frame,
    plain_size,
)
from application.ports.key_vault import KeyDestroyed, KeyVault, evidence_subject
from application.ports.media_store import (
    Blob,
    MediaDamaged,
    MediaErased,
    MediaStore,
    checked_key,
)

log = logging.getLogger(__name__)


class SealedMediaStore:
    """Once the key of a piece of evidence is destroyed, none of its blobs can be read or written.

    That holds at once for ``open``, also if another process destroyed the key. A blob that is being
    read ends with MediaErased before its next frame: at once in the process that destroyed the key,
    and within seconds in others, which cache keys.
    """

    def __init__(self, store: MediaStore, vault: KeyVault) -> None:
        self._store = store
        self._vault = vault

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        try:
            secret = self._vault.make_key(_subject(key))
        except KeyDestroyed as error:
            raise MediaErased from error
        return plain_size(self._store.write(key, encrypted(secret, key, chunks)))

    def open(self, key: str) -> Blob:
        subject = _subject(key)
        secret = self._vault.key(subject, fresh=True)
        if secret is None:
            raise MediaErased
        return _SealedBlob(
            self._store.open(key), key, secret, lambda: self._vault.key(subject) is None
        )

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return self._store.keys(prefix)

    def clear_away(self) -> None:
        self._store.clear_away()


class _SealedBlob:
    """Decrypts the frames of a range, one at a time."""

    def __init__(
        self, blob: Blob, place: str, secret: bytes, is_erased: Callable[[], bool]
    ) -> None:
        self._blob = blob
        self._place = place
        self._is_erased = is_erased
        self._last = last_frame(blob.size)
        tail = b"".join(blob.read(self._last * SEALED_FRAME))
        self._cipher = FrameCipher(secret, place, tail[-SALT:])
        self.size = self._last * FRAME + len(self._decrypt(tail[:-SALT], self._last))

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        stop = self.size if length is None else min(self.size, start + length)
        if start >= stop:
            return
        first, last = start // FRAME, (stop - 1) // FRAME
        begin, end = first * SEALED_FRAME, min((last + 1) * SEALED_FRAME, self._blob.size - SALT)
        sealed = Pieces(self._blob.read(begin, end - begin))
        for number in range(first, last + 1):
            if self._is_erased():
                raise MediaErased
            plain = self._decrypt(sealed.read(SEALED_FRAME), number)
            yield plain[max(0, start - number * FRAME) : stop - number * FRAME]

    def _decrypt(self, frame: bytes | memoryview, number: int) -> bytes:
        try:
            return self._cipher.decrypt(frame, number, last=number == self._last)
        except InvalidTag as error:
            log.error("%s in the media store was changed, cut off or exchanged", self._place)
            raise MediaDamaged(self._place) from error


def _subject(key: str) -> str:
    """Return the subject in the key vault. Raises ValueError for an invalid key of a blob."""
    return evidence_subject(checked_key(key).split("/")[1])
