"""The commands of the how-tos do what the how-tos say."""

import re
import shlex
from pathlib import Path

import pytest

from tests.test_cli import klarity

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = {"/srv/backups": "backups", "backup-key.txt": "key", "heads.json": "heads"}


def commands(page: str) -> list[str]:
    """The commands in the blocks of a page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Operator:
    """Types commands, with files in a folder of the test, and with the key and the fingerprint that
    were printed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._public_key = self._fingerprint = ""

    def type(self, command: str) -> str:
        for example, name in EXAMPLES.items():
            command = command.replace(example, str(self._folder / name))
        command = command.replace("age1...", self._public_key)
        command = command.replace("0f3a...", self._fingerprint)
        program, *arguments = shlex.split(command)
        assert program == "klarity"
        done = klarity(*arguments)
        assert done.exit_code == 0, done.output
        if "backup-key" in arguments:
            self._public_key = done.output.strip()
        if "backup" in arguments:
            self._fingerprint = done.output.split()[-1]
        return done.output


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The operator of an instance with one member."""
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path / "data"))
    assert klarity("members", "add", "Anna", "--passphrase", "four plain words").exit_code == 0
    return Operator(tmp_path)


def test_the_commands_of_backup(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key, back_up, restore = commands("backup.md")
    assert operator.type(make_key).startswith("age1")
    assert "was written" in operator.type(back_up)
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path / "elsewhere"))
    assert "members: 1 events, 0 faults" in operator.type(restore)


def test_the_commands_of_upgrading(operator: Operator) -> None:
    operator.type(commands("backup.md")[0])
    back_up, *others = commands("upgrading.md")
    assert "was written" in operator.type(back_up)
    told = [operator.type(command) for command in others]
    assert "0 parked." in told[-1]
