"""Uploads as large as phones send them, through the whole application."""

from typing import Any

import pytest

from tests.http.conftest import Caller, problem

OCTETS = "application/offset+octet-stream"
LARGEST = 12_000_000
MORE_THAN_JSON_MAY_BE = 1_000_001


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"LARGEST_UPLOAD": str(LARGEST)}


def jpeg(size: int) -> bytes:
    """So many bytes that begin as a JPEG does."""
    return b"\xff\xd8\xff\xe0" + bytes(size - 4)


@pytest.mark.parametrize("size", [MORE_THAN_JSON_MAY_BE, LARGEST])
def test_a_large_photo_is_accepted_in_one_request(anna: Caller, size: int) -> None:
    location = begin(anna, size).headers["Location"]
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": OCTETS}
    reply = anna("PATCH", location, data=jpeg(size), headers=headers)
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, str(size))


@pytest.mark.parametrize("size", [MORE_THAN_JSON_MAY_BE, LARGEST])
def test_a_large_photo_is_accepted_with_the_creation_of_its_upload(anna: Caller, size: int) -> None:
    reply = begin(anna, size, data=jpeg(size), content_type=OCTETS)
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, str(size))


def test_an_upload_larger_than_the_limit_is_refused(anna: Caller) -> None:
    reply = begin(anna, LARGEST, data=jpeg(LARGEST + 1), content_type=OCTETS)
    assert problem(reply) == (413, "too-large")
    assert problem(begin(anna, LARGEST + 1)) == (413, "too-large")


def test_large_bodies_of_other_requests_are_refused(anna: Caller) -> None:
    reply = anna.report(story="x" * MORE_THAN_JSON_MAY_BE)
    assert problem(reply) == (413, "too-large")


def begin(who: Caller, size: int, **body: Any) -> Any:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
    return who("POST", "/v1/uploads", headers=headers, **body)
