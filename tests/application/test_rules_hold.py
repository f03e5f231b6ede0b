"""Whatever a community does, in whatever order its events are handled, the rules hold."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.codec.personal import personal_fields
from application.engine.executor import CommandContext
from application.engine.query_service import QueryService
from application.engine.rows import Rows
from application.executors import DecisionExecutor
from application.ports.read_models import Find
from application.system import CONTEXTS, query_services
from application.use_cases.operations.intervene import Explanation
from config.use_cases import UseCases
from domain.actors import ContributorRole, Role
from domain.cases.case_commands import (
    AcceptContribution,
    AmendCase,
    AttachEvidence,
    CaseCommand,
    DeclineContribution,
    LocateCase,
    RetractEvidence,
    RetractLocation,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.case_details import CaseStatus
from domain.cases.case_events import (
    CaseEvent,
    CaseLocated,
    CasePublished,
    CaseReleased,
    CaseTagged,
    ContributionAccepted,
)
from domain.cases.engagement import EngagementDeed, EngagementSigned
from domain.cases.party import StatementErased
from domain.cases.place import Location, Precision
from domain.catalog import EVENTS
from domain.decider import DomainError
from domain.discussions.comment import CommentWritten
from domain.ids import CaseId, CommentId, EvidenceId, MemberId, PartyId
from domain.members.member import (
    MemberCommand,
    RedactSuspension,
    ReinstateMember,
    SuspendMember,
    SuspensionRedacted,
)
from domain.moderation.decision import (
    AppealResolved,
    DecisionAppealed,
    DecisionCommand,
    DecisionMade,
    DecisionSigned,
    Outcome,
    ReasonRedacted,
    reason_key,
)
from domain.moderation.flag import FlagSigned
from domain.moderation.subject import (
    SubjectAppealed,
    SubjectDecided,
    SubjectHidden,
    SubjectKind,
    Verdict,
    subject_key,
)
from domain.operations.intervention import Action
from domain.times import UNTOLD
from tests.application import community
from tests.application.community import (
    Reading,
    answered,
    listed,
    must_be_rebuilt_alike,
    read_models_with,
    rows,
)
from tests.application.public_cases import PublicCases
from tests.world import World

MEMBERS = ("Anna", "Ben", "Cleo")
MODERATORS = ("Mo", "Ada")
CASES = {"c1": "Anna", "c2": "Ben", "c3": "Cleo"}
EVIDENCE = {"e1": "Anna", "e2": "Ben", "e3": "Ben", "e4": "Cleo", "e5": "Cleo"}
BACKING = {"c1": "e1", "c2": "e2", "c3": "e5"}
# One case is published later. Each deed takes a second.
DELAYED, DELAY = "c3", timedelta(seconds=40)
PLACE = Location(lat=52.5, lon=13.4, precision=Precision.CITY)
COMMENTS = ("k1", "k2", "k3", *(f"k-{name}" for name in MEMBERS))
PARTIES = ("p1", "p2", *(f"p-{name}" for name in MEMBERS))
# By the id of a statement, the member who named the party that makes it.
DISPUTES = {"s1": "Anna", "s2": "Ben"}
SUPPORTS = {EngagementDeed.SUPPORTED: 1, EngagementDeed.WITHDREW: -1}
SUBJECTS = [
    *((SubjectKind.CASE, key) for key in CASES),
    *((SubjectKind.EVIDENCE, key) for key in EVIDENCE),
    *((SubjectKind.COMMENT, key) for key in COMMENTS),
    *((SubjectKind.PARTY, key) for key in PARTIES),
    *((SubjectKind.DISPUTE, key) for key in DISPUTES),
]

SUSPENDED = "suspended"
anybody = st.sampled_from((*MEMBERS, *MODERATORS))
members = st.sampled_from(MEMBERS)
moderators = st.sampled_from(MODERATORS)
cases = st.sampled_from(sorted(CASES))
evidence = st.sampled_from(sorted(EVIDENCE))
comments = st.sampled_from(COMMENTS)
parties = st.sampled_from(PARTIES)
disputes = st.sampled_from(sorted(DISPUTES))
subjects = st.sampled_from(SUBJECTS)

Judgement = SubjectAppealed | SubjectDecided | SubjectHidden | DecisionMade | AppealResolved


class Judged(RuleBasedStateMachine):
    """What holds wherever members flag, moderators decide and authors appeal."""

    world: World
    settled: bool
    decisions = 0

    def __init__(self) -> None:
        super().__init__()
        self.events = defaultdict[str, list[Any]](list)

    def attempt(self, deed: Callable[[], object]) -> None:
        """Do it, if it is allowed."""
        self.settled = False  # until all subscribers have handled it
        self.world.clock.wind(seconds=1)
        try:
            deed()
        except DomainError:
            return

    @rule(paused=st.booleans())
    def handle_again(self, paused: bool) -> None:
        """A worker that was taken for dead goes on from what it had loaded, or begins again."""
        for handled in self.world.handled[-50:]:
            self.world.handle_again(
                handled, handled.ends if paused else self.world.last_positions()
            )

    @invariant()
    def each_member_flags_a_subject_once_and_never_their_own(self) -> None:
        raised: Counter[tuple[str, str, str]] = Counter()
        for event in self.happened("moderation"):
            if isinstance(event, FlagSigned):
                raised[event.by, event.subject_kind, event.subject_id] += 1
                key = subject_key(event.subject_kind, event.subject_id)
                assert self.world.executors.subjects.load(key).state.author != event.by
        assert all(count == 1 for count in raised.values())

    @invariant()
    def an_appeal_is_resolved_by_another_moderator_after_it_was_made(self) -> None:
        made: dict[str, MemberId] = {}
        appealed: set[str] = set()
        redacting: set[str] = set()
        for event in self.happened("moderation"):
            match event:
                case ReasonRedacted():
                    redacting.add(event.decision_id)
                case DecisionSigned() if event.decision_id in redacting:
                    redacting.remove(event.decision_id)
                case DecisionSigned() if event.decision_id in made:
                    assert event.by != made[event.decision_id]
                case DecisionSigned():
                    made[event.decision_id] = event.by
                case DecisionAppealed():
                    appealed.add(event.decision_id)
                case AppealResolved():
                    appealed.remove(event.decision_id)

    @invariant()
    def no_decision_supersedes_one_under_appeal(self) -> None:
        appealed: dict[str, str] = {}
        for event in self.happened("moderation"):
            match event:
                case SubjectAppealed():
                    appealed[key_of(event)] = event.decision_id
                case SubjectDecided():
                    assert appealed.pop(key_of(event), event.decision_id) == event.decision_id

    @invariant()
    def a_subject_restored_on_appeal_is_hidden_after_new_flags_by_another_moderator(self) -> None:
        made: dict[str, MemberId] = {}
        stands: dict[str, str] = {}
        overturned: defaultdict[str, set[MemberId]] = defaultdict(set)
        for event in self.happened("moderation"):
            match event:
                case DecisionSigned():
                    made.setdefault(event.decision_id, event.by)
                case SubjectDecided():
                    key, decided = key_of(event), event.decision_id
                    outcome = stands.get(key) == decided
                    if overturned[key] and event.upheld and not outcome:
                        assert event.flags
                        assert made[decided] not in overturned[key]
                    if outcome and not event.upheld:
                        overturned[key].add(made[decided])
                    stands[key] = decided
                case SubjectHidden() if event.decision_id:
                    assert event.decision_id == stands[key_of(event)]

    @precondition(lambda self: self.settled)
    @invariant()
    def each_decision_is_in_force_or_past(self) -> None:
        do = self.world.executors
        for number in range(1, self.decisions + 1):
            decision = do.decisions.load(f"d{number}").state
            if decision.decision_id:
                key = subject_key(decision.subject_kind, decision.subject_id)
                subject = do.subjects.load(key).state
                stands = subject.decision_id == decision.decision_id
                assert stands != (decision.decision_id in subject.past)
                assert not stands or subject.appealed == decision.under_appeal

    @precondition(lambda self: self.settled)
    @invariant()
    def flags_wait_in_the_record_until_they_are_settled(self) -> None:
        do = self.world.executors
        waiting: defaultdict[str, set[str]] = defaultdict(set)
        of_erased: set[str] = set()
        for event in self.happened("moderation"):
            if isinstance(event, FlagSigned) and event.record_id:
                flag = do.flags.load(event.flag_id).state
                waiting[event.record_id] |= set() if flag.settled else {event.flag_id}
                of_erased |= {event.record_id} if flag.forgotten else set()
        for record_id in waiting.keys() - of_erased:
            assert set(do.records.load(record_id).state.open) == waiting[record_id]

    @precondition(lambda self: self.settled)
    @invariant()
    def a_subject_without_open_flags_is_as_it_was_decided(self) -> None:
        verdicts: dict[str, Verdict] = {}
        for event in self.happened("moderation"):
            if isinstance(event, DecisionMade | AppealResolved):
                key = key_of(event)
                subject = self.world.executors.subjects.load(key).state
                if subject.decision_id == event.decision_id and not subject.flags:
                    verdicts[key] = event.verdict
        for key, verdict in verdicts.items():
            hidden = self.world.executors.subjects.load(key).state.hidden
            assert hidden == (verdict is Verdict.HIDE)

    def happened(self, log: str) -> list[Any]:
        """Read each event once: no key is destroyed here, so that what it says stays the same."""
        events = self.events[log]
        news = self.world.history.read(log, len(events), 10_000)
        events += [self.world.codec.decode(event) for event in news]
        return events


def words(who: str) -> str:
    """What this member says, wherever they say something."""
    return f"What {who} saw"


def said(who: str, key: str) -> str:
    """What this member says in the case, comment or party with that key."""
    return f"{words(who)} {mark(key)}"


def mark(key: str) -> str:
    """How the words of a case, comment or party are recognised in an answer."""
    return f"[{key}]"


def tag_of(who: str) -> str:
    return f"seen-by-{who.lower()}"


def questions_about(text: str, answers: Mapping[str, Any]) -> list[str]:
    """The questions whose answers hold the text; such an answer keeps what nobody may see."""
    return [question for question, answer in answers.items() if text in repr(answer)]


def key_of(event: Judgement) -> str:
    return subject_key(event.subject_kind, event.subject_id)


class Community(Judged):
    """Members and moderators, who do what they like; some of it is refused."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.people = {name: self.world.member(name) for name in MEMBERS}
        for name in MEMBERS:
            community.give_history(self.world, self.people[name])
        self.people |= {name: community.moderator(self.world, name) for name in MODERATORS}
        for name, owner in EVIDENCE.items():
            self.world.evidence(self.people[owner], name)
        for case_id, author in CASES.items():
            text = said(author, case_id)
            self.world.report(
                self.people[author],
                EvidenceId(BACKING[case_id]),
                case_id=case_id,
                title=text,
                story=text,
                anonymous=True,
                delay=DELAY,
                publish_within=1 if case_id == DELAYED else None,
            )
        self.public = Reading(self.world, PublicCases())
        self.world.settle()
        for name in MEMBERS:
            self.contribute(name)
        self.world.settle()
        self.settled = True
        self.erased: set[str] = set()

    def contribute(self, name: str) -> None:
        """Let a member say something of every kind, in the cases that are public."""
        world, by = self.world, self.people[name]
        for case_id, author in CASES.items():
            tag = TagCase(tag=tag_of(name), by=by, at=world.clock())
            self.on_case(case_id, tag)
            self.on_case(case_id, LocateCase(location=PLACE, by=by, at=world.clock()))
            self.answer_proposals(case_id, author, accept=True)
        self.say("c1", f"k-{name}", name, "")
        self.party("c2", f"p-{name}", name, retract=False)

    def on_case(self, case_id: str, command: CaseCommand) -> None:
        self.attempt(lambda: self.world.executors.cases.execute(case_id, command, CommandContext()))

    # What people do

    @rule(case_id=cases, who=anybody, back=st.booleans())
    def support(self, case_id: str, who: str, back: bool) -> None:
        engage = self.world.engage
        deed = engage.withdraw_support if back else engage.support
        self.attempt(lambda: deed(CaseId(case_id), self.people[who], CommandContext()))

    @rule(case_id=cases, who=anybody, back=st.booleans())
    def follow(self, case_id: str, who: str, back: bool) -> None:
        engage = self.world.engage
        deed = engage.unfollow if back else engage.follow
        self.attempt(lambda: deed(CaseId(case_id), self.people[who], CommandContext()))

    @rule(case_id=cases, item=evidence, retract=st.booleans(), who=anybody)
    def back(self, case_id: str, item: str, retract: bool, who: str) -> None:
        by, at = self.people[who], self.world.clock()
        owner = self.people[EVIDENCE[item]]
        gone = RetractEvidence(evidence_id=EvidenceId(item), by=by, at=at)
        more = AttachEvidence(evidence=(EvidenceId(item),), by=owner, at=at)
        self.on_case(case_id, gone if retract else more)

    @rule(restarted=st.booleans())
    def release(self, restarted: bool) -> None:
        """Publish what is due, sometimes in another process than before."""
        use_cases = UseCases(self.world.container) if restarted else self.world.use_cases
        self.attempt(use_cases.release_cases.step)

    @rule(case_id=cases, who=anybody, tag=st.sampled_from(("health", "roads")), back=st.booleans())
    def tag(self, case_id: str, who: str, tag: str, back: bool) -> None:
        by, at = self.people[who], self.world.clock()
        self.on_case(
            case_id, UntagCase(tag=tag, by=by, at=at) if back else TagCase(tag=tag, by=by, at=at)
        )

    @rule(case_id=cases, who=anybody, lat=st.integers(0, 2), back=st.booleans())
    def locate(self, case_id: str, who: str, lat: int, back: bool) -> None:
        by, at = self.people[who], self.world.clock()
        located = LocateCase(location=Location(lat=lat, lon=0), by=by, at=at)
        self.on_case(case_id, RetractLocation(by=by, at=at) if back else located)

    @rule(case_id=cases, who=anybody, accept=st.booleans())
    def answer_proposals(self, case_id: str, who: str, accept: bool) -> None:
        by, at = self.people[who], self.world.clock()
        answer = AcceptContribution if accept else DeclineContribution
        for number in self.world.executors.cases.load(case_id).state.proposals.open:
            self.on_case(case_id, answer(number=number, by=by, at=at))

    @rule(case_id=cases)
    def amend(self, case_id: str) -> None:
        author = CASES[case_id]
        changes = {"story": f"{said(author, case_id)}, more or less"}
        by, at = self.people[author], self.world.clock()
        self.on_case(case_id, AmendCase(changes=changes, by=by, at=at))

    @rule(case_id=cases)
    def withdraw(self, case_id: str) -> None:
        author = self.people[CASES[case_id]]
        self.on_case(case_id, WithdrawCase(by=author, at=self.world.clock()))

    @rule(case_id=cases, key=comments, who=anybody, parent=st.sampled_from(("", *COMMENTS)))
    def say(self, case_id: str, key: str, who: str, parent: str) -> None:
        by = self.people[who]
        self.attempt(
            lambda: community.say(
                self.world, by, said(who, key), comment_id=key, case_id=case_id, parent_id=parent
            )
        )

    @rule(key=comments, who=anybody, remove=st.booleans())
    def change_comment(self, key: str, who: str, remove: bool) -> None:
        discuss, by, comment = self.world.discuss, self.people[who], CommentId(key)
        if remove:
            self.attempt(lambda: discuss.remove(comment, by, CommandContext()))
        else:
            edited = f"{said(who, key)}, more or less"
            self.attempt(lambda: discuss.edit(comment, edited, by, CommandContext()))

    @rule(case_id=cases, key=parties, who=anybody, retract=st.booleans())
    def party(self, case_id: str, key: str, who: str, retract: bool) -> None:
        by, enrich = self.people[who], self.world.enrich
        if retract:
            self.attempt(
                lambda: enrich.retract_party(PartyId(key), CaseId(case_id), by, CommandContext())
            )
        else:
            self.attempt(
                lambda: community.name_party(
                    self.world, by, said(who, key), party_id=key, case_id=case_id
                )
            )

    @rule(key=disputes)
    def dispute(self, key: str) -> None:
        """A party that a member named in the second case answers."""
        party = f"p-{DISPUTES[key]}"
        self.attempt(
            lambda: community.dispute(
                self.world, mark(key), dispute_id=key, party_id=party, case_id="c2"
            )
        )

    @rule(key=disputes, by=moderators)
    def erase_statement(self, key: str, by: str) -> None:
        judge, party = self.people[by], f"p-{DISPUTES[key]}"
        erase = community.erase_statement
        self.attempt(lambda: erase(self.world, judge, key, party_id=party, case_id="c2"))

    @rule(subject=subjects, who=st.lists(anybody, min_size=1, max_size=4))
    def flag(self, subject: tuple[SubjectKind, str], who: list[str]) -> None:
        for name in who:
            by = self.people[name]
            self.attempt(partial(community.flag, self.world, *subject, by, note=words(name)))

    @rule(subject=subjects, who=anybody)
    def answer(self, subject: tuple[SubjectKind, str], who: str) -> None:
        self.attempt(lambda: community.answer(self.world, *subject, self.people[who], words(who)))

    @rule(subject=subjects, who=moderators, verdict=st.sampled_from(Verdict))
    def decide(self, subject: tuple[SubjectKind, str], who: str, verdict: Verdict) -> None:
        self.decisions += 1
        key, by = f"d{self.decisions}", self.people[who]
        reason = mark(reason_key(key))
        self.attempt(
            lambda: community.decide(
                self.world, *subject, by, verdict, decision_id=key, reason=reason
            )
        )

    @precondition(lambda self: self.decisions)
    @rule(number=st.integers(0, 9), who=moderators, of_outcome=st.booleans())
    def redact(self, number: int, who: str, of_outcome: bool) -> None:
        key, by = f"d{1 + number % self.decisions}", self.people[who]
        redact = self.world.moderate.redact
        self.attempt(lambda: redact(key, by, CommandContext(), of_outcome=of_outcome))

    @precondition(lambda self: self.decisions)
    @rule(number=st.integers(0, 9), who=anybody)
    def appeal(self, number: int, who: str) -> None:
        key = f"d{1 + number % self.decisions}"
        self.attempt(lambda: community.appeal(self.world, self.people[who], key))

    @precondition(lambda self: self.decisions)
    @rule(number=st.integers(0, 9), who=anybody, outcome=st.sampled_from(Outcome))
    def resolve(self, number: int, who: str, outcome: Outcome) -> None:
        key, by = f"d{1 + number % self.decisions}", self.people[who]
        reason = mark(reason_key(key, of_outcome=True))
        self.attempt(lambda: community.resolve(self.world, by, outcome, key, reason))

    @rule(who=members, by=moderators)
    def suspend(self, who: str, by: str) -> None:
        reason = f"{mark(SUSPENDED)} {words(who)}"
        suspend = SuspendMember(reason=reason, by=self.people[by], at=self.world.clock())
        self.on_member(who, suspend)

    @rule(who=members)
    def operate(self, who: str) -> None:
        """A member with the role opens an event, and says why."""
        why = Explanation(
            operator=who,
            reason=words(who),
            by=replace(self.people[who], roles=frozenset({Role.OPERATOR})),
        )
        self.attempt(
            lambda: self.world.use_cases.intervene.begin(Action.OPEN, "cases/case-c1@1", why)
        )

    @rule(who=members, by=moderators)
    def reinstate(self, who: str, by: str) -> None:
        self.on_member(who, ReinstateMember(by=self.people[by], at=self.world.clock()))

    @rule(who=members, by=moderators)
    def redact_suspension(self, who: str, by: str) -> None:
        self.on_member(who, RedactSuspension(by=self.people[by], at=self.world.clock()))

    def on_member(self, who: str, command: MemberCommand) -> None:
        execute, member_id = self.world.executors.members.execute, self.people[who].member_id
        self.attempt(lambda: execute(member_id, command, CommandContext()))

    @precondition(lambda self: not self.erased)
    @rule(who=members)
    def erase(self, who: str) -> None:
        """Some subscribers handle the erasure before the events of the member, and some after."""
        community.ask_to_be_erased(self.world, self.people[who])
        self.erased.add(who)
        self.settled = False

    @rule(number=st.integers(0, 99))
    def catch_up(self, number: int) -> None:
        """One subscriber handles the new events before the others do."""
        self.world.subscriptions[number % len(self.world.subscriptions)].catch_up()

    @rule()
    def settle(self) -> None:
        self.world.settle()
        self.settled = True

    # What always holds

    @invariant()
    def each_member_supports_a_case_once_and_its_author_never(self) -> None:
        standing: Counter[tuple[str, str]] = Counter()
        for event in self.happened("cases"):
            if isinstance(event, EngagementSigned):
                standing[event.case_id, event.by] += SUPPORTS.get(event.deed, 0)
        for (case_id, by), count in standing.items():
            assert count == 0 or by != self.people[CASES[case_id]].member_id
        assert all(count in (0, 1) for count in standing.values())

    @invariant()
    def a_public_case_shows_evidence(self) -> None:
        for case_id in CASES:
            state = self.world.executors.cases.load(case_id).state
            assert state.status is not CaseStatus.PUBLISHED or state.shown_evidence

    @invariant()
    def a_delayed_case_is_published_when_it_is_due_and_tells_no_time_before(self) -> None:
        state = self.world.executors.cases.load(DELAYED).state
        assert not (state.is_public and state.held_until) or state.held_until <= self.world.clock()
        events = [e for e in self.happened("cases") if getattr(e, "case_id", "") == DELAYED]
        released = [n for n, event in enumerate(events) if isinstance(event, CaseReleased)]
        assert len(released) <= 1
        before = events[: released[0]] if released else events
        before = [event for event in before if isinstance(event, CaseEvent)]
        assert {event.at for event in before} == {UNTOLD}
        assert not any(isinstance(event, CasePublished) for event in before)

    # What holds once everybody has heard of everything

    @precondition(lambda self: self.settled)
    @invariant()
    def unpublished_cases_are_in_no_answer(self) -> None:
        public = {case_id for case_id in CASES if self.is_public(case_id)}
        assert {case["case_id"] for case in listed(self.world, "cases")} == public
        self.public.catch_up()
        assert self.public.rows.keys() == public
        answers = answered(self.world)
        ledger = answers.pop("moderation-ledger")
        for case_id in set(CASES) - public:
            assert questions_about(f"'{case_id}'", answers) == []
            assert mark(case_id) not in repr(ledger)
            assert not self.thread(case_id)

    @precondition(lambda self: self.settled)
    @invariant()
    def evidence_that_no_public_case_shows_is_visible_to_its_owner_only(self) -> None:
        do = self.world.executors
        states = {case_id: do.cases.load(case_id).state for case_id in CASES}
        shown = {
            item
            for key, state in states.items()
            if self.is_public(key)
            for item in state.shown_evidence
        }
        hidden = {item for item in EVIDENCE if self.is_hidden(SubjectKind.EVIDENCE, item)}
        assert not shown & hidden
        for item in EVIDENCE:
            seen = community.one(self.world, "evidence", item) not in (None, "gone")
            assert seen == (item in shown), item
        videos = {video["evidence_id"] for video in listed(self.world, "videos")}
        assert videos == shown

    @precondition(lambda self: self.settled)
    @invariant()
    def hidden_and_removed_words_are_in_no_answer(self) -> None:
        do, answers = self.world.executors, answered(self.world)
        assert questions_about(mark(SUSPENDED), answers) == []
        for case_id in CASES:
            for comment in self.thread(case_id):
                state = do.comments.load(comment["comment_id"]).state
                assert bool(comment["text"]) == state.is_shown
        for key in COMMENTS:
            assert do.comments.load(key).state.is_shown or not questions_about(mark(key), answers)
        for key in DISPUTES:
            if self.is_hidden(SubjectKind.DISPUTE, key):
                assert questions_about(mark(key), answers) == []
        for key in PARTIES:
            if self.is_hidden(SubjectKind.PARTY, key) or do.parties.load(key).state.retracted:
                assert questions_about(mark(key), answers) == []

    @precondition(lambda self: self.settled)
    @invariant()
    def open_flags_and_appeals_are_in_the_queue(self) -> None:
        queue = rows(self.world, "moderation-queue")
        for kind, key in SUBJECTS:
            subject = self.world.executors.subjects.load(subject_key(kind, key)).state
            row = queue.get(subject_key(kind, key))
            assert len(subject.flags) == (len(row.flags) if row else 0)
            assert subject.hidden == (row.hidden if row else False)
            assert subject.decision_id == ((row.decision_id if row else None) or "")
            assert subject.appealed == bool(row and row.appeal)

    @precondition(lambda self: self.settled)
    @invariant()
    def a_case_has_the_tags_and_the_place_that_it_was_decided_to_have(self) -> None:
        for case_id, row in rows(self.world, "cases").items():
            state = self.world.executors.cases.load(case_id).state
            if row.status is not CaseStatus.ERASED:
                assert (row.tags, row.location) == (tuple(state.tags), state.location)

    @invariant()
    def nothing_of_a_contributor_is_in_a_case_before_it_is_accepted(self) -> None:
        before = None
        for event in self.happened("cases"):
            match event:
                case (
                    CaseTagged(role=ContributorRole.CONTRIBUTOR)
                    | CaseLocated(role=ContributorRole.CONTRIBUTOR)
                ):
                    assert isinstance(before, ContributionAccepted)
                    assert before.role is not ContributorRole.CONTRIBUTOR
            before = event

    @precondition(lambda self: self.settled)
    @invariant()
    def comments_are_counted_as_often_as_they_are_seen(self) -> None:
        states = [self.world.executors.comments.load(key).state for key in COMMENTS]
        seen = Counter(str(state.case_id) for state in states if state.is_shown)
        for case_id, row in rows(self.world, "cases").items():
            assert row.comments == (0 if row.status is CaseStatus.ERASED else seen[case_id])

    @precondition(lambda self: self.settled)
    @invariant()
    def an_anonymous_author_is_in_no_document(self) -> None:
        for document in rows(self.world, "cases").values():
            assert document.author is None
            for party in document.parties:
                author = self.people[CASES[document.case_id]]
                assert party.added_by is None or party.added_by.member_id != author.member_id

    @precondition(lambda self: self.settled)
    @invariant()
    def nothing_that_an_erased_member_said_is_kept_in_any_read_model(self) -> None:
        for who in self.erased:
            assert read_models_with(self.world, words(who)) == []
            assert read_models_with(self.world, tag_of(who)) == []
            assert community.all_of(self.world, self.people[who]) == {}

    @precondition(lambda self: self.settled)
    @invariant()
    def nothing_that_was_taken_back_is_kept_in_any_read_model(self) -> None:
        gone = [e.reason_id for e in self.happened("moderation") if isinstance(e, ReasonRedacted)]
        gone += [e.reason_id for e in self.happened("members") if isinstance(e, SuspensionRedacted)]
        gone += [e.dispute_id for e in self.happened("cases") if isinstance(e, StatementErased)]
        for key in gone:
            assert read_models_with(self.world, mark(key)) == []
            assert self.world.vault.key(key) is None

    def teardown(self) -> None:
        self.world.settle()
        changes = rows(self.world, "case-changes")
        must_be_rebuilt_alike(self.world, *self.people.values())
        assert rows(self.world, "case-changes") == changes
        assert self.world.parked.list() == []

    # How it is looked at

    def is_public(self, case_id: str) -> bool:
        return self.world.executors.cases.load(case_id).state.status is CaseStatus.PUBLISHED

    def is_hidden(self, kind: SubjectKind, key: str) -> bool:
        return self.world.executors.subjects.load(subject_key(kind, key)).state.hidden

    def author_erased(self, case_id: str) -> bool:
        return CASES[case_id] in self.erased

    def thread(self, case_id: str) -> list[dict[str, Any]]:
        return listed(self.world, "discussions", case_id=case_id)


