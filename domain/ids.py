"""Typed ids and kinds of media, for every context."""

from enum import StrEnum
from typing import NewType

MemberId = NewType("MemberId", str)
CaseId = NewType("CaseId", str)
EvidenceId = NewType("EvidenceId", str)
CommentId = NewType("CommentId", str)
PartyId = NewType("PartyId", str)


class MediaKind(StrEnum):
    """The kind of a piece of evidence."""

    VIDEO = "video"
    PHOTO = "photo"
    AUDIO = "audio"
    DOCUMENT = "document"
