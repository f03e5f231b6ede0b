"""The commands that a document gives for checking an original do check it."""

import re
import subprocess
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import pytest

from domain.evidence.evidence import commitment_to

DOCUMENT = Path(__file__).parents[1] / "docs" / "proof-of-original.md"
SALT = "0f" * 32
CONTENT = b"as the camera wrote it"


def command_in(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return str(found)


def by_shell(original: Path, salt: str) -> str:
    given = {"salt": salt, "original": str(original), "PATH": "/usr/bin:/bin"}
    command = ["sh", "-c", command_in("sh")]
    return subprocess.run(command, env=given, check=True, capture_output=True, text=True).stdout[
        :64
    ]


def by_python(original: Path, salt: str) -> str:
    names: dict[str, Any] = {"original": original, "salt": salt}
    exec(command_in("python"), {"sha256": sha256, "file_digest": file_digest}, names)  # noqa: S102 - from our own document
    return str(names["opened"])


@pytest.mark.parametrize("opened", [by_shell, by_python])
def test_only_the_right_original_and_salt_open_a_commitment(opened: Any, tmp_path: Path) -> None:
    original, another = tmp_path / "original", tmp_path / "another"
    original.write_bytes(CONTENT)
    another.write_bytes(CONTENT + b"!")
    commitment = commitment_to(sha256(CONTENT).hexdigest(), SALT)
    assert opened(original, SALT) == commitment
    assert opened(another, SALT) != commitment
    assert opened(original, "f0" * 32) != commitment
