"""What is known of uploads that are under way (tus 1.0)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """``length`` is the announced size in bytes, ``offset`` how much has arrived durably.

    ``last_part`` names the part that arrived last. ``finished`` tells that the evidence was
    received from it, or that none will be. ``expires_at`` is kept to the second.
    """

    upload_id: str
    owner: str
    length: int
    offset: int = 0
    last_part: str = ""
    expires_at: datetime
    finished: bool = False

    @property
    def complete(self) -> bool:
        """Whether the last byte has arrived."""
        return self.offset == self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one member may upload in a day: so many ``pieces``, of so many bytes together."""

    pieces: int
    size: int

    def allows(self, pieces: int, size: int) -> bool:
        """Return whether a day may bring so many pieces, of so many bytes together."""
        return pieces <= self.pieces and size <= self.size


class UploadConflict(Exception):
    """The upload is not what the change builds upon; nothing was changed."""


class Uploads(Protocol):
    """Changes are durable when they return. Methods raise StoreUnavailable."""

    def create(self, upload: Upload) -> None:
        """Remember a new upload. Raises UploadConflict where there is one with this id."""
        ...

    def get(self, upload_id: str) -> Upload | None: ...

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        """Move the offset by compare-and-set, and name the last part. Raises UploadConflict."""
        ...

    def finish(self, upload_id: str) -> None:
        """Remember that the evidence was received; nothing where there is no such upload."""
        ...

    def disown(self, upload_id: str) -> None:
        """Finish the upload, and forget whose it was; nothing where there is no such upload."""
        ...

    def delete(self, upload_id: str, offset: int) -> None:
        """Forget the upload, if there is one. Raises UploadConflict at another offset."""
        ...

    def expired(self, now: datetime) -> list[Upload]:
        """Uploads past their time, finished or not."""
        ...

    def unfinished(self) -> list[Upload]:
        """Uploads that were not finished yet, past their time or not."""
        ...

    def count(self, owner: str, day: date, size: int, quota: Quota) -> bool:
        """Count one more upload of the owner's day; False, and not counted, beyond the quota."""
        ...

    def forget_counts(self, before: date) -> None:
        """Forget what was counted on days before this one."""
        ...
