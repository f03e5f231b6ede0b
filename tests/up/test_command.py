"""The command `klarity up` itself, with programs in shell instead of servers and services."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from entrypoints.up import command
from entrypoints.up.command import add_up
from entrypoints.up.plan import Plan
from entrypoints.up.supervisor import Program

WORKS = "touch ready; exec sleep 1000"


def up(folder: Path, *arguments: str) -> Result:
    @click.group()
    def klarity() -> None:
        """Stand for the whole command line."""

    add_up(klarity)
    return CliRunner().invoke(klarity, ["up", "--folder", str(folder), *arguments])


@pytest.fixture(autouse=True)
def stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody presses Enter once, then Ctrl-C."""

    async def on_enter(act: Callable[[], Awaitable[None]]) -> None:
        await act()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr(command, "_on_enter", on_enter)


def let_it_run(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(
        name="service",
        address="127.0.0.1:1",
        folder=folder / "service",
        command=lambda: ["sh", "-c", script],
        answers=(folder / "service" / "ready").exists,
        lives=lambda: True,
        lag=lambda: 7,
    )
    made = Plan(
        layers=([program],),
        settings={"BUS_URL": "amqp://a b"},
        url="http://here",
        monitor="http://there/monitor",
    )
    monkeypatch.setattr(command, "plan", lambda *_: made)


def test_it_shows_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_run(WORKS, tmp_path, monkeypatch)
    done = up(tmp_path)
    assert done.exit_code == 0
    shown = [line.split() for line in done.output.splitlines()]
    line = ["service", "127.0.0.1:1", "yes"]
    assert [words[:3] for words in shown if words[-1:] == ["7"]] == [line, line]
    assert "Klarity:         http://here" in done.output
    assert "monitor:         http://there/monitor" in done.output
    assert done.output.endswith("Everything has stopped.\n")


def test_other_commands_find_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_run(WORKS, tmp_path, monkeypatch)
    up(tmp_path)
    assert (tmp_path / "environment").read_text() == "export KLARITY_BUS_URL='amqp://a b'\n"


def test_it_says_why_a_program_did_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_it_run("echo no luck >&2; exit 1", tmp_path, monkeypatch)
    done = up(tmp_path)
    assert (done.exit_code, done.output.splitlines()[-2:]) == (
        1,
        ["Error: service ended with status 1:", "no luck"],
    )


def test_it_says_which_program_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.up.programs.shutil.which", lambda *_, **__: None)
    done = up(tmp_path)
    assert (done.exit_code, done.output) == (
        1,
        "Error: nginx is missing: apt-get install nginx-light\n",
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--at-once", "0"),
        ("--processes", "0"),
        ("--port", "0"),
        ("--port", "65536"),
        ("--host", "nonsense.invalid"),
        ("--host", "[::1]"),
        ("--host", ""),
    ],
)
def test_an_impossible_option_is_refused(
    option: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "plan", lambda *_: pytest.fail("it was not refused"))
    done = up(tmp_path, option, value)
    assert (done.exit_code, f"Invalid value for '{option}'" in done.output) == (2, True)


def test_enter_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    master, slave = pty.openpty()
    with os.fdopen(slave) as terminal, os.fdopen(master, "wb", buffering=0) as keyboard:
        monkeypatch.setattr(sys, "stdin", terminal)
        seen = []

        async def act() -> None:
            seen.append("enter")
            if len(seen) == 2:
                raise asyncio.CancelledError
            keyboard.write(b"\n")

        keyboard.write(b"\n")
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(command._on_enter(act))
    assert seen == ["enter", "enter"]
