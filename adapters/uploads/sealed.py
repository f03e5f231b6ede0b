"""Uploads whose owners are encrypted in the store."""

from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import date, datetime
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.aead import decrypt, encrypt
from application.ports.uploads import Quota, Upload, Uploads

# The prefix of an encrypted owner. Ids contain no colon.
SEALED = "sealed:"


class SealedUploads:
    """Encrypts each owner with the instance's key (AES-256-GCM, bound to the upload).

    An upload has the id of its evidence, which the log of an anonymous case contains in plain text:
    a plain owner would identify the reporter. Random nonces keep two uploads of one owner from
    looking alike. Methods raise ValueError if the owner was encrypted with another key.
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
        """Count by a keyed digest of owner and day, which differs from day to day."""
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
            raise ValueError("the owner of the upload cannot be decrypted with this key") from error
        return replace(upload, owner=owner.decode())
