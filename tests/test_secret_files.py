"""Secret settings in files, as Docker and Kubernetes mount them."""

from pathlib import Path
from traceback import format_exception

import pytest

from config.process import Process
from config.secret_files import LARGEST
from config.settings import SECRETS, SettingsError, read_settings

GOOD = {
    "SECRET": "hunter2" * 5,
    "MONGO_URL": "mongodb://klarity:hunter2@db/?replicaSet=rs0",
    "BUS_URL": "amqps://klarity:hunter2@broker",
    "SEARCH_URL": "rediss://klarity:hunter2@search",
    "ALERT_WEBHOOK": "https://klarity:hunter2@alerts/, https://pager/hunter2",
    "TRACES_URL": "https://klarity:hunter2@collector/v1/traces",
}
BAD = {
    "SECRET": "hunter2",
    "MONGO_URL": "hunter2",
    "BUS_URL": "hunter2://broker",
    "SEARCH_URL": "hunter2://search",
    "ALERT_WEBHOOK": "hunter2://alerts",
    "TRACES_URL": "hunter2://collector",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path / "data"))
    return tmp_path


def give(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, content: str | bytes) -> Path:
    """Write the content to a file, and name it in the variable of the setting."""
    path = folder / name.lower()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    monkeypatch.setenv(f"KLARITY_{name}_FILE", str(path))
    return path


def refusal() -> str:
    """What is told of the faults: the message, and all that a log could show of it."""
    with pytest.raises(SettingsError) as refused:
        read_settings()
    told = "".join(format_exception(refused.value))
    assert "hunter2" not in told
    return str(refused.value)


def test_every_setting_that_may_hold_a_password_can_be_given_in_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(SECRETS) == set(GOOD)
    for name, value in GOOD.items():
        give(monkeypatch, folder, name, f"{value}\n")
    settings = read_settings()
    assert {name: getattr(settings, name.lower()) for name in GOOD} == GOOD
    assert "hunter2" not in repr(settings)


def test_one_message_names_all_faulty_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BAD.items():
        give(monkeypatch, folder, name, value)
    monkeypatch.setenv("KLARITY_PORT", "no number")
    told = refusal()
    for name in BAD:
        assert f"KLARITY_{name}_FILE: In {folder / name.lower()}: Must " in told
    assert "KLARITY_PORT" in told


@pytest.mark.parametrize("name", GOOD)
def test_a_setting_and_its_file_are_not_both_given(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, folder, name, GOOD[name])
    monkeypatch.setenv(f"KLARITY_{name}", GOOD[name])
    assert f"Give either KLARITY_{name} or KLARITY_{name}_FILE, not both." in refusal()


def test_an_empty_variable_counts_as_not_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, folder, "SECRET", GOOD["SECRET"])
    monkeypatch.setenv("KLARITY_SECRET", "")
    monkeypatch.setenv("KLARITY_BUS_URL_FILE", "")
    assert (read_settings().secret, read_settings().bus_url) == (GOOD["SECRET"], "memory://")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\xff", "is not a text"),
        (b"hunter2" * LARGEST, "is larger than"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    content: bytes, fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, folder, "SECRET", content)
    assert fault in refusal()


def test_a_file_that_cannot_be_read_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_SECRET_FILE", str(folder))
    monkeypatch.setenv("KLARITY_BUS_URL_FILE", str(folder / "nowhere"))
    told = refusal()
    assert "KLARITY_SECRET_FILE: " in told
    assert f"{folder / 'nowhere'} cannot be read: No such file or directory." in told


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, False)])
def test_a_file_that_everybody_can_read_is_used_and_logged(
    mode: int,
    warned: bool,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    give(monkeypatch, folder, "SECRET", GOOD["SECRET"]).chmod(mode)
    Process(read_settings()).close()
    logged = capsys.readouterr().err
    assert ("can read the file of KLARITY_SECRET" in logged) == warned
    assert "hunter2" not in logged


def test_a_misspelled_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_BUS_URLS_FILE", "/run/secrets/bus")
    assert "Did you mean KLARITY_BUS_URL_FILE?" in refusal()
