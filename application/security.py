"""Security events: what the operator should know of, without what may identify a reporter.

Each event is one line of the logger ``klarity.security``, with the fields of its class. The fields
are kinds and numbers only: no id, name, address or text fits into them. What any member or visitor
does for themselves is recorded many at a time, because the time of one could identify a reporter.
"""

import logging
from collections import Counter
from dataclasses import dataclass, fields
from enum import StrEnum
from threading import Lock
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
    """So many attempts with a passphrase or a token were refused since the last line."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsErased:
    """So many members erased their accounts since the last line."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningsRead:
    """So many openings of commitments were decrypted for their owners since the last line."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsExported:
    """So many members exported all that is held about them since the last line."""

    number: int


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


BulkEvent = SignInsRefused | AccountsErased | AccountsExported | OpeningsRead
SecurityEvent = (
    BulkEvent
    | RoleChanged
    | AccountSuspended
    | AccountReinstated
    | SubjectJudged
    | AppealJudged
    | TextRemoved
    | CasesExported
)

ACTS_A_LINE = 20
EVENT_NAMES = tuple(kind.__name__ for kind in get_args(SecurityEvent))
FIELD_NAMES = tuple(field.name for kind in get_args(SecurityEvent) for field in fields(kind))


class SecurityLog:
    """Writes security events, and counts those of this process by name."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._waiting: Counter[type[BulkEvent]] = Counter()
        self._lock = Lock()

    def record(self, event: SecurityEvent) -> None:
        """Write and count one event."""
        name = type(event).__name__
        self.counts[name] += 1
        logger.info(name, extra={each.name: getattr(event, each.name) for each in fields(event)})

    def count(self, kind: type[BulkEvent]) -> None:
        """Count an act of this kind, and record each ``ACTS_A_LINE`` of them together."""
        with self._lock:
            self._waiting[kind] += 1
            full = self._waiting[kind] == ACTS_A_LINE
            if full:
                self._waiting[kind] = 0
        if full:
            self.record(kind(number=ACTS_A_LINE))