class Paused:
    """The executor of decisions in a process that stops between checking and writing."""

    def __init__(self, decisions: DecisionExecutor) -> None:
        self.load = decisions.load
        self.commands: list[Callable[[], object]] = []
        self._decisions = decisions

    def execute(self, aggregate_id: str, command: DecisionCommand, context: CommandContext) -> None:
        self.commands.append(partial(self._decisions.execute, aggregate_id, command, context))


class Court(Judged):
    """Many judge one comment; some of what they do is checked now and written later."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.author = self.world.member("Anna")
        self.flaggers = [community.trusted(self.world, f"Member {number}") for number in range(8)]
        self.judges = [community.moderator(self.world, name) for name in ("Mo", "Ada", "Max")]
        self.world.public_case(self.author)
        community.say(self.world, self.author)
        self.world.settle()
        do = self.world.executors
        self.world.subscriptions = [
            each for each in self.world.policies if each.subscriber.topics == ("moderation",)
        ]
        self.paused = Paused(do.decisions)
        self.at_once = self.world.moderate
        self.later = self.world.moderation_with(cast("DecisionExecutor", self.paused))
        self.settled = True

    def judge(self, deed: Callable[[], object], later: bool) -> None:
        self.world.moderate = self.later if later else self.at_once
        self.attempt(deed)

    @rule(who=st.integers(0, 7), moderates=st.booleans())
    def flag(self, who: int, moderates: bool) -> None:
        by = self.judges[who % 3] if moderates else self.flaggers[who]
        self.judge(lambda: community.flag(self.world, SubjectKind.COMMENT, "k1", by), later=False)

    @rule(who=st.integers(0, 2), verdict=st.sampled_from(Verdict), later=st.booleans())
    def decide(self, who: int, verdict: Verdict, later: bool) -> None:
        self.decisions += 1
        key, by = f"d{self.decisions}", self.judges[who]
        deed = partial(community.decide, self.world, SubjectKind.COMMENT, "k1", by, verdict)
        self.judge(lambda: deed(decision_id=key), later)

    @precondition(lambda self: self.decisions)
    @rule(back=st.integers(0, 3), later=st.booleans())
    def appeal(self, back: int, later: bool) -> None:
        self.judge(lambda: community.appeal(self.world, self.author, self.decision(back)), later)

    @precondition(lambda self: self.decisions)
    @rule(back=st.integers(0, 3), who=st.integers(0, 2), outcome=st.sampled_from(Outcome))
    def resolve(self, back: int, who: int, outcome: Outcome) -> None:
        key, by = self.decision(back), self.judges[who]
        later = back > 1
        self.judge(lambda: community.resolve(self.world, by, outcome, key), later)

    @rule(who=st.integers(0, 2))
    def overturn(self, who: int) -> None:
        """What it takes many steps to come to by chance."""
        self.decide(who, Verdict.HIDE, later=False)
        self.settle()
        self.appeal(0, later=False)
        self.resolve(0, (who + 1) % 3, Outcome.OVERTURN)
        self.settle()

    @precondition(lambda self: self.paused.commands)
    @rule(number=st.integers(0, 9))
    def go_on(self, number: int) -> None:
        held = self.paused.commands
        self.attempt(held.pop(number % len(held)))

    @rule(number=st.integers(0, 9))
    def catch_up(self, number: int) -> None:
        self.world.subscriptions[number % len(self.world.subscriptions)].catch_up()

    @rule()
    def settle(self) -> None:
        self.world.settle()
        self.settled = True

    def teardown(self) -> None:
        self.world.settle()
        assert self.world.parked.list() == []

    def decision(self, back: int) -> str:
        return f"d{max(1, self.decisions - back)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What somebody said in a public case or in a comment."""

    key: str
    text: str


