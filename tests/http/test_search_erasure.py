"""What was erased is in no file of the search index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.search_index.sealing import FolderSeal
from config.process import Process
from config.settings import Settings
from tests.http.conftest import Caller, eventually
from tests.http.public_cases import publish

# The index compresses documents. These have no letters in common that could be left out.
WORDS = ("quagmire", "xylophone", "jubilant", "wolfhound", "kingfisher")
SUGGESTED = "/v1/search/suggest?q="


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, str]]:
    """The index is in the data folder, wherever the read models are, and not sealed, so that its
    words can be seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.search_index.tantivy.FolderSeal", lambda _: FolderSeal(None))
        patch.setattr(Settings, "search_folder", property(lambda self: self.data / "search"))
        yield {"EVENT_STORE": "sqlite"}


def held(folder: Path, *words: str) -> list[str]:
    """The words that some file holds, in whatever case."""
    content = b"".join(map(read, folder.rglob("*"))).lower()
    return [word for word in words if word.encode() in content]


def read(path: Path) -> bytes:
    """What the file holds. The engine may delete it meanwhile."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def test_nothing_of_an_erased_member_stays_in_the_files(
    process: Process, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.engine.feed.PURGE_SECONDS", 0.0)
    anna = Caller(process.app.test_client()).join()
    folder = process.settings.data / "search"
    title, story, said, name, kept = WORDS
    own = publish(process, anna, title=f"About {title}", story=f"They said {story}.")
    other = publish(process, ben, title=f"About {kept}")
    for case in (own, other):
        ben("GET", f"/v1/cases/{case.case_id}", headers=case.seen)
    path = f"/v1/cases/{other.case_id}"
    eventually(lambda: anna("POST", f"{path}/comments", {"text": said}).status_code == 201 or None)
    party = {"kind": "person", "name": f"Clerk {name}", "role": "Clerk"}
    assert anna("POST", f"{path}/parties", party).status_code == 201
    for q in (f"{title} {story}", f"{said} {name} {kept}"):
        eventually(lambda q=q: ben("GET", f"/v1/search?q={q}").json["items"] or None)  # type: ignore[misc]  # bound at once
    eventually(lambda: held(folder, *WORDS) == [*WORDS] or None)

    assert anna.leave().status_code == 202
    eventually(lambda: not held(folder, title, story, said, name) or None)
    eventually(lambda: held(folder, kept) or None)
    assert held(folder, title, story, said, name) == []
    for q in (title, said, name):
        assert ben("GET", f"/v1/search?q={q}").json["items"] == []
        assert ben("GET", SUGGESTED + q[:8]).json["items"] == []
    (found,) = ben("GET", f"/v1/search?q={kept}").json["items"]
    assert found["case_id"] == other.case_id
