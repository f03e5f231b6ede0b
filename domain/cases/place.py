"""Where something happened, no more precisely than its reporter wants it known."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

from domain.constraints import Length, Limits, OneLine
from domain.ids import MemberId
from domain.personal import Personal


class Precision(StrEnum):
    """How precisely a place is recorded; the coordinates are rounded to that."""

    STREET = "street"
    NEIGHBOURHOOD = "neighbourhood"
    CITY = "city"
    REGION = "region"


# A degree of latitude is about 111 km, so three decimals are some 110 m and none some 111 km.
_DECIMALS = {
    Precision.STREET: 3,
    Precision.NEIGHBOURHOOD: 2,
    Precision.CITY: 1,
    Precision.REGION: 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Latitude and longitude in degrees (WGS 84) and, if the reporter likes, a name."""

    lat: Annotated[float, Limits(-90, 90)]
    lon: Annotated[float, Limits(-180, 180)]
    precision: Precision = Precision.NEIGHBOURHOOD
    name: Annotated[str, Length(0, 120), OneLine()] = ""


PersonalPlace = Annotated[Location | None, Personal()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What somebody said of the place; nothing, and by nobody, once they were erased."""

    location: Location | None
    by: MemberId
    retracted: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """All that was said of where something happened, oldest first; the last that stands counts.

    Where an erased member said it, nothing is known: what was said before may have been corrected
    for being too precise, and must not come back by itself.
    """

    said: tuple[Placed, ...] = ()

    @property
    def last(self) -> int | None:
        """The number of what stands, from 0; None where nothing does."""
        standing = [number for number, placed in enumerate(self.said) if not placed.retracted]
        return standing[-1] if standing else None

    @property
    def with_last(self) -> list[int]:
        """The numbers of what stands and of what it stood for: the same member's, of before."""
        by = None if self.last is None else self.said[self.last].by
        return [
            number
            for number, placed in enumerate(self.said)
            if not placed.retracted and (number == self.last or (by and placed.by == by))
        ]

    @property
    def current(self) -> Location | None:
        return None if self.last is None else self.said[self.last].location

    def with_(self, location: Location | None, by: MemberId) -> "Places":
        """With one more; nobody's, as an older event may hold it in the open, is unknown."""
        return Places((*self.said, Placed(location=location if by else None, by=by)))

    def without(self, number: int | None) -> "Places":
        """With that one taken back, or the last that stands; the others keep their numbers."""
        gone = self.last if number is None else number
        return Places(
            tuple(
                replace(placed, retracted=placed.retracted or at == gone)
                for at, placed in enumerate(self.said)
            )
        )

    def without_member(self, member_id: MemberId) -> "Places":
        """Without what an erased member said."""
        return Places(
            tuple(
                replace(placed, location=None, by=MemberId(""))
                if placed.by == member_id
                else placed
                for placed in self.said
            )
        )


NOWHERE = Places()


def said_at_first(location: Location | None, by: MemberId) -> Places:
    """What a report says of the place, if anything."""
    return NOWHERE.with_(location, by) if location else NOWHERE


def rounded(location: Location) -> Location:
    """The location with its coordinates rounded to the chosen precision."""
    decimals = _DECIMALS[location.precision]
    return replace(location, lat=round(location.lat, decimals), lon=round(location.lon, decimals))
