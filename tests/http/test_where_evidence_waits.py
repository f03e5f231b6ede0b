"""Where evidence cannot be sanitised, all other requests are served and health gives the reason."""

import pytest

from adapters.sanitiser import sandbox
from adapters.workrooms import Workrooms
from tests.http.conftest import Caller

DISK = "/usr"


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"WORKROOMS": DISK}


def test_health_warns_of_a_work_folder_that_is_not_in_memory(
    anybody: Caller, operator: Caller
) -> None:
    ready = operator("GET", "/health/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "ready")
    assert "KLARITY_WORKROOMS" in ready.json["warnings"]["evidence"]
    assert anybody("GET", "/v1/cases").status_code == 200


def test_health_warns_of_a_missing_sandbox(
    operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workrooms, "require", lambda *_: None)
    monkeypatch.setattr(sandbox, "bubblewrap", lambda *_: ["/missing/bwrap"])
    ready = operator("GET", "/health/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "ready")
    assert "bubblewrap does not work here" in ready.json["warnings"]["evidence"]
