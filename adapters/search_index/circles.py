"""Boxes around circles, for engines that know boxes alone."""

from math import asin, cos, degrees, radians, sin

from application.ports.read_models import InBox, Near
from domain.sphere import EARTH_KM

_POLE, _DATE_LINE = 90.0, 180.0
# Distances are subject to rounding.
_SPARE = 1e-9


def around(circle: Near) -> InBox:
    """Return the box around a circle, slightly wider."""
    angle = circle.km / EARTH_KM + _SPARE
    reach = degrees(angle)
    south, north = circle.lat - reach, circle.lat + reach
    if angle < 0 or south <= -_POLE or north >= _POLE:
        return InBox(circle.field, -_DATE_LINE, south, _DATE_LINE, north)
    across = degrees(asin(min(sin(angle) / cos(radians(circle.lat)), 1.0))) + _SPARE
    west, east = circle.lon - across, circle.lon + across
    if across >= _POLE:
        west, east = -_DATE_LINE, _DATE_LINE
    return InBox(circle.field, _within(west), south, _within(east), north)


def _within(lon: float) -> float:
    """Return the same meridian from -180 to 180 degrees."""
    if -_DATE_LINE <= lon <= _DATE_LINE:
        return lon
    return (lon + _DATE_LINE) % (2 * _DATE_LINE) - _DATE_LINE
