"""Answering a query service's question: paging, visibility, and waiting for one's own writes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from application.ports.history import History
from application.ports.read_models import Cursor, ReadModel, ReadModels, Row
from application.queries.projector import current_build, open_build
from application.queries.query_service import QueryService, Viewer, value_of

D = TypeVar("D")

LONGEST_WAIT = 2.0
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05
LOOK_UP_SECONDS = 1.0


class NotCaughtUp(Exception):
    """The read model has not come to that write yet."""


@dataclass(frozen=True, slots=True)
class Token:
    """A write that the asker wants to see in the answer."""

    log: str
    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    documents: list[D]
    next: Cursor | None


class Answers(Generic[D]):
    """Answers one query service's questions from the build that is live.

    ``wake`` tells whoever feeds the read model, if that is in this process, not to wait.
    """

    def __init__(
        self,
        service: QueryService[D],
        models: ReadModels,
        history: History,
        *,
        wake: Callable[[], None] = lambda: None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._models = models
        self._history = history
        self.wake = wake
        self._pause = pause
        self._clock = clock
        self._opened: tuple[int, ReadModel[D]] | None = None
        self._looked_at = -1.0

    def one(self, key: str, viewer: Viewer, token: Token | None = None) -> D | None:
        """A document that the viewer may see, or None."""
        self.wait_for(token)
        document = self._model().get([key]).get(key)
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
        """The first documents after the cursor, and where the next page begins."""
        self.wait_for(token)
        find = self.service.ask(viewer, **filters)
        rows = self._model().find(find, limit=limit + 1, after=after)
        more = len(rows) > limit
        return Page(
            documents=[self.service.as_seen_by(row.document, viewer) for row in rows[:limit]],
            next=_cursor(rows[limit - 1], find.order_by) if more else None,
        )

    def wait_for(self, token: Token | None) -> None:
        """Return once the write is in the read model; NotCaughtUp after two seconds."""
        if token is None or token.log not in self.service.topics:
            return
        position = self._history.position_of(token.log, token.stream, token.version)
        if position is None:
            raise NotCaughtUp(token.stream)
        until, pause = self._clock() + LONGEST_WAIT, FIRST_PAUSE
        while self._model().checkpoint().at(token.log) < position:
            if self._clock() >= until:
                raise NotCaughtUp(token.stream)
            if pause >= LONGEST_PAUSE:
                self.wake()
            self._pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _model(self) -> ReadModel[D]:
        """The live build; looked up anew every second, for another process may swap it."""
        now = self._clock()
        if self._opened is None or now - self._looked_at > LOOK_UP_SECONDS:
            build = self._serving_build()
            if self._opened is None or self._opened[0] != build:
                self._opened = (build, open_build(self.service, self._models, build))
            self._looked_at = now
        return self._opened[1]

    def _serving_build(self) -> int:
        live = self._models.live_version(self.service.name)
        return live or current_build(self.service, self._models)


def _cursor(row: Row[Any], order_by: str) -> Cursor:
    return Cursor(value_of(row.document, order_by) if order_by else None, row.key)
