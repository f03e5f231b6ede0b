"""Events as bytes: what is written stays readable, and personal fields stay personal."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass, make_dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from adapters.codec.cloudevents import CloudEventsWire
from adapters.codec.json import JsonCodec
from adapters.codec.personal import PersonalCipher, personal_fields
from adapters.key_vault.memory import MemoryKeyVault
from application.ports.codec import (
    MalformedMessage,
    Meta,
    NewerProgram,
    RecordedEvent,
    SubjectErased,
)
from application.ports.event_store import StoredCommit
from domain.cases.case_details import CaseDetails
from domain.cases.case_events import CaseReported
from domain.catalog import EVENTS, EventCatalog, catalog
from domain.evidence.evidence import EvidenceReceived
from domain.ids import CaseId, MemberId
from domain.members.member import Area, InterestsChosen, MemberRegistered
from domain.personal import Personal, SealedMember
from tests.golden.events import GOLDEN

AT = datetime(2026, 3, 1, tzinfo=UTC)
INSTANCE_KEY = bytes(range(32))
INTERESTS = InterestsChosen(member_id=MemberId("anna"), interests=("roads",), at=AT)


class FixedVault:
    """The vault in which the golden copies were sealed: everybody's key is made of their id."""

    def key(self, subject: str, *, fresh: bool = False) -> bytes:
        return subject.encode().ljust(32, b".")

    def make_key(self, subject: str) -> bytes:
        return self.key(subject)

    def destroy(self, subject: str) -> None:
        raise AssertionError("nobody is erased here")


def codec(vault: Any = None, events: EventCatalog = EVENTS) -> JsonCodec:
    return JsonCodec(events, PersonalCipher(vault or FixedVault(), INSTANCE_KEY))


def stored(body: bytes, stream: str, size: int = 1, position: int = 7) -> StoredCommit:
    return StoredCommit(
        stream=stream,
        first=1,
        size=size,
        stamp=1_772_368_215_123_456,
        command_id="k",
        body=body,
        hash=b"",
        position=position,
    )


def recorded(event: object, coder: JsonCodec, stream: str = "s-1") -> RecordedEvent:
    """The event as it is recorded, alone in its commit."""
    meta = Meta(stream=stream, first=1, command_id="k")
    (found,) = coder.events("cases", stored(coder.encode([event], meta), stream))
    return found


def report(author: str = "anna", story: str = "They asked for money.") -> CaseReported:
    return CaseReported(
        case_id=CaseId("c1"),
        author=MemberId(author),
        author_name="Anna",
        details=CaseDetails(title="A bribe", story=story),
        at=AT,
    )


PUBLISHED = b'"case_id": "c1", "at": "2026-03-01T00:00:00Z"'


def with_data(event: object, data: bytes) -> RecordedEvent:
    return replace(recorded(event, codec()), data=data)


class TestTolerance:
    def test_missing_fields_take_their_defaults(self) -> None:
        published = GOLDEN["cases.CaseWithdrawn"]
        event = with_data(published, b"{%b}" % PUBLISHED)
        assert codec().decode(event) == replace(published, at=AT)  # type: ignore[type-var]  # a dataclass, whichever

    def test_a_missing_field_without_a_default_is_refused(self) -> None:
        event = with_data(GOLDEN["cases.CaseWithdrawn"], b"{}")
        with pytest.raises(msgspec.ValidationError):
            codec().decode(event)

    def test_an_upcaster_converts_an_older_version(self) -> None:
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Named:
            first: str
            last: str

        def split(data: dict[str, Any]) -> dict[str, Any]:
            first, _, last = data["name"].partition(" ")
            return {"first": first, "last": last}

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Other:
            name: str

        events = catalog({"people.Named": (split,)}, people=Named | Other)
        new = recorded(Named(first="A", last="B"), codec(events=events))
        assert (new.schema, events.version("people.Other")) == (2, 1)
        old = replace(new, schema=1, data=b'{"name": "Ada Lovelace"}')
        assert codec(events=events).decode(old) == Named(first="Ada", last="Lovelace")


