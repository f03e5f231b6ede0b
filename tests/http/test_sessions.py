"""Sessions: what ends them, and that an ended one is useless."""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from config.process import Process
from config.settings import read_settings
from tests.http.conftest import PASSPHRASE, Caller, problem

ANOTHER = "five other words this time"
REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/me", None),
    ("GET", "/v1/cases", None),
    ("GET", "/v1/sessions", None),
    ("POST", "/v1/cases", {"title": "A bribe", "story": "Money."}),
    ("PUT", "/v1/me/interests", {"interests": []}),
    ("PUT", "/v1/me/passphrase", {"current": PASSPHRASE, "new": ANOTHER}),
    ("DELETE", "/v1/sessions", None),
    ("DELETE", "/v1/me", {"passphrase": PASSPHRASE}),
]


@pytest.fixture
def phone(process: Process) -> Caller:
    return Caller(process.app.test_client()).join()


def on_another_device(first: Caller) -> Caller:
    second = Caller(first.client)
    second.pseudonym = first.pseudonym
    second.sign_in()
    return second


def refreshed(caller: Caller, token: str = "") -> Any:
    return caller("POST", "/v1/sessions/refresh", {"refresh_token": token or caller.refresh_token})


def is_signed_in(caller: Caller) -> bool:
    return bool(caller("GET", "/v1/me").status_code == 200)


def test_an_access_token_is_refused_after_signing_out(phone: Caller) -> None:
    assert phone("DELETE", "/v1/sessions/current").status_code == 204
    for method, path, body in REQUESTS:
        reply = phone(method, path, body)
        assert problem(reply) == (401, "not-signed-in"), (method, path)
        assert reply.headers["WWW-Authenticate"] == "Bearer"
    upload = {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}
    assert phone("POST", "/v1/uploads", headers=upload).status_code == 401
    assert refreshed(phone).status_code == 401
    phone.sign_in()
    assert is_signed_in(phone)


def test_a_member_lists_and_ends_their_sessions(phone: Caller) -> None:
    lost = on_another_device(phone)
    items = sorted(phone("GET", "/v1/sessions").json["items"], key=itemgetter("current"))
    assert [item["current"] for item in items] == [False, True]
    assert items[0].keys() == {"session_id", "current", "created_at", "used_at", "expires_at"}
    for time in ("created_at", "used_at", "expires_at"):
        assert items[0][time].endswith("T00:00:00Z")
    assert phone("DELETE", f"/v1/sessions/{items[0]['session_id']}").status_code == 204
    assert not is_signed_in(lost)
    assert refreshed(lost).status_code == 401
    assert [item["current"] for item in phone("GET", "/v1/sessions").json["items"]] == [True]


def test_ending_the_session_of_another_member_is_answered_as_not_found(
    phone: Caller, ben: Caller
) -> None:
    (own,) = phone("GET", "/v1/sessions").json["items"]
    for session_id in (own["session_id"], uuid4()):
        assert problem(ben("DELETE", f"/v1/sessions/{session_id}")) == (404, "not-found")
    assert is_signed_in(phone)


def test_a_member_can_end_all_sessions(phone: Caller) -> None:
    other = on_another_device(phone)
    assert other("DELETE", "/v1/sessions").status_code == 204
    assert [is_signed_in(caller) for caller in (phone, other)] == [False, False]


def test_a_new_passphrase_ends_all_other_sessions(phone: Caller) -> None:
    other = on_another_device(phone)
    wrong = {"current": "something else", "new": ANOTHER}
    assert problem(phone("PUT", "/v1/me/passphrase", wrong)) == (403, "wrong-passphrase")
    short = {"current": PASSPHRASE, "new": "x"}
    assert problem(phone("PUT", "/v1/me/passphrase", short)) == (422, "invalid")
    assert is_signed_in(other)
    good = {"current": PASSPHRASE, "new": ANOTHER}
    assert phone("PUT", "/v1/me/passphrase", good).status_code == 204
    assert [is_signed_in(caller) for caller in (phone, other)] == [True, False]
    account = {"pseudonym": phone.pseudonym, "passphrase": PASSPHRASE}
    assert phone("POST", "/v1/sessions", account).status_code == 401
    assert phone("POST", "/v1/sessions", {**account, "passphrase": ANOTHER}).status_code == 201


def test_erasure_needs_the_passphrase(phone: Caller) -> None:
    assert problem(phone("DELETE", "/v1/me")) == (400, "malformed")
    reply = phone("DELETE", "/v1/me", {"passphrase": "something else"})
    assert problem(reply) == (403, "wrong-passphrase")
    assert is_signed_in(phone)
    assert phone.leave().status_code == 202
    assert not is_signed_in(phone)


def test_a_refresh_can_be_repeated_once(phone: Caller) -> None:
    lost = refreshed(phone)
    again = refreshed(phone)
    assert again.json["refresh_token"] == lost.json["refresh_token"]
    phone.token = again.json["access_token"]
    assert is_signed_in(phone)
    assert problem(refreshed(phone)) == (401, "not-signed-in")
    assert not is_signed_in(phone)
    assert refreshed(phone, again.json["refresh_token"]).status_code == 401


@pytest.fixture
def processes(
    mongo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Process]]:
    """Two that serve one instance."""
    chosen = {
        "EVENT_STORE": "mongo",
        "READ_MODELS": "mongo",
        "MEDIA": "gridfs",
        "BUS_URL": "redis://127.0.0.1:1",
        "MONGO_URL": mongo_url,
        "MONGO_DATABASE": f"klarity_{uuid4().hex}",
        "SECRET": "s" * 32,
        "EPOCHS": str(tmp_path / "epochs"),
        "SEARCH_URL": f"file://{tmp_path}/search",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(f"KLARITY_{name}", value)
    both = [Process(read_settings()) for _ in range(2)]
    yield both
    database = both[0].container.database()
    database.client.drop_database(database.name)
    for process in both:
        process.close()


def test_an_ended_session_is_refused_by_every_process(processes: list[Process]) -> None:
    here, there = (Caller(process.app.test_client()) for process in processes)
    here.join()
    there.token = here.token
    there.refresh_token = here.refresh_token
    assert is_signed_in(there)
    assert here("DELETE", "/v1/sessions/current").status_code == 204
    for method, path, body in REQUESTS:
        assert problem(there(method, path, body)) == (401, "not-signed-in"), (method, path)
    assert refreshed(there).status_code == 401
