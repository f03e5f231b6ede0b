"""Where something happened, no more precisely than its reporter wants it known."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

from domain.ids import Length, Limits, OneLine, Personal


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
    name: Annotated[str, Length(0, 120), OneLine(), Personal()] = ""


def rounded(location: Location) -> Location:
    """The location with its coordinates rounded to the chosen precision."""
    decimals = _DECIMALS[location.precision]
    return replace(location, lat=round(location.lat, decimals), lon=round(location.lon, decimals))
