"""What people write cannot break out of where it is shown, whatever it holds.

Marks are planted in every field through the API. Then every page that shows them is opened, as a
program sees it and on a phone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from threading import Thread
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from bs4 import Tag
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    FilePayload,
    Page,
    expect,
)
from werkzeug.serving import make_server

from config.process import Process
from tests.http.conftest import PASSPHRASE, Caller, appointed, eventually
from tests.http.public_cases import PublicCase, publish
from tests.http.test_moderation import appeal, decide, flag, once_known, queued, resolve
from tests.site.conftest import PHONE, Reader

HTML = (
    "<img src=x onerror=alert(1)>{{7*7}}</script><script>alert(2)</script>\" onfocus='alert(3)' "
    'x="</textarea></title><style>*{display:none}</style><!--'
)
DIRECTIONS = "\u202eevil \u2066unended \u2067again\n\n"
PARENTS = "👨\u200d👩\u200d👧\u200d👦"
FAMILY = "👩🏽\u200d🚒👨\u200d👩\u200d👧\u200d👦🏳️\u200d🌈"
STACKED = "Z" + "\u0300\u0315\u0361\u0489" * 12
ODD = f"لجنة «Land office» {FAMILY} a\u200bb\u200d\ufeffc {STACKED} "
ONE_LINE_REFUSED = ("\u202eevil", "\u2066evil", "two\nlines")
LONGEST_STORY = 10_000

Text = Callable[[int], str]
"""Returns a mark of so many characters at most."""


def html(most: int) -> str:
    return HTML[:most].strip()


def unbroken(most: int) -> str:
    return "W" * most


def odd(most: int) -> str:
    """Return emoji with joiners, zero width and stacked characters, in two directions."""
    return (ODD * (most // len(ODD))).strip() or FAMILY


MARKS: dict[str, tuple[str, Text]] = {
    "html": ("O'Neill-Warden", html),
    "unbroken": ("W" * 40, unbroken),
    "odd": ("ليلى النهر", odd),
}
"""For each kind of mark a pseudonym, in which little is allowed, and what makes the mark."""


@dataclass(frozen=True)
class Planted:
    """Where the marks of a kind are: paths by who opens them."""

    mark: Text
    author: Caller
    case: PublicCase
    paths: dict[str, list[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def second(process: Process, admin: Caller) -> Caller:
    return appointed(process, admin)


@pytest.fixture(scope="module")
def all_planted(
    process: Process, ben: Caller, moderator: Caller, second: Caller
) -> dict[str, Planted]:
    return {kind: _planted(process, kind, ben, moderator, second) for kind in MARKS}


@pytest.fixture(params=MARKS)
def planted(request: pytest.FixtureRequest, all_planted: dict[str, Planted]) -> Planted:
    return all_planted[request.param]


def _planted(
    process: Process, kind: str, ben: Caller, moderator: Caller, second: Caller
) -> Planted:
    pseudonym, mark = MARKS[kind]
    author = Caller(process.app.test_client())
    author.pseudonym = pseudonym
    author.join()
    found = Planted(mark, author, _published(process, author, mark))
    case_path = f"/cases/{found.case.case_id}"
    comment = _discuss(found, ben)
    party = _name(found, moderator)
    decision = _moderate(process, found, ben, moderator, second)
    found.paths["nobody"] = [
        "/",
        "/cases",
        "/cases?view=map",
        case_path,
        f"{case_path}?as_of=2999-01-01",
        f"{case_path}/share",
        _dispute_link(found, party, moderator),
        "/decisions",
        f"/decisions/{decision}",
    ]
    found.paths["author"] = [
        case_path,
        f"{case_path}/amend",
        f"{case_path}/withdraw",
        f"{case_path}/name",
        f"{case_path}/comments/{comment}",
        f"{case_path}/flag/comment/{comment}",
        f"/report/{found.case.case_id}",
        *(f"/me{name}" for name in ("", "/comments", "/notifications", "/settings", "/leave")),
    ]
    found.paths["moderator"] = [
        "/moderation",
        f"/moderation/case/{found.case.case_id}",
        f"/moderation/comment/{comment}",
        f"/moderation/member/{author.member_id}",
        case_path,
    ]
    found.paths["ben"] = ["/me/supports", "/me/follows", "/me/flags", "/me/comments"]
    return found


def _multiline(mark: Text, most: int) -> str:
    longest = LONGEST_STORY if mark is unbroken else 500
    return DIRECTIONS + mark(min(most, longest) - len(DIRECTIONS))


def _published(process: Process, author: Caller, mark: Text) -> PublicCase:
    place = {"lat": 1, "lon": 2, "precision": "city", "name": mark(120)}
    case = publish(
        process,
        author,
        title=mark(200),
        story=_multiline(mark, LONGEST_STORY),
        tags=[mark(40)],
        location=place,
    )
    path = f"/v1/cases/{case.case_id}"
    assert author("GET", path, headers=case.seen).status_code == 200
    return case


def _discuss(found: Planted, ben: Caller) -> str:
    """Let both comment, and return the id of the author's comment."""
    path = f"/v1/cases/{found.case.case_id}"
    text = {"text": _multiline(found.mark, 5000)}
    first = once_known(lambda: ben("POST", f"{path}/comments", text)).json["comment_id"]
    answer = {**text, "parent_id": first}
    made = found.author("POST", f"{path}/comments", answer)
    assert made.status_code == 201, made.text
    assert ben("PUT", f"{path}/support").status_code == 204
    assert ben("PUT", f"{path}/follow").status_code == 204
    tag = quote(found.mark(30), safe="")
    assert ben("POST", f"{path}/tags/{tag}").status_code < 400
    comment_id: str = made.json["comment_id"]
    return comment_id


