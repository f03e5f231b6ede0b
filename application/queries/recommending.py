"""Why a case is recommended, and how recommendations of several kinds are mixed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest
from typing import Generic, Protocol, TypeVar

RESERVED = 3
"""Each third place is reserved for what suits the member; the most popular cases have the rest."""
MOST_OF_AN_AREA = 2


class ReasonKind(StrEnum):
    """Why a case is recommended; ``about`` of the reason is given in brackets."""

    POPULAR = "popular"
    SIMILAR = "similar"  # the title of a case that the member takes part in
    FOLLOWED_TAG = "followed_tag"  # the tag
    FOLLOWED_AREA = "followed_area"
    SHARED_TAG = "shared_tag"  # the tag
    SAME_AREA = "same_area"  # the title of a case that the member takes part in
    SAME_ORGANISATION = "same_organisation"  # the name of the organisation


TEXTS = {
    ReasonKind.POPULAR: "It is one of the cases that matter most right now.",
    ReasonKind.SIMILAR: "Many people who take part in “{}” take part in it, too.",
    ReasonKind.FOLLOWED_TAG: "You follow the tag “{}”.",
    ReasonKind.FOLLOWED_AREA: "It happened in an area that you follow.",
    ReasonKind.SHARED_TAG: "You take part in other cases with the tag “{}”.",
    ReasonKind.SAME_AREA: "It happened near “{}”, in which you take part.",
    ReasonKind.SAME_ORGANISATION: "It involves {}, as another case does in which you take part.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a case is recommended: a kind, what it is about, and both in words.

    It is about a tag, an organisation, or the title of the case ``case_id``. It names no person.
    """

    kind: ReasonKind
    about: str | None = None
    case_id: str | None = None
    text: str


def reason(kind: ReasonKind, about: str | None = None, case_id: str | None = None) -> Reason:
    return Reason(kind=kind, about=about, case_id=case_id, text=TEXTS[kind].format(about))


class WithArea(Protocol):
    """A case that has an area, or None."""

    @property
    def case_id(self) -> str: ...

    @property
    def area(self) -> str | None: ...


P = TypeVar("P", bound=WithArea)


def mixed(popular: Iterable[P], suited: Iterable[Sequence[P]], limit: int) -> list[P]:
    """Return the popular cases, with what suits the member at each place reserved for it.

    Lists of several kinds take turns. Not more than two cases of one area follow each other, as
    long as there are others.
    """
    heads, turns = _Queue(popular), _Queue(_in_turns(suited))
    found: list[P] = []
    while len(found) < limit:
        queues = (turns, heads) if len(found) % RESERVED == RESERVED - 1 else (heads, turns)
        chosen = _next(queues, _area_to_avoid(found))
        if chosen is None:
            break
        found.append(chosen)
        for queue in queues:
            queue.remove(chosen)
    return found


class _Queue(Generic[P]):
    """Cases in an order, each once."""

    def __init__(self, cases: Iterable[P]) -> None:
        self._cases = {case.case_id: case for case in reversed(list(cases))}

    def first(self, avoided: str | None) -> P | None:
        """Return the first case that is not of this area."""
        wanted = (each for each in reversed(self._cases.values()))
        return next((case for case in wanted if not avoided or case.area != avoided), None)

    def remove(self, case: P) -> None:
        self._cases.pop(case.case_id, None)


def _in_turns(lists: Iterable[Sequence[P]]) -> Iterator[P]:
    turns = chain.from_iterable(zip_longest(*lists))
    return (case for case in turns if case is not None)


def _next(queues: Sequence[_Queue[P]], avoided: str | None) -> P | None:
    found = (queue.first(area) for area in (avoided, None) for queue in queues)
    return next((case for case in found if case is not None), None)


def _area_to_avoid(found: Sequence[WithArea]) -> str | None:
    last = {case.area for case in found[-MOST_OF_AN_AREA:]}
    return last.pop() if len(found) >= MOST_OF_AN_AREA and len(last) == 1 else None
