"""Gives the commits of a log on MongoDB their positions, outside of appending.

It is done in two steps, each safe to repeat, with no transaction: a process that is killed inside a
transaction would lock the log until the server gives it up, a minute later.

1. The plan. One compare-and-set on the log's counter moves ``last`` and says, in the same document,
   which commit has which of the positions given out. This decides them for ever. Of two processes
   that plan at once, one wins; the other begins again.
2. The writing. Every position of the plan is written into its commit. Whoever finds a plan that may
   be half written, because its maker was killed, writes it once more before making another.

The order of the stamps is the order of the versions within each stream: a head comes from a
majority read or a confirmed append, so a commit that is visible is visible together with all those
before it in its stream, which have smaller stamps. A plan is made of what is visible at one moment,
for a server that pauses in a long search would go on with what is visible then, and have passed by
an earlier version. A commit that becomes visible late, with a smaller stamp than one of another
stream that is numbered already, just comes later.

Each round reads no older state than the round before left behind, even after a change of primary
(causal consistency): what is not numbered could otherwise be read from before its numbering.
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
"""Entries of the ``_id`` of a commit and the ``position`` of its last event, in log order."""


class Numbering:
    """The positions of one log. Errors are those of the driver."""

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
        """A position that was given out and written; the log may have grown since."""
        self._certain = False
        """Whether nobody but this object has moved the counter since, as far as it knows."""
        self._counters.update_one({"_id": log}, {"$setOnInsert": _START}, upsert=True)

    def last(self) -> int:
        """Return the last position that was given out."""
        counter = self._counters.find_one({"_id": self._log}, {"last": 1})
        return counter["last"] if counter else 0

    def number(self, most: int) -> None:
        """Number the oldest commits, ``most`` or some more, unless all have their numbers.

        What is appended meanwhile is left to the next call: under a steady stream of appends this
        one would hardly end.
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
        """Make this the plan, and write it. False where another process was quicker."""
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
        """A session that goes on from what the one before has seen."""
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
