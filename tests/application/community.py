"""What a community does in a World, and what viewers see of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_type_hints

from application.engine.builds import open_build
from application.engine.derived_ids import keyed_id
from application.engine.executor import CommandContext
from application.engine.parity import Parity
from application.engine.query_service import Audience, Private, QueryService, Viewer
from application.engine.time_travel import TimeTravel
from application.ports.message_bus import Delivery
from application.ports.read_models import Find, ReadModel
from application.ports.rebuilds import Difference
from application.system import query_services
from domain.actors import SYSTEM, Actor, Role
from domain.cases.case_commands import AcceptContribution
from domain.cases.party import DisputeParty, PartyDetails, PartyKind
from domain.ids import CaseId, CommentId, MemberId, PartyId
from domain.members.member import EraseMember
from domain.moderation.decision import Outcome
from domain.moderation.record import CountFlag
from domain.moderation.subject import SubjectKind, Verdict
from tests.world import World

ANYBODY = Viewer()
JUDGE = Viewer(Actor(member_id=MemberId("judge"), roles=frozenset({Role.MODERATOR})))
CASE, COMMENT, PARTY = SubjectKind.CASE, SubjectKind.COMMENT, SubjectKind.PARTY
EVIDENCE, MEMBER = SubjectKind.EVIDENCE, SubjectKind.MEMBER
DISPUTE = SubjectKind.DISPUTE
SEARCHED = ("what", "seen", "permit", "saw")
"""Words that are in most of what people say here."""
MINE = ("cases", "comments", "supports", "follows", "flags")
HIDE, RESTORE, DISMISS = Verdict.HIDE, Verdict.RESTORE, Verdict.DISMISS


def moderator(world: World, name: str = "Mo") -> Actor:
    return world.member(name, Role.MODERATOR)


def say(
    world: World,
    author: Actor,
    text: str = "I saw it too.",
    *,
    comment_id: str = "k1",
    case_id: str = "c1",
    parent_id: str = "",
) -> CommentId:
    key = CommentId(comment_id)
    world.discuss.write(
        key, CaseId(case_id), author, CommandContext(), text=text, parent_id=CommentId(parent_id)
    )
    return key


def name_party(
    world: World,
    by: Actor,
    name: str = "Town hall",
    *,
    party_id: str = "p1",
    case_id: str = "c1",
    evidence: tuple[Any, ...] = (),
) -> PartyId:
    details = PartyDetails(
        kind=PartyKind.ORGANISATION, name=name, role="took the money", evidence=evidence
    )
    world.enrich.name_party(PartyId(party_id), CaseId(case_id), details, by, CommandContext())
    return PartyId(party_id)


def dispute(
    world: World,
    statement: str = "We did not.",
    *,
    dispute_id: str = "s1",
    party_id: str = "p1",
    case_id: str = "c1",
) -> None:
    """Let the party of a claim make a statement, with a link to it that nobody has used."""
    command = DisputeParty(
        case_id=CaseId(case_id), dispute_id=dispute_id, statement=statement, at=world.clock()
    )
    world.executors.parties.execute(party_id, command, CommandContext())


def erase_statement(
    world: World,
    by: Actor,
    dispute_id: str = "s1",
    *,
    party_id: str = "p1",
    case_id: str = "c1",
) -> None:
    world.enrich.erase_statement(
        PartyId(party_id), CaseId(case_id), dispute_id, by, CommandContext()
    )


def involved(world: World, author: Actor) -> Actor:
    """Somebody who commented on the author's public case and named a party to it."""
    cora = world.member("Cora")
    world.public_case(author)
    say(world, cora)
    name_party(world, cora)
    world.settle()
    return cora


def trusted(world: World, name: str) -> Actor:
    """A member with history. Three of twelve flags were upheld: the next one weighs 1/4."""
    member = world.member(name)
    give_history(world, member)
    return member


def give_history(world: World, member: Actor, upheld: int = 3, rejected: int = 9) -> None:
    """Count flags of a member that moderators decided on, each on another day."""
    record_id = keyed_id(world.container.keys().requests, "record", member.member_id)
    for number in range(upheld + rejected):
        command = CountFlag(
            record_id=record_id,
            flag_id=f"earlier-{number}",
            upheld=number < upheld,
            by=SYSTEM,
            at=world.clock() - timedelta(days=number),
        )
        world.executors.records.execute(record_id, command, CommandContext())


