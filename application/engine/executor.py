"""Execute commands, for every decider: load, fold, decide, append, and retry on a conflict."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Generic, TypeVar, cast

from application.engine.derived_ids import new_command_id
from application.ports.clock import Clock
from application.ports.codec import EventCodec, Meta, SubjectErased
from application.ports.event_store import (
    NOTHING,
    AlreadyDone,
    EventStore,
    Head,
    NewCommit,
    StoredCommit,
    StreamConflict,
)
from application.ports.telemetry import NO_TELEMETRY, Telemetry
from domain.decider import Decider, DomainError, NothingChanged
from domain.times import rounded_down, with_coarse_times

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

MOST_TRIES = 20

_UNCHANGED = "unchanged-"


class StaleVersion(Exception):
    """The aggregate is no longer at the version that the command requires."""


class CommandMismatch(Exception):
    """Another command has used this command id."""


class TooMuchContention(Exception):
    """Other commands kept changing the aggregate; this one had no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """The metadata of a command. Nothing in it may identify a person.

    Commands with the same ``command_id`` take effect once. ``fingerprint`` distinguishes a repeated
    command from another one that uses the same id. Set ``once`` if the command may be repeated:
    then its id is recorded even if it changes nothing, because a repetition might change something.
    ``version`` is the version of the aggregate that the command requires. ``new`` is a hint that
    the aggregate does not exist yet, which saves loading it.
    """

    command_id: str = field(default_factory=new_command_id)
    fingerprint: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""
    once: bool = False
    version: int | None = None
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Generic[S]):
    """The aggregate after a command. A repeated command gets the receipt of the first one."""

    log: str
    stream: str
    version: int
    state: S


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[S]):
    """The state of an aggregate, and the head of its stream."""

    state: S
    head: Head


class CommandExecutor(Generic[C, S, E]):
    """Executes the commands of one kind of aggregate, on one log."""

    def __init__(
        self,
        decider: Decider[C, S, E],
        store: EventStore,
        codec: EventCodec,
        clock: Clock,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._decider = decider
        self._store = store
        self._codec = codec
        self._clock = clock
        self._telemetry = telemetry

    def execute(self, aggregate_id: str, command: C, context: CommandContext) -> Receipt[S]:
        """Execute the command once.

        Raises DomainError, StaleVersion, CommandMismatch, TooMuchContention or StoreUnavailable.
        """
        try:
            return self._execute(self._decider.stream(aggregate_id), command, context)
        except (DomainError, StaleVersion):
            # A repeated command succeeds even if the rules would refuse it by now.
            if context.once and (done := self.receipt(context)):
                return done
            raise

    def _execute(self, stream: str, command: C, context: CommandContext) -> Receipt[S]:
        for attempt in range(MOST_TRIES):
            commits = [] if context.new and attempt == 0 else self._store.load(stream)
            if done := _done(commits, context.command_id):
                return self._first_receipt(done, context)
            try:
                return self._decide_and_append(stream, commits, command, context)
            except StreamConflict:
                continue
            except AlreadyDone as already:
                return self._first_receipt(already.commit, context)
        raise TooMuchContention(stream)

    def receipt(self, context: CommandContext) -> Receipt[S] | None:
        """Return the receipt of a command that was executed before, or None.

        Raises CommandMismatch.
        """
        done = self._store.find_command(context.command_id)
        return self._first_receipt(done, context) if done else None

    def load(self, aggregate_id: str, *, upto: int | None = None) -> Snapshot[S]:
        """Return the aggregate as it is now, or as it was at a version."""
        commits = self._store.load(self._decider.stream(aggregate_id), upto=upto)
        return Snapshot(self._fold(commits), commits[-1].head if commits else NOTHING)

    def events(self, aggregate_id: str) -> list[E]:
        """Return the events of the aggregate, oldest first."""
        commits = self._store.load(self._decider.stream(aggregate_id))
        return self._events(commits)

    def _decide_and_append(
        self, stream: str, commits: Sequence[StoredCommit], command: C, context: CommandContext
    ) -> Receipt[S]:
        head = commits[-1].head if commits else NOTHING
        state = self._fold(commits)
        events = self._coarse(self._decider.decide(command, state), state)
        # The rules come first: they refuse those who may not learn the version.
        if context.version not in (None, head.version):
            raise StaleVersion(stream)
        if not events:
            if context.once:
                self._append(self._unchanged(stream, head.version, context))
            return self._receipt(stream, head.version, state)
        commit = self._append(self._commit(stream, head, events, context))
        return self._receipt(stream, commit.last, reduce(self._decider.evolve, events, state))

    def _append(self, commit: NewCommit) -> StoredCommit:
        began = time.time_ns()
        stored = self._store.append(commit)
        self._telemetry.appended(self._store.log, stored, began)
        return stored

    def _coarse(self, events: Sequence[E], state: S) -> list[E]:
        """Return the events with times that are as exact as the aggregate lets them be."""
        grain = self._decider.grain(reduce(self._decider.evolve, events, state))
        return [with_coarse_times(event, grain) for event in events]

    def _unchanged(self, stream: str, version: int, context: CommandContext) -> NewCommit:
        """Return a commit that records the command's id, in a stream of its own."""
        event = NothingChanged(stream=stream, version=version)
        return self._commit(_UNCHANGED + context.command_id, NOTHING, [event], context)

    def _commit(
        self, stream: str, head: Head, events: Sequence[object], context: CommandContext
    ) -> NewCommit:
        now = rounded_down(self._clock(), self._decider.stamps(events))
        meta = Meta(
            stream=stream,
            first=head.version + 1,
            command_id=context.command_id,
            fingerprint=context.fingerprint,
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            traceparent=context.traceparent,
        )
        return NewCommit(
            stream=stream,
            head=head,
            size=len(events),
            stamp=max(int(now.timestamp() * 1_000_000), head.stamp + 1),
            command_id=context.command_id,
            body=self._encode(events, meta),
        )

    def _encode(self, events: Sequence[object], meta: Meta) -> bytes:
        try:
            return self._codec.encode(events, meta)
        except SubjectErased as error:
            raise DomainError(
                "erased", "This member was erased, so nothing more about them is recorded."
            ) from error

    def _first_receipt(self, commit: StoredCommit, context: CommandContext) -> Receipt[S]:
        meta = self._codec.meta(commit)
        if meta.fingerprint != context.fingerprint:
            raise CommandMismatch(context.command_id)
        stream, version = self._left_at(commit)
        commits = self._store.load(stream, upto=version)
        return self._receipt(stream, version, self._fold(commits))

    def _left_at(self, commit: StoredCommit) -> tuple[str, int]:
        """Return the stream of the command's aggregate, and its version after the command."""
        if not commit.stream.startswith(_UNCHANGED):
            return commit.stream, commit.last
        (recorded,) = self._codec.events(self._store.log, commit)
        found = cast("NothingChanged", self._codec.decode(recorded))
        return found.stream, found.version

    def _receipt(self, stream: str, version: int, state: S) -> Receipt[S]:
        return Receipt(log=self._store.log, stream=stream, version=version, state=state)

    def _fold(self, commits: Sequence[StoredCommit]) -> S:
        return self._decider.fold(self._events(commits))

    def _events(self, commits: Sequence[StoredCommit]) -> list[E]:
        log = self._store.log
        return [
            cast("E", self._codec.decode(event))
            for commit in commits
            for event in self._codec.events(log, commit)
        ]


def _done(commits: Sequence[StoredCommit], command_id: str) -> StoredCommit | None:
    return next((commit for commit in commits if commit.command_id == command_id), None)