class Quotes(QueryService[Quote]):
    """It ignores erasure altogether, and that a case or a comment can stop being visible."""

    name, document, key = "quotes", Quote, "key"

    def project(self, event: CasePublished | CommentWritten, rows: Rows[Quote]) -> None:
        match event:
            case CasePublished():
                rows.put(event.case_id, Quote(key=event.case_id, text=event.details.story))
            case CommentWritten():
                rows.put(event.comment_id, Quote(key=event.comment_id, text=event.text))

    def ask(self) -> Find:
        """All quotes."""
        return Find()


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> Community:
    """A community with a query service that ignores what its answers must not keep."""
    services = [*query_services(), Quotes()]
    for module in ("tests.world", "config.container"):
        monkeypatch.setattr(f"{module}.query_services", lambda: services)
    made = Community()
    made.begin()
    return made


def test_the_rules_find_a_query_service_that_ignores_erasure(careless: Community) -> None:
    careless.erase("Anna")
    careless.settle()
    assert read_models_with(careless.world, words("Anna")) == ["quotes"]
    with pytest.raises(AssertionError, match="quotes"):
        careless.nothing_that_an_erased_member_said_is_kept_in_any_read_model()


def test_the_rules_find_a_query_service_that_shows_an_unpublished_case(
    careless: Community,
) -> None:
    careless.decide((SubjectKind.CASE, "c1"), "Mo", Verdict.HIDE)
    careless.settle()
    with pytest.raises(AssertionError, match="quotes"):
        careless.unpublished_cases_are_in_no_answer()


