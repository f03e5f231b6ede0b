"""The page behind a dispute link, without scripts."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from adapters.credentials.dispute_links import JwtDisputeLinks
from application.ports.dispute_links import Invitation
from config.process import Process
from tests.http.conftest import Caller, eventually
from tests.http.public_cases import PublicCase, now, publish
from tests.site.conftest import Reader

HOSTILE = '</textarea><script>alert("1")</script>'
LONGEST = 5000
CLERK = {"kind": "person", "name": "Clerk Osman", "role": "took the money"}


@pytest.fixture(scope="module")
def case(process: Process, anna: Caller) -> PublicCase:
    return publish(process, anna)


@pytest.fixture
def party(anna: Caller, case: PublicCase) -> str:
    """The path of a party that the author named."""
    parties = f"/v1/cases/{case.case_id}/parties"
    reply = anna("POST", parties, CLERK)
    seen = {"Klarity-Token": reply.headers["Klarity-Token"]}
    assert anna("GET", f"/v1/cases/{case.case_id}", headers=seen).status_code == 200
    return f"{parties}/{reply.json['party_id']}"


@pytest.fixture
def address(moderator: Caller, party: str) -> str:
    reply = moderator("POST", f"{party}/dispute-link")
    return str(urlsplit(reply.json["url"]).path)


def answer(reader: Reader, address: str, statement: str) -> Any:
    reader.open(address)
    form = reader.soup.find("form", method="post")
    form["action"] = address
    return reader.submit(address, statement=statement)


def test_the_page_says_what_is_claimed_and_sets_no_cookie(
    reader: Reader, anna: Caller, address: str
) -> None:
    reader.open(address)
    assert reader.status == 200
    for told in ("Clerk Osman", "took the money", anna.pseudonym, "A permit for a bribe"):
        assert told in reader.text
    assert "Set-Cookie" not in reader.headers


def test_a_sent_answer_stands_with_the_claim(
    reader: Reader, case: PublicCase, address: str
) -> None:
    answer(reader, address, f" One line.\r\n{HOSTILE} ")
    assert "Your answer is published" in reader.text
    html = str(reader.open(f"/cases/{case.case_id}"))
    assert f"One line.\n{HOSTILE}" in reader.soup.find("blockquote").get_text()
    assert "<script>alert" not in html


def test_the_link_takes_one_answer(reader: Reader, address: str) -> None:
    answer(reader, address, "Once.")
    assert reader.status == 200
    answer(reader, address, "Twice.")
    assert reader.status == 409
    assert "used already" in reader.text
    assert reader.soup.find("textarea").get_text().strip() == "Twice."


@pytest.mark.parametrize("statement", ["", " \r\n ", "x" * (LONGEST + 1), "a\0b", HOSTILE * 200])
def test_an_answer_that_is_refused_is_not_lost(
    reader: Reader, address: str, statement: str
) -> None:
    answer(reader, address, statement)
    assert reader.status == 422
    kept = reader.soup.find("textarea").get_text().strip()
    assert kept.replace("\ufffd", "\0") == statement.strip()
    answer(reader, address, "Mended.")
    assert reader.status == 200


def test_a_line_end_of_a_browser_counts_as_one_character(reader: Reader, address: str) -> None:
    answer(reader, address, "x\r\n" * (LONGEST // 2))
    assert reader.status == 200


@pytest.mark.parametrize("token", ["x", "a.b.c"])
def test_a_forged_link_is_refused(reader: Reader, token: str) -> None:
    reader.open(f"/dispute/{token}")
    assert reader.status == 403
    assert reader.client.post(f"/dispute/{token}", data={"statement": "x"}).status_code == 403


def test_an_expired_link_says_how_to_get_another(
    process: Process, reader: Reader, case: PublicCase, party: str
) -> None:
    links = JwtDisputeLinks(process.container.keys().tokens, -timedelta(seconds=1))
    invitation = Invitation(case.case_id, party.rpartition("/")[2], str(uuid4()))
    reader.open(f"/dispute/{links.issue(invitation, now(process))}")
    assert reader.status == 403
    assert "ask a moderator for another one" in reader.text


def test_a_claim_that_is_not_public_can_be_answered(
    process: Process, moderator: Caller, reader: Reader, anna: Caller
) -> None:
    case = publish(process, anna)
    parties = f"/v1/cases/{case.case_id}/parties"
    party = anna("POST", parties, CLERK).json["party_id"]
    link = moderator("POST", f"{parties}/{party}/dispute-link").json["url"]
    body = {"decision": "hide", "rule": "falsehood", "reason": "For now."}
    path = f"/v1/moderation/case/{case.case_id}/decisions"
    eventually(lambda: moderator("POST", path, body).status_code == 201 or None)
    eventually(lambda: reader.open(f"/cases/{case.case_id}") and (reader.status == 404 or None))
    address = urlsplit(link).path
    reader.open(address)
    assert "not public at the moment" in reader.text
    answer(reader, address, "I gave a receipt.")
    assert reader.status == 200