def _name(found: Planted, moderator: Caller) -> str:
    """Name a party, let it answer, and return its path in the API."""
    body = {"kind": "person", "name": found.mark(120), "role": found.mark(120)}
    path = f"/v1/cases/{found.case.case_id}/parties"
    party = f"{path}/{found.author('POST', path, body).json['party_id']}"
    token = _dispute_link(found, party, moderator).rpartition("/")[2]
    statement = {"token": token, "statement": _multiline(found.mark, 5000)}
    assert moderator("POST", f"{party}/dispute", statement).status_code == 204
    return party


def _dispute_link(found: Planted, party: str, moderator: Caller) -> str:
    made = once_known(lambda: moderator("POST", f"{party}/dispute-link"))
    return f"/dispute/{made.json['url'].rpartition('/')[2]}"


def _moderate(
    process: Process, found: Planted, ben: Caller, moderator: Caller, second: Caller
) -> str:
    """Flag the case, hide another one, and return the id of that decision."""
    flag(ben, found.case.case_id, note=_multiline(found.mark, 1000))
    eventually(lambda: queued(moderator, found.case.case_id))
    hidden = _published(process, found.author, found.mark)
    decision = decide(moderator, hidden.case_id, reason=_multiline(found.mark, 2000))
    assert once_known(lambda: appeal(found.author, decision)).status_code == 201
    assert resolve(second, decision, "uphold").status_code == 204
    return decision


def callers(planted: Planted, ben: Caller, moderator: Caller) -> dict[str, Caller | None]:
    return {"nobody": None, "author": planted.author, "moderator": moderator, "ben": ben}


class TestAsAProgramSeesIt:
    def test_marks_stay_text(
        self, process: Process, planted: Planted, ben: Caller, moderator: Caller
    ) -> None:
        for who, caller in callers(planted, ben, moderator).items():
            reader = Reader(process.site.test_client())
            if caller:
                reader.sign_in(caller)
            for path in planted.paths[who]:
                soup = reader.open(path)
                assert reader.status == 200, path
                assert not soup.find_all(src="x"), path
                assert not soup.find_all("style"), path
                assert not [tag for tag in soup.find_all(True) if has_handlers(tag)], path
                assert all(is_ours(script) for script in soup.find_all("script")), path
                assert soup.find("footer"), path

    def test_the_story_is_shown_whole(self, reader: Reader, planted: Planted) -> None:
        reader.open(f"/cases/{planted.case.case_id}")
        shown = "".join(reader.soup.get_text().split())
        story = _multiline(planted.mark, LONGEST_STORY).removeprefix(DIRECTIONS)
        assert "".join(story.split()) in shown
        assert "49" not in reader.soup.h1.text

    def test_a_search_for_marks_shows_them_as_text(self, reader: Reader, planted: Planted) -> None:
        for name in ("q", "tag", "party", "near", "since"):
            soup = reader.open("/cases", query_string={name: planted.mark(40)})
            assert reader.status in (200, 422)
            assert not soup.find_all(src="x")

    def test_a_file_name_is_text(self, process: Process, planted: Planted) -> None:
        reader = Reader(process.site.test_client()).sign_in(planted.author)
        reader.open("/report")
        name = DIRECTIONS.strip() + planted.mark(200)
        soup = reader.submit("/report/send", {"file": (BytesIO(b""), name)}, title="x")
        assert reader.status == 422
        assert not soup.find_all(src="x")


def has_handlers(tag: Tag) -> bool:
    return any(name.startswith("on") or name == "style" for name in tag.attrs)


def is_ours(script: Tag) -> bool:
    is_data = script.get("type") == "application/json"
    return is_data or str(script["src"]).startswith("/static/")


