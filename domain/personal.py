"""Marks of personal data: which fields are encrypted, and which field names the key's owner."""

from dataclasses import dataclass
from typing import Annotated

from domain.ids import MemberId


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field that is stored encrypted with the key of the data subject.

    After the key was destroyed, the field decodes to an empty value. A ``hidden`` field tells what
    belongs to the same person, or when somebody acted: no operator can open it.
    """

    hidden: bool = False


@dataclass(frozen=True, slots=True)
class DataSubject:
    """Marks the id of the data subject, whose key encrypts the personal fields of an event.

    With ``sealed`` the id itself is encrypted too, so that the log does not reveal the member.
    """

    sealed: bool = True


PersonalText = Annotated[str, Personal()]
HiddenText = Annotated[str, Personal(hidden=True)]
# The data subject of an event, by an id that the log does not reveal, or does.
SealedMember = Annotated[MemberId, DataSubject()]
OpenMember = Annotated[MemberId, DataSubject(sealed=False)]
TextId = Annotated[str, DataSubject(sealed=False)]
"""The id of a text with a key of its own, so that it can be erased by itself."""
