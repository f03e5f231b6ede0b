"""Repeat the erasures that the log does not hold any more, after an older backup was restored."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import get_type_hints

from application.engine.executor import CommandContext
from application.engine.whole_log import events_of
from application.executors import EvidenceExecutor, MemberExecutor
from application.ports.clock import Clock
from application.ports.codec import EventCodec
from application.ports.history import History
from application.ports.key_vault import evidence_subject
from domain.actors import SYSTEM, Actor
from domain.catalog import ERASURE
from domain.evidence.evidence import EraseEvidence, EvidenceStatus
from domain.ids import MemberId
from domain.members.member import EraseAlias, EraseMember
from domain.personal import DataSubject

EVIDENCE = evidence_subject("")
ERASABLE = {EvidenceStatus.RECEIVED, EvidenceStatus.SANITISING, EvidenceStatus.AVAILABLE}


@dataclass(frozen=True, slots=True)
class Repeated:
    """How many erasures were repeated."""

    members: int = 0
    aliases: int = 0
    evidence: int = 0


class RepeatErasures:
    """Erases those whose key was destroyed since the backup, so that every context forgets them.

    What a member did under aliases is erased one by one, if their key still tells which these are:
    whether the member chose so is not known any more. An alias whose own key is destroyed is erased
    at once. A text with a key of its own needs no event: it reads as empty.
    """

    def __init__(
        self,
        *,
        history: History,
        codec: EventCodec,
        members: MemberExecutor,
        evidence: EvidenceExecutor,
        forget_member: Callable[[str], None],
        destroy_media: Callable[[str], None],
        logs: Iterable[str],
        clock: Clock,
    ) -> None:
        self._history = history
        self._codec = codec
        self._members = members
        self._evidence = evidence
        self._forget_member = forget_member
        self._destroy_media = destroy_media
        self._logs = [log for log in logs if log != ERASURE.log]
        self._clock = clock

    def __call__(self, destroyed: Collection[str]) -> Repeated:
        """Repeat the erasures that these destroyed keys tell of. It may be called again."""
        evidence = {each.removeprefix(EVIDENCE) for each in destroyed if each.startswith(EVIDENCE)}
        others = {each for each in destroyed if "/" not in each}
        members = {each for each in others if self._members.load(each).state.registered_at}
        return Repeated(
            members=sum(map(self._erase_member, sorted(members))),
            aliases=sum(map(self._erase_alias, sorted(self._aliases(others - members)))),
            evidence=sum(map(self._erase_evidence, sorted(evidence))),
        )

    def _erase_member(self, member_id: str) -> bool:
        if self._members.load(member_id).state.erased:
            return False
        own = Actor(member_id=MemberId(member_id))
        erase = EraseMember(anonymous_later=True, by=own, at=self._clock())
        self._members.execute(member_id, erase, CommandContext())
        self._forget_member(member_id)
        return True

    def _erase_alias(self, alias: str) -> bool:
        if self._members.load(alias).state.erased:
            return False
        erase = EraseAlias(member_id=MemberId(alias), by=SYSTEM, at=self._clock())
        self._members.execute(alias, erase, CommandContext())
        return True

    def _erase_evidence(self, evidence_id: str) -> bool:
        found = self._evidence.load(evidence_id).state
        if found.erased or found.status not in ERASABLE:
            return False
        self._destroy_media(evidence_id)
        erase = EraseEvidence(by=SYSTEM, at=self._clock())
        self._evidence.execute(evidence_id, erase, CommandContext())
        return True

    def _aliases(self, subjects: Collection[str]) -> set[str]:
        """Return those of the subjects that are persons, and no texts with a key of their own."""
        if not subjects:
            return set()
        return {each for log in self._logs for each in self._persons(log, subjects)}

    def _persons(self, log: str, subjects: Collection[str]) -> Iterator[str]:
        for event in events_of(self._history, log):
            subject = self._codec.subject(event)
            if subject in subjects and _names_a_person(self._codec.decode(event)):
                yield subject


def _names_a_person(event: object) -> bool:
    """Return whether the data subject of an event is hidden, as persons are, unlike texts."""
    hints = get_type_hints(type(event), include_extras=True).values()
    return DataSubject() in [mark for hint in hints for mark in getattr(hint, "__metadata__", ())]
