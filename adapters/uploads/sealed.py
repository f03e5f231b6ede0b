"""Uploads whose owners are encrypted in the store."""

from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import date, datetime
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from adapters.aead import decrypt, encrypt
from application.ports.uploads import Upload, Uploads

# The prefix of an encrypted owner. Ids contain no colon.
SEALED = "sealed:"
COUNT_LENGTH = 40
"""All counts have one length, so that it tells nothing of them."""


class SealedUploads:
    """Encrypts each owner with the instance's key (AES-256-GCM, bound to the upload).

    An upload has the id of its evidence, which the log of an anonymous case contains in plain text:
    a plain owner would identify the reporter. Random nonces keep two uploads of one owner from
    looking alike. Methods raise ValueError if the owner was encrypted with another key.

    The count of a day is encrypted as well (AES-SIV, so that it can be compared): from the sizes of
    files, a plain sum would tell which of them one member uploaded on that day.
    """

    def __init__(self, uploads: Uploads, key: bytes) -> None:
        self._uploads = uploads
        self._cipher = AESGCM(key)
        self._key = key
        self._counts = AESSIV(blake2b(key=key, person=b"counts of a day").digest())

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

    def counted(self, owner: str, day: date) -> str:
        """Look up by a keyed digest of owner and day, which differs from day to day."""
        name = self._owner_of_a_day(owner, day)
        found = self._uploads.counted(name, day)
        return (
            self._counts.decrypt(b64decode(found), [name.encode()]).decode().strip()
            if found
            else ""
        )

    def recount(self, owner: str, day: date, before: str, after: str) -> bool:
        name = self._owner_of_a_day(owner, day)
        sealed = (self._sealed_count(count, name) for count in (before, after))
        return self._uploads.recount(name, day, *sealed)

    def forget_counts(self, before: date) -> None:
        self._uploads.forget_counts(before)

    def _sealed_count(self, count: str, name: str) -> str:
        if not count:
            return ""
        padded = count.ljust(COUNT_LENGTH).encode()
        return b64encode(self._counts.encrypt(padded, [name.encode()])).decode()

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
