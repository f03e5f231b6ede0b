"""The secret that an instance creates for itself: written completely or not at all."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from config.own_secret import own_secret
from config.secrets import derive_keys
from config.settings import SHORTEST_SECRET, SettingsError, read_settings

START = """
import resource, signal, sys
from config.settings import read_settings, SettingsError
from config.secrets import derive_keys

mishap, (enough, most) = sys.argv[1], resource.getrlimit(resource.RLIMIT_FSIZE)
# A file takes ten bytes, and then either no more, or whoever writes on is killed.
death = signal.SIG_DFL if mishap == "killed" else signal.SIG_IGN
if mishap:
    signal.signal(signal.SIGXFSZ, death)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, most))
try:
    derive_keys(read_settings())
except SettingsError as error:
    sys.exit(str(error))
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (enough, most))
"""


def start(folder: Path, mishap: str = "") -> subprocess.CompletedProcess[str]:
    """The first start of an instance, to which something happens."""
    environment = {**os.environ, "KLARITY_DATA": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", START, mishap],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_full_disk_leaves_no_secret_and_ends_the_start_with_the_reason(tmp_path: Path) -> None:
    failed = start(tmp_path, "full disk")
    assert failed.returncode == 1
    assert "cannot be kept" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "secret").exists()
    assert start(tmp_path).returncode == 0
    assert len((tmp_path / "secret").read_text()) >= SHORTEST_SECRET


def test_a_process_killed_while_writing_leaves_no_secret(tmp_path: Path) -> None:
    assert start(tmp_path, "killed").returncode == -signal.SIGXFSZ
    assert not (tmp_path / "secret").exists()
    assert start(tmp_path).returncode == 0
    assert len((tmp_path / "secret").read_text()) >= SHORTEST_SECRET


@pytest.mark.parametrize("content", ["", "\n", "s" * 31])
def test_a_short_secret_is_refused_and_not_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    with pytest.raises(SettingsError, match="damaged"):
        own_secret(tmp_path)
    assert (tmp_path / "secret").read_text() == content


def test_concurrent_starts_use_the_same_secret(tmp_path: Path) -> None:
    for attempt in range(50):
        folder, together = tmp_path / str(attempt), Barrier(4)

        def begin(folder: Path = folder, together: Barrier = together) -> str:
            together.wait()
            return own_secret(folder)

        with ThreadPoolExecutor(4) as threads:
            found = [each.result() for each in [threads.submit(begin) for _ in range(4)]]
        assert set(found) == {(folder / "secret").read_text()}
        assert [path.name for path in folder.iterdir()] == ["secret"]


def test_other_users_cannot_read_the_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = own_secret(tmp_path)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secret").chmod(0o644)
    assert own_secret(tmp_path) == made
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert "could be read by other users" in caplog.text


def test_file_and_folder_are_synced_to_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []

    def sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        synced.append(("folder" if path.is_dir() else "file", (tmp_path / "secret").exists()))

    monkeypatch.setattr(os, "fsync", sync)
    own_secret(tmp_path)
    assert synced == [("file", False), ("folder", True)]


def test_each_purpose_has_its_own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))
    keys = derive_keys(read_settings())
    every = [getattr(keys, name) for name in keys.__slots__]
    assert len({key if isinstance(key, bytes) else bytes.fromhex(key) for key in every}) == len(
        every
    )
    assert derive_keys(read_settings()) == keys
