"""What the files of a search index hold, and what is left in the blocks of deleted ones."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from adapters.search_index import tantivy_builds
from adapters.search_index.sealing import OVERWRITE_SECONDS
from adapters.search_index.tantivy import TantivySearchIndex
from application.ports.read_models import Find, Matches, by_text
from application.ports.search_index import SearchModel

KEY = bytes(range(32))
SECRET, KEPT = "quellwasser", "lindenbaum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    text: str


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reader is at work here."""
    monkeypatch.setattr(tantivy_builds, "GRACE_SECONDS", 0.0)


def opened(folder: Path, key: bytes | None = None) -> SearchModel[Told]:
    """Without a key, documents are not sealed, so that their words can be seen in the files."""
    return TantivySearchIndex(folder, key).open("told", 1, Told, (by_text("text"),))


def write(model: SearchModel[Told], **rows: str | None) -> None:
    changes = {name: None if text is None else Told(text=text) for name, text in rows.items()}
    model.commit(changes, model.checkpoint().next())


def found(model: SearchModel[Told], text: str) -> list[str]:
    return [row.key for row in model.find(Find(matches=Matches(text)), limit=9)]


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def holding(folder: Path, word: str) -> list[Path]:
    return [path for path in files(folder) if word.encode() in path.read_bytes()]


class Blocks:
    """The blocks of all files that a folder ever had, also after they were deleted."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._open: dict[int, BinaryIO] = {}

    def look(self) -> None:
        for path in files(self._folder):
            if (node := path.stat().st_ino) not in self._open:
                self._open[node] = self._stack.enter_context(path.open("rb", buffering=0))

    def hold(self, word: str) -> bool:
        def content(file: BinaryIO) -> bytes:
            file.seek(0)
            return file.read()

        return any(word.encode() in content(file) for file in self._open.values())


@pytest.fixture
def blocks(tmp_path: Path) -> Iterator[Blocks]:
    with ExitStack() as stack:
        yield Blocks(tmp_path, stack)


def test_no_block_holds_what_was_deleted_once_it_is_purged(tmp_path: Path, blocks: Blocks) -> None:
    model = opened(tmp_path)
    write(model, a=f"The {SECRET}", b=f"The {KEPT}")
    blocks.look()
    assert blocks.hold(SECRET)
    write(model, a=None)
    model.purge()
    blocks.look()
    assert holding(tmp_path, SECRET) == []
    assert not blocks.hold(SECRET)
    assert blocks.hold(KEPT)
    assert found(model, KEPT) == found(opened(tmp_path), KEPT) == ["b"]


def test_a_reader_sees_a_purge_at_once(tmp_path: Path) -> None:
    writer, reader = opened(tmp_path), opened(tmp_path)
    write(writer, a=f"The {SECRET}", b=f"The {KEPT}")
    assert found(reader, KEPT) == ["b"]
    write(writer, a=None)
    writer.purge()
    assert (found(reader, KEPT), found(reader, SECRET)) == (["b"], [])


def test_no_block_holds_a_dropped_build(tmp_path: Path, blocks: Blocks) -> None:
    model = opened(tmp_path)
    write(model, a=f"The {SECRET}")
    blocks.look()
    model.drop()
    assert not blocks.hold(SECRET)


def test_files_that_were_deleted_before_a_kill_are_overwritten(
    tmp_path: Path, blocks: Blocks
) -> None:
    model = opened(tmp_path)
    write(model, a=f"The {SECRET}")
    write(model, a=None, b=f"The {KEPT}")
    blocks.look()
    for path in holding(tmp_path / "told.1", SECRET):
        path.unlink()  # as the engine does
    assert blocks.hold(SECRET)
    opened(tmp_path).purge()
    assert not blocks.hold(SECRET)


def test_deleted_files_are_overwritten_now_and_then(
    tmp_path: Path, blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.search_index.sealing.GRACE_SECONDS", 0.0)
    passed = [0.0]
    monkeypatch.setattr("adapters.search_index.sealing.time.monotonic", lambda: passed[0])
    model = opened(tmp_path)
    write(model, a=f"The {SECRET}")
    blocks.look()
    write(model, a=None)
    assert blocks.hold(SECRET)
    passed[0] += OVERWRITE_SECONDS
    write(model, b=f"The {KEPT}")
    assert not blocks.hold(SECRET)


def test_documents_are_sealed(tmp_path: Path) -> None:
    sentence = f"The {SECRET} near the {KEPT}"
    write(opened(tmp_path, KEY), a=sentence)
    assert holding(tmp_path, sentence) == []
    assert opened(tmp_path, KEY).get(["a"]) == {"a": Told(text=sentence)}


def test_an_index_of_another_secret_is_made_again(tmp_path: Path) -> None:
    write(opened(tmp_path, KEY), a=f"The {SECRET}")
    model = opened(tmp_path, bytes(32))
    assert model.checkpoint().revision == 0
    write(model, b=f"The {KEPT}")
    assert found(model, f"{KEPT}") == ["b"]
    assert holding(tmp_path, SECRET) == []


def test_an_index_in_memory_has_no_files(tmp_path: Path) -> None:
    model = TantivySearchIndex().open("told", 1, Told, (by_text("text"),))
    write(model, a=f"The {SECRET}", b=f"The {KEPT}")
    write(model, a=None)
    model.purge()
    assert found(model, KEPT) == ["b"]
    assert list(files(tmp_path)) == []
