"""Where something happened, no more precisely than its reporter wants it known."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

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
    """What somebody said of the place. Once that member is erased, nothing is known of it."""

    number: int
    location: Location | None
    by: MemberId
    retracted: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """All that was said of where something happened, by number; the last that stands counts.

    Where an erased member said it, the place is unknown: what was said before may have been
    corrected for being too precise, and must not return by itself.
    """

    said: tuple[Placed, ...] = ()

    @property
    def next(self) -> int:
        """The number of what is said next."""
        return self.said[-1].number + 1 if self.said else 0

    @property
    def last(self) -> Placed | None:
        """What stands, if anything does."""
        standing = [placed for placed in self.said if not placed.retracted]
        return standing[-1] if standing else None

    @property
    def with_last(self) -> list[int]:
        """The numbers of what stands and of all that the same member said before."""
        by = self.last.by if self.last else None
        return [placed.number for placed in self.said if not placed.retracted and placed.by == by]

    @property
    def current(self) -> Location | None:
        return self.last.location if self.last else None

    def with_(self, number: int, location: Location | None, by: MemberId) -> "Places":
        """The places with one more."""
        return Places((*self.said, Placed(number=number, location=location, by=by)))

    def without(self, *numbers: int) -> "Places":
        """The places with some retracted; the others keep their numbers."""
        return self._changed(numbers, retracted=True)

    def with_erased(self, numbers: Iterable[int]) -> "Places":
        """The places without what an erased member said."""
        return self._changed(numbers, location=None, erased=True)

    def _changed(self, numbers: Iterable[int], **changes: Any) -> "Places":
        changed = set(numbers)
        return Places(
            tuple(
                replace(each, **changes) if each.number in changed else each for each in self.said
            )
        )


NOWHERE = Places()


def said_at_first(location: Location | None, by: MemberId) -> Places:
    """What a report says of the place, if anything."""
    return NOWHERE.with_(0, location, by) if location else NOWHERE


def rounded(location: Location) -> Location:
    """The location with its coordinates rounded to the chosen precision."""
    decimals = _DECIMALS[location.precision]
    return replace(location, lat=round(location.lat, decimals), lon=round(location.lon, decimals))
