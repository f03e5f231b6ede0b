"""How all adapters use MongoDB: what was confirmed stays, and what was read cannot be undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import ReadPreference, WriteConcern
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError, WriteError
from pymongo.read_concern import ReadConcern

from application.ports.event_store import StoreUnavailable

Document = dict[str, Any]

CONFIRM_SECONDS = 10
DURABLE = WriteConcern("majority", wtimeout=CONFIRM_SECONDS * 1000, j=True)
MAJORITY = ReadConcern("majority")


def durable(database: Database[Document]) -> Database[Document]:
    """The database, written with majority and journal, read from the primary with majority."""
    return database.with_options(
        read_preference=ReadPreference.PRIMARY, write_concern=DURABLE, read_concern=MAJORITY
    )


@contextmanager
def unavailable() -> Iterator[None]:
    """Turns what the server or the way to it is to blame for into StoreUnavailable.

    Writes that the server refuses for what is in them stay errors of whoever wrote them.
    """
    try:
        yield
    except (BulkWriteError, WriteError):
        raise
    except PyMongoError as error:
        raise StoreUnavailable(f"MongoDB: {type(error).__name__}") from error
