"""The details of a case, its limits, and the reasons for which it is not public."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from domain.constraints import Length, OneLine
from domain.ids import EvidenceId
from domain.personal import Personal

MOST_TAGS = 20
# How many pieces of evidence a case takes from its author, from each other member (also while they
# are not verified yet), and from all others together (once they are verified).
MOST_EVIDENCE = 50
MOST_EVIDENCE_EACH = 10
MOST_EVIDENCE_OF_OTHERS = 50
# How many open proposals each contributor may have in a case.
MOST_PROPOSALS_EACH = 10
# How often a case may be changed by its author, by each contributor, and by all contributors.
MOST_CHANGES = 1000
MOST_CHANGES_EACH = 50
MOST_CHANGES_BY_OTHERS = 1000
# Within how many hours an anonymous case that waits is published, at the reporter's choice.
LEAST_PUBLISH_WITHIN = 1
MOST_PUBLISH_WITHIN = 168


class CaseCategory(StrEnum):
    BRIBERY = "bribery"
    EXTORTION = "extortion"
    EMBEZZLEMENT = "embezzlement"
    FAVOURITISM = "favouritism"
    FRAUD = "fraud"
    ABUSE_OF_POWER = "abuse_of_power"
    OTHER = "other"


class CaseStatus(StrEnum):
    AWAITING_EVIDENCE = "awaiting_evidence"
    AWAITING_PUBLICATION = "awaiting_publication"
    PUBLISHED = "published"
    HIDDEN = "hidden"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class CaseUnpublishedReason(StrEnum):
    """Why a case is no longer public."""

    NO_EVIDENCE = "no-evidence"
    HIDDEN = "hidden"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class EvidenceConcealedReason(StrEnum):
    """Why a piece of evidence is no longer visible to everybody."""

    CASE_UNPUBLISHED = "case-unpublished"
    WITHHELD = "withheld"
    RETRACTED = "retracted"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDetails:
    """What a reporter may say about a case. A new plain property goes here, with a default."""

    title: Annotated[str, Length(3, 200), OneLine(), Personal()]
    story: Annotated[str, Length(1, 20_000), Personal()]
    category: CaseCategory = CaseCategory.OTHER
    occurred_on: Annotated[date | None, Personal()] = None


Tag = Annotated[str, Length(1, 40), OneLine()]
Tags = Annotated[tuple[Tag, ...], Length(0, MOST_TAGS)]
EvidenceIds = Annotated[tuple[EvidenceId, ...], Length(0, MOST_EVIDENCE)]
