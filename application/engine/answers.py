"""Answer requests to a query service: paging, visibility, and read your own writes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, TypeVar

from application.engine.builds import covers, open_build, serving_build
from application.engine.own_aliases import OwnAliases
from application.engine.query_service import ALIASES, QueryService, Viewer, value_of
from application.ports.codec import EventCodec, NewerProgram
from application.ports.history import History
from application.ports.read_models import Cursor, ReadModel, ReadModels, Row

D = TypeVar("D")

LONGEST_WAIT = 2.0
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05
LOOK_UP_SECONDS = 1.0


class NotCaughtUp(Exception):
    """The read model has not handled an event yet that the answer has to include."""


@dataclass(frozen=True, slots=True)
class Token:
    """A write that the answer has to include."""

    log: str
    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    """The documents of a page, and the cursor of the next page, if there is one."""

    documents: list[D]
    next: Cursor | None


class Answers(Generic[D]):
    """Answers requests to one query service from the serving build.

    It refuses them until the build has handled all events that were in the logs at the start.
    ``wake`` makes the projection in this process, if there is one, read new events at once.
    """

    def __init__(
        self,
        service: QueryService[D],
        models: ReadModels,
        history: History,
        codec: EventCodec,
        *,
        wake: Callable[[], None] = lambda: None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._models = models
        self._history = history
        self._codec = codec
        self.wake = wake
        self._pause = pause
        self._clock = clock
        self._opened: tuple[int, ReadModel[D]] | None = None
        self._looked_at = -1.0
        self._ends: dict[str, int] = {}
        self._caught_up = False
        self._own_aliases = OwnAliases()

    def one(self, key: str, viewer: Viewer, token: Token | None = None) -> D | None:
        """Return a document, or None if the viewer may not see it or there is none."""
        self.wait_for(token)
        document = self._caught_up_model().get([key]).get(key)
        if document is None or not self.service.may_see(document, viewer):
            return None
        return self.service.as_seen_by(document, viewer)

    def page(
        self,
        viewer: Viewer,
        filters: Mapping[str, Any],
        *,
        limit: int,
        after: Cursor | None = None,
        token: Token | None = None,
    ) -> Page[D]:
        """Return the first documents after the cursor, and the cursor of the next page."""
        self.wait_for(token)
        model = self._caught_up_model()
        if ALIASES in self.service.sides:
            viewer = self._own_aliases.add_to(viewer, model)
        find = self.service.question(viewer, filters)
        rows = model.find(find, limit=limit + 1, after=after)
        more = len(rows) > limit
        seen = [self.service.as_seen_by(row.document, viewer) for row in rows[:limit]]
        return Page(
            documents=list(self.service.completed(seen, model)),
            next=_cursor(rows[limit - 1], find.order_by) if more else None,
        )

    def wait_for(self, token: Token | None) -> None:
        """Return once the write is in the read model. Raises NotCaughtUp after LONGEST_WAIT."""
        if token is None or token.log not in self.service.topics:
            return
        position = self._history.position_of(token.log, token.stream, token.version)
        if position is None:
            raise NotCaughtUp(token.stream)
        until, pause = self._clock() + LONGEST_WAIT, FIRST_PAUSE
        while self.position(token.log) < position:
            if self._clock() >= until:
                raise NotCaughtUp(token.stream)
            if pause >= LONGEST_PAUSE:
                self.wake()
            self._pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def position(self, log: str) -> int:
        """Return how far the answers have come in a log, or 0 if there is no build yet."""
        try:
            return self._model().checkpoint().at(log)
        except NotCaughtUp:
            return 0

    def must_be_caught_up(self) -> None:
        """Raise NotCaughtUp until the read model includes all events from before the start.

        A topic that waits for a newer program will not get further, so it is not waited for.
        """
        if self._caught_up:
            return
        if not self._ends:
            self._ends = {log: self._history.last_position(log) for log in self.service.topics}
        checkpoint = self._model().checkpoint()
        for log, end in self._ends.items():
            if checkpoint.at(log) < end and not self._waits(log, checkpoint.at(log)):
                raise NotCaughtUp(log)
        self._caught_up = True

    def _waits(self, log: str, position: int) -> bool:
        """Return whether the next event is one that only a newer program can read."""
        try:
            for event in self._history.read(log, position, 1):
                self._codec.decode(event)
        except NewerProgram:
            return True
        return False

    def _caught_up_model(self) -> ReadModel[D]:
        self.must_be_caught_up()
        return self._model()

    def _model(self) -> ReadModel[D]:
        """Return the build to answer from. It is looked up every second: others may change it.

        Another build is used only once it has come as far, so that answers never go back in time.
        """
        now = self._clock()
        if self._opened is None or now - self._looked_at > LOOK_UP_SECONDS:
            self._looked_at = now
            self._opened = self._serving(self._opened)
        return self._opened[1]

    def _serving(self, before: tuple[int, ReadModel[D]] | None) -> tuple[int, ReadModel[D]]:
        """Return the serving build, or the one ``before`` while the new one is not as far."""
        build = serving_build(self.service, self._models)
        if not build:
            raise NotCaughtUp(self.service.name)
        if before and before[0] == build:
            return before
        model = open_build(self.service, self._models, build)
        if before and not covers(model.checkpoint(), before[1].checkpoint(), self.service.topics):
            self._looked_at = -inf  # look again at the next request
            return before
        return build, model


def _cursor(row: Row[Any], order_by: str) -> Cursor:
    return Cursor(value_of(row.document, order_by) if order_by else None, row.key)
