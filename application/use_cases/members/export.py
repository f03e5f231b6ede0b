"""Give members all that is held about them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from application.engine.answers import Answers, Page
from application.engine.derived_ids import keyed_id
from application.engine.own_events import OwnEvents
from application.engine.query_service import Viewer
from application.executors import MemberExecutor
from application.ports.aliases import Aliases
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.credentials import Credentials
from application.ports.uploads import Uploads
from domain.catalog import ERASURE
from domain.moderation.decision import decision_decider
from domain.moderation.record import record_decider

ROWS_A_PAGE = 100
# The state of a member holds more: who suspended them, for example.
ACCOUNT = ("member_id", "pseudonym", "roles", "interests", "areas", "suspended", "registered_at")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ABOUT_LOGS = {
    "members": "Your registration, your interests, and what was decided about your account.",
    "cases": "Your cases, anonymous ones too, and all that you added to cases, followed, supported "
    "or shared.",
    "evidence": "Your evidence. salt and original_sha256 open the commitment to an original.",
    "discussions": "Your comments, with earlier texts.",
    "moderation": "Your flags and how many were right, your appeals and decisions, and decisions "
    "about your profile.",
    "operations": "What you did as an operator, with your reasons.",
}
LEFT_OUT = (
    "The hash of your passphrase (argon2id) and those of your tokens: whoever has them can guess.",
    "The keys that encrypt your texts, aliases and files: they open what is given here already.",
    "The files of your evidence: fetch them at /v1/evidence/<id>/content. Originals are never "
    "returned.",
    "How many files you uploaded today, under a name that changes daily; deleted the next day.",
    "Counts of your requests under a name that changes daily: they are in memory only.",
    "Flags that others raised about you and your cases: their times could tell who did.",
    "What was decided about your cases and comments: see /v1/moderation/ledger.",
    "Copies in read models: each is made from the events given here.",
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an export: what it is, and its items."""

    name: str
    about: str
    items: Iterable[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEvent:
    """An event as it is held. ``thing`` names the stream: what happened to one thing."""

    what: str
    thing: str
    version: int
    at: datetime
    data: object


class ExportAccount:
    """Collects what logs, credentials, uploads and notifications hold about a member."""

    def __init__(
        self,
        *,
        events: OwnEvents,
        codec: EventCodec,
        aliases: Aliases,
        members: MemberExecutor,
        credentials: Credentials,
        uploads: Uploads,
        notifications: Answers[Any],
        key: bytes,
    ) -> None:
        self._events = events
        self._codec = codec
        self._aliases = aliases
        self._members = members
        self._credentials = credentials
        self._uploads = uploads
        self._notifications = notifications
        self._key = key

    def __call__(self, viewer: Viewer) -> Iterator[Part]:
        """Return the parts, whose items are read when they are asked for: an export may be large.

        Raises NotCaughtUp.
        """
        first = self._notifications.page(viewer, {}, limit=ROWS_A_PAGE)
        return self._parts(viewer, first)

    def _parts(self, viewer: Viewer, told: Page[Any]) -> Iterator[Part]:
        member_id = viewer.member_id
        yield Part("account", "Your account as it is now.", [self._account(member_id)])
        yield Part("sign_in", "What you sign in with.", self._sign_in(member_id))
        yield Part("sessions", "Your sessions; times are days.", self._sessions(member_id))
        yield Part("uploads", "Your uploads under way.", self._unfinished(member_id))
        yield Part("notifications", "What you were told.", self._told(viewer, told))
        for log, about in ABOUT_LOGS.items():
            yield Part(log, about, self._in_log(member_id, log))

    def _account(self, member_id: str) -> Mapping[str, object]:
        state = self._members.load(member_id).state
        return {name: getattr(state, name) for name in ACCOUNT}

    def _sign_in(self, member_id: str) -> Iterator[Any]:
        for held in self._credentials.credentials_of(member_id):
            yield {"handle": held.handle, "created_at": held.created_at}

    def _sessions(self, member_id: str) -> Iterator[Any]:
        for session in self._credentials.sessions_of(member_id):
            yield {
                "session_id": session.session_id,
                "created_at": session.created_at,
                "expires_at": session.expires_at,
            }

    def _unfinished(self, member_id: str) -> Iterator[Any]:
        for upload in self._uploads.unfinished():
            if self._aliases.is_own(member_id, upload.owner):
                yield {
                    "upload_id": upload.upload_id,
                    "length": upload.length,
                    "offset": upload.offset,
                    "expires_at": upload.expires_at,
                }

    def _told(self, viewer: Viewer, page: Page[Any]) -> Iterator[Any]:
        yield from page.documents
        while page.next:
            page = self._notifications.page(viewer, {}, limit=ROWS_A_PAGE, after=page.next)
            yield from page.documents

    def _in_log(self, member_id: str, log: str) -> Iterator[OwnEvent]:
        for event in self._events.of(member_id, log, self._is_about(member_id)):
            if (data := self._codec.decode_unless_erased(event)) is not None:
                yield OwnEvent(
                    what=event.type,
                    thing=event.stream,
                    version=event.version,
                    at=EPOCH + timedelta(microseconds=event.stamp),
                    data=data,
                )

    def _is_about(self, member_id: str) -> Callable[[RecordedEvent], bool]:
        """Return a test for events that are about a member without being sealed for them.

        These are in the stream of their account or of their record of flags, or decide about their
        profile.
        """
        account = ERASURE.stream(member_id)
        record = record_decider.stream(keyed_id(self._key, "record", member_id))

        def is_about(event: RecordedEvent) -> bool:
            if event.stream.partition("-")[0] == decision_decider.category:
                return member_id.encode() in event.data
            return event.stream in (account, record)

        return is_about
