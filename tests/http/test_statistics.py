"""The statistics over HTTP."""

from config.process import Process
from tests.http.conftest import Caller
from tests.http.public_cases import publish, withdraw

PLACE = {"lat": -33.9, "lon": 151.2, "precision": "city", "name": "Sydney"}


def test_everybody_gets_the_figures(process: Process, anybody: Caller, anna: Caller) -> None:
    cases = [publish(process, anna, category="fraud", location=PLACE) for _ in range(6)]
    reply = anybody("GET", "/v1/stats", headers=cases[-1].seen)
    assert reply.status_code == 200
    found = reply.json
    assert found["cases"] == 6
    assert found["categories"] == [{"category": "fraud", "cases": 6}]
    assert found["areas"] == {"shown": [{"lat": -34, "lon": 151, "cases": 6}], "others": 0}
    assert [each["cases"] for each in found["months"]["shown"]] == [6]
    assert found["hours_to_public"] == {"count": None, "median": None, "p90": None}
    assert found["appeals"] == {"resolved": None, "restored": None, "share_restored": None}
    gone = [withdraw(anna, case) for case in cases]
    assert anybody("GET", "/v1/stats", headers=gone[-1]).json["cases"] == 0


def test_figures_that_are_still_true_are_not_sent_again(anybody: Caller) -> None:
    first = anybody("GET", "/v1/stats")
    assert first.headers["Cache-Control"] == "no-cache"
    again = anybody("GET", "/v1/stats", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
