"""What all Credentials promise."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path

import pytest
from pymongo.database import Database

from adapters.credentials.memory import MemoryCredentials
from adapters.credentials.mongo import MongoCredentials
from adapters.credentials.sqlite import SqliteCredentials
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


def session(session_id: str, member_id: str = "m1", expires_at: datetime = NOW) -> Session:
    return Session(
        session_id=session_id, member_id=member_id, token_hash="token 1", expires_at=expires_at
    )


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


class CredentialsContract:
    def test_a_claimed_pseudonym_is_found(self, credentials: Open) -> None:
        credentials().claim(ANN)
        assert credentials().find("ann") == ANN
        assert credentials().find("bob") is None

    def test_nobody_else_gets_a_pseudonym_that_is_taken(self, credentials: Open) -> None:
        credentials().claim(ANN)
        with pytest.raises(PseudonymTaken):
            credentials().claim(POSER)
        assert credentials().find("ann") == ANN

    def test_claiming_again_for_the_same_member_changes_nothing(self, credentials: Open) -> None:
        credentials().claim(ANN)
        credentials().claim(
            replace(ANN, passphrase_hash="other", created_at=NOW.replace(year=2027))
        )
        assert credentials().find("ann") == ANN

    def test_of_many_that_claim_a_pseudonym_at_once_exactly_one_gets_it(
        self, credentials: Open
    ) -> None:
        users = [credentials() for _ in range(6)]
        claims = [replace(ANN, member_id=f"member {number}") for number in range(6)]
        outcomes = race(6, lambda it: users[it].claim(claims[it]))
        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, PseudonymTaken) for outcome in outcomes) == 5
        assert credentials().find("ann") == claims[outcomes.index(None)]

    def test_a_released_pseudonym_can_be_claimed_by_another(self, credentials: Open) -> None:
        credentials().claim(ANN)
        credentials().release("ann", "m1")
        assert credentials().find("ann") is None
        credentials().claim(POSER)
        assert credentials().find("ann") == POSER

    def test_nobody_releases_the_pseudonym_of_another(self, credentials: Open) -> None:
        credentials().claim(ANN)
        credentials().release("ann", "m3")
        credentials().release("bob", "m3")
        assert credentials().find("ann") == ANN

    def test_a_hash_is_replaced_for_one_member_only(self, credentials: Open) -> None:
        credentials().claim(ANN)
        credentials().claim(BOB)
        credentials().replace_hash("m1", "stronger")
        credentials().replace_hash("nobody", "stronger")
        assert credentials().find("ann") == replace(ANN, passphrase_hash="stronger")
        assert credentials().find("bob") == BOB

    def test_times_keep_their_microseconds_whatever_their_zone(self, credentials: Open) -> None:
        east = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
        credentials().claim(replace(ANN, created_at=east))
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

    def test_a_token_is_rotated_from_the_newest_one_only(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        assert credentials().rotate("s1", "token 1", "token 2") is True
        assert credentials().rotate("s1", "token 1", "token 3") is False
        assert credentials().rotate("s2", "token 1", "token 3") is False
        assert credentials().session("s1") == replace(session("s1"), token_hash="token 2")

    def test_of_many_that_rotate_at_once_exactly_one_does(self, credentials: Open) -> None:
        credentials().open_session(session("s1"))
        users = [credentials() for _ in range(6)]
        outcomes = race(6, lambda it: users[it].rotate("s1", "token 1", f"new {it}"))
        assert sorted(map(bool, outcomes)) == [False] * 5 + [True]
        winner = f"new {outcomes.index(True)}"
        assert credentials().session("s1") == replace(session("s1"), token_hash=winner)

    def test_a_forgotten_member_leaves_no_credential_and_no_session(
        self, credentials: Open
    ) -> None:
        for claim in (ANN, BOB):
            credentials().claim(claim)
        for name, member_id in (("s1", "m1"), ("s2", "m1"), ("s3", "m2")):
            credentials().open_session(session(name, member_id))
        credentials().forget("m1")
        credentials().forget("m1")
        assert credentials().find("ann") is None
        assert credentials().session("s1") is None
        assert credentials().session("s2") is None
        assert credentials().find("bob") == BOB
        assert credentials().session("s3") == session("s3", "m2")

    def test_sessions_whose_end_has_come_can_be_deleted(self, credentials: Open) -> None:
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
        credentials().claim(ann)
        credentials().claim(BOB)
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


class Nothing:
    def claim(self, credential: Credential) -> None: ...

    def release(self, handle: str, member_id: str) -> None: ...

    def find(self, handle: str) -> Credential | None:
        return None

    def replace_hash(self, member_id: str, passphrase_hash: str) -> None: ...

    def open_session(self, session: Session) -> None: ...

    def session(self, session_id: str) -> Session | None:
        return None

    def rotate(self, session_id: str, old_hash: str, new_hash: str) -> bool:
        return False

    def end_session(self, session_id: str) -> None: ...

    def forget(self, member_id: str) -> None: ...

    def delete_expired(self, now: datetime) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(CredentialsContract, credentials=Nothing)