class TestLines:
    def test_previews_are_cut_between_characters(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = _published(process, anna, lambda most: (PARENTS * most)[: most // 7 * 7])
        reader.open(f"/cases/{case.case_id}")
        told = reader.soup.find("meta", {"name": "description"})["content"]
        assert set(told.removeprefix(DIRECTIONS.strip()).strip().split(PARENTS)) == {"", "…"}
        reader.open(f"/cases/{case.case_id}/share")
        place = reader.soup.find("a", string="Telegram")["href"]
        assert set(parse_qs(urlsplit(place).query)["text"][0].split(PARENTS)) == {"", "…"}

    @pytest.mark.parametrize("text", ONE_LINE_REFUSED)
    def test_what_stands_in_a_line_cannot_change_its_direction(
        self, anna: Caller, text: str
    ) -> None:
        assert anna.report(title=text).status_code == 422
        assert anna.report(tags=[text]).status_code == 422


@pytest.fixture(scope="module")
def address(process: Process) -> Iterator[str]:
    """Where this process serves its API and its site."""
    server = make_server("127.0.0.1", 0, process.wsgi, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


SHOWN = """() => {
  const SCROLLS = ".wide, pre, svg, .leaflet-container, nav, textarea, option";
  const isOutside = ({ left, right, width }) =>
    width > 0 && (left < -1 || right > document.scrollingElement.clientWidth + 1);
  for (const each of document.querySelectorAll("details")) each.open = true;
  const page = document.scrollingElement;
  const names = (element) => [...element.attributes].map(({ name }) => name);
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const [bare, outside] = [[], []];
  const range = document.createRange();
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    const isMark = /onerror|W{20}|Land office|ليلى النهر/.test(data);
    const isolated = parentElement.closest("bdi, [dir='auto'], option, [type='application/json']");
    if (isMark && !isolated) bare.push(parentElement.outerHTML.slice(0, 120));
    range.selectNodeContents(texts.currentNode);
    const scrolls = parentElement.closest(SCROLLS);
    if (!scrolls && [...range.getClientRects()].some(isOutside)) outside.push(data.slice(0, 80));
  }
  return {
    bare,
    wider: page.scrollWidth - page.clientWidth,
    handlers: [...document.querySelectorAll("*")].filter(
      (each) => names(each).some((name) => name.startsWith("on"))
    ).length,
    planted: document.querySelectorAll('[src="x"], style').length,
    footer: document.querySelectorAll("body > footer.foot a").length,
    outside,
    cut: [...document.querySelectorAll("main *")]
      .filter((each) => !each.closest(SCROLLS) && isOutside(each.getBoundingClientRect()))
      .map((each) => each.outerHTML.slice(0, 120)),
  };
}"""


class TestOnAPhone:
    def test_nothing_breaks_out(
        self, browser: Browser, address: str, planted: Planted, ben: Caller, moderator: Caller
    ) -> None:
        wrong: list[str] = []
        for who, caller in callers(planted, ben, moderator).items():
            context = browser.new_context(viewport=PHONE, base_url=address, locale="ar")
            page = _watched(context, wrong)
            if caller:
                _sign_in(page, caller)
            for path in planted.paths[who]:
                page.goto(path, wait_until="domcontentloaded")
                shown = page.evaluate(SHOWN)
                assert shown.pop("footer") >= 3, path
                assert shown == {
                    "wider": 0,
                    "handlers": 0,
                    "planted": 0,
                    "bare": [],
                    "outside": [],
                    "cut": [],
                }, path
            context.close()
        assert wrong == []

    def test_the_names_of_chosen_files_and_drafts_stay_text(
        self, browser: Browser, address: str, anna: Caller
    ) -> None:
        wrong: list[str] = []
        context = browser.new_context(viewport=PHONE, base_url=address, locale="en")
        page = _watched(context, wrong)
        _sign_in(page, anna)
        page.goto("/report")
        page.get_by_label("In a few words").fill(HTML)
        for name in (HTML.replace("/", "") + ".jpg", DIRECTIONS.strip() + ".jpg", "W" * 200):
            file = FilePayload(name=name, mimeType="image/jpeg", buffer=b"\xff\xd8")
            page.get_by_label("Gallery").set_input_files(file)
            expect(page.locator("#files li", has_text=name[:40])).to_be_visible()
        page.get_by_role("button", name="Begin another").click()
        expect(page.locator("#drafts li", has_text=HTML[:40])).to_be_visible()
        assert page.evaluate(SHOWN)["wider"] == 0
        assert not page.locator('[src="x"]').count()
        context.close()
        assert wrong == []


def _watched(context: BrowserContext, wrong: list[str]) -> Page:
    """Return a page whose dialogs, errors and refused scripts are noted."""

    def dismiss(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    def note_refusal(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            wrong.append(said.text)

    page = context.new_page()
    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", note_refusal)
    return page


def _sign_in(page: Page, caller: Caller) -> None:
    page.goto("/sign-in")
    page.locator("[name=pseudonym]").fill(caller.pseudonym)
    page.locator("[name=passphrase]").fill(PASSPHRASE)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/")
