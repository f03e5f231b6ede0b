"""Joining, signing in and out, without scripts."""

from tests.http.conftest import PASSPHRASE, Caller
from tests.site.conftest import Reader


def test_a_reader_joins_and_is_signed_in(reader: Reader) -> None:
    reader.join("Wren of the river")
    assert reader.where == "/"
    assert reader.soup.find("a", href="/me")


def test_a_member_signs_in_and_out(reader: Reader, anna: Caller) -> None:
    reader.sign_in(anna)
    assert reader.soup.find("a", href="/me")
    assert reader.headers["Cache-Control"] == "no-store"


def test_a_wrong_passphrase_is_told_in_words_and_the_name_is_kept(
    reader: Reader, anna: Caller
) -> None:
    reader.open("/sign-in?next=/me")
    page = reader.submit("/sign-in", pseudonym=anna.pseudonym, passphrase="not the one at all")
    assert reader.status == 401
    assert page.find(role="alert")
    assert page.find("input", {"name": "pseudonym"})["value"] == anna.pseudonym
    assert page.find("input", {"name": "next"})["value"] == "/me"


def test_a_sign_in_leads_nowhere_else(reader: Reader, anna: Caller) -> None:
    for place in ("https://evil.example/", "//evil.example", "/\\evil.example", "/\n/x"):
        reader.open("/sign-in")
        reader.submit("/sign-in", pseudonym=anna.pseudonym, passphrase=PASSPHRASE, next=place)
        assert reader.where == "/"


def test_whose_session_was_ended_elsewhere_reads_on_as_a_stranger(
    reader: Reader, ben: Caller
) -> None:
    reader.sign_in(ben)
    ben("DELETE", "/v1/sessions")
    ben.sign_in()
    reader.open("/")
    assert reader.status == 200
    assert reader.soup.find("a", href="/sign-in")


def test_a_form_of_another_site_is_refused(reader: Reader, anna: Caller) -> None:
    fields = {"pseudonym": anna.pseudonym, "passphrase": PASSPHRASE}
    reply = reader.client.post("/sign-in", data=fields)
    assert reply.status_code == 400
    assert reply.content_type.startswith("text/html")


def test_somebody_who_only_reads_gets_no_cookie_and_an_etag(reader: Reader) -> None:
    reader.open("/")
    assert "Set-Cookie" not in reader.headers
    again = reader.client.get("/", headers={"If-None-Match": reader.headers["ETag"]})
    assert again.status_code == 304


def test_the_language_is_the_chosen_one_or_what_the_browser_prefers(reader: Reader) -> None:
    assert reader.open("/").html["lang"] == "en"
    assert reader.open("/", headers={"Accept-Language": "ar"}).html["dir"] == "rtl"
    assert reader.open("/language/es?next=/sign-in").html["lang"] == "es-419"
    assert reader.where == "/sign-in"
