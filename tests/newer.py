"""Write what a newer program would write to a log."""

from datetime import UTC, datetime

from application.ports.codec import EventCodec, Meta
from application.ports.event_store import EventStore, NewCommit, StoredCommit
from domain.cases.case_events import PartyAdded
from domain.ids import CaseId, MemberId, PartyId


def append_newer(store: EventStore, codec: EventCodec, case_id: str) -> StoredCommit:
    """Append an event of a name that this program does not know to the stream of a case."""
    stream = f"case-{case_id}"
    head = store.load(stream)[-1].head
    meta = Meta(stream=stream, first=head.version + 1, command_id=f"newer-{case_id}")
    event = PartyAdded(
        case_id=CaseId(case_id),
        party_id=PartyId("p"),
        by=MemberId("m"),
        at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    body = codec.encode([event], meta).replace(b"cases.PartyAdded", b"cases.CaseBlessed")
    commit = NewCommit(
        stream=stream,
        head=head,
        size=1,
        stamp=head.stamp + 1,
        command_id=meta.command_id,
        body=body,
    )
    return store.append(commit)
