"""Answers of a restarted server from the first moment on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.media import photo_with_gps
from tests.system.deployment import Klarity, one_process, relaxed
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

CASES = 150
ASKED_WHEN_READY = 50


@pytest.mark.parametrize(
    ("kept", "end"),
    [("memory", Klarity.stop), ("sqlite", Klarity.stop), ("sqlite", Klarity.kill)],
)
def test_a_case_known_before_a_restart_is_never_answered_as_missing(
    tmp_path: Path, kept: str, end: Callable[[Klarity], object]
) -> None:
    with (
        one_process(tmp_path, **relaxed(), READ_MODELS=kept) as klarity,
        Phone(klarity.url).join() as anna,
    ):
        cases = public_cases(anna, tmp_path)
        end(klarity)
        klarity.launch()
        replies = answers_until_ready(klarity, cases)
        klarity.wait_until_ready()
    assert {reply.status_code for reply in replies} <= {200, 503}
    for reply in replies:
        if reply.status_code == 503:
            assert reply.json()["type"] == "/problems/not-caught-up"
            assert reply.headers["Retry-After"]
        elif "items" in reply.json():
            assert len(reply.json()["items"]) == min(CASES, 100)
        else:
            assert reply.json()["status"] == "published"


def public_cases(phone: Phone, folder: Path) -> list[str]:
    photo_with_gps(folder / "photo.jpg")
    evidence = phone.upload(folder / "photo.jpg")
    phone.evidence_when_decided(evidence)

    def report(number: int) -> str:
        return str(phone.report(title=f"Case {number}", evidence=[evidence]).json()["case_id"])

    with ThreadPoolExecutor(4) as pool:
        cases = list(pool.map(report, range(CASES)))
    for case in cases:
        phone.case_when(case, lambda found: bool(found["status"] == "published"))
    return cases


def answers_until_ready(klarity: Klarity, cases: list[str]) -> list[requests.Response]:
    """What it answers from the first moment on, and some more once it is ready."""
    replies: list[requests.Response] = []
    left = ASKED_WHEN_READY

    def ask() -> bool | None:
        nonlocal left
        try:
            ready = requests.get(f"{klarity.internal_url}/health/ready", timeout=60).ok
            for path in (f"/v1/cases/{cases[len(replies) % CASES]}", "/v1/cases?limit=100"):
                replies.append(requests.get(klarity.url + path, timeout=60))
                assert replies[-1].ok or not ready
        except requests.ConnectionError:
            return None
        left -= ready
        return True if left == 0 else None

    eventually(ask)
    return replies
