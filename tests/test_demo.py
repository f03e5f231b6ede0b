"""The demonstration: its content, and that it can be played."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random
from threading import Thread
from typing import Any

import click
import pytest
from werkzeug.serving import make_server

from config.process import Process
from config.settings import read_settings
from domain.actors import Role
from domain.moderation.rules import RULES
from entrypoints.demo import play as played
from entrypoints.demo.material import LANGUAGES, Material, read_material
from entrypoints.demo.pictures import photo
from entrypoints.demo.play import play
from entrypoints.demo.town import Town, compose
from tests.system.phone import assert_becomes

TODAY = date(2026, 3, 1)
SLOTS = {"place", "amount", "official", "firm"}


@pytest.fixture(scope="module")
def town() -> Town:
    return compose(Random(7), TODAY)


@pytest.fixture(params=LANGUAGES)
def material(request: pytest.FixtureRequest) -> Material:
    return read_material(request.param)


class TestMaterial:
    def test_each_language_has_many_stories_in_three_versions(self, material: Material) -> None:
        assert len({story.body for story in material.stories}) >= 24
        for story in material.stories:
            assert len(story.titles) == len(story.amounts) == len(story.details) == 3
            assert story.official in ("woman", "man")

    def test_no_title_is_used_twice(self) -> None:
        stories = [story for language in LANGUAGES for story in read_material(language).stories]
        assert max(Counter(title for story in stories for title in story.titles).values()) == 1

    def test_stories_use_known_placeholders_only(self, material: Material) -> None:
        for story in material.stories:
            text = f"{story.body} {' '.join(story.details)}"
            slots = set(re.findall(r"{(\w*)}", text))
            assert slots <= SLOTS
            assert ("firm" in slots) <= bool(story.firm_role)

    def test_offences_name_known_rules(self, material: Material) -> None:
        assert {offence.rule for offence in material.offences} <= {rule.rule_id for rule in RULES}

    def test_the_quarters_are_the_same_in_both_languages(self) -> None:
        one, other = (read_material(language).places for language in LANGUAGES)
        assert [(place.lat, place.lon) for place in one] == [
            (place.lat, place.lon) for place in other
        ]


class TestTown:
    def test_it_has_about_120_cases_in_two_languages(self, town: Town) -> None:
        languages = Counter(case.language for case in town.cases)
        assert set(languages) == set(LANGUAGES)
        assert min(languages.values()) >= 60
        assert len({case.title for case in town.cases}) == len(town.cases)
        assert len(set(town.members)) == len(town.members) == 28

    def test_the_same_seed_composes_the_same_town(self, town: Town) -> None:
        assert compose(Random(7), TODAY) == town
        assert compose(Random(8), TODAY) != town

    def test_no_placeholder_is_left(self, town: Town) -> None:
        assert not re.search(r"[{}]", str([case.story for case in town.cases]))

    def test_authors_do_not_comment_on_or_contribute_to_their_own_cases(self, town: Town) -> None:
        for case in town.cases:
            others: list[int | None] = [remark.by for remark in case.remarks]
            others += [reply.by for remark in case.remarks for reply in remark.replies]
            others += [by for by, _ in (*case.shares, *case.added_tags)]
            others += [*case.supporters, *case.followers, case.located_by]
            if case.anonymous:
                others += [party.by for party in case.parties]
            assert case.author not in others

    def test_replies_are_by_another_member_of_the_same_language(self, town: Town) -> None:
        for case in town.cases:
            for remark in case.remarks:
                for said in (remark, *remark.replies):
                    assert LANGUAGES[said.by % 2] == case.language
                assert remark.by not in [reply.by for reply in remark.replies]

    def test_few_cases_have_most_of_the_support(self, town: Town) -> None:
        supports = sorted((len(case.supporters) for case in town.cases), reverse=True)
        assert supports[0] >= 25
        assert sum(supports[:12]) > sum(supports[12:]) / 2
        assert supports[len(supports) // 2] <= 2

    def test_members_do_not_flag_their_own_contributions(self, town: Town) -> None:
        for flagged in town.flagged:
            own = flagged.remark.by if flagged.remark else town.cases[flagged.case].author
            assert own not in flagged.by

    def test_there_are_flags_for_every_kind_of_decision(self, town: Town) -> None:
        assert {flagged.verdict for flagged in town.flagged} == {"", "hide", "dismiss"}
        assert sum(bool(flagged.appeal) for flagged in town.flagged) == 1

    def test_days_are_in_the_past(self, town: Town) -> None:
        days = [case.occurred_on for case in town.cases if case.occurred_on]
        assert max(days) < TODAY
        assert len(days) < len(town.cases)


def test_photos_are_small_jpegs() -> None:
    content = photo(Random(1))
    assert content.startswith(b"\xff\xd8")
    assert len(content) < 50_000


class Served:
    """A Klarity in this process, listening."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._server = make_server("127.0.0.1", 0, process.app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def add_member(self, pseudonym: str, *roles: Role) -> tuple[str, str]:
        from config.main import OpenTools

        tools = OpenTools(self.process)
        tools.add_member(pseudonym, "four plain words here")
        for role in roles:
            tools.grant(pseudonym, role)
        return pseudonym, "four plain words here"

    def get(self, path: str) -> Any:
        return self.process.app.test_client().get(path).json

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KLARITY_DATA", str(tmp_path_factory.mktemp("town")))
        patch.setenv("KLARITY_EVENT_STORE", "memory")
        patch.setenv("KLARITY_RATE_LIMIT", "1000000 per minute")
        # A little less than is needed at once, to meet the limit.
        patch.setenv("KLARITY_SIGN_IN_NETWORK_LIMIT", "9 per 2 second")
        process = Process(read_settings())
    process.start()
    found = Served(process)
    yield found
    found.close()
    process.close()


