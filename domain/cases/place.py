"""Locations of a case, no more precise than the member who states one wants.

Several members can state where a case happened. Each can correct or retract what they stated.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

from domain.constraints import Length, Limits, OneLine
from domain.ids import MemberId
from domain.personal import Personal


class Precision(StrEnum):
    """How precisely a location is recorded: its coordinates are rounded accordingly."""

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
    """Latitude and longitude in degrees (WGS 84), and a name, which may be empty."""

    lat: Annotated[float, Limits(-90, 90)]
    lon: Annotated[float, Limits(-180, 180)]
    precision: Precision = Precision.NEIGHBOURHOOD
    name: Annotated[str, Length(0, 120), OneLine()] = ""


PersonalPlace = Annotated[Location | None, Personal()]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLocation:
    """A location that a member stated. It is None after that member was erased."""

    number: int
    location: Location | None
    by: MemberId
    retracted: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """All stated locations of a case, in the order of their numbers.

    The last one that is not retracted applies. If its contributor was erased, the location is
    unknown: an earlier one may have been too precise, and must not apply again by itself.
    """

    stated: tuple[StatedLocation, ...] = ()

    @property
    def next_number(self) -> int:
        """The number of the next location."""
        return self.stated[-1].number + 1 if self.stated else 0

    @property
    def last(self) -> StatedLocation | None:
        """The last location that is not retracted, if there is one."""
        remaining = [placed for placed in self.stated if not placed.retracted]
        return remaining[-1] if remaining else None

    @property
    def numbers_of_last_member(self) -> list[int]:
        """The numbers of the last location and of all others by the same member."""
        by = self.last.by if self.last else None
        return [placed.number for placed in self.stated if not placed.retracted and placed.by == by]

    @property
    def current(self) -> Location | None:
        """The location that applies, if it is known."""
        return self.last.location if self.last else None

    def with_added(self, number: int, location: Location | None, by: MemberId) -> "Places":
        """Return the places with one added."""
        return Places((*self.stated, StatedLocation(number=number, location=location, by=by)))

    def without(self, *numbers: int) -> "Places":
        """Return the places with these retracted. The others keep their numbers."""
        return self._changed(numbers, retracted=True)

    def with_erased(self, numbers: Iterable[int]) -> "Places":
        """Return the places with these made unknown, because their contributor was erased."""
        return self._changed(numbers, location=None, erased=True)

    def _changed(self, numbers: Iterable[int], **changes: Any) -> "Places":
        changed = set(numbers)
        return Places(
            tuple(
                replace(each, **changes) if each.number in changed else each for each in self.stated
            )
        )


NOWHERE = Places()


def first_places(location: Location | None, by: MemberId) -> Places:
    """Return the places of a new case: the location in its report, if there is one."""
    return NOWHERE.with_added(0, location, by) if location else NOWHERE


def rounded(location: Location) -> Location:
    """Return the location with its coordinates rounded to its precision."""
    decimals = _DECIMALS[location.precision]
    return replace(location, lat=round(location.lat, decimals), lon=round(location.lon, decimals))
