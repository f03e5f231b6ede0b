"""Answer requests to a query service: paging, visibility, and read your own writes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from application.engine.builds import as_searched, covers, open_build, serving_build
from application.engine.own_aliases import OwnAliases
from application.engine.query_service import ALIASES, QueryService, Viewer, value_of
from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec, NewerProgram
from application.ports.history import History
from application.ports.read_models import (
    RELEVANCE,
    Cursor,
    Find,
    Fragment,
    HasWords,
    Matches,
    OneOf,
    ReadModel,
    ReadModels,
    Row,
)

D = TypeVar("D")

LONGEST_WAIT = 2.0
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05
LOOK_UP_SECONDS = 1.0
MOST_VALUES = 20
"""How many values of a facet are counted: the most frequent ones."""


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
    """The documents of a page, and the cursor of the next page, if there is one.

    Of a service that is searched, also what was found in each document, and how many of all
    documents that were found have each value of a facet.
    """

    documents: list[D]
    next: Cursor | None
    highlights: list[Mapping[str, Fragment]] = field(default_factory=list)
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    note: str | None = None


class Answers(Generic[D]):
    """Answers requests to one query service from the serving build.

    It refuses them until the build has handled all events that were in the logs at the start.
    ``wake`` makes the projection in this process, if there is one, read new events at once.
    ``searcher`` answers for the service that is named in ``searched_by``.
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
        self._summary: tuple[tuple[ReadModel[D], Checkpoint] | None, Any] = (None, None)
        self.searcher: Answers[Any] | None = None

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
        if self.service.composes():
            composed = self.service.compose(viewer, model, limit)
            return Page(list(composed.documents), None, note=composed.note)
        find = self.service.question(viewer, filters)
        rows, following = self._rows(model, find, limit, after, token)
        seen = [self.service.as_seen_by(row.document, viewer) for row in rows]
        return Page(
            documents=list(self.service.completed(seen, model)),
            next=following,
            highlights=[row.fragments for row in rows],
            facets=self._facets(model, find),
        )

    def rows(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        """Return rows to the program itself, which has to know what a client may see of them."""
        return self._caught_up_model().find(find, limit=limit, after=after)

    def summary(self, token: Token | None = None) -> Any:
        """Return the one answer of a service that summarises. It is made once per checkpoint."""
        self.wait_for(token)
        model = self._caught_up_model()
        made_of = (model, model.checkpoint())
        if self._summary[0] != made_of:
            self._summary = (made_of, self.service.summary(model))
        return self._summary[1]

    def suggestions(self, filters: Mapping[str, Any], *, limit: int) -> Sequence[str]:
        """Return ways to complete a text, the most frequent first."""
        find = self.service.suggest(**filters)
        model = as_searched(self._caught_up_model())
        matches, among = find.matches or Matches(""), replace(find, matches=None)
        return model.suggest(matches, among, limit=limit)

    def keys(
        self, find: Find, *, limit: int, after: Cursor | None, token: Token | None
    ) -> tuple[list[str], Cursor | None]:
        """Return the keys of the first documents that another service is looking for, in its order,
        and the cursor of the next ones. Conditions that this service has no index for are left out.
        """
        known = {index.name for index in self.service.indexes}
        find = replace(find, where=tuple(one for one in find.where if one.field in known))
        self.wait_for(token)
        rows, following = _first(self._caught_up_model(), find, limit, after)
        return [row.key for row in rows], following

    def _rows(
        self,
        model: ReadModel[D],
        find: Find,
        limit: int,
        after: Cursor | None,
        token: Token | None,
    ) -> tuple[list[Row[D]], Cursor | None]:
        """Return the first rows after the cursor, and the cursor of the next page.

        If another service has to find them, a page has fewer rows than it could where one of them
        is not in this read model yet, or not public any more.
        """
        if self.searcher is None or not _holds_texts(find):
            return _first(model, find, limit, after)
        keys, following = self.searcher.keys(find, limit=limit, after=after, token=token)
        found = model.find(_among(find, self.service.key, keys), limit=limit) if keys else []
        return found, following

    def _facets(self, model: ReadModel[D], find: Find) -> Mapping[str, Mapping[str, int]]:
        fields = self.service.facets
        return {name: as_searched(model).facets(find, name, limit=MOST_VALUES) for name in fields}

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
            return self._look_up(now)
        return self._opened[1]

    def _look_up(self, now: float) -> ReadModel[D]:
        """Return the serving build, or the one before while the new one is not as far."""
        before, build = self._opened, serving_build(self.service, self._models)
        if not build:
            raise NotCaughtUp(self.service.name)
        if before and before[0] == build:
            model = before[1]
        else:
            model = open_build(self.service, self._models, build)
            if before and not self._covers(model, before[1]):
                return before[1]  # and look again at the next request
            self._opened = build, model
        # Only now: a request that comes meanwhile looks, too. What was opened may be dropped.
        self._looked_at = now
        return model

    def _covers(self, model: ReadModel[D], before: ReadModel[D]) -> bool:
        return covers(model.checkpoint(), before.checkpoint(), self.service.topics)


def _first(
    model: ReadModel[D], find: Find, limit: int, after: Cursor | None
) -> tuple[list[Row[D]], Cursor | None]:
    """Return the first rows after the cursor, and the cursor of the next ones, if there are any."""
    rows = model.find(find, limit=limit + 1, after=after)
    more = len(rows) > limit
    return rows[:limit], _cursor(rows[limit - 1], find.order_by) if more else None


def _holds_texts(find: Find) -> bool:
    """Return whether only a search index can answer the question."""
    return find.matches is not None or any(isinstance(one, HasWords) for one in find.where)


def _among(find: Find, key: str, keys: Sequence[str]) -> Find:
    """Return the question about these documents alone, without its texts."""
    others = [one for one in find.where if not isinstance(one, HasWords)]
    return replace(find, matches=None, where=(*others, OneOf(key, tuple(keys))))


def _cursor(row: Row[Any], order_by: str) -> Cursor:
    if order_by == RELEVANCE:
        return Cursor(row.score, row.key)
    return Cursor(value_of(row.document, order_by) if order_by else None, row.key)
