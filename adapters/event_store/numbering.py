"""Assign positions to the commits of a log in MongoDB, apart from the appends.

This takes two steps without a transaction, each of which can be repeated. A process killed inside a
transaction would lock the log for a minute, until the server ends the transaction.

1. Plan. One compare-and-set on the log's counter moves ``last`` and stores, in the same document,
   the positions of the next commits. This assigns them for good. Of two processes that plan
   concurrently one succeeds; the other begins again.
2. Write. The positions of the plan are written into the commits. A process that finds a plan that
   may be half written, because its author was killed, writes it again before it makes another.

Commits are numbered in the order of their stamps. Within a stream that is the order of the
versions: a head comes from a majority read or a confirmed append, so a visible commit is visible
together with all earlier ones of its stream, which have smaller stamps. A plan is read from one
snapshot. Without it, a server that pauses during a long search would continue with newer data, and
could miss an earlier version. A commit that becomes visible late gets a later position, even if its
stamp is smaller than that of a numbered commit of another stream.

Causal consistency keeps a round from reading an older state than the round before it left, even
after a change of primary. Otherwise a commit could be read as it was before it was numbered.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from threading import Lock

from pymongo import ASCENDING, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

from adapters.mongo import Document

LARGEST_PLAN = 1000

_COUNTERS = "log_counters"
_PAUSE_SECONDS = 0.003
_MOST_PAUSES = 1000

_START: Document = {"last": 0, "plan": []}

Plan = list[Document]
"""Entries with the ``_id`` of a commit and the ``position`` of its last event, in log order."""


class Numbering:
    """The positions of one log. Methods raise the driver's errors."""

    def __init__(self, log: str, commits: Collection[Document]) -> None:
        self._log = log
        self._commits = commits
        self._counters = commits.database.get_collection(
            _COUNTERS, write_concern=commits.write_concern, read_concern=commits.read_concern
        )
        self._at_one_moment = commits.with_options(read_concern=ReadConcern("snapshot"))
        self._one_at_a_time = Lock()
        self._seen: ClientSession | None = None
        self.last_seen = 0
        """A position that is assigned and written. The log may have grown since."""
        self._certain = False
        """Whether no other process moved the counter since, as far as this object knows."""
        self._counters.update_one({"_id": log}, {"$setOnInsert": _START}, upsert=True)

    def last(self) -> int:
        """Return the last assigned position."""
        counter = self._counters.find_one({"_id": self._log}, {"last": 1})
        return counter["last"] if counter else 0

    def number(self, most: int) -> None:
        """Number the oldest commits: ``most`` or some more, if there are as many.

        Commits appended meanwhile are left to the next call, which lets this one end even if
        appends never pause.
        """
        numbered = pauses = 0
        more = True
        with self._one_at_a_time, self._session() as session:
            while more and numbered < most and pauses < _MOST_PAUSES:
                self._finish_last_plan(session)
                plan = self._plan(session)
                if not plan or self._decide(plan, session):
                    numbered += len(plan)
                    more = len(plan) == LARGEST_PLAN
                else:
                    pauses += 1
                    time.sleep(_PAUSE_SECONDS)

    def _finish_last_plan(self, session: ClientSession) -> None:
        if not self._certain:
            counter = self._counters.find_one({"_id": self._log}, session=session) or _START
            self._write(counter["plan"], session)
            self._written(counter["last"])

    def _plan(self, session: ClientSession) -> Plan:
        found = self._at_one_moment.find(
            {"unnumbered": {"$exists": True}},
            {"size": 1},
            limit=LARGEST_PLAN,
            batch_size=LARGEST_PLAN,
            session=session,
        )
        commits = list(found.sort("unnumbered", ASCENDING))
        positions = accumulate((commit["size"] for commit in commits), initial=self.last_seen)
        next(positions)
        return [
            {"_id": commit["_id"], "position": position}
            for commit, position in zip(commits, positions, strict=True)
        ]

    def _decide(self, plan: Plan, session: ClientSession) -> bool:
        """Store the plan and write it. Returns False if another process stored one first."""
        self._certain = False
        last = plan[-1]["position"]
        moved = self._counters.update_one(
            {"_id": self._log, "last": self.last_seen},
            {"$set": {"last": last, "plan": plan}},
            session=session,
        )
        if not moved.modified_count:
            return False
        self._write(plan, session)
        self._written(last)
        return True

    def _written(self, last: int) -> None:
        self.last_seen = last
        self._certain = True

    def _write(self, plan: Plan, session: ClientSession) -> None:
        if plan:
            self._commits.bulk_write(
                [_update(entry) for entry in plan], ordered=False, session=session
            )

    @contextmanager
    def _session(self) -> Iterator[ClientSession]:
        """Open a session that reads at least what the previous session has seen."""
        with self._commits.database.client.start_session(causal_consistency=True) as session:
            if self._seen and self._seen.cluster_time and self._seen.operation_time:
                session.advance_cluster_time(self._seen.cluster_time)
                session.advance_operation_time(self._seen.operation_time)
            self._seen = session
            yield session


def _update(entry: Document) -> UpdateOne:
    return UpdateOne(
        {"_id": entry["_id"], "unnumbered": {"$exists": True}},
        {"$set": {"position": entry["position"]}, "$unset": {"unnumbered": ""}},
    )
