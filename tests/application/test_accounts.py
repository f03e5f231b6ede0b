"""Accounts: registering, signing in and out, and erasing them."""

from collections import Counter
from collections.abc import Callable, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.credentials.memory import MemoryCredentials
from adapters.spelling.icu import IcuSpelling
from application.engine.executor import CommandContext, CommandMismatch, TooMuchContention
from application.ports.credentials import Credential, Session
from application.use_cases.members.accounts import (
    CLAIM_LIFE,
    MOST_SESSIONS,
    REPEAT_LIFE,
    SESSION_LIFE,
    Accounts,
    NotSignedIn,
    handle_of,
)
from application.use_cases.members.pseudonyms import Pseudonyms
from application.use_cases.members.refresh_tokens import RefreshTokens
from domain.actors import Actor, Role
from domain.ids import CaseId, MemberId
from domain.members.member import SuspendMember
from domain.times import DAY, day_of
from tests.world import World, refused

PASSPHRASE = "four plain words here"
ANOTHER = "five other words this time"
ANNA = Actor(member_id=MemberId("anna"))


class PlainPassphrases:
    """Keeps passphrases as they are, which is quick; ``weak`` hashes need a rehash."""

    def hash(self, passphrase: str) -> str:
        return f"new:{passphrase}"

    def verify(self, stored: str | None, passphrase: str) -> bool:
        return stored is not None and stored.partition(":")[2] == passphrase

    def needs_rehash(self, stored: str) -> bool:
        return stored.startswith("weak:")


@pytest.fixture
def credentials() -> MemoryCredentials:
    return MemoryCredentials()


@pytest.fixture
def accounts(world: World, credentials: MemoryCredentials) -> Accounts:
    return Accounts(
        members=world.executors.members,
        credentials=credentials,
        passphrases=PlainPassphrases(),
        vault=world.vault,
        aliases=world.container.aliases(),
        pseudonyms=Pseudonyms(IcuSpelling()),
        refresh_tokens=RefreshTokens(bytes(32)),
        clock=world.clock,
    )


def register(
    accounts: Accounts,
    pseudonym: str = "Anna",
    member_id: str = "anna",
    *,
    passphrase: str = PASSPHRASE,
    interests: tuple[str, ...] = (),
) -> None:
    fingerprint = f"{pseudonym}{interests}"
    context = CommandContext(command_id=f"register {member_id}", fingerprint=fingerprint, new=True)
    accounts.register(member_id, pseudonym, passphrase, interests, context)


def test_the_alias_key_is_made_at_registration_and_not_at_the_first_report(
    world: World, accounts: Accounts
) -> None:
    register(accounts)
    key = world.vault.key("aliases/anna")
    assert key
    world.use_cases.authorship.as_new_author(ANNA, CaseId("c1"))
    assert world.vault.key("aliases/anna") == key


def test_a_registered_member_can_sign_in(accounts: Accounts) -> None:
    register(accounts)
    assert accounts.sign_in("ANNA ", PASSPHRASE).member_id == "anna"


@pytest.mark.parametrize(("pseudonym", "passphrase"), [("Anna", "wrong"), ("Ben", PASSPHRASE)])
def test_signing_in_with_wrong_credentials_is_refused(
    accounts: Accounts, pseudonym: str, passphrase: str
) -> None:
    register(accounts)
    with pytest.raises(NotSignedIn):
        accounts.sign_in(pseudonym, passphrase)


def test_a_repeated_registration_emits_nothing(accounts: Accounts, world: World) -> None:
    register(accounts)
    register(accounts)
    assert len(world.executors.members.events("anna")) == 1


def test_registering_a_taken_pseudonym_is_refused(accounts: Accounts) -> None:
    register(accounts)
    with refused("pseudonym-taken"):
        register(accounts, "ANNA", "another")


@pytest.mark.parametrize("pseudonym", ["\u0410nna", "Anna\n", "  ", "Admin"])
def test_registering_an_invalid_pseudonym_is_refused(
    accounts: Accounts, credentials: MemoryCredentials, pseudonym: str
) -> None:
    with refused("bad-pseudonym"):
        register(accounts, pseudonym)
    assert credentials.find(handle_of(pseudonym)) is None


