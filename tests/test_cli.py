"""The ``klarity`` command, as an operator meets it."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from application.ports.codec import RecordedEvent
from application.ports.parked import ParkedEvent
from application.what_if import Hiding, ModerationReplay, Standing, WhatIf
from config.main import FAULTS, open_tools, play_demo, serve, work
from config.settings import SettingsError, read_settings
from domain.moderation.subject import SubjectKind
from entrypoints.cli import Entry, build_cli
from entrypoints.nginx import nginx_configuration


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))


def klarity(*arguments: str) -> Result:
    entry = Entry(serve=serve, work=work, open_tools=open_tools, play_demo=play_demo, faults=FAULTS)
    return CliRunner().invoke(build_cli(entry), arguments)


def add_anna() -> Result:
    return klarity("members", "add", "Anna", "--role", "admin", "--passphrase", "four plain words")


def test_help_teaches() -> None:
    told = klarity("--help").output
    commands = ("serve", "work", "rebuild", "verify", "parked", "members", "webhooks", "what-if")
    for command in (*commands, "demo"):
        assert command in told
        assert len(klarity(command, "--help").output) > 100


def test_services_are_listed_with_what_they_hear() -> None:
    told = klarity("services").output
    assert "query:popular-cases" in told
    assert "when-exhibit-is-admitted-then-accept-evidence" in told


def test_nginx_sends_each_request_to_its_service() -> None:
    places = [
        f"--at={service}=h:{n}" for n, service in enumerate(("command:members", "query:videos"))
    ]
    told = klarity("services", "--nginx", *places).output
    assert "access_log off" in told
    assert "error_log /dev/null" in told
    assert '"~^(GET|HEAD) /v1/videos(/|$)" h:1;' in told
    told = klarity("services", "--nginx", "--at=command:members=h:1", "--at=query:cases=h:2").output
    assert r"|/v1/cases\.(geojson|csv)$)" + '" h:2;' in told
    assert klarity("services", "--nginx", "--at=nowhere").exit_code == 2
    assert "default h;" in nginx_configuration({"command:members": "h"})


def test_an_untouched_log_verifies_and_a_changed_one_does_not(tmp_path: Path) -> None:
    assert "Anna is member" in add_anna().output
    assert klarity("members", "grant", "anna", "moderator").exit_code == 0
    assert klarity("verify").exit_code == 0
    with sqlite3.connect(tmp_path / "klarity.db") as database:
        (table,) = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%members%'"
        ).fetchone()
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        assert "body" in columns
        database.execute(f"UPDATE {table} SET body = CAST('{{}}' AS BLOB)")  # noqa: S608 - a table of the test's own
    database.close()
    found = klarity("verify")
    assert found.exit_code == 1
    assert "changed" in found.output


def test_a_fault_is_told_in_one_plain_message(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = klarity("members", "grant", "Nobody", "admin")
    assert (nobody.exit_code, "no member called Nobody" in nobody.output) == (1, True)
    add_anna()
    assert "Somebody else has this pseudonym" in add_anna().output
    monkeypatch.setenv("KLARITY_BUS", "pigeons")
    assert "KLARITY_BUS" in klarity("verify").output


def test_a_read_model_is_rebuilt() -> None:
    add_anna()
    assert "members was rebuilt from 2 events" in klarity("rebuild", "members").output


def park(*subscribers: str) -> RecordedEvent:
    """An event that all of these parked."""
    event = RecordedEvent(
        log="cases",
        position=1,
        stream="case-c1",
        version=1,
        stamp=1,
        type="t",
        schema=1,
        data=b"{}",
    )
    with open_tools() as tools:
        for subscriber in subscribers:
            tools.parked.park(
                ParkedEvent(subscriber=subscriber, event=event, error="broken", parked_at="now")
            )
    return event


def test_parked_events_are_listed_and_decided() -> None:
    assert "0 parked" in klarity("parked", "list").output
    event = park("cases")
    assert "broken" in klarity("parked", "list", "cases").output
    assert "will retry" in klarity("parked", "retry", "cases", event.id).output
    assert "retry was decided" in klarity("parked", "list").output
    assert "will drop" in klarity("parked", "drop", "cases", event.id, "--yes").output
    assert klarity("parked", "retry", "cases", "nothing").exit_code == 1


def test_what_builds_of_a_read_model_parked_is_found_by_its_service() -> None:
    event = park("cases.1000", "cases.1001", "videos.1000")
    assert "2 parked" in klarity("parked", "list", "cases").output
    assert "1 parked" in klarity("parked", "list", "cases.1001").output
    assert klarity("parked", "retry", "cases.1000", event.id).exit_code == 0
    assert klarity("parked", "list").output.count("retry was decided") == 1
    assert klarity("parked", "drop", "cases", event.id, "--yes").exit_code == 0
    assert klarity("parked", "list").output.count("drop was decided") == 2


def test_webhooks_are_added_listed_and_removed() -> None:
    added = klarity("webhooks", "add", "https://news.example/hook", "--tag", "police").output
    assert "whsec_" in added
    webhook_id = added.split()[1]
    listed = klarity("webhooks", "list").output
    assert f"{webhook_id} https://news.example/hook tag=police" in listed
    assert "whsec_" not in listed
    assert "0 deliveries" in klarity("webhooks", "deliveries", "--parked").output
    assert klarity("webhooks", "retry", "nothing").exit_code == 1
    assert klarity("webhooks", "remove", webhook_id).exit_code == 0
    assert "0 webhooks" in klarity("webhooks", "list").output
    refused = klarity("webhooks", "add", "http://news.example/hook")
    assert (refused.exit_code, "https" in refused.output) == (1, True)


def test_other_numbers_are_tried_on_an_empty_log() -> None:
    told = klarity("what-if", "moderation", "--threshold", "0.5").output
    assert "A threshold of 0.5 hides 0: 0 rightly, 0 wrongly, 0 undecided." in told
    assert "The present one of 1.5 (KLARITY_HIDE_AT) hides 0" in told
    asked = klarity("what-if", "popular", "--half-life", "30", "--top", "3")
    assert (asked.exit_code, asked.output.split()) == (0, ["now", "then"])


def test_other_numbers_are_tried_on_what_was_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    hiding = Hiding(
        kind=SubjectKind.COMMENT, subject_id="c1", rule="spam", weight=0.75, at=datetime.now(UTC)
    )
    standing = Standing(case_id="c1", title="A permit", now=2, then=1)
    monkeypatch.setattr(ModerationReplay, "hidings", (hiding,))
    monkeypatch.setattr(WhatIf, "popular", lambda *_: [standing])
    told = klarity("what-if", "moderation", "--threshold", "0.5").output
    assert "comment c1 spam, weight 0.75: moderators have not decided" in told
    told = klarity("what-if", "popular", "--half-life", "30").output
    assert "   2     1  A permit" in told


def test_a_demo_without_a_server_says_what_to_do() -> None:
    told = klarity("demo", "--url", "http://127.0.0.1:9")
    assert (told.exit_code, "Nothing answers" in told.output) == (1, True)


class TestSettings:
    def test_every_fault_is_named_in_one_message(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"PORT": "x", "BUS": "pigeons", "SERVICES": "cases,nope"}.items():
            monkeypatch.setenv(f"KLARITY_{name}", value)
        with pytest.raises(SettingsError) as faults:
            read_settings()
        for name in ("KLARITY_PORT", "KLARITY_BUS", "KLARITY_SERVICES"):
            assert name in str(faults.value)

    @pytest.mark.parametrize(
        ("settings", "fault"),
        [
            ({"EVENT_STORE": "mongo", "BUS": "redis"}, "KLARITY_SECRET"),
            ({"SECRET": "short"}, "KLARITY_SECRET"),
            ({"WORKERS": "2"}, "KLARITY_WORKERS"),
            ({"READ_MODELS": "mongo", "SECRET": "s" * 32}, "KLARITY_READ_MODELS"),
            ({"REDIS_URL": "http://x"}, "KLARITY_REDIS_URL"),
            ({"PUBLIC_URL": "klarity.example"}, "KLARITY_PUBLIC_URL"),
            ({"PUBLIC_URL": "https://klarity.example/app"}, "KLARITY_PUBLIC_URL"),
        ],
    )
    def test_what_does_not_fit_together_is_told(
        self, settings: dict[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"KLARITY_{name}", value)
        with pytest.raises(SettingsError, match=fault):
            read_settings()

    @pytest.mark.parametrize(
        ("settings", "known_as"),
        [
            ({"HOST": "127.0.0.1", "PORT": "81"}, "http://127.0.0.1:81"),
            ({"HOST": "::1", "PORT": "81"}, "http://[::1]:81"),
            ({"PUBLIC_URL": "https://klarity.example/"}, "https://klarity.example"),
        ],
    )
    def test_people_know_it_by_its_public_address(
        self, settings: dict[str, str], known_as: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"KLARITY_{name}", value)
        assert read_settings().public_url == known_as
