"""What a log proves: chains of hashes that anybody can recompute, and seals that nobody can forge.

Each stream is a chain: ``hash = sha256(hash before + body)``, begun with the hash of the stream's
name. So is the whole log, over the position and hash of each commit. Whoever can write to the
database could make new chains, but no seals: they are made with the instance's key (BLAKE2b, RFC
7693), one for each commit when it is appended, and one for the head of the log now and then.
"""

from hashlib import blake2b, sha256
from hmac import compare_digest

from application.ports.event_store import Head, SealedHead, StoredCommit


def chained(head: Head, stream: str, body: bytes) -> bytes:
    """The hash of the commit that follows a stream's head."""
    before = head.hash if head.version else sha256(stream.encode()).digest()
    return sha256(before + body).digest()


def followed(running: bytes, commit: StoredCommit) -> bytes:
    """The running hash of a log, moved over its next commit."""
    return sha256(running + commit.position.to_bytes(8) + commit.hash).digest()


class LogSeals:
    """Makes and checks the seals of one instance."""

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=32)

    def of_commit(self, log: str, commit: StoredCommit) -> bytes:
        """Vouches for all of a commit but its position, which it may not have yet."""
        # The length says where the name of the stream ends, for a command id may be any text.
        text = (
            f"commit {log} {commit.first} {commit.size} {commit.stamp} "
            f"{len(commit.stream)} {commit.stream}{commit.command_id} "
        )
        return self._seal(text, commit.hash)

    def vouches_for(self, log: str, commit: StoredCommit) -> bool:
        """Whether the commit was written with the instance's key, and is as it was then."""
        return compare_digest(self.of_commit(log, commit), commit.seal)

    def head(self, log: str, position: int, running: bytes) -> SealedHead:
        """The head of a log that has this running hash at that position."""
        return SealedHead(position, running, self._of_head(log, position, running))

    def start(self, log: str) -> SealedHead:
        """The head of a log that has no commit yet."""
        return self.head(log, 0, sha256(log.encode()).digest())

    def vouches_for_head(self, log: str, head: SealedHead) -> bool:
        """Whether the head was sealed with the instance's key, for this log."""
        return compare_digest(self._of_head(log, head.position, head.running), head.seal)

    def _of_head(self, log: str, position: int, running: bytes) -> bytes:
        return self._seal(f"head {log} {position} ", running)

    def _seal(self, text: str, hash_: bytes) -> bytes:
        # A copy spares going over the key again, which is half of the work.
        seal = self._keyed.copy()
        seal.update(text.encode() + hash_)
        return seal.digest()
