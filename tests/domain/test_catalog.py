"""The catalogue: the names that history is written in, and what history still means."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from adapters.codec.json import JsonCodec
from adapters.codec.personal import PersonalCipher
from adapters.key_vault.memory import MemoryKeyVault
from application.ports.codec import RecordedEvent
from domain.catalog import EVENTS, EventCatalog, catalog
from domain.ids import MemberId
from domain.personal import Personal, SealedMember
from tests.application.test_codec import INSTANCE_KEY, codec, recorded
from tests.golden.events import GOLDEN, OLDER

COPIES = Path(__file__).parents[1] / "golden" / "events"
SHIPPED = [(name, version) for name in GOLDEN for version in range(1, EVENTS.version(name) + 1)]


def golden_copy(name: str, version: int) -> RecordedEvent:
    return RecordedEvent(
        log="golden",
        position=1,
        stream="golden-1",
        version=1,
        stamp=1,
        type=name,
        schema=version,
        data=(COPIES / f"{name}.v{version}.json").read_bytes(),
    )


def test_stored_names_of_events_never_change() -> None:
    missing = EVENTS.types.keys() - GOLDEN.keys()
    assert not missing, "add an example of each to tests/golden/events.py"
    assert list(EVENTS.types) == list(GOLDEN), "the order is that of the catalogue"


def test_every_version_of_every_event_has_a_golden_copy() -> None:
    kept = {file.name for file in COPIES.iterdir()}
    wanted = {f"{name}.v{version}.json": name for name, version in SHIPPED}
    missing = " ".join(wanted[file] for file in wanted.keys() - kept)
    assert not missing, f"run: make golden EVENTS='{missing}'"
    assert kept == wanted.keys()


@pytest.mark.parametrize(("name", "version"), SHIPPED)
def test_every_golden_copy_is_decoded(name: str, version: int) -> None:
    expected = OLDER.get((name, version), GOLDEN[name])
    assert codec().decode(golden_copy(name, version)) == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_every_event_is_decoded_as_it_was_encoded(name: str) -> None:
    assert codec().decode(recorded(GOLDEN[name], codec())) == GOLDEN[name]


# An invented context, whose only event has been changed twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    member: SealedMember
    first: Annotated[str, Personal()]
    last: Annotated[str, Personal()]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetBefore:
    """How ``Met`` looked in its first version."""

    member: SealedMember
    name: Annotated[str, Personal()]


def split_the_name(data: dict[str, Any]) -> dict[str, Any]:
    """An erased person's name is not there, hence the empty text in its place."""
    first, _, last = data.pop("name", "").partition(" ")
    return {**data, "first": first, "last": last}


def name_the_place(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "place": "unknown"}


NOW = catalog({"people.Met": (split_the_name, name_the_place)}, people=Met | Parted)
BEFORE = EventCatalog(types={"people.Met": MetBefore})
MET = Met(member=MemberId("ada"), first="Ada", last="Lovelace", place="unknown")


def test_the_version_of_an_event_counts_its_upcasters() -> None:
    assert (NOW.version("people.Met"), NOW.version("people.Parted")) == (3, 1)
    assert recorded(MET, codec(events=NOW)).schema == 3


def test_an_older_version_passes_the_upcasters_after_it() -> None:
    named = {"name": "Ada Lovelace"}
    split = {"first": "Ada", "last": "Lovelace"}
    today = {**split, "place": "London"}
    assert NOW.upcast("people.Met", 1, dict(named)) == {**split, "place": "unknown"}
    assert NOW.upcast("people.Met", 2, dict(split)) == {**split, "place": "unknown"}
    assert NOW.upcast("people.Met", 3, dict(today)) == today


def test_sealed_fields_of_an_older_version_are_opened_and_upcast() -> None:
    vault = MemoryKeyVault()
    cipher = PersonalCipher(vault, INSTANCE_KEY)
    old = recorded(MetBefore(member=MemberId("ada"), name="Ada Lovelace"), codec(vault, BEFORE))
    assert (old.schema, JsonCodec(NOW, cipher).decode(old)) == (1, MET)
    vault.destroy("ada")
    erased = Met(member=MemberId("ada"), first="", last="", place="unknown")
    assert JsonCodec(NOW, cipher).decode(old) == erased
