"""What is known of uploads that are under way (tus 1.0)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """``length`` is the announced size in bytes, ``offset`` how much has arrived durably.

    ``parts`` names, in order, the sealed parts that hold it. ``finished`` tells that the evidence
    was received from them.
    """

    upload_id: str
    owner: str
    length: int
    offset: int = 0
    parts: tuple[str, ...] = ()
    expires_at: datetime
    finished: bool = False

    @property
    def complete(self) -> bool:
        return self.offset == self.length


class UploadConflict(Exception):
    """The upload is not at the offset that the change builds upon."""


class Uploads(Protocol):
    def create(self, upload: Upload) -> None:
        """Keep a new upload; one with that id that is there already stays as it is."""
        ...

    def get(self, upload_id: str) -> Upload | None: ...

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        """Add a part and move the offset, by compare-and-set. Raises UploadConflict."""
        ...

    def finish(self, upload_id: str) -> None: ...

    def delete(self, upload_id: str) -> None: ...

    def expired(self, now: datetime) -> list[Upload]:
        """Uploads past their time, finished or not."""
        ...
