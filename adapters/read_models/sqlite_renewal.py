"""Seal all documents with a new key, and destroy the earlier one.

The file and freed blocks of the disk hold documents as they were before a change or an erasure.
Once their key is destroyed, nobody can read them.
"""

from functools import partial
from sqlite3 import Connection

from adapters.read_models.sqlite_file import SEALS, ModelsFile
from adapters.read_models.sqlite_seal import generation_of
from adapters.read_models.sqlite_tables import COLUMNS_OF, quoted

ROWS_A_STEP = 200
LOWEST = -(2**63)

_TABLES = (
    "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
    " WHERE m.type = 'table' AND c.name = 'body'"
)
_DUE = (
    "SELECT 1 FROM (SELECT made_on, commits FROM seals ORDER BY generation DESC LIMIT 1)"
    " WHERE made_on < ? AND commits <> (SELECT coalesce(sum(revision), 0) FROM models)"
)


class Renewal:
    """Renews the key of a file. A renewal that was interrupted is finished by the next one."""

    def __init__(self, file: ModelsFile) -> None:
        self._file = file
        self._seal = file.seal

    def renew_if_due(self) -> None:
        """Renew the key once a day, if anything has changed."""
        unfinished = len(self._file.read(SEALS)) > 1
        if unfinished or self._file.read(_DUE, self._file.today().isoformat()):
            self.renew(begin=not unfinished)

    def renew(self, *, begin: bool = True) -> None:
        if begin:
            self._file.begin_seal()
        self._file.load_seals()
        newest = self._seal.generation
        for (table,) in self._file.read(_TABLES):
            self._renew_rows(table)
        if self._file.is_on_disk():
            self._file.end_seals(newest)
            self._file.load_seals()

    def _renew_rows(self, table: str) -> None:
        """Seal the rows in the order of their numbers, some at a time."""
        after: int | None = LOWEST
        while after is not None:
            after = self._file.write(partial(self._step, table, after))

    def _step(self, table: str, after: int, writer: Connection) -> int | None:
        """Seal the next rows. Returns the number of the last, or None if there are no more."""
        if not writer.execute(COLUMNS_OF, (table,)).fetchone():
            return None  # it was dropped
        rows = writer.execute(
            f"SELECT id, key, body FROM {quoted(table)} WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - quoted
            (after, ROWS_A_STEP),
        ).fetchall()
        writer.executemany(
            f"UPDATE {quoted(table)} SET body = ? WHERE id = ?",  # noqa: S608 - quoted
            [
                (self._seal.close(self._seal.open(body, f"{table} {key}"), f"{table} {key}"), id_)
                for id_, key, body in rows
                if generation_of(body) < self._seal.generation
            ],
        )
        return rows[-1][0] if rows else None
