"""Which evidence backs a case and can be seen, for those who must know no more than that.

A contributor who has themselves erased takes their evidence with them, of which no event of the
case tells: whoever shows what is public must find out.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from domain.cases.case import (
    CaseEvidenceEvent,
    EvidenceAccepted,
    EvidenceAttached,
    EvidenceRefused,
    EvidenceRetracted,
    EvidenceReturned,
    EvidenceWithheld,
)


@dataclass(frozen=True, slots=True)
class Added:
    """A piece of evidence, and who attached it; nobody, once they were erased."""

    evidence_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class Backing:
    """``shown`` are the pieces that can be seen, ``added`` those attached after the report."""

    shown: tuple[str, ...] = ()
    added: tuple[Added, ...] = ()

    @property
    def contributors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.member_id for each in self.added if each.member_id))

    def after(self, event: CaseEvidenceEvent) -> "Backing":
        """The backing after one more event of the case."""
        item = event.evidence_id
        match event:
            case EvidenceAttached():
                return replace(self, added=(*self.added, Added(item, event.by)))
            case EvidenceAccepted() | EvidenceReturned():
                return self if Added(item, "") in self.added else self._with(item)
            case EvidenceWithheld() | EvidenceRetracted() | EvidenceRefused():
                return self._without((item,))
            case _:
                assert_never(event)

    def without(self, member_id: str) -> "Backing":
        """The backing without what an erased member had attached."""
        theirs = tuple(each.evidence_id for each in self.added if each.member_id == member_id)
        added = tuple(
            Added(each.evidence_id, "") if each.evidence_id in theirs else each
            for each in self.added
        )
        return replace(self._without(theirs), added=added)

    def _with(self, item: str) -> "Backing":
        return replace(self, shown=(*self.shown, item))

    def _without(self, items: tuple[str, ...]) -> "Backing":
        return replace(self, shown=tuple(each for each in self.shown if each not in items))
