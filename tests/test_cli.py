"""The ``klarity`` command for operators."""

import gc
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from standardwebhooks import Webhook

from adapters.read_models.sqlite import SqliteReadModels
from adapters.tls import Tls
from adapters.webhook_caller.http import HttpWebhookCaller
from application.engine.builds import open_build
from application.ports.checkpoints import START
from application.ports.codec import RecordedEvent
from application.ports.event_store import StoreUnavailable
from application.ports.parked import ParkedEvent
from application.ports.read_models import Find
from application.ports.rebuilds import Phase, RebuildState, Then
from application.system import CONTEXTS, query_services
from application.use_cases.moderation.what_if import Hiding, ModerationReplay, RankedCase, WhatIf
from config.buses import BUSES, open_bus
from config.command import main
from config.main import (
    BACKUPS,
    FAULTS,
    OpenTools,
    give_up_lost_keys,
    open_tools,
    own_url,
    play_demo,
    serve,
    work,
)
from config.process import Process
from config.settings import Settings, SettingsError, read_settings
from domain.moderation.subject import SubjectKind
from domain.operations.alert import AlertId, AlertResolved
from domain.operations.intervention import Action
from entrypoints.cli import Entry, build_cli
from entrypoints.nginx import nginx_configuration
from entrypoints.rebuilds import _described
from tests.certificates import Authority
from tests.contracts.test_epochs import neighbours


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))


def klarity(*arguments: str, **options: str) -> Result:
    entry = Entry(
        serve=serve,
        work=work,
        own_url=own_url,
        open_tools=open_tools,
        play_demo=play_demo,
        give_up_lost_keys=give_up_lost_keys,
        backups=BACKUPS,
        faults=FAULTS,
    )
    return CliRunner().invoke(build_cli(entry), arguments, **options)  # type: ignore[arg-type]  # only "input"


def add_anna() -> Result:
    return klarity("members", "add", "Anna", "--role", "admin", "--passphrase", "four plain words")


def test_imported_objects_are_excluded_from_garbage_collection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running: list[bool] = []
    monkeypatch.setattr("config.main.main", lambda: running.append(gc.isenabled()))
    try:
        main()
        assert running == [True]
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_help_lists_and_explains_every_command() -> None:
    told = klarity("--help").output
    commands = (
        "serve",
        "work",
        "rebuild",
        "parity",
        "rollback",
        "rebuilds",
        "verify",
        "parked",
        "members",
        "webhooks",
        "what-if",
        "demo",
        "give-up-keys",
        "backup",
        "backup-key",
        "restore",
        "alert-secret",
    )
    for command in commands:
        assert command in told
        assert len(klarity(command, "--help").output) > 100


def test_the_operator_can_give_up_keys_with_lost_epochs(tmp_path: Path) -> None:
    add_anna()
    old = (tmp_path / "epochs").read_bytes()
    with closing(Process(read_settings(), alone=False)) as process:
        vault, (erased, lost) = process.container.vault(), neighbours(2)
        vault.make_key(erased)
        vault.make_key(lost)
        vault.destroy(erased)
    (tmp_path / "epochs").write_bytes(old)
    assert "old backup" in klarity("parked", "list").output
    assert klarity("give-up-keys", input="n\n").exit_code == 1
    assert "old backup" in klarity("parked", "list").output
    assert klarity("give-up-keys", "--yes").exit_code == 0
    assert klarity("parked", "list").output == "0 parked.\n"
    assert klarity("members", "grant", "Anna", "moderator").exit_code == 0


