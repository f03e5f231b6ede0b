"""Security events: what the operator should know of, without what may identify a reporter.

Each event is one line of the logger ``klarity.security``, with the fields of its class. The fields
are kinds and numbers only: no id, name, address or text fits into them.
"""

import logging
from collections import Counter
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import get_args

from domain.actors import Role
from domain.moderation.decision import Outcome
from domain.moderation.subject import SubjectKind, Verdict

logger = logging.getLogger("klarity.security")
# They are written whatever level the settings choose for other lines.
logger.setLevel(logging.INFO)


class RoleChange(StrEnum):
    GRANTED = "granted"
    REVOKED = "revoked"


class ExportFormat(StrEnum):
    CSV = "csv"
    GEOJSON = "geojson"


class RemovedText(StrEnum):
    """A text that moderators removed for good."""

    REASON = "reason"
    STATEMENT = "statement"
    SUSPENSION = "suspension"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInsRefused:
    """This process refused so many attempts with a passphrase or a token since the last line."""

    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged:
    role: Role
    change: RoleChange


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSuspended:
    """A moderator suspended a member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReinstated:
    """A moderator lifted a suspension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountErased:
    """A member erased their account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectJudged:
    """A moderator decided on a subject."""

    subject_kind: SubjectKind
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealJudged:
    """A moderator resolved an appeal."""

    subject_kind: SubjectKind
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRemoved:
    removed: RemovedText


@dataclass(frozen=True, slots=True, kw_only=True)
class CasesExported:
    """Somebody read all public cases at once."""

    format: ExportFormat


SecurityEvent = (
    SignInsRefused
    | RoleChanged
    | AccountSuspended
    | AccountReinstated
    | AccountErased
    | SubjectJudged
    | AppealJudged
    | TextRemoved
    | CasesExported
)

EVENT_NAMES = tuple(kind.__name__ for kind in get_args(SecurityEvent))
FIELD_NAMES = tuple(field.name for kind in get_args(SecurityEvent) for field in fields(kind))


class SecurityLog:
    """Writes security events, and counts those of this process by name."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def record(self, event: SecurityEvent) -> None:
        """Write and count one event."""
        name = type(event).__name__
        self.counts[name] += 1
        logger.info(name, extra={each.name: getattr(event, each.name) for each in fields(event)})