class TestEventsOfANewerProgram:
    def assert_newer(self, event: RecordedEvent, events: EventCatalog = EVENTS) -> None:
        with pytest.raises(NewerProgram, match=f"can read {event.type} v{event.schema} at"):
            codec(events=events).decode(event)

    def test_an_unknown_name_is_refused(self) -> None:
        self.assert_newer(replace(recorded(report(), codec()), type="cases.CaseBlessed"))

    def test_a_later_version_is_refused(self) -> None:
        new = recorded(GOLDEN["cases.CaseWithdrawn"], codec())
        self.assert_newer(replace(new, schema=new.schema + 1))

    def test_an_unknown_field_is_refused(self) -> None:
        self.assert_newer(with_data(GOLDEN["cases.CaseWithdrawn"], b'{%b, "new": 1}' % PUBLISHED))

    def test_an_unknown_value_of_an_enum_is_refused(self) -> None:
        known = recorded(GOLDEN["evidence.EvidenceReceived"], codec())
        data = re.sub(b'"kind":"[a-z]+"', b'"kind":"hologram"', known.data)
        self.assert_newer(replace(known, data=data))

    @pytest.mark.parametrize("event", GOLDEN.values(), ids=GOLDEN)
    def test_an_unknown_field_in_any_event_or_nested_object_is_refused(self, event: object) -> None:
        for wider in _wider(type(event)):
            name = EVENTS.names[type(event)]
            newer = EventCatalog(types={name: wider}, upcasters=EVENTS.upcasters)
            written = recorded(_filled(wider, event), codec(events=newer))
            assert codec(events=newer).decode(written)
            self.assert_newer(written)

    def test_an_upcaster_can_drop_a_field_of_an_older_version(self) -> None:
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Named:
            name: str

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Other:
            name: str

        def without_title(data: dict[str, Any]) -> dict[str, Any]:
            return {"name": data["name"]}

        new = recorded(Named(name="Ada"), codec(events=catalog(people=Named | Other)))
        old = replace(new, data=b'{"name": "Ada", "title": "Dr"}')
        self.assert_newer(old, catalog(people=Named | Other))
        events = catalog({"people.Named": (without_title,)}, people=Named | Other)
        assert codec(events=events).decode(old) == Named(name="Ada")


def _wider(kind: type) -> Iterator[type]:
    """The event with one more field; and with one in each dataclass that it holds."""
    yield _changed(kind, "added", int, field(default=1))
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for inner in [hint, *get_args(hint)]:
            if isinstance(inner, type) and is_dataclass(inner):
                nested = next(_wider(inner))
                yield _changed(kind, name, _with(hint, inner, nested), field(default=None))


def _changed(kind: type, name: str, hint: Any, default: Any) -> type:
    return make_dataclass(
        kind.__name__, [(name, hint, default)], bases=(kind,), frozen=True, kw_only=True, slots=True
    )


def _with(hint: Any, inner: type, nested: type) -> Any:
    if hint is inner:
        return nested
    return tuple[nested, ...] if get_origin(hint) is tuple else nested | None  # type: ignore[valid-type]  # made while running


def _filled(kind: type, event: object) -> Any:
    """The event as one of the wider kind, what it holds wider as well."""
    return msgspec.convert(msgspec.to_builtins(event), kind)


