"""Clusters of public cases on a map, as clients get them."""

from typing import Any

import pytest

from config.process import Process
from tests.http.conftest import Caller
from tests.http.public_cases import publish, withdraw

LIMA = {"lat": -12.1, "lon": -77.0, "precision": "city"}
CALLAO = {"lat": -12.0, "lon": -77.1, "precision": "city"}


def clusters(caller: Caller, query: str, **headers: str) -> list[dict[str, Any]]:
    reply = caller("GET", f"/v1/cases/clusters?{query}", headers=headers)
    assert reply.status_code == 200, reply.text
    assert "Link" not in reply.headers
    found: list[dict[str, Any]] = reply.json["items"]
    return found


def test_clusters_count_public_cases_where_they_are(
    process: Process, anna: Caller, anybody: Caller
) -> None:
    one = publish(process, anna, location=LIMA, category="fraud")
    other = publish(process, anna, location=CALLAO)
    (cluster,) = clusters(anybody, "bbox=-78,-13,-76,-11&zoom=4", **other.seen)
    assert (cluster["count"], cluster["lat"], cluster["lon"]) == (2, -12.05, -77.05)
    assert (cluster["zoom"], cluster["case_id"]) == (4, None)
    assert {part["category"]: part["case_id"] for part in cluster["categories"]} == {
        "fraud": one.case_id,
        "other": other.case_id,
    }
    assert "tallies" not in cluster
    near = clusters(anybody, "bbox=-78,-13,-76,-11&zoom=9")
    assert {each["case_id"] for each in near} == {one.case_id, other.case_id}
    inside = anybody("GET", f"/v1/cases?bbox={cluster['bbox']}").json["items"]
    assert {case["case_id"] for case in inside} == {one.case_id, other.case_id}
    gone = withdraw(anna, one)
    (cluster,) = clusters(anybody, "bbox=-78,-13,-76,-11&zoom=4", **gone)
    assert (cluster["count"], cluster["case_id"]) == (1, other.case_id)


@pytest.mark.parametrize(
    "query", ["zoom=-1", "zoom=31", "zoom=x", "bbox=1,2,3", "limit=501", "q=x"]
)
def test_an_invalid_question_is_refused(anybody: Caller, query: str) -> None:
    reply = anybody("GET", f"/v1/cases/clusters?{query}")
    assert (reply.status_code, reply.json["type"]) == (422, "/problems/invalid")
