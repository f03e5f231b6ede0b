"""Erasing members on the embedded default, while others sign in."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from config.process import Process
from tests.http.conftest import PASSPHRASE, Caller, eventually, problem
from tests.http.public_cases import publish


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"EVENT_STORE": "sqlite"}


def photo(color: str = "teal") -> bytes:
    content = BytesIO()
    Image.new("RGB", (64, 48), color).save(content, "JPEG")
    return content.getvalue()


def send(caller: Caller, content: bytes, length: int) -> str:
    """Upload the first bytes of something so long; the evidence's path."""
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(length),
        "Content-Type": "application/offset+octet-stream",
    }
    reply = caller("POST", "/v1/uploads", data=content, headers=headers)
    assert reply.status_code == 201
    return f"/v1/evidence/{reply.headers['Location'].rpartition('/')[2]}"


def when(caller: Caller, path: str, good: Any) -> Any:
    """The reply, once it is as hoped for."""

    def found() -> Any:
        reply = caller("GET", path)
        return reply if good(reply) else None

    return eventually(found)


def is_available(reply: Any) -> bool:
    return bool(reply.status_code == 200 and reply.json["status"] == "available")


def test_no_media_of_an_erased_member_stay(process: Process, anybody: Caller, ben: Caller) -> None:
    anna = Caller(process.app.test_client()).join()
    content = photo()
    whole, others = send(anna, content, len(content)), send(ben, content, len(content))
    part = send(anna, content[:100], len(content))
    for caller, path in ((anna, whole), (ben, others)):
        when(caller, path, is_available)
    case = anna.report(evidence=[whole.rpartition("/")[2]]).json["case_id"]
    when(anybody, f"/v1/cases/{case}", lambda reply: reply.status_code == 200)
    when(anybody, f"{whole}/content", lambda reply: reply.status_code == 200)

    assert anna.leave().status_code == 202
    for path in (whole, f"{whole}/content", f"{whole}/poster"):
        assert problem(when(anybody, path, lambda reply: reply.status_code == 410))[1] == "erased"
    media, vault = process.container.media(), process.container.vault()
    hers = [path.rpartition("/")[2] for path in (whole, part)]
    eventually(lambda: not any(owner_of(process, item) for item in hers) or None)
    assert not [key for key in media.keys("") for item in hers if item in key]
    assert not any(vault.key(f"evidence/{item}") for item in hers)
    assert ben("GET", f"{others}/content").status_code == 200


def owner_of(process: Process, upload_id: str) -> str:
    found = process.container.upload_states().get(upload_id)
    assert found
    return found.owner


def test_a_finished_upload_does_not_store_its_owner(process: Process, ben: Caller) -> None:
    content = photo("navy")
    path = send(ben, content, len(content))
    upload_id = path.rpartition("/")[2]
    assert owner_of(process, upload_id) == ben.member_id
    stored = process.container.stored_uploads().get(upload_id)
    assert stored
    assert stored.complete
    assert ben.member_id not in str(stored)


def test_concurrent_erasures_and_sign_ins_all_succeed(process: Process) -> None:
    leaving = [Caller(process.app.test_client()).join() for _ in range(6)]
    staying = Caller(process.app.test_client()).join()

    def leave(caller: Caller) -> int:
        status: int = caller.leave().status_code
        return status

    with ThreadPoolExecutor(4) as pool:
        signing_in = [pool.submit(staying.sign_in) for _ in range(12)]
        statuses = list(pool.map(leave, leaving))
        for done in signing_in:
            done.result()
    assert statuses == [202] * len(leaving)


def test_anonymous_cases_wait_for_their_turn_if_the_member_says_so(
    process: Process, anybody: Caller
) -> None:
    anna = Caller(process.app.test_client()).join()
    named, hidden = (publish(process, anna, anonymous=each) for each in (False, True))
    body = {"passphrase": PASSPHRASE, "anonymous_later": True}
    assert anna("DELETE", "/v1/me", body).status_code == 202
    when(anybody, f"/v1/cases/{named.case_id}", lambda reply: reply.status_code == 410)
    assert anybody("GET", f"/v1/cases/{hidden.case_id}").status_code == 200
