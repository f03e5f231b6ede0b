"""The languages of the site: their catalogs are whole, and pages speak them."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from babel.messages.catalog import Message
from playwright.sync_api import Page

from adapters.sanitiser import reasons
from config.process import Process
from entrypoints.http.problems import MEANINGS
from entrypoints.site.api import ApiInProcess
from entrypoints.site.fixed_words import ERASURE_STEPS, field_error, rule_title
from entrypoints.site.language import CATALOGS, catalog_of, choose_language, language_of
from entrypoints.site.visit import begin_visit
from entrypoints.site.words import WORDS
from tests.http.conftest import Caller
from tests.site import catalogs
from tests.site.conftest import Reader, violations

VALUE = re.compile(r"%\((\w+)\)s|\{(\w+)[^}]*\}|%(?!%)")
FOR_PROGRAMS = {
    "method-not-allowed",
    "not-acceptable",
    "unsupported-tus-version",
    "range-not-satisfiable",
    "bad-intervention",
    "bad-webhook-url",
    "too-many-webhooks",
    "not-implemented",
    "too-many-streams",
}
"""Problems of requests that no page makes."""
MARKUP = re.compile(r"[<>]|&\w+;")


@pytest.fixture(params=catalogs.TRANSLATED)
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def messages(code: str) -> Iterator[Message]:
    return (message for message in catalog_of(code) if message.id)


def forms(text: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the text, or its forms for different numbers."""
    return (text,) if isinstance(text, str) else tuple(text or ())


def values(text: str) -> set[str]:
    return {"".join(names) for names in VALUE.findall(text)}


def test_a_catalog_is_as_make_catalogs_writes_it(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this fails, run `make catalogs`, and translate what came without a translation."""
    written: list[bytes] = []
    kept = (CATALOGS / f"{code}.po").read_bytes()
    monkeypatch.setattr(catalogs, "keep", lambda _, content: written.append(content))
    catalogs.update(code)
    assert written == [kept]


def test_every_text_is_translated_in_all_its_forms(code: str) -> None:
    number = {False: 1, True: catalog_of(code).num_plurals}
    wrong = [
        each.id
        for each in messages(code)
        if each.fuzzy
        or len([form for form in forms(each.string) if form]) != number[each.pluralizable]
    ]
    assert wrong == []


def test_arabic_has_six_forms() -> None:
    assert catalog_of("ar").num_plurals == 6


def test_a_translation_keeps_the_values_of_its_text(code: str) -> None:
    """Forms for a single number may write it as a word, the last form may not."""
    wrong = [
        each.id
        for each in messages(code)
        if values(forms(each.id)[-1]) != values(forms(each.string)[-1])
        or not all(values(form) <= values(forms(each.id)[-1]) for form in forms(each.string))
    ]
    assert wrong == []


def test_a_translation_holds_no_markup_and_no_odd_spaces(code: str) -> None:
    texts = [form for each in messages(code) for form in forms(each.string)]
    assert [text for text in texts if MARKUP.search(text) or text != text.strip()] == []


def test_a_fixed_text_with_a_value_is_translated() -> None:
    reason = reasons.CANNOT_DECODE.format(codec="hevc")
    assert language_of("en").fixed(reason) == reason
    assert "un códec que no se admite (hevc)" in language_of("es").fixed(reason)
    assert language_of("es").fixed("Something unknown") == "Something unknown"


def test_numbers_and_dates_are_those_of_the_language() -> None:
    spanish, arabic = language_of("es"), language_of("ar")
    assert spanish.number(12345.6) == "12,345.6"
    assert spanish.day("2026-03-03") == "3 de marzo de 2026"
    assert arabic.number(12345.6) == "12,345.6"
    assert arabic.day("2026-03-03") == "3 مارس 2026"
    assert arabic.ngettext("%(num)s comment", "%(num)s comments", 3) == "%(num)s comments"


def test_the_language_is_the_persons_own(reader: Reader) -> None:
    assert reader.open("/", headers={"Accept-Language": "es-MX,en;q=0.5"}).html["lang"] == "es-419"
    assert "Lo que la gente vio" in reader.text
    page = reader.open("/language/ar?next=/sign-in")
    assert (page.html["lang"], page.html["dir"]) == ("ar-u-nu-latn", "rtl")
    assert "عبارة المرور" in reader.text


def test_an_erasure_is_told_in_the_language_of_who_asked(process: Process, reader: Reader) -> None:
    receipt = Caller(process.app.test_client()).join().leave().headers["Location"]
    reader.open("/language/es")
    page = reader.open(receipt.removeprefix("/v1"))
    told = {each.text.partition(":")[0] for each in page.main.ul.find_all("li")}
    spanish = language_of("es")
    assert told == {spanish.gettext(step) for step in ERASURE_STEPS.values()}
    assert "Las copias que otras personas hicieron" in reader.text


def test_rules_are_told_by_their_titles(process: Process) -> None:
    with process.site.test_request_context(headers={"Accept-Language": "ar"}):
        choose_language()
        begin_visit(ApiInProcess(process.app))
        assert rule_title("spam") == "لا إعلانات ولا تكرار"
        assert rule_title("of-before") == "of-before"


def test_every_problem_that_a_page_can_meet_has_words() -> None:
    assert set(MEANINGS) - set(WORDS) <= FOR_PROGRAMS


def test_another_language_shows_the_same_page(reader: Reader) -> None:
    page = reader.open("/sign-in?next=/me")
    page = reader.open(page.find("a", hreflang="es")["href"])
    assert reader.where == "/sign-in"
    assert page.find("input", {"name": "next"})["value"] == "/me"


def test_what_is_wrong_with_a_field_is_told_in_plain_words(reader: Reader) -> None:
    for language, words in (("en", "Please write 8 to"), ("es", "Escribe de 8 a")):
        reader.open(f"/language/{language}?next=/join")
        page = reader.submit("/join", pseudonym="Wren", passphrase="short")
        assert reader.status == 422
        assert page.find(id="passphrase-error").text.startswith(words)


def test_scripts_learn_the_words_of_the_api(reader: Reader) -> None:
    reader.open("/language/es")
    for text, told in (
        ("Longer than maximum length 9.", "Escribe 9 caracteres como máximo, por favor."),
        (reasons.NOTHING_RECORDED, "El archivo no contiene ni imágenes"),
        ("<script>", "<script>"),
    ):
        reply = reader.client.get("/in-words", query_string={"text": text})
        assert reply.text.startswith(told)
        assert reply.content_type == "text/plain; charset=utf-8"


def test_what_is_wrong_with_a_field_in_another_way_is_told_all_the_same(process: Process) -> None:
    with process.site.test_request_context(headers={"Accept-Language": "es"}):
        choose_language()
        assert field_error("Not a valid mapping type.") == "Revisa esto, por favor."


def test_axe_finds_nothing_in_other_languages_and_directions(phone: Page, code: str) -> None:
    phone.goto(f"/language/{code}")
    for path in ("/", "/cases", "/report", "/about", "/join"):
        phone.goto(path)
        assert phone.locator("html").get_attribute("lang") == language_of(code).tag
        assert violations(phone) == [], path


@pytest.mark.parametrize(
    ("hours", "told"),
    [(0, "1 hour ago"), (0.4, "1 hour ago"), (5, "5 hours ago"), (30, "1 day ago")],
)
def test_no_time_is_told_more_exactly_than_the_hour(hours: float, told: str) -> None:
    moment = datetime.now(UTC) - timedelta(hours=hours)
    assert language_of("en").ago(moment.isoformat()) == told
