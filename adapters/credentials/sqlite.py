"""Credentials and sessions in a SQLite file."""

import json
import sqlite3
from collections.abc import Sequence, Set
from datetime import UTC, datetime
from pathlib import Path

from adapters.sqlite import SqliteDatabase
from application.ports.credentials import Credential, PseudonymTaken, Session

# secure_delete overwrites deleted rows, so that the file keeps nothing of a deleted member. Without
# row ids, the file does not tell in which order members registered and signed in.
SCHEMA = """
PRAGMA secure_delete = ON;
PRAGMA foreign_keys = ON;
CREATE TABLE IF NOT EXISTS credentials (
    handle TEXT PRIMARY KEY, member_id TEXT NOT NULL, passphrase_hash TEXT NOT NULL,
    created_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS credentials_of_member ON credentials (member_id);
CREATE TABLE IF NOT EXISTS looks (
    look TEXT PRIMARY KEY, handle TEXT NOT NULL REFERENCES credentials ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS looks_of_handle ON looks (handle);
CREATE TABLE IF NOT EXISTS sessions (
    session_id TEXT PRIMARY KEY, member_id TEXT NOT NULL, token_hash TEXT NOT NULL,
    previous_hash TEXT NOT NULL, created_at TEXT NOT NULL, refreshed_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_of_member ON sessions (member_id);
CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (expires_at);
"""


class SqliteCredentials:
    """Credentials with their looks, and sessions, in tables; times as text in UTC."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)

    def claim(self, credential: Credential, looks: Set[str]) -> None:
        try:
            self._insert(credential, looks)
        except sqlite3.IntegrityError as error:
            held = self.find(credential.handle)
            if held is None or held.member_id != credential.member_id:
                raise PseudonymTaken from error

    def release(self, handle: str, member_id: str) -> None:
        self._database.write(
            "DELETE FROM credentials WHERE handle = ? AND member_id = ?", handle, member_id
        )

    def find(self, handle: str) -> Credential | None:
        row = self._database.row("SELECT * FROM credentials WHERE handle = ?", handle)
        return row and _credential(*row)

    def alike(self, looks: Set[str]) -> Sequence[Credential]:
        rows = self._database.rows(
            "SELECT * FROM credentials WHERE handle IN "
            "(SELECT handle FROM looks WHERE look IN (SELECT value FROM json_each(?)))",
            json.dumps(sorted(looks)),
        )
        return [_credential(*row) for row in rows]

    def credentials_of(self, member_id: str) -> Sequence[Credential]:
        rows = self._database.rows("SELECT * FROM credentials WHERE member_id = ?", member_id)
        return [_credential(*row) for row in rows]

    def replace_hash(self, member_id: str, old_hash: str, new_hash: str) -> bool:
        changed = self._database.write(
            "UPDATE credentials SET passphrase_hash = ? "
            "WHERE member_id = ? AND passphrase_hash = ?",
            new_hash,
            member_id,
            old_hash,
        )
        return changed == 1

    def open_session(self, session: Session) -> None:
        self._database.write(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
            session.session_id,
            session.member_id,
            session.token_hash,
            session.previous_hash,
            _text(session.created_at),
            _text(session.refreshed_at),
            _text(session.expires_at),
        )

    def session(self, session_id: str) -> Session | None:
        row = self._database.row("SELECT * FROM sessions WHERE session_id = ?", session_id)
        return row and _session(row)

    def sessions_of(self, member_id: str) -> Sequence[Session]:
        rows = self._database.rows(
            "SELECT * FROM sessions WHERE member_id = ? ORDER BY created_at DESC", member_id
        )
        return [_session(row) for row in rows]

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        changed = self._database.write(
            "UPDATE sessions SET token_hash = ?, previous_hash = token_hash, refreshed_at = ? "
            "WHERE session_id = ? AND token_hash = ?",
            new_hash,
            _text(at),
            session_id,
            old_hash,
        )
        return changed == 1

    def repeat(self, session_id: str, previous_hash: str, since: datetime) -> bool:
        changed = self._database.write(
            "UPDATE sessions SET previous_hash = '' "
            "WHERE session_id = ? AND previous_hash = ? AND refreshed_at >= ?",
            session_id,
            previous_hash,
            _text(since),
        )
        return changed == 1

    def end_session(self, session_id: str) -> None:
        self._database.write("DELETE FROM sessions WHERE session_id = ?", session_id)

    def end_sessions(self, member_id: str, but: str = "") -> None:
        self._database.write(
            "DELETE FROM sessions WHERE member_id = ? AND session_id <> ?", member_id, but
        )

    def forget(self, member_id: str) -> None:
        self._database.write("DELETE FROM sessions WHERE member_id = ?", member_id)
        self._database.write("DELETE FROM credentials WHERE member_id = ?", member_id)
        self._database.empty_log()

    def delete_expired(self, now: datetime) -> None:
        self._database.write("DELETE FROM sessions WHERE expires_at <= ?", _text(now))

    def close(self) -> None:
        self._database.close()

    def _insert(self, credential: Credential, looks: Set[str]) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO credentials VALUES (?, ?, ?, ?)",
                (
                    credential.handle,
                    credential.member_id,
                    credential.passphrase_hash,
                    _text(credential.created_at),
                ),
            )
            connection.executemany(
                "INSERT INTO looks VALUES (?, ?)", [(look, credential.handle) for look in looks]
            )


def _text(time: datetime) -> str:
    """Return the time as text that sorts in the order of times."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _credential(handle: str, member_id: str, passphrase_hash: str, created_at: str) -> Credential:
    return Credential(
        handle=handle,
        member_id=member_id,
        passphrase_hash=passphrase_hash,
        created_at=datetime.fromisoformat(created_at),
    )


def _session(row: Sequence[str]) -> Session:
    session_id, member_id, token_hash, previous_hash, *times = row
    created_at, refreshed_at, expires_at = map(datetime.fromisoformat, times)
    return Session(
        session_id=session_id,
        member_id=member_id,
        token_hash=token_hash,
        previous_hash=previous_hash,
        created_at=created_at,
        refreshed_at=refreshed_at,
        expires_at=expires_at,
    )
