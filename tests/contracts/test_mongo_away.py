"""The small stores while MongoDB is away, and after it has come back."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pymongo.database import Database

from adapters.checkpoints.mongo import MongoCheckpoints
from adapters.credentials.mongo import MongoCredentials
from adapters.key_vault.epochs import EpochFile
from adapters.key_vault.mongo import MongoKeyVault
from adapters.leases.mongo import MongoLeases
from adapters.mongo import Document, StoreMisconfigured, connect
from adapters.parked.mongo import MongoParkedEvents
from adapters.read_models.mongo import MongoReadModels
from application.ports.checkpoints import START, Fenced
from application.ports.credentials import Credential
from application.ports.event_store import StoreUnavailable
from application.ports.read_models import Find, by_range
from tests.servers import Mongo, wait_until

pytestmark = pytest.mark.system

PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    size: int


def works(use: Callable[[], object]) -> bool:
    try:
        use()
    except StoreUnavailable:
        return False
    except Fenced:
        """It worked before, and the answer was lost."""
    return True


def connected(url: str) -> Database[Document]:
    """A connection that notices soon that the server is away."""
    while True:
        with suppress(StoreMisconfigured):
            return connect(f"{url}&serverSelectionTimeoutMS=300", "klarity")


def uses_of(database: Database[Document], epochs: EpochFile) -> list[Callable[[], object]]:
    """A read and a write of each store; none of them builds upon another."""
    checkpoints, leases = MongoCheckpoints(database), MongoLeases(database)
    parked, vault = MongoParkedEvents(database), MongoKeyVault(database, bytes(32), epochs)
    credentials, models = MongoCredentials(database), MongoReadModels(database)
    model = models.open("sights", 1, Sight, (by_range("size"),))
    credential = Credential(
        handle="ann", member_id="m1", passphrase_hash="hash", created_at=datetime.now(UTC)
    )
    return [
        lambda: checkpoints.load("relay"),
        lambda: checkpoints.delete("relay"),
        lambda: leases.holder("relay"),
        lambda: leases.acquire("relay", "ann", 60),
        parked.list,
        lambda: parked.decide("cases", "cases/case-1@1", "drop"),
        lambda: vault.key("ann"),
        lambda: vault.make_key("ann"),
        lambda: credentials.find("ann"),
        lambda: credentials.claim(credential, {"ann"}),
        model.checkpoint,
        lambda: model.get(["a"]),
        lambda: model.find(Find(order_by="size"), limit=5),
        lambda: models.versions("sights"),
        lambda: models.builds("sights"),
        lambda: models.begin("sights", "a"),
        lambda: model.commit({"a": Sight(size=1)}, START.moved("cases", 1)),
    ]


@pytest.fixture
def server() -> Iterator[Mongo]:
    with Mongo() as server:
        yield server


def test_every_store_raises_unavailable_while_mongodb_is_away_and_works_afterwards(
    server: Mongo, tmp_path: Path
) -> None:
    database = connected(server.url)
    uses = uses_of(database, EpochFile(tmp_path / "epochs"))
    server.kill()
    for use in uses:
        assert not works(use)
    server.start()
    for use in uses:
        assert wait_until(lambda use=use: works(use), PATIENCE)  # type: ignore[misc] # mypy does not infer a lambda with a default
    database.client.close()