def test_services_are_listed_with_their_policies() -> None:
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
    assert '"~^(GET|HEAD) /v1/videos(/|$)" h-1;' in told
    told = klarity("services", "--nginx", "--at=command:members=h:1", "--at=query:cases=h:2").output
    assert r"|/v1/cases\.(geojson|csv)$)" + '" h-2;' in told
    assert klarity("services", "--nginx", "--at=nowhere").exit_code == 2
    wrong = klarity("services", "--nginx", "--at=command:nowhere=h:1")
    assert (wrong.exit_code, "command:nowhere is not a service" in wrong.output) == (2, True)
    rest = klarity("services", "--nginx", "--at=query:cases=h:1")
    assert (rest.exit_code, "command:members serves all other requests" in rest.output) == (2, True)
    assert "default h;" in nginx_configuration({"command:members": "h"})
    assert "default s;" in nginx_configuration({"command:members": "h", "site": "s"})


def test_nginx_trusts_the_proxies_that_are_named() -> None:
    serving = ("services", "--nginx", "--at=command:members=h:1")
    assert "set_real_ip_from" not in klarity(*serving).output
    told = klarity(*serving, "--trust=10.0.0.0/8", "--trust=2001:db8::1").output
    assert "set_real_ip_from 10.0.0.0/8;\n    set_real_ip_from 2001:db8::1/128;" in told


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "proxy", "10.0.0.1/8", "10.0.0.1; x"])
def test_what_is_no_network_of_proxies_is_not_trusted(network: str) -> None:
    refused = klarity("services", "--nginx", "--at=command:members=h:1", f"--trust={network}")
    assert (refused.exit_code, "for '--trust': " in refused.output) == (2, True)


def test_the_operator_can_list_who_changed_roles_and_suspensions() -> None:
    assert klarity("members", "standing").output == ""
    add_anna()
    told = klarity("members", "standing").output
    assert "Anna (" in told
    assert "admin granted, by the operator" in told


def test_verify_accepts_an_untouched_log_and_finds_a_changed_one(tmp_path: Path) -> None:
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


def test_verify_finds_a_log_that_was_set_back_by_its_kept_heads(tmp_path: Path) -> None:
    data, copy, heads = tmp_path / "klarity.db", tmp_path / "copy", tmp_path / "heads.json"
    add_anna()
    for file in (data, tmp_path / "keys.db"):
        assert file.exists()
    copy.write_bytes(data.read_bytes())
    assert klarity("members", "grant", "anna", "moderator").exit_code == 0
    assert klarity("verify", "--heads", str(heads)).exit_code == 0
    assert klarity("verify", "--heads", str(heads)).exit_code == 0
    data.write_bytes(copy.read_bytes())
    assert klarity("verify").exit_code == 0
    found = klarity("verify", "--heads", str(heads))
    assert found.exit_code == 1
    assert "cut off since it was verified" in found.output
    assert klarity("verify", "--heads", str(heads)).exit_code == 1


def test_verify_finds_a_checkpoint_beyond_the_end_of_a_log() -> None:
    with open_tools() as tools:
        tools._checkpoints.save("relay.members", START.moved("members", 7))
    found = klarity("verify")
    assert (found.exit_code, "relay.members, version 7" in found.output) == (1, True)


def test_an_error_is_printed_as_one_plain_message(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = klarity("members", "grant", "Nobody", "admin")
    assert (nobody.exit_code, "no member called Nobody" in nobody.output) == (1, True)
    add_anna()
    assert "This pseudonym, or one that looks" in add_anna().output
    monkeypatch.setenv("KLARITY_BUS_URL", "pigeons")
    assert "KLARITY_BUS_URL" in klarity("verify").output


@pytest.mark.parametrize("error", [KeyError("stores"), IndexError("list index out of range")])
def test_a_programming_error_keeps_its_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenTools, "checkpoints", Mock(side_effect=error))
    assert klarity("verify").exception is error


@pytest.mark.parametrize(
    ("pseudonym", "passphrase", "told"),
    [
        ("", "four plain words", "3 to 40 characters"),
        ("two\nlines", "four plain words", "one line"),
        ("\u0410nna", "four plain words", "one script"),
        ("Anna", "x", "8 to 200 characters"),
    ],
)
def test_adding_a_member_that_the_api_would_refuse_is_refused(
    pseudonym: str, passphrase: str, told: str
) -> None:
    refused = klarity("members", "add", pseudonym, "--passphrase", passphrase)
    assert (refused.exit_code, told in refused.output) == (1, True)
    assert klarity("verify").output.count(": 0 events") == len(CONTEXTS)


