"""Turn a new commit into a stored one: version, hash chain and seal. All stores use it."""

from application.engine.log_seals import LogSeals, chained
from application.ports.event_store import NewCommit, StoredCommit


def sealed(log: str, commit: NewCommit, seals: LogSeals, position: int = 0) -> StoredCommit:
    """Return the commit as stored after its head.

    Raises ValueError for an empty commit, for one that is not stamped after the head, and for a
    stream with an ``@`` in its name.
    """
    if "@" in commit.stream:
        raise ValueError(f"not a valid name of a stream: {commit.stream}")
    if commit.size < 1:
        raise ValueError(f"a commit needs at least one event: {commit.stream}")
    if commit.stamp <= commit.head.stamp:
        raise ValueError(f"the stamps of a stream must grow: {commit.stream}")
    stored = StoredCommit(
        stream=commit.stream,
        first=commit.head.version + 1,
        size=commit.size,
        stamp=commit.stamp,
        command_id=commit.command_id,
        body=commit.body,
        hash=chained(commit.head, commit.stream, commit.body),
        position=position,
    )
    stored.seal = seals.of_commit(log, stored)
    return stored
