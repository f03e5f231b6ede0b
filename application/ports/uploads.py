"""What is known of uploads that are under way (tus 1.0)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """``length`` is the announced size in bytes, ``offset`` how much has arrived durably.

    ``finished`` tells that the evidence was received from it.
    """

    upload_id: str
    owner: str
    length: int
    offset: int = 0
    expires_at: datetime
    finished: bool = False


class UploadConflict(Exception):
    """The upload is not at the offset that the change builds upon."""


class Uploads(Protocol):
    def create(self, upload: Upload) -> None: ...

    def get(self, upload_id: str) -> Upload | None: ...

    def advance(self, upload_id: str, offset: int, new_offset: int) -> Upload:
        """Move the offset by compare-and-set. Raises UploadConflict."""
        ...

    def finish(self, upload_id: str) -> None: ...

    def delete(self, upload_id: str) -> None: ...

    def expired(self, now: datetime) -> list[Upload]:
        """Unfinished uploads past their time."""
        ...
