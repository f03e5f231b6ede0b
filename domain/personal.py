"""Marks of personal data: what is sealed, and whose key seals it."""

from dataclasses import dataclass
from typing import Annotated

from domain.ids import MemberId


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a text or a list that is stored encrypted with its subject's key; empty once erased."""


@dataclass(frozen=True, slots=True)
class DataSubject:
    """Marks whose key encrypts the personal texts of an event.

    A sealed subject is itself encrypted, so that the log does not tell who it was.
    """

    sealed: bool = True


PersonalText = Annotated[str, Personal()]
SealedMember = Annotated[MemberId, DataSubject()]
OpenMember = Annotated[MemberId, DataSubject(sealed=False)]
