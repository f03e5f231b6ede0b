"""Erasing members on the embedded default, while others sign in."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from config.process import Process
from tests.http.conftest import Caller


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"EVENT_STORE": "sqlite"}


def test_nobody_is_told_to_come_back_later(process: Process) -> None:
    leaving = [Caller(process.app.test_client()).join() for _ in range(6)]
    staying = Caller(process.app.test_client()).join()

    def leave(caller: Caller) -> int:
        status: int = caller("DELETE", "/v1/me").status_code
        return status

    with ThreadPoolExecutor(4) as pool:
        signing_in = [pool.submit(staying.sign_in) for _ in range(12)]
        statuses = list(pool.map(leave, leaving))
        for done in signing_in:
            done.result()
    assert statuses == [204] * len(leaving)