@pytest.mark.parametrize(
    ("taken", "like_it"),
    [
        ("Mila", "MiIa"),
        ("\u0421\u043e\u0440\u0435", "Cope"),
        ("Mary", "rnary"),
        ("Corbin", "c0rbin"),
        ("José", "Jose\u0301"),
    ],
)
def test_registering_a_pseudonym_that_looks_like_a_taken_one_is_refused(
    accounts: Accounts, taken: str, like_it: str
) -> None:
    register(accounts, taken)
    with refused("pseudonym-taken"):
        register(accounts, like_it, "another")
    register(accounts, "Somebody else", "another")


@pytest.mark.parametrize("passphrase", ["", "7 chars", "x" * 201])
def test_a_passphrase_that_is_too_short_or_too_long_is_refused(
    accounts: Accounts, credentials: MemoryCredentials, passphrase: str
) -> None:
    with refused("bad-passphrase"):
        register(accounts, passphrase=passphrase)
    assert credentials.find("anna") is None
    register(accounts)
    with refused("bad-passphrase"):
        accounts.change_passphrase("anna", "this session", PASSPHRASE, passphrase)
    accounts.sign_in("Anna", PASSPHRASE)


def test_a_pseudonym_is_stored_in_composed_form(accounts: Accounts, world: World) -> None:
    register(accounts, "Jose\u0301")
    assert world.executors.members.load("anna").state.pseudonym == "Jos\u00e9"
    accounts.sign_in("JOSE\u0301", PASSPHRASE)


def test_an_expired_claim_does_not_block_a_pseudonym_that_looks_alike(
    accounts: Accounts, credentials: MemoryCredentials, world: World
) -> None:
    dead = Credential(
        handle="miia", member_id="dead", passphrase_hash="new:x", created_at=world.clock()
    )
    credentials.claim(dead, IcuSpelling().looks("MiIa"))
    with refused("pseudonym-taken"):
        register(accounts, "Mila")
    world.clock.now += CLAIM_LIFE
    register(accounts, "Mila")


def test_a_registration_with_the_id_of_another_member_is_refused(
    accounts: Accounts, credentials: MemoryCredentials
) -> None:
    register(accounts)
    with pytest.raises(CommandMismatch):
        register(accounts, "Impostor", "anna", passphrase="an impostor's own")
    assert credentials.find("impostor") is None


def test_repeating_a_registration_with_another_passphrase_is_refused(accounts: Accounts) -> None:
    register(accounts)
    with pytest.raises(CommandMismatch):
        register(accounts, passphrase="something else")
    accounts.sign_in("Anna", PASSPHRASE)


def test_repeating_a_registration_with_other_interests_is_refused_and_keeps_the_account(
    accounts: Accounts,
) -> None:
    register(accounts)
    with pytest.raises(CommandMismatch):
        register(accounts, interests=("roads",))
    accounts.sign_in("Anna", PASSPHRASE)


def test_the_registration_that_loses_a_race_for_one_id_releases_its_pseudonym(
    accounts: Accounts, credentials: MemoryCredentials, world: World
) -> None:
    claim = credentials.claim

    def slowly(credential: Credential, looks: Set[str]) -> None:
        credentials.claim = claim  # type: ignore[method-assign]  # the other is not slow
        register(accounts, "Anna", "anna")
        claim(credential, looks)

    credentials.claim = slowly  # type: ignore[method-assign]  # to let another go first
    with pytest.raises(CommandMismatch):
        register(accounts, "Impostor", "anna")
    assert credentials.find("impostor") is None
    assert world.executors.members.load("anna").state.pseudonym == "Anna"


@pytest.mark.parametrize("later", [CLAIM_LIFE, timedelta(hours=-1)])
def test_an_unfinished_claim_expires_and_also_when_the_clock_is_turned_back(
    accounts: Accounts, credentials: MemoryCredentials, world: World, later: timedelta
) -> None:
    dead = Credential(
        handle="anna", member_id="dead", passphrase_hash="new:x", created_at=world.clock()
    )
    credentials.claim(dead, {"anna"})
    with refused("pseudonym-taken"):
        register(accounts)
    with pytest.raises(NotSignedIn):
        accounts.sign_in("Anna", "x")
    world.clock.now += later
    register(accounts)
    assert accounts.sign_in("Anna", PASSPHRASE).member_id == "anna"