def flag(
    world: World,
    kind: SubjectKind,
    subject_id: str,
    *members: Actor,
    note: str = "Look at this.",
    rule: str = "spam",
    network: str = "",
) -> None:
    """Let members flag a subject, each from a network of their own if none is given."""
    for member in members:
        world.moderate.flag(
            kind,
            subject_id,
            member,
            CommandContext(),
            network=network or member.member_id,
            rule=rule,
            note=note,
        )


def answer(
    world: World, kind: SubjectKind, subject_id: str, by: Actor, statement: str = "It is true."
) -> None:
    world.moderate.answer(kind, subject_id, statement, by, CommandContext())


def decide(
    world: World,
    kind: SubjectKind,
    subject_id: str,
    by: Actor,
    verdict: Verdict = HIDE,
    *,
    decision_id: str = "d1",
    reason: str = "It breaks the rule.",
) -> str:
    world.moderate.decide(
        kind,
        subject_id,
        by,
        CommandContext(),
        decision_id=decision_id,
        verdict=verdict,
        rule="spam",
        reason=reason,
    )
    return decision_id


def appeal(world: World, by: Actor, decision_id: str = "d1") -> None:
    world.moderate.appeal(decision_id, "It does not break the rule.", by, CommandContext())


def resolve(
    world: World,
    by: Actor,
    outcome: Outcome = Outcome.OVERTURN,
    decision_id: str = "d1",
    reason: str = "Seen again.",
) -> None:
    world.moderate.resolve(decision_id, outcome, reason, by, CommandContext())


def ask_to_be_erased(world: World, member: Actor) -> None:
    command = EraseMember(by=member, at=world.clock())
    world.executors.members.execute(member.member_id, command, CommandContext())


def erase(world: World, member: Actor) -> None:
    """Erase a member: all subscribers handle the erasure, then the key is destroyed."""
    ask_to_be_erased(world, member)
    world.settle()
    world.vault.destroy(member.member_id)


# What is answered


def served(document: Any) -> dict[str, Any]:
    """What is served of a document: all but its private fields."""
    return {name: getattr(document, name) for name in _served_fields(document.__class__)}


@cache
def _served_fields(document: type[Any]) -> list[str]:
    hints = get_type_hints(document, include_extras=True)
    marks = {
        field.name: getattr(hints[field.name], "__metadata__", ()) for field in fields(document)
    }
    return [name for name in marks if not any(isinstance(mark, Private) for mark in marks[name])]


def rows(world: World, name: str) -> dict[str, Any]:
    """Every row of a read model, whoever may see it."""
    service = world.answers[name].service
    model = world.model(service)
    return {row.key: row.document for row in model.find(Find(), limit=1000)}


def read_models_with(world: World, words: str) -> list[str]:
    """The query services, of all that there are, whose rows of any table hold these words."""
    return [
        answers.service.name
        for answers in world.answers.values()
        if words in repr(list(tables(world, answers.service)))
    ]


def tables(world: World, service: QueryService[Any]) -> Iterator[list[Any]]:
    """Yield the rows of each table of a read model."""
    model = world.model(service)
    yield model.find(Find(), limit=1000)
    for side in service.sides:
        yield model.side(side.row).find(Find(), limit=1000)


class Reading:
    """One more build of a read model, which reads topic by topic."""

    def __init__(self, world: World, service: QueryService[Any], build: int = 99) -> None:
        self._world = world
        self._topics = service.topics
        self._model = open_build(service, world.models, build)
        self._projection = world.projections().open(service, build)

    def catch_up(self, *topics: str) -> None:
        """Project the new events of each topic, of all topics if none is named."""
        for topic in topics or self._topics:
            after = self._model.checkpoint().at(topic)
            if events := self._world.history.read(topic, after, 1000):
                body = self._world.wire.pack(events)
                self._projection.deliver([Delivery(topic, body)])

    @property
    def rows(self) -> dict[str, Any]:
        return {row.key: row.document for row in self._model.find(Find(), limit=1000)}