def test_the_rules_find_a_query_service_that_shows_a_hidden_comment(careless: Community) -> None:
    careless.decide((SubjectKind.COMMENT, "k-Ben"), "Mo", Verdict.HIDE)
    careless.settle()
    with pytest.raises(AssertionError, match="quotes"):
        careless.hidden_and_removed_words_are_in_no_answer()


# The people of Community write none of these; each has tests of its own.
APART = {
    "members.MemberRegistered",
    "members.InterestsChosen",
    "members.ProfileRestored",
    "members.SuspensionAppealed",
    "cases.EvidenceRefused",
    "cases.EvidenceAttached",  # an alias is no text
}


def test_the_rules_cause_every_event_with_a_text_of_a_member() -> None:
    """Or the rules would not see whether query services keep such a text."""
    community = Community()
    community.begin()
    community.amend("c1")
    for back in (False, True):
        community.locate("c1", "Ben", 1, back)
        community.answer_proposals("c1", "Anna", accept=True)
    community.change_comment("k-Anna", "Anna", remove=False)
    community.flag((SubjectKind.CASE, "c1"), ["Cleo"])
    community.decide((SubjectKind.CASE, "c1"), "Mo", Verdict.HIDE)
    community.appeal(0, "Anna")
    community.dispute("s1")
    community.suspend("Cleo", "Mo")
    community.flag((SubjectKind.COMMENT, "k-Anna"), ["Mo"])
    community.settle()
    community.answer((SubjectKind.COMMENT, "k-Anna"), "Anna")
    community.operate("Anna")
    caused = {EVENTS.names[type(event)] for log in CONTEXTS for event in community.happened(log)}
    missing = texts_of_people() - APART - caused
    assert not missing, "add a rule to Community that causes it, and call that here"


def texts_of_people() -> set[str]:
    """The stored names of the events with personal fields besides the data subject."""
    personal = {name: personal_fields(kind) for name, kind in EVENTS.types.items()}
    return {
        name for name, found in personal.items() if found and {*found.paths} - {(found.subject,)}
    }


often = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
TestCommunity, TestCourt = Community.TestCase, Court.TestCase
TestCommunity.settings = often
TestCourt.settings = settings(often, max_examples=60)