class TestPersonalFields:
    def test_no_personal_field_is_stored_in_plain_text(self) -> None:
        located = GOLDEN["cases.CaseLocated"]
        data = recorded(report(), codec()).data + recorded(located, codec()).data
        for personal in (b"anna", b"Anna", b"A bribe", b"money", b"Berlin"):
            assert personal not in data

    def test_salt_and_hash_of_an_original_are_sealed_and_erased(self) -> None:
        vault = MemoryKeyVault()
        coder = codec(vault)
        golden = GOLDEN["evidence.EvidenceReceived"]
        assert isinstance(golden, EvidenceReceived)
        received = replace(golden, salt="01" * 32, original_sha256="ab" * 32)
        event = recorded(received, coder)
        for secret in (b"0101", b"abab"):
            assert secret not in event.data
        assert coder.decode(event) == received
        vault.destroy(received.owner)
        assert coder.decode(event) == replace(received, turn="", salt="", original_sha256="")

    def test_two_blobs_of_one_person_have_nothing_in_common(self) -> None:
        blobs = [json.loads(recorded(report(), codec()).data)["sealed"] for _ in range(2)]
        assert not {blobs[0][n : n + 8] for n in range(0, 200)} & {
            blobs[1][n : n + 8] for n in range(4, 200)
        }

    def test_sealed_fields_moved_to_another_event_are_refused(self) -> None:
        event = recorded(report(), codec(), stream="case-c1")
        with pytest.raises(ValueError, match=r"at case-c2@1: .* moved"):
            codec().decode(replace(event, stream="case-c2"))

    def test_fields_of_an_erased_person_are_decoded_as_empty(self) -> None:
        vault = MemoryKeyVault()
        coder = codec(vault)
        event = recorded(report(), coder)
        assert coder.decode(event) == report()
        vault.destroy("anna")
        erased = coder.decode(event)
        assert isinstance(erased, CaseReported)
        assert (erased.author, erased.author_name) == ("anna", "")
        assert (erased.details.title, erased.details.story) == ("", "")
        assert erased.case_id == "c1"

    def test_the_data_subject_is_readable_with_the_key_of_the_instance_only(self) -> None:
        vault = MemoryKeyVault()
        event = recorded(report(), codec(vault))
        vault.destroy("anna")
        assert codec(vault).subject(event) == "anna"
        stranger = JsonCodec(EVENTS, PersonalCipher(vault, bytes(32)))
        with pytest.raises(ValueError, match="the instance's key is not"):
            stranger.subject(event)

    def test_an_event_without_personal_fields_has_no_data_subject(self) -> None:
        begun = recorded(GOLDEN["evidence.SanitisingBegun"], codec())
        assert codec().subject(begun) == ""

    def test_encoding_an_event_of_an_erased_person_is_refused(self) -> None:
        vault = MemoryKeyVault()
        vault.destroy("anna")
        for author in ("anna", ""):
            with pytest.raises(SubjectErased):
                recorded(report(author), codec(vault))

    def test_a_missing_location_stays_missing_when_its_author_is_erased(self) -> None:
        vault = MemoryKeyVault()
        coder = codec(vault)
        event = recorded(report(), coder)
        vault.destroy("anna")
        erased = coder.decode(event)
        assert isinstance(erased, CaseReported)
        assert erased.location is None

    def test_personal_fields_without_a_data_subject_are_refused(self) -> None:
        @dataclass(frozen=True)
        class Nobodys:
            name: Annotated[str, Personal()]

        with pytest.raises(TypeError, match="Nobodys"):
            personal_fields(Nobodys)

    @pytest.mark.parametrize("kind", [int, float, bool])
    def test_a_type_without_an_erased_value_cannot_be_personal(self, kind: Any) -> None:
        @dataclass(frozen=True)
        class Lost:
            by: SealedMember
            loss: Annotated[kind, Personal()]

        @dataclass(frozen=True)
        class MayBeLost:
            by: SealedMember
            loss: Annotated[kind | None, Personal()]

        with pytest.raises(TypeError, match=rf"Lost.loss is Personal\(\) but a {kind.__name__}"):
            personal_fields(Lost)
        found = personal_fields(MayBeLost)
        assert found is not None
        assert found.paths["loss",] is None

    def test_decoding_with_a_wrong_key_names_the_event_and_the_key(self) -> None:
        vault = MemoryKeyVault()
        vault.make_key("anna")
        event = recorded(report(), codec())
        with pytest.raises(
            ValueError, match=rf"at {event.stream}@{event.version}: the person's key"
        ):
            codec(vault).decode(event)

    def test_nested_personal_fields_are_found(self) -> None:
        found = personal_fields(CaseReported)
        assert found is not None
        assert found.paths["details", "title"] == ""

    def test_location_day_and_tags_are_sealed_and_erased(self) -> None:
        vault = MemoryKeyVault()
        coder = codec(vault)
        golden = GOLDEN["cases.CaseReported"]
        event = recorded(golden, coder)
        assert coder.decode(event) == golden
        for told in (b"52.5", b"city", b"2026-02-01", b"police"):
            assert told not in event.data
        vault.destroy("anna")
        erased = coder.decode(event)
        assert isinstance(erased, CaseReported)
        assert (erased.location, erased.details.occurred_on, erased.tags) == (None, None, ())

    @pytest.mark.parametrize(
        "chosen",
        [
            GOLDEN["members.MemberRegistered"],
            replace(INTERESTS, areas=(Area(lat=52.5, lon=13.4),)),
        ],
    )
    def test_the_interests_of_a_member_are_sealed_and_erased(
        self, chosen: MemberRegistered | InterestsChosen
    ) -> None:
        vault = MemoryKeyVault()
        coder = codec(vault)
        event = recorded(chosen, coder)
        assert coder.decode(event) == chosen
        assert set(json.loads(event.data)) == {"member_id", "at", "sealed"}
        vault.destroy("anna")
        erased = coder.decode(event)
        assert isinstance(erased, MemberRegistered | InterestsChosen)
        assert (erased.member_id, erased.interests) == ("anna", ())

    def test_sealed_fields_are_padded_to_few_sizes(self) -> None:
        sizes = {len(recorded(report(story="x" * length), codec()).data) for length in range(1, 65)}
        assert len(sizes) == 2

    def test_events_of_a_forgotten_person_are_decoded_as_erased(self) -> None:
        coder = codec(MemoryKeyVault())
        event = recorded(report(), coder)
        for _ in range(2):
            coder.forget("anna")
        erased = coder.decode(event)
        assert isinstance(erased, CaseReported)
        assert (erased.author, erased.details.title) == ("anna", "")
        assert coder.decode_unless_erased(event) is None


