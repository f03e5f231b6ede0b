"""Web Mercator, the plane of maps in browsers.

x and y go from 0 to 1, and y grows to the south. Repeated worlds lie beside it, so x may be any
number.
"""

from math import asinh, atan, degrees, pi, radians, sinh, tan

MOST_NORTHERN = 85.0511
"""Where the plane ends: the latitude in degrees at which it is a square."""

Spot = tuple[float, float]


def spot_of(lon: float, lat: float) -> Spot:
    """Return where degrees lie in the plane."""
    bounded = max(-MOST_NORTHERN, min(MOST_NORTHERN, lat))
    return (lon + 180) / 360, 0.5 - asinh(tan(radians(bounded))) / (2 * pi)


def degrees_of(spot: Spot) -> tuple[float, float]:
    """Return longitude and latitude of a spot in the plane."""
    x, y = spot
    return x * 360 - 180, degrees(atan(sinh((0.5 - y) * 2 * pi)))