def as_it_stood(world: World, name: str, key: str, at: datetime, viewer: Viewer = ANYBODY) -> Any:
    """What a viewer gets who asks for a document as it was at a time."""
    answers = world.answers[name]
    travel = TimeTravel(world.stores, world.codec)
    return travel.as_of(answers.service, answers.one(key, viewer), at, viewer)


def one(world: World, name: str, key: str, viewer: Viewer = ANYBODY) -> Any:
    """What a viewer gets who asks for one document: its served fields, "gone", or None."""
    answers = world.answers[name]
    document = answers.one(key, viewer)
    if document is None:
        return None
    return "gone" if answers.service.is_erased(document) else served(document)


def listed(
    world: World, name: str, viewer: Viewer = ANYBODY, **filters: Any
) -> list[dict[str, Any]]:
    """The list as a viewer gets it."""
    page = world.answers[name].page(viewer, filters, limit=100)
    return [served(document) for document in page.documents]


def mine(world: World, member: Actor, name: str) -> list[dict[str, Any]]:
    """What a member finds of their own, such as ``cases`` or ``flags``."""
    return listed(world, f"my-{name}", world.viewer(member))


def all_of(world: World, member: Actor) -> dict[str, Any]:
    """All that a member finds of their own; questions without an answer are left out."""
    found = {name: mine(world, member, name) for name in MINE}
    return {name: documents for name, documents in found.items() if documents}


def answered(world: World, viewer: Viewer = ANYBODY) -> dict[str, Any]:
    """All that the query services answer to a viewer, by question."""
    return dict(_answered(world, viewer))


def _answered(world: World, viewer: Viewer) -> Iterator[tuple[str, Any]]:
    for name, answers in world.answers.items():
        service = answers.service
        if service.audience is Audience.MODERATORS and not viewer.moderates:
            continue
        if service.single:
            for key in rows(world, name):
                yield f"{name}/{key}", one(world, name, key, viewer)
        if service.path_parameters():
            for case_id in rows(world, "cases"):
                yield f"{name} of {case_id}", listed(world, name, case_id=case_id)
        elif service.is_searched():
            for words in SEARCHED:
                yield f"{name} for {words}", listed(world, name, q=words)
        elif service.lists():
            yield name, listed(world, name)
        elif service.summarises():
            yield name, answers.summary()


def seen_by_all(world: World) -> str:
    """All answers to an anonymous viewer, as a text to search for words."""
    return repr(_visible_answers(world, ANYBODY))


def must_be_rebuilt_alike(world: World, *members: Actor) -> None:
    """Assert that rebuilt read models answer as the former ones did, also what these members find
    of their own."""
    viewers = (ANYBODY, JUDGE)
    before = [_visible_answers(world, viewer) for viewer in viewers]
    own = [all_of(world, member) for member in members]
    models = {service: world.model(service) for service in query_services()}
    world.build_read_models()
    world.settle()
    assert [found for service in models for found in _differences(world, service, models)] == []
    assert [all_of(world, member) for member in members] == own
    for viewer, answer in zip(viewers, before, strict=True):
        rebuilt = _visible_answers(world, viewer)
        keys = rebuilt.keys() | answer.keys()
        changed = {key: (answer.get(key), rebuilt.get(key)) for key in keys}
        assert not {key: pair for key, pair in changed.items() if pair[0] != pair[1]}


def _differences(
    world: World, service: QueryService[Any], before: Mapping[QueryService[Any], ReadModel[Any]]
) -> Iterable[Difference]:
    """Return which rows are not as the logs make them, as `klarity parity` finds them."""
    builds = before[service], world.model(service)
    parity = Parity(service, builds, world.history, world.codec, world.keyed)
    while parity.prepare() or parity.take(parity.step()):
        pass
    return () if service.by_order else parity.findings.named


def _visible_answers(world: World, viewer: Viewer) -> dict[str, Any]:
    """The answers that are not empty, by question."""
    return {question: answer for question, answer in answered(world, viewer).items() if answer}


def accept_proposals(world: World, author: Actor, case_id: str = "c1") -> None:
    """Let the author accept all that others proposed for the case."""
    for number in world.executors.cases.load(case_id).state.proposals.open:
        command = AcceptContribution(number=number, by=author, at=world.clock())
        world.executors.cases.execute(case_id, command, CommandContext())
    world.settle()
