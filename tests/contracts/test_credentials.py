"""What all Credentials promise."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from bson import encode
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
DAY = datetime(2026, 5, 17, tzinfo=UTC)
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

    def test_times_keep_their_microseconds_in_any_time_zone(self, credentials: Open) -> None:
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

    def test_all_sessions_of_a_member_can_be_ended_with_or_without_one(
        self, credentials: Open
    ) -> None:
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

    def test_of_many_concurrent_rotations_exactly_one_succeeds(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        users = [credentials() for _ in range(6)]
        outcomes = race(6, lambda it: users[it].rotate("s1", "token 1", f"new {it}", LATER))
        assert sorted(map(bool, outcomes)) == [False] * 5 + [True]
        winner = f"new {outcomes.index(True)}"
        assert credentials().session("s1") == replace(ROTATED, token_hash=winner)

    def test_the_previous_token_can_be_repeated_once(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        assert credentials().repeat("s1", "token 1", LATER) is False
        credentials().rotate("s1", "token 1", "token 2", LATER)
        assert credentials().repeat("s1", "token 2", LATER) is False
        assert credentials().repeat("s2", "token 1", LATER) is False
        assert credentials().repeat("s1", "token 1", LATER) is True
        assert credentials().repeat("s1", "token 1", LATER) is False
        assert credentials().session("s1") == replace(ROTATED, previous_hash="")

    def test_the_previous_token_can_be_repeated_for_a_limited_time(self, credentials: Open) -> None:
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

    def test_of_many_concurrent_repeats_exactly_one_succeeds(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        credentials().rotate("s1", "token 1", "token 2", LATER)
        users = [credentials() for _ in range(6)]
        outcomes = race(6, lambda it: users[it].repeat("s1", "token 1", LATER))
        assert sorted(map(bool, outcomes)) == [False] * 5 + [True]

    def test_of_many_concurrent_refreshes_one_rotates_and_one_repeats(
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

    def test_no_byte_of_a_forgotten_member_stays_on_disk(
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


class Sealed:
    """Sealed credentials, and the file in which they are stored."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.vault = folder, MemoryKeyVault()
        self._stored = [SqliteCredentials(folder / "credentials.sqlite")]
        self.credentials = self._opened(self._stored[0])

    def _opened(self, stored: SqliteCredentials) -> SealedCredentials:
        return SealedCredentials(stored, self.vault, bytes(32))

    def old_copy(self) -> SealedCredentials:
        """Open a copy of what is stored now, with the same keys."""
        copy = copytree(self.folder, self.folder.with_name("copy"))
        self._stored.append(SqliteCredentials(copy / "credentials.sqlite"))
        return self._opened(self._stored[-1])

    def on_disk(self) -> bytes:
        return on_disk(self.folder)

    def close(self) -> None:
        for stored in self._stored:
            stored.close()


MEMBER = replace(
    ANN, handle="the handle", member_id="the member", passphrase_hash="hash of the passphrase"
)
NAMESPACES = ("ns", "o.applyOps.ns")
MARKS = [b"the handle", b"the look", b"the member", b"hash of the passphrase", b"2026-05-17T12:"]


class TestOfSealedCredentials:
    """What a thief of the store learns, even with the keys of the instance."""

    @pytest.fixture
    def sealed(self, tmp_path: Path) -> Iterator[Sealed]:
        (tmp_path / "stored").mkdir()
        sealed = Sealed(tmp_path / "stored")
        sealed.credentials.claim(MEMBER, {"the look"})
        sealed.credentials.open_session(
            session("s1", MEMBER.member_id, created_at=DAY, refreshed_at=DAY, expires_at=DAY)
        )
        yield sealed
        sealed.close()

    def test_no_data_of_a_member_is_stored_in_plain_text(self, sealed: Sealed) -> None:
        assert [mark for mark in MARKS if mark in sealed.on_disk()] == []
        assert sealed.credentials.find("the handle") == MEMBER
        found = sealed.credentials.session("s1")
        assert found is not None
        assert found.member_id == "the member"

    def test_an_old_copy_reveals_remaining_members_only(self, sealed: Sealed) -> None:
        sealed.credentials.claim(BOB, BOBS)
        copy = sealed.old_copy()
        assert copy.find("the handle") == MEMBER
        sealed.credentials.forget("the member")
        assert copy.find("the handle") is None
        assert copy.alike({"the look"} | BOBS) == [BOB]
        assert copy.credentials_of("the member") == []
        assert copy.session("s1") is None
        assert copy.sessions_of("the member") == []
        assert copy.replace_hash("the member", "hash of the passphrase", "new") is False

    def test_opening_a_session_or_claiming_for_a_forgotten_member_has_no_effect(
        self, sealed: Sealed
    ) -> None:
        """A sign-in may have begun before."""
        sealed.credentials.forget("the member")
        sealed.credentials.open_session(session("s2", "the member"))
        assert sealed.credentials.session("s2") is None
        sealed.credentials.end_sessions("the member")
        sealed.credentials.release("the handle", "the member")
        with pytest.raises(PseudonymTaken):
            sealed.credentials.claim(MEMBER, {"the look"})

    @pytest.mark.parametrize("calls", range(2))
    def test_forgetting_a_member_again_completes_a_killed_attempt(
        self, sealed: Sealed, calls: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        copy = sealed.old_copy()
        destroy, left = sealed.vault.destroy, [calls]

        def destroy_and_die(subject: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            destroy(subject)

        with monkeypatch.context() as patch:
            patch.setattr(sealed.vault, "destroy", destroy_and_die)
            with pytest.raises(KeyboardInterrupt):
                sealed.credentials.forget("the member")
        sealed.credentials.forget("the member")
        assert copy.find("the handle") is None
        assert copy.credentials_of("the member") == []
        assert sealed.credentials.find("the handle") is None


def test_the_oplog_of_mongodb_holds_no_plain_data_of_a_member(
    mongo_database: Database[Document],
) -> None:
    """It holds every write until it is full, whatever was deleted since."""
    stored = MongoCredentials(mongo_database)
    sealed = SealedCredentials(stored, MemoryKeyVault(), bytes(32))
    sealed.claim(MEMBER, {"the look"})
    sealed.open_session(session("s1", "the member", created_at=DAY, refreshed_at=DAY))
    sealed.replace_hash("the member", MEMBER.passphrase_hash, "hash of the passphrase, again")
    sealed.forget("the member")
    assert [mark for mark in MARKS if mark in oplog_of(mongo_database)] == []
    stored.claim(MEMBER, {"the look"})
    stored.forget("the member")
    assert [mark for mark in MARKS[:4] if mark in oplog_of(mongo_database)] == MARKS[:4]


def oplog_of(database: Database[Document]) -> bytes:
    """All entries of the oplog that are about this database."""
    wanted = {"$or": [{field: {"$regex": f"^{database.name}\\."}} for field in NAMESPACES]}
    return b"".join(map(encode, database.client["local"]["oplog.rs"].find(wanted)))


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
