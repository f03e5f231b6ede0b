"""The site on the deployments: all in one process, and each service in its own behind nginx."""

import re

import pytest
import requests

from tests.system.phone import Phone, is_public

pytestmark = pytest.mark.system


def test_a_public_case_is_on_the_home_page(anna: Phone, photo: str, passer_by: Phone) -> None:
    case_id = anna.report(title="On the home page", evidence=[photo]).json()["case_id"]
    passer_by.case_when(case_id, is_public)
    home = passer_by.get("/")
    assert home.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'href="/cases/{case_id}"' in home.text
    assert "Set-Cookie" not in home.headers


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
