"""The state of unfinished uploads (tus 1.0)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The state of an upload.

    ``length`` is the announced size in bytes; ``offset`` is how many are stored durably.
    ``last_part`` is the name of the newest part. ``finished`` means that the evidence was received,
    or never will be. ``expires_at`` has a precision of seconds.
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
        """Whether all bytes have arrived."""
        return self.offset == self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one member may upload in a day: ``pieces`` files of ``size`` bytes in all."""

    pieces: int
    size: int

    def allows(self, pieces: int, size: int) -> bool:
        """Return whether so many files of so many bytes in all are within the quota."""
        return pieces <= self.pieces and size <= self.size


class UploadConflict(Exception):
    """The stored upload is not as the change expects; nothing was changed."""


class Uploads(Protocol):
    """Stores the state of uploads. Changes are durable when they return. Methods raise
    StoreUnavailable."""

    def create(self, upload: Upload) -> None:
        """Store a new upload. Raises UploadConflict if the id exists."""
        ...

    def get(self, upload_id: str) -> Upload | None: ...

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        """Move the offset by compare-and-set, and set the last part. Raises UploadConflict."""
        ...

    def finish(self, upload_id: str) -> None:
        """Mark the upload as finished, if it exists."""
        ...

    def disown(self, upload_id: str) -> None:
        """Mark the upload as finished and delete its owner, if it exists."""
        ...

    def delete(self, upload_id: str, offset: int) -> None:
        """Delete the upload, if it exists. Raises UploadConflict if its offset is another."""
        ...

    def expired(self, now: datetime) -> list[Upload]:
        """Return the uploads past their time, finished or not."""
        ...

    def unfinished(self) -> list[Upload]:
        """Return the uploads that are not finished, past their time or not."""
        ...

    def counted(self, owner: str, day: date) -> str:
        """Return the count of the owner's day as it was written last; empty if there is none."""
        ...

    def recount(self, owner: str, day: date, before: str, after: str) -> bool:
        """Write the count of the owner's day. Returns False if it is not ``before`` any more."""
        ...

    def forget_counts(self, before: date) -> None:
        """Delete the counts of the days before this one."""
        ...