def test_a_weak_hash_is_replaced_at_the_next_sign_in(
    accounts: Accounts, credentials: MemoryCredentials
) -> None:
    register(accounts)
    credentials.replace_hash("anna", f"new:{PASSPHRASE}", f"weak:{PASSPHRASE}")
    accounts.sign_in("Anna", PASSPHRASE)
    found = credentials.find("anna")
    assert found is not None
    assert found.passphrase_hash == f"new:{PASSPHRASE}"


def test_reusing_a_refresh_token_after_the_grace_period_ends_the_session(
    accounts: Accounts, world: World
) -> None:
    register(accounts)
    first = accounts.sign_in("Anna", PASSPHRASE)
    second = accounts.refresh(first.refresh_token)
    assert (second.member_id, second.session_id) == ("anna", first.session_id)
    world.clock.now += REPEAT_LIFE + timedelta(microseconds=1)
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(NotSignedIn):
            accounts.refresh(token)
    assert accounts.signed_in("anna", first.session_id) is None


def test_repeating_a_refresh_within_the_grace_period_returns_the_same_tokens(
    accounts: Accounts, world: World
) -> None:
    register(accounts)
    first = accounts.sign_in("Anna", PASSPHRASE)
    lost = accounts.refresh(first.refresh_token)
    world.clock.now += REPEAT_LIFE
    assert accounts.refresh(first.refresh_token) == lost
    assert accounts.refresh(lost.refresh_token).session_id == first.session_id


def test_repeating_a_refresh_twice_ends_the_session(accounts: Accounts) -> None:
    register(accounts)
    first = accounts.sign_in("Anna", PASSPHRASE)
    second = accounts.refresh(first.refresh_token)
    accounts.refresh(first.refresh_token)
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(NotSignedIn):
            accounts.refresh(token)


def test_reusing_a_refresh_token_after_its_successor_was_used_ends_the_session(
    accounts: Accounts,
) -> None:
    """The reply had arrived, so nobody but a thief has a reason to use the old one."""
    register(accounts)
    first = accounts.sign_in("Anna", PASSPHRASE)
    second = accounts.refresh(first.refresh_token)
    third = accounts.refresh(second.refresh_token)
    for token in (first.refresh_token, third.refresh_token):
        with pytest.raises(NotSignedIn):
            accounts.refresh(token)


def test_two_concurrent_refreshes_return_the_same_tokens(
    accounts: Accounts, credentials: MemoryCredentials
) -> None:
    register(accounts)
    token = accounts.sign_in("Anna", PASSPHRASE).refresh_token
    rotate, grants = credentials.rotate, []

    def slowly(session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        credentials.rotate = rotate  # type: ignore[method-assign]  # the other is not slow
        grants.append(accounts.refresh(token))
        return rotate(session_id, old_hash, new_hash, at)

    credentials.rotate = slowly  # type: ignore[method-assign]  # to let another go first
    grants.append(accounts.refresh(token))
    assert grants[0] == grants[1]
    accounts.refresh(grants[0].refresh_token)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda _: "nonsense",
        lambda token: token.partition(".")[0],
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: f"{token}.",
        lambda token: f"{token}\u00e9",
        lambda token: "x" + token,
    ],
)
def test_a_forged_refresh_token_is_refused_and_keeps_the_session(
    accounts: Accounts, change: Callable[[str], str]
) -> None:
    register(accounts)
    token = accounts.sign_in("Anna", PASSPHRASE).refresh_token
    with pytest.raises(NotSignedIn):
        accounts.refresh(change(token))
    accounts.refresh(token)