@pytest.fixture
def small() -> Town:
    return compose(Random(7), TODAY, cases=10, members=10)


def titles(served: Served) -> set[str]:
    return {case["title"] for case in served.get("/v1/cases?limit=100")["items"]}


def deeds(served: Served) -> Counter[str]:
    """How often moderators decided what, and authors appealed."""
    ledger = served.get("/v1/moderation/ledger?limit=100")["items"]
    deeds = Counter(entry["what"] for entry in ledger if entry["what"] == "appealed")
    return deeds + Counter(entry["verdict"] for entry in ledger if entry["what"] == "decided")


def test_a_town_is_played(
    served: Served, small: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(played, "video", lambda: None)
    play(served.url, served.add_member("Judge", Role.MODERATOR), small)
    told = capsys.readouterr().out
    assert f"{served.url}/cases/" in told
    assert "With --moderator" not in told
    assert_becomes(lambda: titles(served), {case.title for case in small.cases[:10]})
    assert any(case["parties"] for case in served.get("/v1/cases?limit=100")["items"])
    assert_becomes(lambda: deeds(served), {"hide": 5, "dismiss": 3, "appealed": 1})


def test_a_town_without_a_moderator_leaves_flags_open(
    served: Served, small: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(played, "video", lambda: photo(Random(2)))
    town = replace(small, cases=small.cases[:1], flagged=())
    play(served.url, None, town)
    assert "With --moderator" in capsys.readouterr().out


def test_only_a_moderator_moderates(served: Served, small: Town) -> None:
    with pytest.raises(click.ClickException, match="no moderator"):
        play(served.url, served.add_member("Somebody"), small)
    with pytest.raises(click.ClickException, match="401"):
        play(served.url, ("Somebody", "another passphrase"), small)


def test_a_case_that_is_not_published_in_time_is_reported(
    served: Served, small: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(played, "PATIENCE", -1.0)
    monkeypatch.setattr(played, "video", lambda: None)
    monkeypatch.setattr(played, "photo", lambda _: b"\xff\xd8\xff\xe0 no photo")
    with pytest.raises(click.ClickException, match="did not become public"):
        play(served.url, None, replace(small, cases=small.cases[:1], flagged=()))
