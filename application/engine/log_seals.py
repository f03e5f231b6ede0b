"""Prove that a log is unchanged: hash chains, which anybody can recompute, and seals.

Each stream is a chain: ``hash = sha256(previous hash + body)``. The first previous hash is that of
the stream's name. The whole log is a chain, too, over the position and hash of each commit; its
newest value is the running hash. Somebody with access to the database could compute new chains, but
no seals, which need the instance's key (keyed BLAKE2b, RFC 7693). Each commit is sealed when it is
appended, and the head of the log every few seconds.
"""

from hashlib import blake2b, sha256
from hmac import compare_digest

from application.ports.event_store import Head, SealedHead, StoredCommit


def chained(head: Head, stream: str, body: bytes) -> bytes:
    """Return the hash of the commit that follows a stream's head."""
    before = head.hash if head.version else sha256(stream.encode()).digest()
    return sha256(before + body).digest()


def next_running_hash(running: bytes, commit: StoredCommit) -> bytes:
    """Return the running hash of a log after its next commit."""
    return sha256(running + commit.position.to_bytes(8) + commit.hash).digest()


class LogSeals:
    """Makes and checks the seals of one instance."""

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=32)

    def of_commit(self, log: str, commit: StoredCommit) -> bytes:
        """Return the seal of a commit. It does not cover the position, which is assigned later."""
        # The length shows where the stream's name ends: a command id may be any text.
        text = (
            f"commit {log} {commit.first} {commit.size} {commit.stamp} "
            f"{len(commit.stream)} {commit.stream}{commit.command_id} "
        )
        return self._seal(text, commit.hash)

    def is_genuine(self, log: str, commit: StoredCommit) -> bool:
        """Return whether the commit was sealed with the instance's key and is unchanged."""
        return compare_digest(self.of_commit(log, commit), commit.seal)

    def head(self, log: str, position: int, running: bytes) -> SealedHead:
        """Return the sealed head of a log with this running hash at that position."""
        return SealedHead(position, running, self._of_head(log, position, running))

    def start(self, log: str) -> SealedHead:
        """Return the sealed head of an empty log."""
        return self.head(log, 0, sha256(log.encode()).digest())

    def is_genuine_head(self, log: str, head: SealedHead) -> bool:
        """Return whether the head was sealed with the instance's key for this log."""
        return compare_digest(self._of_head(log, head.position, head.running), head.seal)

    def _of_head(self, log: str, position: int, running: bytes) -> bytes:
        return self._seal(f"head {log} {position} ", running)

    def _seal(self, text: str, hash_: bytes) -> bytes:
        # Copying is faster than hashing the key again, which is half of the work.
        seal = self._keyed.copy()
        seal.update(text.encode() + hash_)
        return seal.digest()
