"""What Klarity keeps, the rules, and pages for what went wrong."""

import pytest
from werkzeug.datastructures import Headers

from adapters.workrooms import Workrooms
from domain.moderation.rules import RULES
from entrypoints.site.api import Answer
from entrypoints.site.site import create_site
from tests.site.conftest import Reader
from tests.site.test_over_http import SETTINGS

PROBLEM = {"Content-Type": "application/problem+json"}


def test_each_rule_has_its_place_on_the_page(reader: Reader) -> None:
    reader.open("/rules")
    for rule in RULES:
        section = reader.soup.find(id=rule.rule_id)
        assert section.find("h2").get_text() == rule.title
        assert rule.text in section.get_text()


@pytest.mark.parametrize("path", ["/about", "/rules", "/decisions"])
def test_pages_for_everybody_set_no_cookie_and_are_kept(reader: Reader, path: str) -> None:
    reader.open(path)
    assert reader.status == 200
    assert "Set-Cookie" not in reader.headers
    again = reader.client.get(path, headers={"If-None-Match": reader.headers["ETag"]})
    assert again.status_code == 304


def test_all_places_that_the_pages_name_exist(reader: Reader) -> None:
    reader.open("/about")
    for link in reader.soup.find("main").find_all("a", href=lambda to: to.startswith("#")):
        assert reader.soup.find(id=link["href"][1:])


def answered(status: int, code: str, **headers: str) -> Reader:
    """Return a reader of a site whose API answers everything with a problem."""
    body = f'{{"type": "/problems/{code}"}}'.encode()
    answer = Answer(status, Headers({**PROBLEM, **headers}), body)
    return Reader(create_site(lambda *_: answer, SETTINGS, Workrooms().room).test_client())


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, "not-found", "There is nothing at this address, or it is not public."),
        (410, "erased", "This was removed at its author's wish."),
        (429, "too-many-requests", "Too much at once."),
        (503, "unavailable", "A part of Klarity is away."),
    ],
)
def test_what_the_api_refuses_is_told_in_one_sentence_with_a_way_on(
    status: int, code: str, words: str
) -> None:
    reader = answered(status, code, **{"Retry-After": "7"})
    reader.open("/rules?x=1")
    main = reader.soup.find("main")
    assert reader.status == status
    assert main.find("h1").get_text().startswith(words)
    ways = [link["href"] for link in main.find_all("a")]
    assert ways == (["/rules?x=1"] if status in (429, 503) else ["/"])
    assert reader.headers["Retry-After"] == "7"


def test_a_form_that_is_too_large_is_told_so(reader: Reader) -> None:
    reader.open("/sign-in")
    reader.submit("/sign-in", pseudonym="x" * 300_000)
    assert reader.status == 413
    assert reader.soup.find("h1").get_text() == "This is too large to be sent."


def test_an_address_of_nothing_is_told_so(reader: Reader) -> None:
    reader.open("/nowhere")
    assert reader.status == 404
    assert reader.soup.find("h1").get_text().startswith("There is nothing at this address")