class TestWire:
    def test_a_batch_is_packed_as_cloudevents(self) -> None:
        event = recorded(report(), codec())
        (sent,) = json.loads(CloudEventsWire().pack([event]))
        assert sent["specversion"] == "1.0"
        assert sent["type"] == "org.klarity.cases.CaseReported.v1"
        assert sent["source"] == "/klarity/cases"
        assert sent["id"] == "cases/s-1@1"
        assert sent["subject"] == "s-1"
        assert sent["sequence"] == "00000000000000000007"
        assert sent["datacontenttype"] == "application/json"
        assert sent["data"]["case_id"] == "c1"
        assert sent["time"] == "2026-03-01T12:30:15.123456Z"

    def test_unpacking_returns_the_packed_events(self) -> None:
        events = [recorded(report(), codec()), recorded(GOLDEN["cases.CaseTagged"], codec())]
        assert CloudEventsWire().unpack(CloudEventsWire().pack(events)) == events

    def test_sequences_are_ordered_as_text(self) -> None:
        event = recorded(report(), codec())
        events = [replace(event, position=position) for position in (9, 10)]
        before, after = json.loads(CloudEventsWire().pack(events))
        assert before["sequence"] < after["sequence"]

    def test_a_sequence_without_zeros_is_accepted_as_older_relays_send_it(self) -> None:
        event = recorded(report(), codec())
        (sent,) = json.loads(CloudEventsWire().pack([event]))
        body = json.dumps([{**sent, "sequence": "7"}]).encode()
        assert [found.position for found in CloudEventsWire().unpack(body)] == [7]

    @pytest.mark.parametrize("body", [b"", b"{}", b'[{"id": 1}]', b"\xff"])
    def test_unpacking_a_malformed_batch_is_refused(self, body: bytes) -> None:
        with pytest.raises(MalformedMessage):
            CloudEventsWire().unpack(body)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("source", "/elsewhere/cases"),
            ("type", "org.elsewhere.cases.CaseReported.v1"),
            ("type", "org.klarity.cases.CaseReported"),
            ("sequence", "first"),
            ("time", "2026-03-01T12:00:00"),
        ],
    )
    def test_unpacking_foreign_cloudevents_is_refused(self, field: str, value: str) -> None:
        (sent,) = json.loads(CloudEventsWire().pack([recorded(report(), codec())]))
        with pytest.raises(MalformedMessage):
            CloudEventsWire().unpack(json.dumps([{**sent, field: value}]).encode())

    def test_events_without_a_position_in_the_log_have_position_zero(self) -> None:
        meta = Meta(stream="s-1", first=1, command_id="k", correlation_id="r")
        body = codec().encode([GOLDEN["cases.CaseTagged"]], meta)
        (event,) = codec().events("cases", stored(body, "s-1", position=0))
        assert (event.position, event.correlation_id) == (0, "r")
        assert codec().meta(stored(body, "s-1")) == meta
