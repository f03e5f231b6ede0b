"""The search index in OpenSearch, against an imitation: no server could be had."""

from base64 import b64encode

import pytest
from opensearchpy import OpenSearch

from adapters.mongo import StoreMisconfigured
from adapters.search_index import opensearch
from adapters.search_index.opensearch import CommitsAhead, OpenSearchIndex, OpenSearchModel, connect
from adapters.tls import Tls
from application.ports.checkpoints import START, Fenced
from application.ports.event_store import StoreUnavailable
from application.ports.read_models import Find
from tests.contracts.opensearch_imitation import Server
from tests.contracts.test_search_index import (
    Open,
    SearchContract,
    SearchModelContract,
    Sight,
    commit,
)
from tests.servers import HOST, free_port


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def index(server: Server) -> Open:
    return lambda: OpenSearchIndex(server.client())


class TestOpenSearchModel(SearchModelContract):
    pass


class TestOpenSearch(SearchContract):
    pass


def opened(index: Open) -> OpenSearchModel[Sight]:
    model = index().open("sights", 1, Sight, ())
    assert isinstance(model, OpenSearchModel)
    return model


def killed_in_a_commit(
    index: Open, monkeypatch: pytest.MonkeyPatch, rows: dict[str, Sight]
) -> None:
    """Write a commit ahead, and end before its rows are in place."""
    model = opened(index)
    with monkeypatch.context() as patch:
        patch.setattr(CommitsAhead, "_put_in_place", _die)
        with pytest.raises(KeyboardInterrupt):
            commit(model, rows)


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_rows_written_ahead_by_a_killed_writer_are_put_in_place_first(
    index: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(opened(index), {"a": Sight(size=1)})
    killed_in_a_commit(index, monkeypatch, {"a": Sight(size=2), "b": Sight()})
    with pytest.raises(Fenced):
        opened(index).commit({"a": Sight(size=9)}, START.next().next())
    model = opened(index)
    assert model.checkpoint().revision == 2
    assert model.get(["a", "b"]) == {"a": Sight(size=2), "b": Sight()}


def test_a_writer_that_is_late_overwrites_nothing_of_a_later_commit(
    index: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = CommitsAhead(server.client(), "klarity", "sights", 1)
    killed_in_a_commit(index, monkeypatch, {"a": Sight(size=1), "b": Sight(size=1)})
    state = late._state()
    assert state is not None
    commit(opened(index), {"a": Sight(size=2), "b": None})
    late._put_in_place(state["_source"])
    assert opened(index).get(["a", "b"]) == {"a": Sight(size=2)}


def test_a_writer_that_is_late_does_not_make_a_dropped_build_again(
    index: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = CommitsAhead(server.client(), "klarity", "sights", 1)
    killed_in_a_commit(index, monkeypatch, {"a": Sight()})
    state = late._state()
    assert state is not None
    opened(index).drop()
    late._put_in_place(state["_source"])
    assert list(server.indexes) == ["klarity-search-builds"]


def test_of_two_writers_one_is_fenced(index: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = opened(index), opened(index)
    settled = CommitsAhead._settled

    def overtaken(commits: CommitsAhead) -> object:
        monkeypatch.undo()
        state = settled(commits)
        commit(first, {"a": Sight(size=1)})
        return state

    monkeypatch.setattr(CommitsAhead, "_settled", overtaken)
    with pytest.raises(Fenced):
        second.commit({"a": Sight(size=2)}, START.next())
    assert second.get(["a"]) == {"a": Sight(size=1)}


def test_a_large_commit_is_put_in_place_in_parts(
    index: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opensearch, "PART", 10)
    model = opened(index)
    commit(model, {f"{number}": Sight(size=number) for number in range(25)})
    assert model.count(Find()) == 25
    assert sum("_bulk" in request for request in server.requests) == 3


def test_a_refused_row_is_an_error_and_stays_written_ahead(
    index: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(index)
    with monkeypatch.context() as patch:
        patch.setattr(OpenSearch, "bulk", lambda *_, **__: {"items": [{"index": {"status": 429}}]})
        with pytest.raises(StoreUnavailable, match="refused"):
            commit(model, {"a": Sight()})
    assert model.checkpoint().revision == 1
    assert model.get(["a"]) == {"a": Sight()}


def test_a_purge_merges_rows_and_commits_written_ahead(index: Open, server: Server) -> None:
    opened(index).purge()
    merged = [request for request in server.requests if request.endswith("_forcemerge")]
    assert merged == [
        "POST /klarity-search-sights-1/_forcemerge",
        "POST /klarity-search-builds/_forcemerge",
    ]


def test_a_server_that_is_away_is_unavailable() -> None:
    index = OpenSearchIndex.from_url(f"http://{HOST}:{free_port()}")
    with pytest.raises(StoreUnavailable, match="ConnectionError"):
        index.open("sights", 1, Sight, ())
    with pytest.raises(StoreUnavailable, match="ConnectionError"):
        index.versions("sights")
    index.close()


@pytest.mark.parametrize("url", ["redis://localhost", "https://", "http://host:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(StoreMisconfigured, match="address of OpenSearch"):
        connect(url)


def test_the_user_and_the_certificates_are_those_that_were_given() -> None:
    tls = Tls(ca="ca.pem", certificate="own.pem")
    client = connect("https://ann:p%40ss@search.example:9201/path", tls)
    (connection,) = client.transport.connection_pool.connections
    assert connection.host == "https://search.example:9201"
    assert connection.url_prefix == "/path"
    assert connection.headers["authorization"] == f"Basic {b64encode(b'ann:p@ss').decode()}"
    pool = connection.pool
    assert (pool.ca_certs, pool.cert_file) == ("ca.pem", "own.pem")
    assert pool.cert_reqs == "CERT_REQUIRED"
