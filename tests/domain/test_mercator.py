"""The plane of maps in browsers."""

import pytest

from domain.mercator import degrees_of, spot_of


def test_degrees_and_the_plane_lead_to_each_other() -> None:
    assert spot_of(0, 0) == (0.5, 0.5)
    assert spot_of(180, 85.0511) == pytest.approx((1, 0), abs=1e-6)
    assert spot_of(0, 90) == spot_of(0, 85.0511)
    assert degrees_of(spot_of(-70.67, -33.45)) == pytest.approx((-70.67, -33.45))
