"""Credentials and sessions in a SQLite file."""

from datetime import UTC, datetime
from pathlib import Path

from adapters.sqlite import SqliteDatabase
from application.ports.credentials import Credential, PseudonymTaken, Session

# What is deleted is overwritten, so that a forgotten member leaves nothing in the file.
SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS credentials (
    handle TEXT PRIMARY KEY, member_id TEXT NOT NULL, passphrase_hash TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS credentials_of_member ON credentials (member_id);
CREATE TABLE IF NOT EXISTS sessions (
    session_id TEXT PRIMARY KEY, member_id TEXT NOT NULL, token_hash TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_of_member ON sessions (member_id);
CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (expires_at);
"""


class SqliteCredentials:
    """Credentials and sessions in two tables, times as text in UTC."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)

    def claim(self, credential: Credential) -> None:
        self._database.write(
            "INSERT OR IGNORE INTO credentials VALUES (?, ?, ?, ?)",
            credential.handle,
            credential.member_id,
            credential.passphrase_hash,
            _text(credential.created_at),
        )
        held = self.find(credential.handle)
        if held is None or held.member_id != credential.member_id:
            raise PseudonymTaken

    def release(self, handle: str, member_id: str) -> None:
        self._database.write(
            "DELETE FROM credentials WHERE handle = ? AND member_id = ?", handle, member_id
        )

    def find(self, handle: str) -> Credential | None:
        row = self._database.row("SELECT * FROM credentials WHERE handle = ?", handle)
        return row and _credential(*row)

    def replace_hash(self, member_id: str, passphrase_hash: str) -> None:
        self._database.write(
            "UPDATE credentials SET passphrase_hash = ? WHERE member_id = ?",
            passphrase_hash,
            member_id,
        )

    def open_session(self, session: Session) -> None:
        self._database.write(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)",
            session.session_id,
            session.member_id,
            session.token_hash,
            _text(session.expires_at),
        )

    def session(self, session_id: str) -> Session | None:
        row = self._database.row("SELECT * FROM sessions WHERE session_id = ?", session_id)
        return row and _session(*row)

    def rotate(self, session_id: str, old_hash: str, new_hash: str) -> bool:
        changed = self._database.write(
            "UPDATE sessions SET token_hash = ? WHERE session_id = ? AND token_hash = ?",
            new_hash,
            session_id,
            old_hash,
        )
        return changed == 1

    def end_session(self, session_id: str) -> None:
        self._database.write("DELETE FROM sessions WHERE session_id = ?", session_id)

    def forget(self, member_id: str) -> None:
        self._database.write("DELETE FROM sessions WHERE member_id = ?", member_id)
        self._database.write("DELETE FROM credentials WHERE member_id = ?", member_id)
        self._database.empty_log()

    def delete_expired(self, now: datetime) -> None:
        self._database.write("DELETE FROM sessions WHERE expires_at <= ?", _text(now))

    def close(self) -> None:
        self._database.close()


def _text(time: datetime) -> str:
    """A time so written that the order of texts is that of times."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _credential(handle: str, member_id: str, passphrase_hash: str, created_at: str) -> Credential:
    return Credential(
        handle=handle,
        member_id=member_id,
        passphrase_hash=passphrase_hash,
        created_at=datetime.fromisoformat(created_at),
    )


def _session(session_id: str, member_id: str, token_hash: str, expires_at: str) -> Session:
    return Session(
        session_id=session_id,
        member_id=member_id,
        token_hash=token_hash,
        expires_at=datetime.fromisoformat(expires_at),
    )
