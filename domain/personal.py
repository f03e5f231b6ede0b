"""Marks of personal data: which fields are encrypted, and which field names the key's owner."""

from dataclasses import dataclass
from typing import Annotated

from domain.ids import MemberId


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a text or list that is stored encrypted with the key of the data subject.

    It is empty once that person was erased."""


@dataclass(frozen=True, slots=True)
class DataSubject:
    """Marks the id of the member whose key encrypts the personal fields of an event.

    With ``sealed`` the id is encrypted itself, so that the log does not reveal the member.
    """

    sealed: bool = True


PersonalText = Annotated[str, Personal()]
SealedMember = Annotated[MemberId, DataSubject()]
OpenMember = Annotated[MemberId, DataSubject(sealed=False)]
