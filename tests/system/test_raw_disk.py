"""The raw disk, including freed blocks and the secret, reveals no data of an erased member."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.key_vault.epochs import EpochFile, bucket_of
from application.use_cases.members.accounts import handle_of
from config.process import Process
from config.settings import read_settings
from tests.media import phone_photo
from tests.system.deployment import Klarity, relaxed
from tests.system.phone import Phone, eventually
from tests.system.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.system

PSEUDONYM = "Brindisi Quellwasser"
PASSPHRASE = "walnut harbour thistle ember"
# The key of the read models is destroyed as well, but only once a day.
WRAPPED = "SELECT subject, wrapped FROM keys WHERE epoch > 0 AND subject NOT LIKE 'read-models/%'"
STORY = "The clerk in room 4711 of the harbour office asked me for ninety in an envelope."


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path) as disk:
        yield disk


@pytest.fixture
def klarity(disk: SmallDisk, tmp_path: Path, memory: Path) -> Iterator[Klarity]:
    """With the default stores, and with its secret and epochs beside them."""
    data = str(disk.folder / "data")
    klarity = Klarity(tmp_path, **relaxed(), DATA=data, WORKROOMS=str(memory))
    yield klarity
    klarity.close()


def test_the_content_of_a_deleted_file_is_found_on_the_raw_disk(disk: SmallDisk) -> None:
    """Else no test below could fail."""
    file = disk.folder / "file"
    file.write_bytes(bytes(5000) + STORY.encode() + bytes(5000))
    assert disk.holds(STORY.encode())
    file.unlink()
    disk.take_out()
    assert disk.holds(STORY.encode())
    assert not disk.holds(PASSPHRASE.encode())


@pytest.mark.parametrize("end", [Klarity.stop, Klarity.kill])
def test_no_data_of_an_erased_member_is_on_the_raw_disk(
    klarity: Klarity,
    disk: SmallDisk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Klarity], object],
) -> None:
    photo = phone_photo(tmp_path / "photo.jpg")
    klarity.start()
    with Phone(klarity.url, PSEUDONYM) as anna:
        anna.passphrase = PASSPHRASE
        anna.join()
        evidence = anna.upload(photo)
        assert anna.evidence_when_decided(evidence)["status"] == "available"
        anna.report(title=STORY[:40], story=STORY, evidence=[evidence], anonymous=True)
        rendition = anna.get(f"/v1/evidence/{evidence}/content").content
        held = held_of(anna.member_id, klarity, monkeypatch)
        assert {anna.member_id, f"evidence/{evidence}"} <= held.keys.keys()
        for found in (*held.wrapped.values(), *held.epochs.values()):
            assert disk.holds(found)

        assert anna.leave().status_code == 202
        eventually(lambda: are_destroyed(held.keys.keys(), disk.folder / "data") or None)
    end(klarity)
    disk.take_out()
    marks = {
        "pseudonym": PSEUDONYM.encode(),
        "name to sign in": handle_of(PSEUDONYM).encode(),
        "passphrase": PASSPHRASE.encode(),
        "hash of the passphrase": held.passphrase_hash.encode(),
        "story": STORY.encode(),
        "title": STORY[:40].encode(),
        "photo": photo.read_bytes()[1_000_000:1_000_200],
        "rendition": rendition[len(rendition) // 2 :][:200],
        **{f"key of {subject}": key for subject, key in held.keys.items()},
        **{f"epoch of {subject}": key for subject, key in held.epochs.items()},
    }
    assert [name for name, mark in marks.items() if disk.holds(mark)] == []


def are_destroyed(subjects: Collection[str], data: Path) -> bool:
    """Whether these keys are destroyed, and the epochs replaced that opened old copies of them."""
    with closing(sqlite3.connect(data / "keys.db")) as vault:
        rows = vault.execute("SELECT subject FROM keys WHERE epoch = 0 AND wrapped = x''")
        return {subject for (subject,) in rows} >= set(subjects)


@dataclass(frozen=True)
class Held:
    """What the stores hold of the only member, as somebody who has everything reads it."""

    passphrase_hash: str
    wrapped: Mapping[str, bytes]
    keys: Mapping[str, bytes]
    epochs: Mapping[str, bytes]


def held_of(member_id: str, klarity: Klarity, monkeypatch: pytest.MonkeyPatch) -> Held:
    with monkeypatch.context() as patch:
        for name, value in klarity.settings.items():
            patch.setenv(f"KLARITY_{name}", value)
        settings = read_settings()
    with closing(sqlite3.connect(settings.data / "keys.db")) as vault:
        wrapped = dict(vault.execute(WRAPPED))
    epochs = EpochFile(settings.epochs)
    with closing(Process(settings, alone=False)) as process:
        (credential,) = process.container.credentials().credentials_of(member_id)
        return Held(
            credential.passphrase_hash,
            wrapped,
            {subject: process.container.vault().key(subject) or b"" for subject in wrapped},
            {subject: epochs.live(bucket_of(subject))[-1].key for subject in wrapped},
        )