def test_refreshing_a_session_that_ends_meanwhile_is_refused(
    accounts: Accounts, credentials: MemoryCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(accounts)
    grant = accounts.sign_in("Anna", PASSPHRASE)

    def end_instead(session_id: str, *_: object) -> bool:
        credentials.end_session(session_id)
        return False

    monkeypatch.setattr(credentials, "rotate", end_instead)
    with pytest.raises(NotSignedIn):
        accounts.refresh(grant.refresh_token)
    assert accounts.signed_in("anna", grant.session_id) is None


def test_a_session_ends_when_it_expires_and_when_the_member_signs_out(
    accounts: Accounts, world: World
) -> None:
    register(accounts)
    old, left = (accounts.sign_in("Anna", PASSPHRASE) for _ in range(2))
    accounts.sign_out("anna", left.session_id)
    assert accounts.signed_in("anna", left.session_id) is None
    assert accounts.signed_in("anna", old.session_id) == world.executors.members.load("anna").state
    with pytest.raises(NotSignedIn):
        accounts.refresh(left.refresh_token)
    world.clock.now += SESSION_LIFE
    assert accounts.signed_in("anna", old.session_id)
    world.clock.now += DAY
    assert accounts.signed_in("anna", old.session_id) is None
    assert accounts.sessions("anna") == []
    with pytest.raises(NotSignedIn):
        accounts.refresh(old.refresh_token)


def test_members_list_and_end_their_own_sessions_only(accounts: Accounts, world: World) -> None:
    register(accounts)
    register(accounts, "Ben", "ben")
    first = accounts.sign_in("Anna", PASSPHRASE)
    world.clock.wind(days=1)
    second, others = (accounts.sign_in(name, PASSPHRASE) for name in ("Anna", "Ben"))
    ids = [session.session_id for session in accounts.sessions("anna")]
    assert ids == [second.session_id, first.session_id]
    for session_id in (others.session_id, "nobody's"):
        with refused("not-found"):
            accounts.sign_out("anna", session_id)
    accounts.sign_out_everywhere("anna")
    assert accounts.sessions("anna") == []
    assert accounts.signed_in("anna", first.session_id) is None
    assert accounts.signed_in("ben", others.session_id)


def test_a_new_session_beyond_the_limit_ends_the_oldest(accounts: Accounts, world: World) -> None:
    register(accounts)
    opened = []
    for _ in range(MOST_SESSIONS + 1):
        world.clock.wind(days=1)
        opened.append(accounts.sign_in("Anna", PASSPHRASE).session_id)
    assert [session.session_id for session in accounts.sessions("anna")] == opened[:0:-1]


def test_the_newest_of_many_sessions_of_one_day_is_kept(accounts: Accounts) -> None:
    register(accounts)
    for _ in range(MOST_SESSIONS + 5):
        newest = accounts.sign_in("Anna", PASSPHRASE)
        assert accounts.signed_in("anna", newest.session_id)
    assert len(accounts.sessions("anna")) == MOST_SESSIONS


def test_only_the_days_of_a_session_are_stored(
    accounts: Accounts, credentials: MemoryCredentials, world: World
) -> None:
    register(accounts)
    world.clock.wind(hours=3, seconds=7.5)
    opened = accounts.sign_in("Anna", PASSPHRASE)
    (stored,) = credentials.sessions_of("anna")
    today = day_of(world.clock())
    assert (stored.created_at, stored.refreshed_at) == (today, today)
    assert stored.expires_at == today + SESSION_LIFE + DAY
    accounts.refresh(opened.refresh_token)
    (refreshed,) = credentials.sessions_of("anna")
    assert refreshed.created_at == today
    assert day_of(refreshed.refreshed_at) == today


def test_the_time_of_a_refresh_is_readable_with_its_token_only() -> None:
    tokens, moment = RefreshTokens(bytes(32)), datetime(2026, 5, 17, 23, 59, 58, 7, UTC)
    hours: Counter[int] = Counter()
    for number in range(2400):
        hidden = tokens.hidden(f"token {number}", moment)
        assert day_of(hidden) == day_of(moment)
        assert tokens.revealed(f"token {number}", hidden) == moment.replace(microsecond=0)
        hours[hidden.hour] += 1
    assert 50 < min(hours[hour] for hour in range(24)) <= max(hours.values()) < 160


def test_changing_the_passphrase_ends_all_other_sessions(accounts: Accounts) -> None:
    register(accounts)
    old, current = (accounts.sign_in("Anna", PASSPHRASE) for _ in range(2))
    accounts.change_passphrase("anna", current.session_id, PASSPHRASE, ANOTHER)
    assert accounts.signed_in("anna", old.session_id) is None
    assert accounts.signed_in("anna", current.session_id)
    with pytest.raises(NotSignedIn):
        accounts.sign_in("Anna", PASSPHRASE)
    accounts.sign_in("Anna", ANOTHER)


def test_the_reasons_for_suspensions_are_erased_with_the_member(
    accounts: Accounts, world: World
) -> None:
    register(accounts)
    mo = world.member("Mo", Role.MODERATOR)
    suspend = SuspendMember(reason="Adverts.", by=mo, at=world.clock())
    world.executors.members.execute("anna", suspend, CommandContext())
    assert world.vault.key("suspension/anna/1")
    accounts.erase(ANNA, PASSPHRASE, CommandContext())
    assert world.vault.key("suspension/anna/1") is None


def test_changing_the_passphrase_and_erasing_need_the_present_passphrase(
    accounts: Accounts,
) -> None:
    register(accounts)
    grant = accounts.sign_in("Anna", PASSPHRASE)
    with refused("wrong-passphrase"):
        accounts.change_passphrase("anna", grant.session_id, ANOTHER, ANOTHER)
    with refused("wrong-passphrase"):
        accounts.erase(ANNA, ANOTHER, CommandContext())
    assert accounts.signed_in("anna", grant.session_id)
    accounts.sign_in("Anna", PASSPHRASE)


def test_the_passphrase_of_another_member_with_the_same_pseudonym_is_refused(
    accounts: Accounts, world: World
) -> None:
    """A registration may have come so late that its claim on the pseudonym was given up."""
    world.member("Anna")
    register(accounts, "Anna", "another")
    with refused("wrong-passphrase"):
        accounts.erase(Actor(member_id=MemberId("member-Anna")), PASSPHRASE, CommandContext())


def test_of_two_concurrent_changes_of_the_passphrase_one_fails_with_contention(
    accounts: Accounts, credentials: MemoryCredentials
) -> None:
    register(accounts)
    grant = accounts.sign_in("Anna", PASSPHRASE)
    change = credentials.replace_hash

    def slowly(member_id: str, old_hash: str, new_hash: str) -> bool:
        credentials.replace_hash = change  # type: ignore[method-assign]  # the other is not slow
        accounts.change_passphrase("anna", grant.session_id, PASSPHRASE, ANOTHER)
        return change(member_id, old_hash, new_hash)

    credentials.replace_hash = slowly  # type: ignore[method-assign]  # to let another go first
    with pytest.raises(TooMuchContention):
        accounts.change_passphrase("anna", grant.session_id, PASSPHRASE, "the loser's words")
    accounts.sign_in("Anna", ANOTHER)


@pytest.mark.parametrize("leaves", [False, True])
def test_signing_in_while_the_passphrase_changes_or_the_member_is_erased_is_refused(
    accounts: Accounts, credentials: MemoryCredentials, *, leaves: bool
) -> None:
    register(accounts)
    grant = accounts.sign_in("Anna", PASSPHRASE)
    open_session = credentials.open_session

    def slowly(session: Session) -> None:
        if leaves:
            accounts.erase(ANNA, PASSPHRASE, CommandContext())
        else:
            accounts.change_passphrase("anna", grant.session_id, PASSPHRASE, ANOTHER)
        open_session(session)

    credentials.open_session = slowly  # type: ignore[method-assign]  # to let another go first
    with pytest.raises(NotSignedIn):
        accounts.sign_in("Anna", PASSPHRASE)
    assert len(accounts.sessions("anna")) == (not leaves)


def test_erasing_a_member_destroys_their_key_and_credentials(
    accounts: Accounts, world: World, credentials: MemoryCredentials
) -> None:
    register(accounts)
    session = accounts.sign_in("Anna", PASSPHRASE)
    accounts.erase(ANNA, PASSPHRASE, CommandContext())
    assert world.vault.key("anna") is None
    assert credentials.find("anna") is None
    with pytest.raises(NotSignedIn):
        accounts.refresh(session.refresh_token)
    accounts.forget("anna")


def test_forgetting_a_member_without_an_erasure_in_the_log_keeps_key_and_credentials(
    accounts: Accounts, world: World, credentials: MemoryCredentials
) -> None:
    register(accounts)
    accounts.forget("anna")
    assert world.vault.key("anna")
    assert accounts.sign_in("Anna", PASSPHRASE).member_id == "anna"


def test_an_erased_member_with_a_remaining_credential_cannot_sign_in(
    accounts: Accounts, world: World, credentials: MemoryCredentials
) -> None:
    register(accounts)
    kept = credentials.find("anna")
    accounts.erase(ANNA, PASSPHRASE, CommandContext())
    assert kept is not None
    credentials.claim(replace(kept, created_at=world.clock()), {"anna"})
    with pytest.raises(NotSignedIn):
        accounts.sign_in("Anna", PASSPHRASE)


def test_handles_ignore_case_and_compatibility_forms() -> None:
    assert handle_of(" \uff33traße ") == handle_of("STRASSE")
