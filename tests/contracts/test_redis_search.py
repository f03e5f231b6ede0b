"""The search index in Redis: what happens when servers and writers end, and what a purge leaves."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest
import redis

from adapters.mongo import StoreMisconfigured
from adapters.search_index import redis_server
from adapters.search_index.redis import RedisSearchIndex, RedisSearchModel
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable
from application.ports.read_models import (
    RELEVANCE,
    Find,
    Matches,
    by,
    by_text,
)
from tests.contracts.test_search_index import (
    Open,
    PurgeContract,
    SearchContract,
    SearchModelContract,
)
from tests.servers import Redis, RedisSearch, wait_until


class TestRedisSearchModel(SearchModelContract):
    @pytest.fixture
    def index(self, redis_search_url: str) -> Open:
        return users(redis_search_url)


class TestRedisSearch(SearchContract):
    @pytest.fixture
    def index(self, redis_search_url: str) -> Open:
        return users(redis_search_url)


class TestRedisPurge(PurgeContract):
    @pytest.fixture
    def index(self, url: str) -> Open:
        with redis.Redis.from_url(url) as client:
            client.config_set("rdbcompression", "no")
            client.bgrewriteaof()
        return users(url)

    @pytest.fixture
    def stored(self, server: RedisSearch) -> Callable[[], bytes]:
        return lambda: bytes_of(server)


def users(url: str) -> Open:
    prefix = uuid4().hex
    return lambda: RedisSearchIndex(url, prefix)


pytestmark = pytest.mark.server

# A process that ends in the middle of a commit, with all of it sent but its end.
COMMITTING = """
import sys

from tests.contracts.test_redis_search import Note, opened

model = opened(sys.argv[1], sys.argv[2])
client = model._client
send = client.connection_pool.connection_class.send_packed_command

def send_half(self, commands, check_health=True):
    sent = b"".join(commands)
    if b"MULTI" not in sent:
        return send(self, commands, check_health)
    self._sock.sendall(sent[: sent.rindex(b"EXEC")])
    print("in a transaction", flush=True)
    sys.stdin.read()

client.connection_pool.connection_class.send_packed_command = send_half
model.commit({"b": Note(text="Half")}, model.checkpoint().next())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    text: str
    kind: str = ""


INDEXES = (by_text("text"), by("kind"))


def opened(url: str, prefix: str = "klarity") -> RedisSearchModel[Note]:
    return RedisSearchIndex(url, prefix).open("notes", 1, Note, INDEXES)


def commit(model: RedisSearchModel[Note], changes: Mapping[str, Note | None]) -> Checkpoint:
    moved = model.checkpoint().moved("cases", model.checkpoint().at("cases") + 1)
    model.commit(changes, moved)
    return moved


def found(model: RedisSearchModel[Note], text: str) -> set[str]:
    find = Find(matches=Matches(text), order_by=RELEVANCE)
    return {row.key for row in model.find(find, limit=100)}


def bytes_of(server: Redis) -> bytes:
    """What a server holds in files and in its indexes."""
    logs = server.folder / "appendonlydir"
    # Old files are deleted in the background: a list and two others remain.
    assert wait_until(lambda: len(list(logs.glob("*"))) <= 3, 60)
    files = [*server.folder.glob("*.rdb"), *logs.glob("*")]
    assert files
    with redis.Redis.from_url(server.url) as client:
        indexes = client.execute_command("FT._LIST")
        terms = [client.execute_command("FT.DEBUG", "DUMP_TERMS", index) for index in indexes]
    held = [term for its in terms for term in its]
    return b" ".join([*(file.read_bytes() for file in files), *held])


class Snapshots(RedisSearch):
    """Writes snapshots and no log of commands."""

    def _command(self) -> list[str]:
        return [*super()._command(), "--appendonly", "no", "--save", "3600 1"]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisSearch]:
    with RedisSearch() as started:
        yield started


