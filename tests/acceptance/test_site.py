"""The site on the deployments: all in one process, and each service in its own behind nginx."""

import re
from uuid import uuid4

import pytest
import requests

from tests.system.phone import Phone, eventually, is_public

pytestmark = pytest.mark.system


def test_a_public_case_is_found_on_the_site(anna: Phone, photo: str, passer_by: Phone) -> None:
    word = uuid4().hex
    case_id = anna.report(title=f"Found by {word}", evidence=[photo]).json()["case_id"]
    passer_by.case_when(case_id, is_public)
    found = eventually(lambda: showing(passer_by.get(f"/cases?q={word}"), f"/cases/{case_id}"))
    for page in (found, passer_by.get("/")):
        assert page.status_code == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Set-Cookie" not in page.headers


def showing(page: requests.Response, part: str) -> requests.Response | None:
    """The page, if it holds that; public pages are kept for a second."""
    return page if part in page.text else None


def test_a_case_has_a_page_with_its_picture(anna: Phone, photo: str, passer_by: Phone) -> None:
    case_id = anna.report(title="<b>Paid</b> twice", evidence=[photo]).json()["case_id"]
    passer_by.case_when(case_id, is_public)
    shown = f'src="/v1/evidence/{photo}/poster"'
    page = eventually(lambda: showing(passer_by.get(f"/share/{case_id}"), shown))
    assert page.url == f"{passer_by.url}/cases/{case_id}"
    assert "&lt;b&gt;Paid&lt;/b&gt; twice" in page.text
    assert passer_by.get(f"/cases/{uuid4()}").status_code == 404


def test_a_member_signs_in_with_a_form(anna: Phone) -> None:
    with requests.Session() as browser:
        form = browser.get(f"{anna.url}/sign-in").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert token is not None
        fields = {
            "csrf_token": token[1],
            "pseudonym": anna.pseudonym,
            "passphrase": anna.passphrase,
        }
        page = browser.post(f"{anna.url}/sign-in", data=fields)
        assert page.ok
        assert 'href="/me"' in page.text


def test_all_that_a_page_loads_is_served_and_kept(passer_by: Phone) -> None:
    home = passer_by.get("/").text
    loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', home)
    assert loaded
    for address in loaded:
        reply = passer_by.get(address)
        assert reply.status_code == 200
        assert "immutable" in reply.headers["Cache-Control"]
