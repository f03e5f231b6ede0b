"""The keys of evidence in the media store, and the destruction of all its media."""

from collections.abc import Iterator
from hashlib import sha256

from application.ports.key_vault import KeyVault, evidence_subject
from application.ports.media_store import MediaStore
from application.ports.uploads import Uploads

PARTS = "uploads/"


def parts_prefix(evidence_id: str) -> str:
    """Return the common prefix of the keys of an upload's parts."""
    return f"{PARTS}{evidence_id}/"


def original_key(evidence_id: str) -> str:
    """Return the media store's key of the original, which is never served."""
    return f"originals/{evidence_id}"


def rendition_key(evidence_id: str) -> str:
    """Return the media store's key of the rendition, which is served."""
    return f"renditions/{evidence_id}"


def poster_key(evidence_id: str) -> str:
    """Return the media store's key of a still picture of the evidence."""
    return f"posters/{evidence_id}"


class Measured:
    """Counts the bytes of chunks and computes their SHA-256 (hex) while they are read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._digest = sha256()
        self.size = 0

    def read(self) -> Iterator[bytes]:
        """Yield the chunks."""
        for chunk in self._chunks:
            self._digest.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def drop_parts(media: MediaStore, evidence_id: str) -> None:
    """Delete the parts of an upload."""
    for key in list(media.keys(parts_prefix(evidence_id))):
        media.delete(key)


class DestroyMedia:
    """Destroys all media of a piece of evidence, received or still arriving. Its events stay.

    The key is destroyed first, so that nothing that is being written at the moment can be read. It
    may be called again after a crash at any point.
    """

    def __init__(self, vault: KeyVault, media: MediaStore, uploads: Uploads) -> None:
        self._vault = vault
        self._media = media
        self._uploads = uploads

    def __call__(self, evidence_id: str) -> None:
        self.content(evidence_id)
        self._uploads.disown(evidence_id)

    def content(self, evidence_id: str) -> None:
        """Destroy the bytes. The state of the upload stays."""
        self._vault.destroy(evidence_subject(evidence_id))
        for key in (original_key, rendition_key, poster_key):
            self._media.delete(key(evidence_id))
        drop_parts(self._media, evidence_id)
