"""What the contract suites of adapters share."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pymongo.database import Database

from adapters.mongo import Document, connect


@pytest.fixture(autouse=True)
def patient_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for another's write to an SQLite file waits for a slow disk as well."""
    for module in ("adapters.sqlite", "adapters.sqlite_file"):
        monkeypatch.setattr(f"{module}.BUSY_SECONDS", 120)


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[Database[Document]]:
    """A database of the test's own."""
    database = connect(mongo_url, f"klarity_{uuid4().hex}")
    try:
        yield database
    finally:
        database.client.drop_database(database.name)
        database.client.close()
