"""Fingerprints: which changes make another build of a read model."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from application.engine.fingerprint import answers_alike, fingerprint, fingerprint_with
from application.engine.query_service import QueryService
from application.ports.read_models import STORED_AS
from application.system import query_services
from domain.catalog import EVENTS, EventCatalog

HELPER = '''"""A helper."""

def weighed(number: int) -> int:
    """Weigh."""
    return number + 1
'''
PROJECTION = '''"""A projection."""

from dataclasses import dataclass

from application.ports.read_models import Side, by
from application.engine.query_service import QueryService
from application.queries.{helper} import weighed
from domain.webhooks.webhook import WebhookAdded, WebhookRemoved


@dataclass
class Inner:
    size: int = 0


@dataclass
class Document:
    key: str
    inner: Inner | None = None


class Sums(QueryService):
    """How much?"""

    name, document, key = "sums", Document, "key"
    indexes = (by("key"),)

    def project(self, event: WebhookAdded, rows):
        # What an event weighs.
        rows.put("all", Document(key=weighed(event.number)))
'''

Write = Callable[..., QueryService[Any]]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes a service of a changed source, its helper's source changed or not."""

    def load(name: str, source: str) -> Any:
        file = tmp_path / f"{uuid4().hex}.py"
        file.write_text(source)
        spec = spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    def write(change: tuple[str, str] = ("", ""), helper: tuple[str, str] = ("", "")) -> Any:
        load("application.queries.helper", HELPER.replace(*helper) if helper[0] else HELPER)
        source = PROJECTION.replace("{helper}", "helper")
        source = source.replace(*change) if change[0] else source
        return load("application.queries.sums", source).Sums()

    return write


@pytest.mark.parametrize(
    "change",
    [
        ("# What an event weighs.", "# What an event does not weigh."),
        ("How much?", "How many?"),
        ("        # What an event weighs.\n", "\n\n"),
    ],
)
def test_a_changed_comment_or_docstring_makes_no_other_build(
    write: Write, change: tuple[str, str]
) -> None:
    assert fingerprint(write()) == fingerprint(write(change))
    assert fingerprint(write()) == fingerprint(write(helper=('"""Weigh."""', '"""Weigh it."""')))


@pytest.mark.parametrize(
    "change",
    [
        ("size: int = 0", "size: int = 1"),
        ("size: int", "size: float"),
        ("size: int = 0", "size: int = 0\n    more: str = ''"),
        ("    key: str\n", "    key: str\n    more: str = ''\n"),
        ('rows.put("all"', 'rows.put("one"'),
        ("event: WebhookAdded", "event: WebhookAdded | WebhookRemoved"),
        ("class Sums", "class Totals(QueryService): ...\n\n\nclass Sums"),
        ('indexes = (by("key"),)', 'indexes = (by("key"),)\n    version = 2'),
        ('indexes = (by("key"),)', 'indexes = (by("key"),)\n    sides = (Side(Inner),)'),
    ],
)
def test_a_changed_document_or_projection_makes_another_build(
    write: Write, change: tuple[str, str]
) -> None:
    before, after = fingerprint(write()), fingerprint(write(change))
    assert before != after
    assert answers_alike(before, after)


def test_a_changed_helper_makes_another_build(write: Write) -> None:
    assert fingerprint(write()) != fingerprint(write(helper=("number + 1", "number + 2")))


def test_other_indexes_make_another_build_that_accepts_other_queries(write: Write) -> None:
    before = fingerprint(write())
    after = fingerprint(write(('(by("key"),)', '(by("key"), by("inner.size"))')))
    assert before != after
    assert not answers_alike(before, after)


def test_indexes_that_are_stored_otherwise_make_another_build_that_accepts_other_queries(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(write())
    monkeypatch.setattr("application.engine.fingerprint.STORED_AS", STORED_AS + 1)
    assert not answers_alike(before, fingerprint(write()))


def test_a_parameter_of_the_service_makes_another_build(write: Write) -> None:
    one, other = write(), write()
    vars(other)["half_life"] = 3
    assert fingerprint(one) != fingerprint(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTested:
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAdded:
    number: int


@pytest.mark.parametrize(
    ("name", "kind", "other"),
    [
        ("webhooks.WebhookTested", WebhookTested, True),
        ("webhooks.WebhookAdded", WebhookAdded, True),
        ("webhooks.WebhookRemoved", WebhookTested, False),
        ("members.MemberTested", WebhookTested, False),
    ],
)
def test_new_events_of_its_topics_make_another_build(
    write: Write, name: str, kind: type, other: bool
) -> None:
    service = write()
    wider = replace(EVENTS, types={**EVENTS.types, name: kind})
    assert (fingerprint_with(service, wider) != fingerprint(service)) is other


def test_a_new_version_of_an_event_makes_another_build(write: Write) -> None:
    service = write()
    steps = {**EVENTS.upcasters, "webhooks.WebhookAdded": (lambda data: data,)}
    newer = EventCatalog(types=EVENTS.types, upcasters=steps)
    assert fingerprint_with(service, newer) != fingerprint(service)


def test_no_two_services_have_the_same_fingerprint() -> None:
    found = [fingerprint(service) for service in query_services()]
    assert len(set(found)) == len(found)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """An address or an order of hashing in it would build everything again at every start."""
    found = {fingerprint(service) for service in query_services()}
    tell = (
        "from application.system import query_services as all_of_them\n"
        "from application.engine.fingerprint import fingerprint\n"
        "print(*map(fingerprint, all_of_them()))"
    )
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", tell],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert set(told.stdout.split()) == found