def test_a_passphrase_is_prompted_for_or_given_on_standard_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that no list of processes, history or audit log contains it."""
    taken: list[tuple[str, str]] = []
    monkeypatch.setattr("config.main.OpenTools.add_member", lambda _, *given: taken.append(given))
    klarity("members", "add", "Anna", input="four plain words\nfour plain words\n")
    klarity("members", "add", "Anna", "--passphrase", "-", input="four plain words\nnot this\n")
    assert taken == [("Anna", "four plain words")] * 2


def test_the_operator_can_add_a_member_with_a_reserved_name() -> None:
    added = klarity("members", "add", "Klarity Admin", "--passphrase", "four plain words")
    assert added.exit_code == 0


def test_rebuilding_a_read_model_in_memory_says_to_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_READ_MODELS", "memory")
    told = klarity("rebuild", "members")
    assert (told.exit_code, "restart their process" in told.output) == (1, True)


def test_a_read_model_in_a_file_is_rebuilt() -> None:
    add_anna()
    for _ in range(2):
        assert "members was rebuilt from 2 events" in klarity("rebuild", "members").output


def rename_anna() -> str:
    """Change a document by hand. Returns its key."""
    with open_tools() as tools:
        service = next(each for each in query_services() if each.name == "members")
        models = tools.rebuilder._projections.models
        model = open_build(service, models, models.live_version("members"))
        (row,) = model.find(Find(), limit=9)
        changed = replace(row.document, pseudonym="Eve")
        model.commit({row.key: changed}, model.checkpoint().next())
    return row.key


def test_the_operator_compares_a_read_model_with_its_log() -> None:
    add_anna()
    klarity("rebuild", "members")
    alike = klarity("parity", "members")
    assert (alike.exit_code, "1 rows compared, 0 differ." in alike.output) == (0, True)
    key = rename_anna()
    differs = klarity("parity", "members")
    assert (differs.exit_code, f"{key}: changed pseudonym" in differs.output) == (1, True)
    assert "was compared with its logs" in klarity("rebuilds", "list").output


def test_a_held_build_is_swapped_and_rolled_back() -> None:
    add_anna()
    first = klarity("rebuild", "members", "--hold").output
    assert "members was not compared with a build of the same program" in first
    assert "which waits for `klarity rebuilds swap`" in first
    assert "was rebuilt" in klarity("rebuilds", "swap", "members").output
    refused = klarity("rollback", "members")
    assert (refused.exit_code, "No earlier build" in refused.output) == (1, True)
    assert "for `klarity rollback members`" in klarity("rebuild", "members").output
    assert "members was rolled back." in klarity("rollback", "members").output
    assert "was rebuilt" in klarity("rollback", "members").output


def test_a_rebuild_in_progress_is_shown_limited_completed_and_cancelled() -> None:
    add_anna()
    with open_tools() as tools:
        service = next(each for each in query_services() if each.name == "members")
        tools.rebuilder.rebuilds.begin(service, then=Then.HOLD)
    assert "has handled 0 of 0 events, 0 a second." in klarity("rebuilds", "list").output
    told = klarity("rebuilds", "throttle", "members", "500").output
    assert "0 a second, limited to 500." in told
    assert "which waits for" in klarity("rebuilds", "wait", "members").output
    assert "was cancelled" in klarity("rebuilds", "cancel", "members").output
    refused = klarity("rebuilds", "throttle", "members", "500")
    assert (refused.exit_code, "No rebuild is in progress" in refused.output) == (1, True)


def test_what_changes_a_read_model_is_recorded_with_who_did_it_and_why() -> None:
    add_anna()
    why = ("--by", "Olga", "--reason", "Anna is missing.")
    klarity("rebuild", "members", "--events-a-second", "500", *why)
    refused = klarity("rebuilds", "swap", "members", *why)
    assert (refused.exit_code, "No build is held" in refused.output) == (1, True)
    assert klarity("rebuild", "members", "--reason", "").exit_code == 1
    begun, signed, finished, *failed = interventions()
    assert (begun.action, begun.subject) == (Action.REBUILD_AND_SWAP, "members")
    assert begun.events_a_second == 500
    assert (signed.operator, signed.reason) == ("Olga", "Anna is missing.")
    assert (finished.done, finished.failed) == (1, "")
    assert [type(each) for each in failed] == [type(begun), type(signed), type(finished)]
    assert "No build is held" in failed[-1].failed


def test_what_a_store_does_not_take_now_is_said_to_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable

    add_anna()
    klarity("parity", "members")
    monkeypatch.setattr(SqliteReadModels, "save_rebuild", away)
    told = klarity("parity", "members")
    assert (told.exit_code, "0 differ" in told.output) == (1, False)
    assert "A store is away. It is recorded" in told.output


def interventions() -> list[Any]:
    """What the log says that operators did."""
    with open_tools() as tools:
        codec, log = tools.codec, "operations"
        commits = tools.stores[log].read_log(0, 99)
        return [codec.decode(event) for each in commits for event in codec.events(log, each)]


def test_the_time_left_is_told_in_seconds() -> None:
    state = RebuildState(phase=Phase.BUILDING, handled=10, total=100, speed=7)
    assert _described(state) == "has handled 10 of 100 events, 7 a second, 0:00:12 left."


def test_a_read_model_is_rebuilt(
    mongo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = {"EVENT_STORE": "mongo", "READ_MODELS": "mongo", "MEDIA": "gridfs"}
    database = f"cli-{uuid4().hex}"
    for name, value in {
        **stores,
        "MONGO_URL": mongo_url,
        "MONGO_DATABASE": database,
        "SECRET": "s" * 32,
        "EPOCHS": str(tmp_path / "epochs"),
        "SEARCH_URL": f"file://{tmp_path}/search",
    }.items():
        monkeypatch.setenv(f"KLARITY_{name}", value)
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
                ParkedEvent(
                    subscriber=subscriber,
                    event=event,
                    error="broken",
                    parked_at="now",
                    tries=2,
                    retry_at=datetime(2030, 1, 1, tzinfo=UTC),
                )
            )
    return event


def test_parked_events_can_be_listed_retried_and_dropped() -> None:
    assert "0 parked" in klarity("parked", "list").output
    event = park("cases")
    told = klarity("parked", "list", "cases").output
    assert "broken" in told
    assert "tried 2 times; next try 2030-01-01T00:00:00+00:00" in told
    assert "will retry" in klarity("parked", "retry", "cases", event.id).output
    assert "retry was decided" in klarity("parked", "list").output
    assert "will drop" in klarity("parked", "drop", "cases", event.id, "--yes").output
    assert klarity("parked", "retry", "cases", "nothing").exit_code == 1


def test_a_parked_event_without_a_further_try_is_listed_as_such() -> None:
    event = park()
    with open_tools() as tools:
        tools.parked.park(
            ParkedEvent(subscriber="cases", event=event, error="behind", parked_at="now")
        )
    assert "not tried; no further automatic try" in klarity("parked", "list").output


def test_dropped_events_are_listed_and_taken_back() -> None:
    event = park("cases.1000")
    klarity("parked", "drop", "cases", event.id, "--yes")
    with open_tools() as tools:
        tools.parked.remove("cases.1000", event.id)
    assert event.id in klarity("parked", "dropped", "cases").output
    assert "will handle" in klarity("parked", "retry", "cases", event.id).output
    assert "0 dropped" in klarity("parked", "dropped", "cases").output
    assert klarity("parked", "retry", "cases", event.id).exit_code == 1


def test_parked_events_of_all_builds_are_found_by_their_service() -> None:
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
    refused = klarity("webhooks", "add", "https://127.0.0.1/hook")
    assert (refused.exit_code, "public internet" in refused.output) == (1, True)


def test_alerts_can_be_verified_with_the_secret_that_is_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[bytes, dict[str, str]]] = []
    monkeypatch.setenv("KLARITY_ALERT_WEBHOOK", "https://pager.example/klarity")
    monkeypatch.setattr(HttpWebhookCaller, "call", lambda *call: sent.append((call[3], call[2])))
    event = AlertResolved(alert_id=AlertId("bus:monitor"), number=1, at=datetime.now(UTC))
    with closing(Process(read_settings(), alone=False)) as process:
        process.use_cases.send_alerts(event, "the event")
    secret = klarity("alert-secret").output.strip()
    (delivery,) = sent
    assert Webhook(secret).verify(*delivery)["type"] == "alert.resolved"


def test_what_if_on_an_empty_log_reports_no_effect() -> None:
    told = klarity("what-if", "moderation", "--threshold", "0.5").output
    assert "A threshold of 0.5 hides 0: 0 rightly, 0 wrongly, 0 undecided." in told
    assert "The present one of 1.5 (KLARITY_HIDE_AT) hides 0" in told
    asked = klarity("what-if", "popular", "--half-life", "30", "--top", "3")
    assert (asked.exit_code, asked.output.split()) == (0, ["now", "then"])


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "0", "lots"])
def test_what_if_with_an_invalid_number_is_refused(number: str) -> None:
    for command in (("moderation", "--threshold"), ("popular", "--half-life")):
        assert klarity("what-if", *command, number).exit_code == 2


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "lots"])
def test_a_rebuild_at_an_invalid_speed_is_refused(number: str) -> None:
    for command in (("rebuild", "cases"), ("parity", "cases")):
        assert klarity(*command, "--events-a-second", number).exit_code == 2
    assert klarity("rebuilds", "throttle", "cases", number).exit_code == 2


def test_what_if_prints_hidings_and_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    hiding = Hiding(
        kind=SubjectKind.COMMENT, subject_id="c1", rule="spam", weight=0.75, at=datetime.now(UTC)
    )
    standing = RankedCase(case_id="c1", title="A permit", now=2, then=1)
    monkeypatch.setattr(ModerationReplay, "hidings", (hiding,))
    monkeypatch.setattr(WhatIf, "popular", lambda *_: [standing])
    told = klarity("what-if", "moderation", "--threshold", "0.5").output
    assert "comment c1 spam, weight 0.75: moderators have not decided" in told
    told = klarity("what-if", "popular", "--half-life", "30").output
    assert "   2     1  A permit" in told


def test_the_demo_without_a_server_says_what_to_do() -> None:
    told = klarity("demo", "--url", "http://127.0.0.1:9")
    assert (told.exit_code, "Nothing answers" in told.output) == (1, True)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123"),
        ("0.0.0.0", "http://127.0.0.1:8123"),  # noqa: S104 - nothing is bound here
        ("::", "http://[::1]:8123"),
    ],
)
def test_the_demo_uses_the_address_of_the_settings(
    host: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_PORT", "8123")
    monkeypatch.setenv("KLARITY_HOST", host)
    assert own_url() == url


SETTINGS = [field.name.upper() for field in fields(Settings)]
ODD = [
    *("", " ", "nonsense", "-1", "nan", "inf", "1e999", "0", "99999999999999999999", "a=b", ","),
    *("/etc/hostname", "/proc/nowhere", "http://", "http://[::/", "https://x/y", "x" * 5000, "é\n"),
]


def faulty_setting() -> str | None:
    """The setting that is at fault, if one is."""
    try:
        read_settings()
    except SettingsError as fault:
        (line,) = str(fault).splitlines()[1:]
        return line.partition(":")[0].strip()
    return None


class TestSettings:
    @pytest.mark.parametrize("setting", SETTINGS)
    def test_an_invalid_value_is_refused_with_the_name_of_its_setting(
        self, setting: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KLARITY_SECRET", "s" * 32)
        for value in ODD:
            monkeypatch.setenv(f"KLARITY_{setting}", value)
            assert faulty_setting() in (None, f"KLARITY_{setting}"), value

    def test_a_trailing_slash_of_an_origin_is_removed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KLARITY_CORS_ORIGINS", "https://app.example/, http://localhost:3000")
        assert read_settings().cors_origins == ("https://app.example", "http://localhost:3000")

    def test_all_invalid_settings_are_named_in_one_message(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wrong = {
            "PORT": "x",
            "BUS_URL": "pigeons",
            "WORKER": "2",
            "SERVICES": "cases,nope",
            "RATE_LIMIT": "lots",
            "HOST": "nonsense.invalid",
            "DATA": "/etc/hostname",
            "HISTORY_URLS": "nonsense",
            "HIDE_AT": "nan",
            "CORS_ORIGINS": "app.example",
            "MONGO_URL": "db",
            "SECRET": "short",
        }
        for name, value in wrong.items():
            monkeypatch.setenv(f"KLARITY_{name}", value)
        with pytest.raises(SettingsError) as faults:
            read_settings()
        for name in wrong:
            assert f"KLARITY_{name}" in str(faults.value)

    @pytest.mark.parametrize(
        ("settings", "fault"),
        [
            ({"EVENT_STORE": "mongo", "BUS_URL": "redis://broker"}, "KLARITY_SECRET"),
            ({"SECRET": "short"}, "KLARITY_SECRET"),
            ({"MEDIA": "gridfs"}, "KLARITY_SECRET"),
            ({"BUS_URL": "amqp://broker"}, "KLARITY_SECRET"),
            ({"BUS_URLS": "memory://"}, "KLARITY_BUS_URLS: no such setting. .*KLARITY_BUS_URL?"),
            ({"PIGEONS": "7"}, "KLARITY_PIGEONS: no such setting. docs/settings.md"),
            ({"TRACES_URL": "collector:4318"}, "KLARITY_TRACES_URL: Must be the http://"),
            ({"TRACES_RATIO": "2"}, "KLARITY_TRACES_RATIO: "),
            ({"SECRET_FILE": "/nowhere/secret"}, "KLARITY_SECRET_FILE"),
            ({"TLS_CA": "/nowhere/ca.pem"}, "KLARITY_TLS_CA"),
            ({"TLS_CERTIFICATE": "/nowhere/own.pem"}, "KLARITY_TLS_CERTIFICATE"),
            ({"WORKERS": "2"}, "KLARITY_WORKERS"),
            ({"EVENT_STORE": "mongo", "SECRET": "s" * 32}, "KLARITY_EPOCHS"),
            ({"READ_MODELS": "mongo", "SECRET": "s" * 32}, "KLARITY_READ_MODELS"),
            ({"READ_MODELS": "sqlite", "EVENT_STORE": "memory"}, "KLARITY_READ_MODELS"),
            (
                {"EVENT_STORE": "mongo", "READ_MODELS": "mongo", "SECRET": "s" * 32},
                "KLARITY_SEARCH_URL: must be given",
            ),
            ({"READ_MODELS": "memory", "SEARCH_URL": "file:///s"}, "KLARITY_SEARCH_URL: Must be"),
            ({"SEARCH_URL": "https://search"}, "KLARITY_SECRET"),
            ({"SEARCH_URL": "pigeons://search"}, "KLARITY_SEARCH_URL"),
            ({"SEARCH_URL": "file://search"}, "KLARITY_SEARCH_URL"),
            ({"SEARCH_URL": "redis://"}, "KLARITY_SEARCH_URL"),
            ({"UPLOADS_A_DAY": "0"}, "KLARITY_UPLOADS_A_DAY"),
            ({"UPLOAD_BYTES_A_DAY": "9", "LARGEST_UPLOAD": "10"}, "KLARITY_UPLOAD_BYTES_A_DAY"),
            ({"PUBLIC_URL": "klarity.example"}, "KLARITY_PUBLIC_URL"),
            ({"PUBLIC_URL": "https://klarity.example/app"}, "KLARITY_PUBLIC_URL"),
        ],
    )
    def test_contradicting_settings_are_refused(
        self, settings: dict[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"KLARITY_{name}", value)
        with pytest.raises(SettingsError, match=fault):
            read_settings()

    @pytest.mark.parametrize(
        "url",
        [
            "hunter2",
            "http://hunter2@broker",
            "AMQPS://user:hunter2@broker",
            "amqp://user:hunter2@",
            "amqp://user:hunter2/@broker",
            "redis://user:hunter2[@broker",
            "redis://:hunter2@broker:0",
            "pubsub://",
            "memory://hunter2",
        ],
    )
    def test_an_invalid_bus_url_is_refused_without_showing_its_password(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KLARITY_BUS_URL", url)
        with pytest.raises(SettingsError, match="KLARITY_BUS_URL") as refusal:
            read_settings()
        assert "hunter2" not in "".join(format_exception(refusal.value))

    def test_settings_show_no_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KLARITY_SECRET", "hunter2" * 5)
        monkeypatch.setenv("KLARITY_BUS_URL", "amqps://user:hunter2@broker")
        monkeypatch.setenv("KLARITY_MONGO_URL", "mongodb://user:hunter2@db")
        assert "hunter2" not in repr(read_settings())

    def test_settings_of_the_tests_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KLARITY_TEST_REDIS_URL", "redis://elsewhere")
        assert read_settings().bus_url == "memory://"

    @pytest.mark.parametrize("scheme", BUSES)
    def test_the_scheme_of_its_url_chooses_the_bus(self, scheme: str) -> None:
        bus = open_bus(f"{scheme}://nowhere.invalid", "klarity", Tls())
        assert bus.guarantees.shared == (scheme != "memory")
        bus.close()

    @pytest.mark.parametrize(
        ("settings", "known_as"),
        [
            ({"HOST": "127.0.0.1", "PORT": "81"}, "http://127.0.0.1:81"),
            ({"HOST": "::1", "PORT": "81"}, "http://[::1]:81"),
            ({"PUBLIC_URL": "https://klarity.example/"}, "https://klarity.example"),
        ],
    )
    def test_the_public_url_is_set_or_derived_from_host_and_port(
        self, settings: dict[str, str], known_as: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"KLARITY_{name}", value)
        assert read_settings().public_url == known_as

    def test_an_unreadable_tls_file_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = Authority(tmp_path / "authority")
        monkeypatch.setenv("KLARITY_TLS_CA", str(authority.ca))
        monkeypatch.setenv("KLARITY_TLS_CERTIFICATE", str(authority.issue("own", "127.0.0.1")))
        settings = read_settings()
        assert (settings.tls_ca, settings.tls_certificate.endswith("own.pem")) == (
            str(authority.ca),
            True,
        )
        monkeypatch.setenv("KLARITY_TLS_CERTIFICATE", str(authority.ca))
        assert faulty_setting() == "KLARITY_TLS_CERTIFICATE"

    def test_the_secret_can_be_read_from_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "given").write_text("s" * 32 + "\n")
        monkeypatch.setenv("KLARITY_SECRET_FILE", str(tmp_path / "given"))
        assert read_settings().secret == "s" * 32
        (tmp_path / "given").write_text("short")
        with pytest.raises(SettingsError, match="KLARITY_SECRET"):
            read_settings()
