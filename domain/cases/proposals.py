"""Tags and locations that contributors propose for a case, until they are accepted or declined."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from domain.cases.place import Location
from domain.ids import MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A tag or a location. Both are empty after the contributor was erased."""

    tag: str = ""
    location: Location | None = None
    by: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """The open proposals of a case by their numbers."""

    open: Mapping[int, Proposal] = field(default_factory=dict)
    next_number: int = 0

    def by_member(self, member_id: MemberId) -> Mapping[int, Proposal]:
        """Return the open proposals of a member."""
        return {number: each for number, each in self.open.items() if each.by == member_id}

    def with_added(self, number: int, proposal: Proposal) -> "Proposals":
        """Return the proposals with one added."""
        return Proposals(open={**self.open, number: proposal}, next_number=number + 1)

    def without(self, numbers: Iterable[int]) -> "Proposals":
        """Return the proposals without these."""
        closed = set(numbers)
        kept = {number: each for number, each in self.open.items() if number not in closed}
        return replace(self, open=kept)


NO_PROPOSALS = Proposals()