@pytest.fixture
def url(server: RedisSearch) -> str:
    """The address of a private server, empty and running."""
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        client.config_set("maxmemory-policy", "noeviction")
    return server.url


def test_a_killed_server_comes_back_with_rows_index_and_checkpoint(
    server: RedisSearch, url: str
) -> None:
    model = opened(url)
    moved = commit(model, {f"{number}": Note(text=f"Note {number}") for number in range(50)})
    server.kill()
    with pytest.raises(StoreUnavailable):
        model.count(Find())
    server.start()
    assert opened(url).checkpoint() == model.checkpoint() == moved
    assert found(model, "note 7") == {"7"}
    assert model.count(Find()) == 50
    commit(model, {"7": None})
    assert model.count(Find()) == 49


def test_a_server_killed_in_a_commit_has_all_of_it_or_nothing(
    server: RedisSearch, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(url)
    moved = commit(model, {"a": Note(text="First")})
    with monkeypatch.context() as patch:
        patch.setattr(model, "_fence", lambda *_: server.kill())
        with pytest.raises(StoreUnavailable, match="connection was lost"):
            model.commit({"a": None, "b": Note(text="Second")}, moved.next())
    server.start()
    assert model.checkpoint() == moved
    assert found(model, "first second") == set()
    assert found(model, "first") == {"a"}
    model.commit({"a": None, "b": Note(text="Second")}, moved.next())
    assert found(model, "second") == {"b"}


def test_a_server_that_lost_its_last_second_lost_rows_and_checkpoint_alike() -> None:
    with Snapshots() as server:
        model = opened(server.url)
        saved = commit(model, {"a": Note(text="Saved")})
        with redis.Redis.from_url(server.url) as client:
            client.save()
        lost = commit(model, {"a": None, "b": Note(text="Lost")})
        server.kill()
        server.start()
        assert model.checkpoint() == saved
        assert found(model, "saved") == {"a"}
        with pytest.raises(Fenced):
            model.commit({}, lost.next())
        model.commit({"a": None, "b": Note(text="Lost")}, lost)
        assert found(model, "lost") == {"b"}


def test_a_writer_killed_in_a_commit_leaves_nothing(url: str) -> None:
    model = opened(url)
    moved = commit(model, {"a": Note(text="Whole")})
    command = [sys.executable, "-c", COMMITTING, url, "klarity"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "in a transaction\n"
        writer.kill()
    assert model.checkpoint() == moved
    assert found(model, "half") == set()
    commit(model, {"c": Note(text="Other half")})
    assert found(model, "half") == {"c"}


@pytest.mark.parametrize("kind", [RedisSearch, Snapshots])
def test_no_file_and_no_index_holds_a_deleted_or_replaced_word_after_a_purge(
    kind: type[RedisSearch],
) -> None:
    with kind() as server:
        model = opened(server.url)
        commit(model, {"a": Note(text="Zebra"), "b": Note(text="Zebra"), "c": Note(text="Walrus")})
        with redis.Redis.from_url(server.url) as client:
            client.config_set("rdbcompression", "no")
            client.bgsave()
            assert wait_until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"], 60)
        commit(model, {"a": None, "b": Note(text="Lion")})
        assert b"zebra" in bytes_of(server).lower()
        model.purge()
        left = bytes_of(server).lower()
        assert b"zebra" not in left
        assert b"walrus" in left
        assert found(model, "lion") == {"b"}
        assert model.count(Find()) == 2


def test_a_purge_waits_for_what_the_server_is_writing(url: str) -> None:
    model = opened(url)
    commit(model, {"a": Note(text="Zebra")})
    with redis.Redis.from_url(url) as client:
        client.config_set("rdb-key-save-delay", 100_000)
        client.bgrewriteaof()
        commit(model, {"a": None})
        client.config_set("rdb-key-save-delay", 0)
        model.purge()
        assert client.info("persistence")["aof_rewrites"] >= 2


def test_an_index_that_the_server_lost_is_made_again(url: str) -> None:
    commit(opened(url), {f"{number}": Note(text="Note") for number in range(2000)})
    with redis.Redis.from_url(url) as client:
        client.execute_command("FT.DROPINDEX", "klarity:search:notes:1")
    assert opened(url).count(Find()) == 2000


def test_what_is_dropped_leaves_no_key_and_others_are_untouched(url: str) -> None:
    kept = opened(url, "other")
    commit(kept, {"a": Note(text="Kept")})
    with redis.Redis.from_url(url) as client:
        before = set(client.scan_iter())
        model = opened(url)
        commit(model, {f"{number}": Note(text="Dropped") for number in range(1500)})
        model.drop()
        assert set(client.scan_iter()) == before
    assert found(kept, "kept") == {"a"}


def test_a_server_without_the_search_module_is_refused(redis_url: str) -> None:
    with pytest.raises(StoreMisconfigured, match="needs Redis 8, or Redis Stack"):
        opened(redis_url, uuid4().hex)


def test_a_server_that_evicts_documents_is_refused(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreMisconfigured, match="noeviction"):
        opened(url)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(StoreMisconfigured, match="redis:// URL"):
        RedisSearchIndex("http://localhost")


def test_a_server_that_does_not_answer_is_unavailable(server: RedisSearch, url: str) -> None:
    model = RedisSearchIndex(url, timeout=0.2).open("notes", 1, Note, INDEXES)
    server.pause()
    uses: list[Callable[[], object]] = [
        model.checkpoint,
        model.purge,
        model.drop,
        lambda: model.get(["a"]),
        lambda: model.commit({}, START.next()),
        lambda: model.find(Find(), limit=1),
        lambda: opened(url.replace("/0", "/0?socket_timeout=0.2")),
    ]
    for use in uses:
        with pytest.raises(StoreUnavailable):
            use()
    server.resume()
    assert model.checkpoint() == START


def test_an_error_tells_nothing_of_a_document(url: str) -> None:
    model = opened(url)
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable) as refused:
            model.commit({"a": Note(text="Zebra")}, START.next())
        client.config_set("maxmemory", 0)
    assert "zebra" not in str(refused.value).lower()
    assert refused.value.__suppress_context__
    assert model.checkpoint() == START


def test_a_user_with_the_rights_of_an_application_can_do_all_but_rewrite_files(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(url) as client:
        rights = ["+@all", "-@admin", "-@dangerous", "+info"]
        client.acl_setuser(
            "app", enabled=True, passwords=["+pass"], keys=["own:*"], commands=rights
        )
    mine = url.replace("//", "//app:pass@")
    model = opened(mine, "own")
    commit(model, {"a": Note(text="Zebra")})
    commit(model, {"a": None})
    model.purge()
    assert "does not permit BGREWRITEAOF" in caplog.text
    model.drop()
    with pytest.raises(StoreUnavailable):
        opened(mine, "of others")
    with pytest.raises(StoreMisconfigured, match="user name or the password"):
        opened(url.replace("//", "//app:wrong@"), "own")


def test_an_answer_that_the_server_cut_short_is_none(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(url)
    cut = {b"warning": [b"Timeout limit was reached"], b"results": []}
    monkeypatch.setattr(model._client, "execute_command", lambda *_: cut)
    with pytest.raises(StoreUnavailable, match="too long"):
        model.count(Find())


def test_a_command_that_the_server_does_not_understand_is_an_error(url: str) -> None:
    model = opened(url)
    with pytest.raises(StoreUnavailable):
        redis_server.aggregate(model._client, model._keys.index, "(", [])
    with pytest.raises(StoreUnavailable):
        redis_server.create_index(model._client, "other", "other:", ["text"])


def test_a_server_that_never_ends_writing_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "PATIENCE", 0)
    with pytest.raises(StoreUnavailable, match="in time"):
        redis_server.wait_until(lambda: False)
