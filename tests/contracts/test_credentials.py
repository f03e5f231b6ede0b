"""What all Credentials promise."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from adapters.credentials.memory import MemoryCredentials
from adapters.credentials.mongo import MongoCredentials
from adapters.credentials.sealed import SealedCredentials
from adapters.credentials.sqlite import SqliteCredentials
from adapters.key_vault.memory import MemoryKeyVault
from adapters.mongo import Document
from application.ports.credentials import Credential, Credentials, PseudonymTaken, Session
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

# One more user of the same credentials.
Open = Callable[[], Credentials]

NOW = datetime(2026, 5, 17, 12, 30, 15, 123457, tzinfo=UTC)
ANN = Credential(handle="ann", member_id="m1", passphrase_hash="hash 1", created_at=NOW)
BOB = Credential(handle="bob", member_id="m2", passphrase_hash="hash 2", created_at=NOW)
POSER = replace(ANN, member_id="m3", passphrase_hash="hash 3")
ANNS, BOBS = {"ann", "Ann"}, {"bob", "8ob"}


def session(session_id: str, member_id: str = "m1", **other: Any) -> Session:
    opened = Session(
        session_id=session_id,
        member_id=member_id,
        token_hash="token 1",
        created_at=NOW,
        refreshed_at=NOW,
        expires_at=NOW,
    )
    return replace(opened, **other)


LATER = NOW + timedelta(minutes=14)
ROTATED = replace(session("s1"), token_hash="token 2", previous_hash="token 1", refreshed_at=LATER)


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


class CredentialsContract:
    def test_a_claimed_pseudonym_is_found(self, credentials: Open) -> None:
        credentials().claim(ANN, ANNS)
        assert credentials().find("ann") == ANN
        assert credentials().find("bob") is None

    def test_another_member_cannot_claim_a_taken_pseudonym(self, credentials: Open) -> None:
        credentials().claim(ANN, ANNS)
        with pytest.raises(PseudonymTaken):
            credentials().claim(POSER, ANNS)
        assert credentials().find("ann") == ANN

    def test_claiming_again_for_the_same_member_changes_nothing(self, credentials: Open) -> None:
        credentials().claim(ANN, ANNS)
        credentials().claim(
            replace(ANN, passphrase_hash="other", created_at=NOW.replace(year=2027)), ANNS
        )
        assert credentials().find("ann") == ANN

    def test_of_many_that_claim_a_pseudonym_at_once_exactly_one_gets_it(
        self, credentials: Open
    ) -> None:
        users = [credentials() for _ in range(6)]
        claims = [replace(ANN, member_id=f"member {number}") for number in range(6)]
        outcomes = race(6, lambda it: users[it].claim(claims[it], ANNS))
        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, PseudonymTaken) for outcome in outcomes) == 5
        assert credentials().find("ann") == claims[outcomes.index(None)]

    def test_a_released_pseudonym_can_be_claimed_by_another(self, credentials: Open) -> None:
        credentials().claim(ANN, ANNS)
        credentials().release("ann", "m1")
        assert credentials().find("ann") is None
        credentials().claim(POSER, ANNS)
        assert credentials().find("ann") == POSER

    def test_a_member_cannot_release_the_pseudonym_of_another(self, credentials: Open) -> None:
        credentials().claim(ANN, ANNS)
        credentials().release("ann", "m3")
        credentials().release("bob", "m3")
        assert credentials().find("ann") == ANN

    def test_a_pseudonym_that_looks_like_a_taken_one_cannot_be_claimed(
        self, credentials: Open
    ) -> None:
        credentials().claim(ANN, ANNS)
        with pytest.raises(PseudonymTaken):
            credentials().claim(replace(POSER, handle="4nn"), {"Ann", "4nn"})
        assert credentials().find("4nn") is None
        credentials().claim(replace(POSER, handle="4nn"), {"4nn"})

    def test_of_concurrent_claims_that_look_alike_exactly_one_succeeds(
        self, credentials: Open
    ) -> None:
        users = [credentials() for _ in range(6)]
        claims = [replace(ANN, member_id=f"m{it}", handle=f"ann {it}") for it in range(6)]
        outcomes = race(6, lambda it: users[it].claim(claims[it], {"like ann", f"ann {it}"}))
        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, PseudonymTaken) for outcome in outcomes) == 5
        assert list(credentials().alike({"like ann"})) == [claims[outcomes.index(None)]]

    def test_pseudonyms_that_look_alike_are_found_while_they_are_claimed(
        self, credentials: Open
    ) -> None:
        credentials().claim(ANN, ANNS)
        credentials().claim(BOB, BOBS)
        assert list(credentials().alike({"Ann", "ann", "nobody"})) == [ANN]
        assert list(credentials().alike({"nobody"})) == []
        credentials().release("ann", "m1")
        credentials().forget("m2")
        assert list(credentials().alike(ANNS | BOBS)) == []
        credentials().claim(POSER, ANNS | BOBS)

    def test_a_member_has_all_of_their_own_credentials(self, credentials: Open) -> None:
        second = replace(ANN, handle="anna", passphrase_hash="hash 4")
        credentials().claim(ANN, ANNS)
        credentials().claim(second, {"anna"})
        credentials().claim(BOB, BOBS)
        found = credentials().credentials_of("m1")
        assert sorted(found, key=lambda each: each.handle) == [ANN, second]
        assert list(credentials().credentials_of("nobody")) == []
        assert credentials().replace_hash("m1", "hash 4", "stronger") is True
        assert credentials().find("anna") == replace(second, passphrase_hash="stronger")
        assert credentials().find("ann") == ANN

    def test_a_hash_is_replaced_for_one_member_only(self, credentials: Open) -> None:
        credentials().claim(ANN, ANNS)
        credentials().claim(BOB, BOBS)
        assert credentials().replace_hash("m1", "hash 1", "stronger") is True
        assert credentials().replace_hash("m1", "hash 1", "too late") is False
        assert credentials().replace_hash("nobody", "hash 1", "stronger") is False
        assert credentials().find("ann") == replace(ANN, passphrase_hash="stronger")
        assert credentials().find("bob") == BOB

    def test_times_keep_their_microseconds_whatever_their_zone(self, credentials: Open) -> None:
        east = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
        credentials().claim(replace(ANN, created_at=east), ANNS)
        credentials().open_session(session("s1", expires_at=east))
        claimed, opened = credentials().find("ann"), credentials().session("s1")
        assert claimed is not None
        assert opened is not None
        assert claimed.created_at == opened.expires_at == NOW

    def test_an_opened_session_is_found_until_it_ends(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        credentials().open_session(session("s2"))
        assert credentials().session("s1") == session("s1")
        credentials().end_session("s1")
        credentials().end_session("nobody's")
        assert credentials().session("s1") is None
        assert credentials().session("s2") == session("s2")

    def test_a_member_has_their_own_sessions_newest_first(self, credentials: Open) -> None:
        own = [session(f"s{day}", created_at=NOW.replace(day=day)) for day in (3, 2, 1)]
        for each in (own[1], own[0], own[2], session("other", "m2")):
            credentials().open_session(each)
        assert list(credentials().sessions_of("m1")) == own
        assert list(credentials().sessions_of("nobody")) == []

    def test_a_members_sessions_end_together_or_all_but_one(self, credentials: Open) -> None:
        for name, member_id in (("s1", "m1"), ("s2", "m1"), ("s3", "m1"), ("s4", "m2")):
            credentials().open_session(session(name, member_id))
        credentials().end_sessions("m1", but="s2")
        assert list(credentials().sessions_of("m1")) == [session("s2")]
        credentials().end_sessions("m1")
        assert list(credentials().sessions_of("m1")) == []
        assert credentials().session("s4") == session("s4", "m2")

    def test_a_token_is_rotated_from_the_newest_one_only(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        assert credentials().rotate("s1", "token 1", "token 2", LATER) is True
        assert credentials().rotate("s1", "token 1", "token 3", LATER) is False
        assert credentials().rotate("s2", "token 1", "token 3", LATER) is False
        assert credentials().session("s1") == ROTATED

    def test_of_many_that_rotate_at_once_exactly_one_does(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        users = [credentials() for _ in range(6)]
        outcomes = race(6, lambda it: users[it].rotate("s1", "token 1", f"new {it}", LATER))
        assert sorted(map(bool, outcomes)) == [False] * 5 + [True]
        winner = f"new {outcomes.index(True)}"
        assert credentials().session("s1") == replace(ROTATED, token_hash=winner)

    def test_the_token_before_the_newest_is_good_once_more(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        assert credentials().repeat("s1", "token 1", LATER) is False
        credentials().rotate("s1", "token 1", "token 2", LATER)
        assert credentials().repeat("s1", "token 2", LATER) is False
        assert credentials().repeat("s2", "token 1", LATER) is False
        assert credentials().repeat("s1", "token 1", LATER) is True
        assert credentials().repeat("s1", "token 1", LATER) is False
        assert credentials().session("s1") == replace(ROTATED, previous_hash="")

    def test_the_token_before_the_newest_is_good_no_longer_than_is_asked_for(
        self, credentials: Open
    ) -> None:
        credentials().open_session(session("s1"))
        credentials().rotate("s1", "token 1", "token 2", LATER)
        assert credentials().repeat("s1", "token 1", LATER + timedelta(microseconds=1)) is False
        assert credentials().session("s1") == ROTATED

    def test_tokens_older_than_the_previous_one_are_invalid(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        credentials().rotate("s1", "token 1", "token 2", LATER)
        credentials().rotate("s1", "token 2", "token 3", LATER)
        assert credentials().repeat("s1", "token 1", LATER) is False
        assert credentials().repeat("s1", "token 2", LATER) is True

    def test_of_many_that_repeat_at_once_exactly_one_does(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        credentials().rotate("s1", "token 1", "token 2", LATER)
        users = [credentials() for _ in range(6)]
        outcomes = race(6, lambda it: users[it].repeat("s1", "token 1", LATER))
        assert sorted(map(bool, outcomes)) == [False] * 5 + [True]

    def test_of_many_that_refresh_at_once_one_rotates_and_one_repeats(
        self, credentials: Open
    ) -> None:
        credentials().open_session(session("s1"))
        users = [credentials() for _ in range(6)]

        def refresh(it: int) -> str:
            if users[it].rotate("s1", "token 1", "token 2", LATER):
                return "rotated"
            return "repeated" if users[it].repeat("s1", "token 1", LATER) else "refused"

        assert sorted(map(str, race(6, refresh))) == ["refused"] * 4 + ["repeated", "rotated"]
        assert credentials().session("s1") == replace(ROTATED, previous_hash="")

    def test_a_forgotten_member_leaves_no_credential_and_no_session(
        self, credentials: Open
    ) -> None:
        credentials().claim(ANN, ANNS)
        credentials().claim(BOB, BOBS)
        for name, member_id in (("s1", "m1"), ("s2", "m1"), ("s3", "m2")):
            credentials().open_session(session(name, member_id))
        credentials().forget("m1")
        credentials().forget("m1")
        assert credentials().find("ann") is None
        assert credentials().session("s1") is None
        assert credentials().session("s2") is None
        assert credentials().find("bob") == BOB
        assert credentials().session("s3") == session("s3", "m2")

    def test_expired_sessions_can_be_deleted(self, credentials: Open) -> None:
        instant = timedelta(microseconds=1)
        credentials().open_session(session("over", expires_at=NOW))
        credentials().open_session(session("running", expires_at=NOW + instant))
        credentials().delete_expired(NOW)
        assert credentials().session("over") is None
        assert credentials().session("running") == session("running", expires_at=NOW + instant)


class TestMemoryCredentials(CredentialsContract):
    @pytest.fixture
    def credentials(self) -> Open:
        only = MemoryCredentials()
        return lambda: only


class TestSqliteCredentials(CredentialsContract):
    @pytest.fixture
    def credentials(self, tmp_path: Path) -> Iterator[Open]:
        users = [SqliteCredentials(tmp_path / "keys.sqlite") for _ in range(2)]
        turns = cycle(users)
        yield lambda: next(turns)
        for user in users:
            user.close()

    def test_of_a_forgotten_member_no_byte_stays_on_disk(
        self, credentials: Open, tmp_path: Path
    ) -> None:
        ann = replace(ANN, handle="handle of ann", passphrase_hash="hash of ann")
        credentials().claim(ann, {"look of ann"})
        credentials().claim(BOB, BOBS)
        credentials().open_session(replace(session("session of ann"), token_hash="token of ann"))
        assert b"of ann" in on_disk(tmp_path)
        credentials().forget(ann.member_id)
        assert b"of ann" not in on_disk(tmp_path)
        assert b"bob" in on_disk(tmp_path)


class TestMongoCredentials(CredentialsContract):
    @pytest.fixture
    def credentials(self, mongo_database: Database[Document]) -> Open:
        users = cycle([MongoCredentials(mongo_database) for _ in range(2)])
        return lambda: next(users)


def sealed(credentials: Open) -> Open:
    """The same credentials, with what their store would tell replaced."""
    vault = MemoryKeyVault()
    return lambda: SealedCredentials(credentials(), vault, bytes(32))


class TestSealedMemoryCredentials(TestMemoryCredentials):
    @pytest.fixture
    def credentials(self) -> Open:
        only = MemoryCredentials()
        return sealed(lambda: only)


class TestSealedSqliteCredentials(CredentialsContract):
    @pytest.fixture
    def stored(self, tmp_path: Path) -> Iterator[SqliteCredentials]:
        stored = SqliteCredentials(tmp_path / "credentials.sqlite")
        yield stored
        stored.close()

    @pytest.fixture
    def credentials(self, stored: SqliteCredentials) -> Open:
        return sealed(lambda: stored)


class TestSealedMongoCredentials(CredentialsContract):
    @pytest.fixture
    def credentials(self, mongo_database: Database[Document]) -> Open:
        users = cycle([MongoCredentials(mongo_database) for _ in range(2)])
        return sealed(lambda: next(users))


class Nothing:
    def claim(self, credential: Credential, looks: Set[str]) -> None: ...

    def release(self, handle: str, member_id: str) -> None: ...

    def find(self, handle: str) -> Credential | None:
        return None

    def alike(self, looks: Set[str]) -> Sequence[Credential]:
        return []

    def credentials_of(self, member_id: str) -> Sequence[Credential]:
        return []

    def replace_hash(self, member_id: str, old_hash: str, new_hash: str) -> bool:
        return False

    def open_session(self, session: Session) -> None: ...

    def session(self, session_id: str) -> Session | None:
        return None

    def sessions_of(self, member_id: str) -> Sequence[Session]:
        return []

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        return False

    def repeat(self, session_id: str, previous_hash: str, since: datetime) -> bool:
        return False

    def end_session(self, session_id: str) -> None: ...

    def end_sessions(self, member_id: str, but: str = "") -> None: ...

    def forget(self, member_id: str) -> None: ...

    def delete_expired(self, now: datetime) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(CredentialsContract, credentials=Nothing)
