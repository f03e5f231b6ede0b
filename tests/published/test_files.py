"""The files in docs/contracts say what the system does, and are valid."""

import json
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from config.contracts import main
from domain.catalog import EVENTS

ROOT = Path(__file__).parents[2]
FILES = ROOT / "docs/contracts"
HERE = Path(__file__).parent


def test_the_files_are_up_to_date(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("sys.argv", ["contracts", str(tmp_path / "made")])
    main()
    stale = [name for name, text in files(tmp_path / "made").items() if text != ours(name)]
    assert not stale, "make contracts"


def files(folder: Path) -> dict[str, str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def ours(name: str) -> str:
    path = FILES / name
    return path.read_text() if path.exists() else ""


def test_every_version_of_an_event_has_its_schema() -> None:
    expected = {
        f"{name}.v{version}.json"
        for name in EVENTS.types
        for version in range(1, EVENTS.version(name) + 1)
    }
    found = {path.name: json.loads(path.read_text()) for path in (FILES / "events").iterdir()}
    assert found.keys() == expected
    for schema in found.values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_an_id_of_its_own() -> None:
    document = json.loads((FILES / "openapi.json").read_text())
    ids = [
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(ids) == len(set(ids))
    assert {"cases_report", "cases_list", "popular_cases_list", "uploads_append"} <= set(ids)


@pytest.mark.system
def test_the_official_validators_find_nothing_wrong() -> None:
    documents = [str(FILES / name) for name in ("openapi.json", "asyncapi.json")]
    assert validate(*documents) == []


@pytest.mark.system
def test_the_official_validators_are_at_work(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"openapi": "3.1.0", "asyncapi": "3.0.0"}')
    problems = "\n".join(validate(str(broken), str(broken)))
    assert "Must contain at least one of the following fields: paths" in problems
    assert "asyncapi-document-resolved" in problems


def validate(openapi: str, asyncapi: str) -> list[str]:
    """What is wrong with the two documents."""
    command = ["node", str(HERE / "validate.mjs"), openapi, asyncapi]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
