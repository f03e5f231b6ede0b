"""Uploads whose owners cannot be read where they are stored."""

from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import date, datetime
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.aead import decrypt, encrypt
from application.ports.uploads import Quota, Upload, Uploads

# Owners that were stored before they were sealed do not begin with it; ids have no colon.
SEALED = "sealed:"


class SealedUploads:
    """Keeps each owner encrypted with the instance's key (AES-256-GCM, bound to the upload).

    An upload's id is its evidence's, which the log of an anonymous case names in the open. Each
    owner has a nonce of its own, so that two uploads of one owner have nothing in common. Where
    the key is another one, methods raise ValueError.
    """

    def __init__(self, uploads: Uploads, key: bytes) -> None:
        self._uploads = uploads
        self._cipher = AESGCM(key)
        self._key = key

    def create(self, upload: Upload) -> None:
        self._uploads.create(self._sealed(upload))

    def get(self, upload_id: str) -> Upload | None:
        upload = self._uploads.get(upload_id)
        return self._opened(upload) if upload else None

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        return self._opened(self._uploads.advance(upload_id, offset, new_offset, part))

    def finish(self, upload_id: str) -> None:
        self._uploads.finish(upload_id)

    def disown(self, upload_id: str) -> None:
        self._uploads.disown(upload_id)

    def delete(self, upload_id: str, offset: int) -> None:
        self._uploads.delete(upload_id, offset)

    def expired(self, now: datetime) -> list[Upload]:
        return [self._opened(upload) for upload in self._uploads.expired(now)]

    def unfinished(self) -> list[Upload]:
        return [self._opened(upload) for upload in self._uploads.unfinished()]

    def count(self, owner: str, day: date, size: int, quota: Quota) -> bool:
        """The count's owner is a keyed digest: another one each day."""
        return self._uploads.count(self._owner_of_a_day(owner, day), day, size, quota)

    def forget_counts(self, before: date) -> None:
        self._uploads.forget_counts(before)

    def _owner_of_a_day(self, owner: str, day: date) -> str:
        text = f"{day.isoformat()} {owner}".encode()
        return blake2b(text, key=self._key, person=b"uploads of a day").hexdigest()

    def _sealed(self, upload: Upload) -> Upload:
        blob = encrypt(self._cipher, upload.owner.encode(), upload.upload_id.encode())
        return replace(upload, owner=SEALED + b64encode(blob).decode())

    def _opened(self, upload: Upload) -> Upload:
        if not upload.owner.startswith(SEALED):
            return upload
        blob = b64decode(upload.owner.removeprefix(SEALED))
        try:
            owner = decrypt(self._cipher, blob, upload.upload_id.encode())
        except InvalidTag as error:
            raise ValueError("a sealed owner does not fit its key or its upload") from error
        return replace(upload, owner=owner.decode())
