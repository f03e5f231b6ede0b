"""What people write in many scripts is found by what they type."""
# ruff: noqa: RUF001 - letters of other scripts look like Latin ones

import pytest

from config.process import Process
from tests.http.conftest import Caller
from tests.http.public_cases import PublicCase, publish

TEXTS = [
    ("警察索要贿赂五百元", "贿赂"),
    ("ตำรวจเรียกสินบนห้าร้อยบาท", "สินบน"),
    ("경찰이 뇌물을 요구했다", "뇌물"),
    ("RÜŞVET ALINDI", "rüşvet alındı"),
    ("Łapówka", "lapowka"),
    ("đút lót", "dut lot"),
    ("پليس رشوه گرفت", "پلیس"),
    ("می\u200cخواهد", "میخواهد"),
    ("طلب ٥٠٠", "500"),
    ("cor\u00adruption", "corruption"),
    ("पुलिस रिश्वत", "रिश्वत"),
    ("Straße", "STRASSE"),
    ("Bribe at the Café", "CAFE bribe"),
]


@pytest.fixture(scope="module")
def cases(process: Process, anna: Caller) -> dict[str, PublicCase]:
    made = {text: publish(process, anna, title="A case of words", story=text) for text, _ in TEXTS}
    last = list(made.values())[-1]
    assert anna("GET", "/v1/search?q=words", headers=last.seen).status_code == 200
    return made


@pytest.mark.parametrize(("text", "typed"), TEXTS)
@pytest.mark.parametrize("path", ["/v1/cases", "/v1/search"])
def test_a_text_is_found_by_a_word(
    anna: Caller, cases: dict[str, PublicCase], path: str, text: str, typed: str
) -> None:
    reply = anna("GET", path, query_string={"q": typed, "limit": 100})
    assert cases[text].case_id in [item["case_id"] for item in reply.json["items"]]
    assert len(reply.json["items"]) < len(TEXTS)
