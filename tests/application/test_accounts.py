"""Accounts: registering, signing in and out, being forgotten."""

from dataclasses import replace

import pytest

from adapters.credentials.memory import MemoryCredentials
from application.commands.accounts import CLAIM_LIFE, SESSION_LIFE, Accounts, NotSignedIn, handle
from application.commands.executor import CommandMismatch, Context
from application.ports.credentials import Credential
from domain.ids import Actor, MemberId
from tests.world import World, refused

PASSPHRASE = "four plain words here"


class PlainPassphrases:
    """Keeps passphrases as they are, which is quick; ``weak`` hashes want to be made anew."""

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
        world.executors.members, credentials, PlainPassphrases(), world.vault, world.clock
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
    context = Context(command_id=f"register {member_id}", fingerprint=fingerprint, new=True)
    accounts.register(member_id, pseudonym, passphrase, interests, context)


def test_who_registered_signs_in(accounts: Accounts) -> None:
    register(accounts)
    assert accounts.sign_in("ANNA ", PASSPHRASE).member_id == "anna"


@pytest.mark.parametrize(("pseudonym", "passphrase"), [("Anna", "wrong"), ("Ben", PASSPHRASE)])
def test_nobody_else_does(accounts: Accounts, pseudonym: str, passphrase: str) -> None:
    register(accounts)
    with pytest.raises(NotSignedIn):
        accounts.sign_in(pseudonym, passphrase)


def test_a_repeated_registration_changes_nothing(accounts: Accounts, world: World) -> None:
    register(accounts)
    register(accounts)
    assert len(world.executors.members.events("anna")) == 1


def test_a_pseudonym_belongs_to_one_member(accounts: Accounts) -> None:
    register(accounts)
    with refused("pseudonym-taken"):
        register(accounts, "ANNA", "another")


def test_a_repeated_key_opens_nobody_elses_account(
    accounts: Accounts, credentials: MemoryCredentials
) -> None:
    register(accounts)
    with pytest.raises(CommandMismatch):
        register(accounts, "Impostor", "anna", passphrase="an impostor's own")
    assert credentials.find("impostor") is None


def test_a_repetition_with_another_passphrase_is_another_request(accounts: Accounts) -> None:
    register(accounts)
    with pytest.raises(CommandMismatch):
        register(accounts, passphrase="something else")
    accounts.sign_in("Anna", PASSPHRASE)


def test_a_repetition_with_other_interests_is_another_request_and_takes_nothing_away(
    accounts: Accounts,
) -> None:
    register(accounts)
    with pytest.raises(CommandMismatch):
        register(accounts, interests=("roads",))
    accounts.sign_in("Anna", PASSPHRASE)


def test_a_claim_lost_in_a_race_of_two_with_one_key_is_given_up(
    accounts: Accounts, credentials: MemoryCredentials, world: World
) -> None:
    claim = credentials.claim

    def slowly(credential: Credential) -> None:
        credentials.claim = claim  # type: ignore[method-assign]  # the other is not slow
        register(accounts, "Anna", "anna")
        claim(credential)

    credentials.claim = slowly  # type: ignore[method-assign]  # to let another go first
    with pytest.raises(CommandMismatch):
        register(accounts, "Impostor", "anna")
    assert credentials.find("impostor") is None
    assert world.executors.members.load("anna").state.pseudonym == "Anna"


def test_a_claim_whose_registration_died_is_given_up_after_a_while(
    accounts: Accounts, credentials: MemoryCredentials, world: World
) -> None:
    dead = Credential(
        handle="anna", member_id="dead", passphrase_hash="new:x", created_at=world.clock()
    )
    credentials.claim(dead)
    with refused("pseudonym-taken"):
        register(accounts)
    with pytest.raises(NotSignedIn):
        accounts.sign_in("Anna", "x")
    world.clock.now += CLAIM_LIFE
    register(accounts)
    assert accounts.sign_in("Anna", PASSPHRASE).member_id == "anna"


def test_a_weak_hash_is_made_anew_at_the_next_sign_in(
    accounts: Accounts, credentials: MemoryCredentials
) -> None:
    register(accounts)
    credentials.replace_hash("anna", f"weak:{PASSPHRASE}")
    accounts.sign_in("Anna", PASSPHRASE)
    found = credentials.find("anna")
    assert found is not None
    assert found.passphrase_hash == f"new:{PASSPHRASE}"


def test_a_refresh_token_is_good_once_and_reusing_it_ends_the_session(accounts: Accounts) -> None:
    register(accounts)
    first = accounts.sign_in("Anna", PASSPHRASE)
    second = accounts.refresh(first.refresh_token)
    assert (second.member_id, second.session_id) == ("anna", first.session_id)
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(NotSignedIn):
            accounts.refresh(token)


def test_of_two_who_use_a_refresh_token_at_once_neither_keeps_the_session(
    accounts: Accounts, credentials: MemoryCredentials
) -> None:
    register(accounts)
    token = accounts.sign_in("Anna", PASSPHRASE).refresh_token
    rotate, grants = credentials.rotate, []

    def slowly(session_id: str, old_hash: str, new_hash: str) -> bool:
        credentials.rotate = rotate  # type: ignore[method-assign]  # the other is not slow
        grants.append(accounts.refresh(token))
        return rotate(session_id, old_hash, new_hash)

    credentials.rotate = slowly  # type: ignore[method-assign]  # to let another go first
    with pytest.raises(NotSignedIn):
        accounts.refresh(token)
    with pytest.raises(NotSignedIn):
        accounts.refresh(grants[0].refresh_token)


def test_a_session_ends_by_itself_and_by_signing_out(accounts: Accounts, world: World) -> None:
    register(accounts)
    old, left = (accounts.sign_in("Anna", PASSPHRASE) for _ in range(2))
    accounts.sign_out(left.session_id)
    with pytest.raises(NotSignedIn):
        accounts.refresh(left.refresh_token)
    world.clock.now += SESSION_LIFE
    with pytest.raises(NotSignedIn):
        accounts.refresh(old.refresh_token)


def test_an_erased_member_is_forgotten(
    accounts: Accounts, world: World, credentials: MemoryCredentials
) -> None:
    register(accounts)
    session = accounts.sign_in("Anna", PASSPHRASE)
    accounts.erase(Actor(member_id=MemberId("anna")), Context())
    assert world.vault.key("anna") is None
    assert credentials.find("anna") is None
    with pytest.raises(NotSignedIn):
        accounts.refresh(session.refresh_token)
    accounts.forget("anna")


def test_an_erased_member_whose_credential_is_still_there_does_not_sign_in(
    accounts: Accounts, world: World, credentials: MemoryCredentials
) -> None:
    register(accounts)
    kept = credentials.find("anna")
    accounts.erase(Actor(member_id=MemberId("anna")), Context())
    assert kept is not None
    credentials.claim(replace(kept, created_at=world.clock()))
    with pytest.raises(NotSignedIn):
        accounts.sign_in("Anna", PASSPHRASE)


def test_pseudonyms_are_compared_without_case_and_by_meaning() -> None:
    assert handle(" \uff33traße ") == handle("STRASSE")
