"""What members get who ask for all that is held about them."""

from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from dependency_injector import providers

from adapters.codec.personal import personal_fields
from application.engine.executor import CommandContext
from application.ports.credentials import Credential, Session
from application.ports.uploads import Upload
from application.use_cases.members.export import ABOUT_LOGS
from domain.actors import SYSTEM, Actor, Role
from domain.cases.case_commands import TagCase
from domain.cases.engagement import EngagementEvent
from domain.catalog import EVENTS
from domain.ids import MemberId
from domain.members.member import GrantRole, SuspendMember
from domain.moderation.subject import SubjectKind
from tests.application.community import CASE, decide, flag, say
from tests.application.test_anonymous_authors import act, report, viewer
from tests.world import World

Export = dict[str, list[Any]]


def exported(world: World, member: Actor) -> Export:
    """The items of each part, as a client gets them."""
    world.container.answers.override(providers.Object(world.answers))
    parts = world.use_cases.export_account(viewer(world, member))
    return {part.name: msgspec.json.decode(msgspec.json.encode(list(part.items))) for part in parts}


def whats(items: list[Any]) -> list[str]:
    return [item["what"].partition(".")[2] for item in items]


@pytest.fixture
def anna(world: World) -> Actor:
    """The author of an anonymous case, who has done all that an author can do in it."""
    anna = world.member("Anna")
    report(world, anna)
    act(world, anna)
    return anna


def test_it_holds_what_was_done_under_an_alias(world: World, anna: Actor) -> None:
    export = exported(world, anna)
    assert {"CaseReported", "CaseFollowed", "CaseShared", "PartyNamed"} <= set(
        whats(export["cases"])
    )
    assert "CommentWritten" in whats(export["discussions"])
    (reported,) = [each for each in export["cases"] if each["what"] == "cases.CaseReported"]
    assert reported["data"]["details"]["story"] == "They asked for money."
    (received,) = [each for each in export["evidence"] if each["what"].endswith("EvidenceReceived")]
    assert received["thing"] == "evidence-e-c1"
    assert (received["data"]["salt"], received["data"]["original_sha256"]) == ("01" * 32, "ab" * 32)


def test_it_holds_the_account_and_what_was_decided_about_it(
    world: World, anna: Actor, mo: Actor
) -> None:
    for command in (
        GrantRole(role=Role.MODERATOR, by=SYSTEM, at=world.clock()),
        SuspendMember(
            reason="Adverts.",
            by=Actor(member_id=mo.member_id, roles=frozenset({Role.ADMIN})),
            at=world.clock(),
        ),
    ):
        world.executors.members.execute(anna.member_id, command, CommandContext())
    world.settle()
    decide(world, SubjectKind.MEMBER, anna.member_id, mo)
    export = exported(world, anna)
    (account,) = export["account"]
    assert (account["pseudonym"], account["suspended"]) == ("Anna", True)
    assert whats(export["members"]) == [
        "MemberRegistered",
        "RoleGranted",
        "MemberSuspended",
        "SuspensionExplained",
    ]
    assert "Adverts." in str(export["members"])
    assert "DecisionMade" in whats(export["moderation"])
    named = [(part, item) for part in export for item in export[part] if mo.member_id in str(item)]
    assert named == []


def test_it_holds_flags_and_how_many_were_right(world: World, anna: Actor, mo: Actor) -> None:
    ben = world.member("Ben")
    flag(world, CASE, "c1", ben)
    world.settle()
    decide(world, CASE, "c1", mo)
    world.settle()
    told = exported(world, ben)["moderation"]
    assert [each for each in whats(told) if each.startswith("Flag")] == [
        "FlagRaised",
        "FlagSigned",
        "FlagOpened",
        "FlagCounted",
    ]


def test_it_holds_nothing_that_others_said_or_did(world: World, anna: Actor, mo: Actor) -> None:
    ben = world.member("Ben")
    flag(world, CASE, "c1", ben, note="She is my colleague.")
    say(world, ben, "Ben was here.", comment_id="k9")
    tag = TagCase(tag="bens", by=ben, at=world.clock())
    world.executors.cases.execute("c1", tag, CommandContext())
    world.settle()
    decide(world, CASE, "c1", mo)
    world.settle()
    told = str(exported(world, anna))
    for word in (ben.member_id, mo.member_id, "colleague", "Ben was here", "bens"):
        assert word not in told
    assert "k9" not in str(exported(world, anna)["discussions"])


def test_a_moderator_gets_their_own_decisions_with_reasons(world: World, mo: Actor) -> None:
    world.public_case(world.member("Anna"))
    decide(world, CASE, "c1", mo)
    world.settle()
    told = exported(world, mo)["moderation"]
    assert {"DecisionMade", "ReasonGiven", "DecisionSigned"} <= set(whats(told))


def test_it_holds_credentials_sessions_and_uploads_of_nobody_else(
    world: World, anna: Actor
) -> None:
    made, now = world.container, world.clock()
    for owner in (anna.member_id, "ben"):
        credential = Credential(
            handle=f"handle of {owner}", member_id=owner, passphrase_hash="secret", created_at=now
        )
        made.credentials().claim(credential, {owner})
        made.credentials().open_session(
            Session(
                session_id=f"session of {owner}",
                member_id=owner,
                token_hash="secret",
                created_at=now,
                refreshed_at=now,
                expires_at=now,
            )
        )
        made.upload_states().create(
            Upload(upload_id=f"upload of {owner}", owner=owner, length=10, expires_at=now)
        )
    export = exported(world, anna)
    assert [each["handle"] for each in export["sign_in"]] == [f"handle of {anna.member_id}"]
    assert [each["session_id"] for each in export["sessions"]] == [f"session of {anna.member_id}"]
    assert [each["upload_id"] for each in export["uploads"]] == [f"upload of {anna.member_id}"]
    assert "secret" not in str(export)


def test_it_holds_all_notifications(
    world: World, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.use_cases.members.export.ROWS_A_PAGE", 1)
    say(world, world.member("Ben"), comment_id="k2")
    world.settle()
    kinds = {each["kind"] for each in exported(world, anna)["notifications"]}
    assert kinds == {"case_published", "case_discussed"}


def test_an_erased_alias_is_left_out(world: World, anna: Actor) -> None:
    world.vault.destroy(world.executors.cases.load("c1").state.author)
    assert "CaseReported" not in whats(exported(world, anna)["cases"])


def test_every_log_that_names_members_is_in_it() -> None:
    """Events name members in the data subject, in their account, and where they engage."""
    naming = {name for name, kind in EVENTS.types.items() if personal_fields(kind)}
    assert {name.partition(".")[0] for name in naming} <= ABOUT_LOGS.keys()
    others = EVENTS.types.keys() - naming
    open_ids = {name for name in others if MemberId in get_type_hints(EVENTS.types[name]).values()}
    engaging = {name for name in open_ids if EVENTS.types[name] in get_args(EngagementEvent)}
    assert {name.partition(".")[0] for name in open_ids - engaging} == {"members"}
