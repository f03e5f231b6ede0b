"""The keys of evidence in the media store, and the destruction of all its media."""

from application.ports.media_store import MediaStore
from application.ports.sealer import Sealer, parts_prefix
from application.ports.uploads import Uploads


def rendition_key(evidence_id: str) -> str:
    """Return the media store's key of the rendition, which is served."""
    return f"renditions/{evidence_id}"


def poster_key(evidence_id: str) -> str:
    """Return the media store's key of a still picture of the evidence."""
    return f"posters/{evidence_id}"


def drop_parts(media: MediaStore, evidence_id: str) -> None:
    """Delete the parts of an upload."""
    for key in list(media.keys(parts_prefix(evidence_id))):
        media.delete(key)


class DestroyMedia:
    """Destroys all media of a piece of evidence, received or still arriving. Its events stay.

    The key is destroyed first, so that nothing that is being written at the moment can be read. It
    may be called again after a crash at any point.
    """

    def __init__(self, sealer: Sealer, media: MediaStore, uploads: Uploads) -> None:
        self._sealer = sealer
        self._media = media
        self._uploads = uploads

    def __call__(self, evidence_id: str) -> None:
        self._sealer.destroy(evidence_id)
        self._media.delete(rendition_key(evidence_id))
        self._media.delete(poster_key(evidence_id))
        drop_parts(self._media, evidence_id)
        self._uploads.disown(evidence_id)
