"""Export the public cases, whole or what changed since an earlier export."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from application.engine.answers import Answers, Page, Token
from application.engine.filters import KeyList
from application.engine.query_service import Viewer, value_of
from application.ports.read_models import Cursor
from application.queries.case_changes import LOGS, CaseChange, changed_in
from application.queries.case_document import CaseDocument

PAGE = 100
ROWS = 1000
ROUND = 10_000
"""So many changed cases are put into the order of their ids at a time."""

Positions = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPart:
    """Some of the cases. ``gone`` are the ids of cases that an earlier export may have had; None in
    a whole export."""

    cases: list[CaseDocument]
    gone: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQuestion:
    """Who asks for which cases."""

    viewer: Viewer
    filters: Mapping[str, Any]


class CaseExports:
    """Reads the cases page by page, so that one page is in memory.

    What changes while an export is read is in it or not, and always in the export of what changed
    since it began.
    """

    def __init__(self, cases: Answers[CaseDocument], changes: Answers[CaseChange]) -> None:
        self._cases = cases
        self._changes = changes

    def reached(self, token: Token | None = None) -> Positions:
        """Return how far the read models have come in each log: at least to the write."""
        searcher = self._cases.searcher
        models = (self._cases, self._changes, *((searcher,) if searcher else ()))
        for model in models:
            model.wait_for(token)
        return {
            log: min(m.position(log) for m in models if log in m.service.topics) for log in LOGS
        }

    def whole(self, asked: ExportQuestion) -> Iterator[ExportPart]:
        """Return all cases, the newest first. The first page is read at once: that may fail."""
        first = self._cases.page(asked.viewer, asked.filters, limit=PAGE)
        return self._pages(asked, first)

    def changed(self, asked: ExportQuestion, since: Positions) -> Iterator[ExportPart]:
        """Return the cases that changed, and the ids of those that are gone or do not match.

        Raises NotCaughtUp at once. The cases are in the order of their ids: the order of their
        changes would tell when anonymous cases were reported.
        """
        for model in (self._cases, self._changes):
            model.must_be_caught_up()
        return self._parts(asked, self._changed_ids(since, self.reached()))

    def _pages(self, asked: ExportQuestion, page: Page[CaseDocument]) -> Iterator[ExportPart]:
        yield ExportPart(cases=page.documents)
        while page.next:
            page = self._cases.page(asked.viewer, asked.filters, limit=PAGE, after=page.next)
            yield ExportPart(cases=page.documents)

    def _parts(self, asked: ExportQuestion, ids: Iterator[str]) -> Iterator[ExportPart]:
        while some := sorted(islice(ids, ROUND)):
            for start in range(0, len(some), PAGE):
                yield self._part(asked, some[start : start + PAGE])

    def _part(self, asked: ExportQuestion, ids: list[str]) -> ExportPart:
        """Look the cases up as everybody does, with the filters: what is not found is gone."""
        asked_for: KeyList | None = asked.filters.get("case_ids")
        wanted = [key for key in ids if asked_for is None or key in asked_for.keys]
        if not wanted:
            return ExportPart(cases=[], gone=[])
        filters = {**asked.filters, "case_ids": KeyList(tuple(wanted))}
        found = self._cases.page(asked.viewer, filters, limit=PAGE).documents
        there = {case.case_id: case for case in found}
        return ExportPart(
            cases=[there[key] for key in wanted if key in there],
            gone=[key for key in wanted if key not in there],
        )

    def _changed_ids(self, since: Positions, until: Positions) -> Iterator[str]:
        """Yield the ids of the changed cases, each once. Of those that are gone, only that counts:
        what happens to a case that is not public is told to nobody."""
        for number, log in enumerate(LOGS):
            for change in self._changes_in(log, since[log], until[log]):
                told = any(getattr(change, before) > since[before] for before in LOGS[:number])
                if not told and (change.public or log == LOGS[0]):
                    yield change.case_id

    def _changes_in(self, log: str, after: int, until: int) -> Iterator[CaseChange]:
        """Yield the changes page by page. A case that changes meanwhile is in the next export."""
        find, end = changed_in(log, after, until), None
        while rows := self._changes.rows(find, limit=ROWS, after=end):
            yield from (row.document for row in rows)
            end = Cursor(value_of(rows[-1].document, log), rows[-1].key)
