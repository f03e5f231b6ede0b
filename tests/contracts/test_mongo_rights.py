"""The rights that a user of MongoDB needs: to read and write one database."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from pymongo import MongoClient

from adapters.mongo import connect
from adapters.read_models.mongo import MongoReadModels
from tests.contracts.test_read_models import COMMITTING, FULL, found, opened
from tests.servers import HOST, Mongo

pytestmark = pytest.mark.system


class GuardedMongo(Mongo):
    """MongoDB that asks who somebody is. Its first user is made while there is none."""

    has_users = False

    @property
    def url(self) -> str:
        return f"mongodb://klarity:secret@{HOST}:{self.port}/?replicaSet=rs0&authSource=klarity"

    def _command(self) -> Sequence[str]:
        key = self.folder / "key"
        key.write_text("a key that members of a replica set share")
        key.chmod(0o400)
        return [*super()._command(), "--auth", "--keyFile", str(key)]

    def _initiate(self) -> None:
        if not self.has_users:
            super()._initiate()
            self._make_users()

    def _make_users(self) -> None:
        direct = f"mongodb://%s{HOST}:{self.port}/?directConnection=true"
        with MongoClient[dict[str, object]](direct % "") as nobody:
            nobody.admin.command("createUser", "root", pwd="secret", roles=["root"])
        self.has_users = True
        with MongoClient[dict[str, object]](direct % "root:secret@") as root:
            root.klarity.command("createUser", "klarity", pwd="secret", roles=["readWrite"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with GuardedMongo() as server:
        yield server.url


def test_these_rights_suffice_to_end_the_transaction_of_a_killed_process(url: str) -> None:
    command = [sys.executable, "-c", COMMITTING, url, "klarity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "in a transaction\n"
        child.kill()
    with closing(connect(url, "klarity").client) as client:
        model = opened(MongoReadModels(client["klarity"]))
        model.commit({"a": FULL}, model.checkpoint().moved("cases", 1))
        assert found(model) == ["a"]
