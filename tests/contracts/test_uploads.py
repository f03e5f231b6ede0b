"""What all Uploads promise."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from adapters.mongo import Document
from adapters.uploads.memory import MemoryUploads
from adapters.uploads.mongo import MongoUploads
from adapters.uploads.sealed import SEALED, SealedUploads
from adapters.uploads.sqlite import SqliteUploads
from application.ports.uploads import Upload, UploadConflict, Uploads
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

# One more user of the same uploads.
Open = Callable[[], Uploads]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY, TOMORROW = date(2026, 3, 1), date(2026, 3, 2)
KEY = bytes(range(32))
UPLOAD = Upload(upload_id="u1", owner="anna", length=5_000_000_000, expires_at=NOON)
OTHER = Upload(upload_id="u2", owner="ben", length=7, expires_at=NOON + timedelta(hours=1))


class UploadsContract:
    def test_a_created_upload_is_found(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        uploads().create(OTHER)
        assert uploads().get("u1") == UPLOAD
        assert uploads().get("u2") == OTHER
        assert uploads().get("u3") is None

    def test_creating_an_upload_with_a_taken_id_is_refused(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        with pytest.raises(UploadConflict):
            uploads().create(replace(OTHER, upload_id="u1"))
        assert uploads().get("u1") == UPLOAD

    def test_advancing_sets_the_offset_and_the_last_part(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        first = uploads().advance("u1", 0, 10, "part-1")
        assert first == replace(UPLOAD, offset=10, last_part="part-1")
        last = uploads().advance("u1", 10, UPLOAD.length, "part-2")
        assert last == replace(UPLOAD, offset=UPLOAD.length, last_part="part-2")
        assert last.complete
        assert uploads().get("u1") == last

    @pytest.mark.parametrize("offset", [0, 9, 11])
    def test_advancing_from_another_offset_is_refused(self, uploads: Open, offset: int) -> None:
        uploads().create(UPLOAD)
        before = uploads().advance("u1", 0, 10, "part-1")
        with pytest.raises(UploadConflict):
            uploads().advance("u1", offset, 20, "part-2")
        assert uploads().get("u1") == before

    def test_advancing_a_missing_upload_is_refused(self, uploads: Open) -> None:
        with pytest.raises(UploadConflict):
            uploads().advance("u1", 0, 10, "part-1")
        assert uploads().get("u1") is None

    def test_of_many_concurrent_advances_one_succeeds(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        outcomes = race(8, lambda n: uploads().advance("u1", 0, 10 + n, f"part-{n}"))
        winners = [outcome for outcome in outcomes if isinstance(outcome, Upload)]
        assert [uploads().get("u1")] == winners
        assert sum(isinstance(outcome, UploadConflict) for outcome in outcomes) == 7

    def test_a_finished_upload_stays_finished(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        uploads().finish("u1")
        uploads().finish("u1")
        uploads().finish("nobody's")
        assert uploads().get("u1") == replace(UPLOAD, finished=True)

    def test_a_disowned_upload_has_no_owner_and_is_finished(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        uploads().create(OTHER)
        uploads().advance("u1", 0, 10, "part-1")
        uploads().disown("u1")
        uploads().disown("u1")
        uploads().disown("nobody's")
        disowned = replace(UPLOAD, owner="", offset=10, last_part="part-1", finished=True)
        assert uploads().get("u1") == disowned
        assert uploads().get("u2") == OTHER
        assert uploads().expired(NOON) == [disowned]

    def test_unfinished_uploads_are_found(self, uploads: Open) -> None:
        for upload in (UPLOAD, OTHER, replace(UPLOAD, upload_id="u3")):
            uploads().create(upload)
        uploads().finish("u1")
        assert OTHER in uploads().unfinished()
        assert sorted(upload.upload_id for upload in uploads().unfinished()) == ["u2", "u3"]
        uploads().disown("u3")
        assert uploads().unfinished() == [OTHER]

    def test_a_deleted_upload_is_not_found(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        uploads().create(OTHER)
        uploads().advance("u1", 0, 10, "part-1")
        uploads().delete("u1", 10)
        uploads().delete("u1", 10)
        assert uploads().get("u1") is None
        assert uploads().get("u2") == OTHER

    def test_deleting_an_upload_that_advanced_is_refused(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        moved = uploads().advance("u1", 0, 10, "part-1")
        with pytest.raises(UploadConflict):
            uploads().delete("u1", 0)
        assert uploads().get("u1") == moved

    def test_expired_uploads_are_found_finished_or_not(self, uploads: Open) -> None:
        uploads().create(UPLOAD)
        uploads().create(OTHER)
        uploads().create(replace(UPLOAD, upload_id="u3"))
        uploads().finish("u3")
        assert uploads().expired(NOON - timedelta(seconds=1)) == []
        found = sorted(uploads().expired(NOON), key=lambda upload: upload.upload_id)
        assert found == [UPLOAD, replace(UPLOAD, upload_id="u3", finished=True)]
        assert len(uploads().expired(NOON + timedelta(days=1))) == 3

    def test_a_count_is_replaced_by_who_knows_it(self, uploads: Open) -> None:
        assert uploads().counted("anna", TODAY) == ""
        assert uploads().recount("anna", TODAY, "", "1 10")
        assert not uploads().recount("anna", TODAY, "", "1 20")
        assert not uploads().recount("anna", TODAY, "1 20", "2 30")
        assert uploads().recount("anna", TODAY, "1 10", "2 5000000010")
        assert uploads().counted("anna", TODAY) == "2 5000000010"

    def test_owners_and_days_are_counted_separately(self, uploads: Open) -> None:
        places = [(owner, day) for owner in ("anna", "ben") for day in (TODAY, TOMORROW)]
        for number, place in enumerate(places):
            assert uploads().recount(*place, "", f"1 {number}")
        assert [uploads().counted(*place) for place in places] == ["1 0", "1 1", "1 2", "1 3"]

    @pytest.mark.parametrize("before", ["", "1 10"])
    def test_of_concurrent_counts_one_is_written(self, uploads: Open, before: str) -> None:
        if before:
            assert uploads().recount("anna", TODAY, "", before)
        outcomes = race(8, lambda number: uploads().recount("anna", TODAY, before, f"2 {number}"))
        assert outcomes.count(True) == 1

    def test_counts_of_former_days_can_be_removed(self, uploads: Open) -> None:
        days = (TODAY, TOMORROW)
        assert all(uploads().recount("anna", day, "", "1 1") for day in days)
        uploads().forget_counts(TODAY)
        assert [uploads().counted("anna", day) for day in days] == ["1 1", "1 1"]
        uploads().forget_counts(TOMORROW)
        assert [uploads().counted("anna", day) for day in days] == ["", "1 1"]


class TestMemoryUploads(UploadsContract):
    @pytest.fixture
    def uploads(self) -> Open:
        only = MemoryUploads()
        return lambda: only


class TestSqliteUploads(UploadsContract):
    @pytest.fixture
    def uploads(self, tmp_path: Path) -> Iterator[Open]:
        opened: list[SqliteUploads] = []

        def open_one() -> SqliteUploads:
            opened.append(SqliteUploads(tmp_path / "new folder" / "klarity.db"))
            return opened[-1]

        yield open_one
        for one in opened:
            one.close()


class TestMongoUploads(UploadsContract):
    @pytest.fixture
    def uploads(self, mongo_database: Database[Document]) -> Open:
        return lambda: MongoUploads(mongo_database)


class TestSealedUploads(UploadsContract):
    @pytest.fixture
    def stored(self) -> MemoryUploads:
        return MemoryUploads()

    @pytest.fixture
    def uploads(self, stored: MemoryUploads) -> Open:
        return lambda: SealedUploads(stored, KEY)

    def test_the_owner_of_an_upload_is_not_stored_in_plain_text(
        self, uploads: Open, stored: MemoryUploads
    ) -> None:
        uploads().create(UPLOAD)
        uploads().advance("u1", 0, UPLOAD.length, "part-1")
        uploads().finish("u1")
        assert b"anna" not in b64decode(owner_of("u1", stored))
        assert "anna" not in str(stored.get("u1"))

    def test_two_uploads_of_one_owner_have_nothing_in_common(
        self, uploads: Open, stored: MemoryUploads
    ) -> None:
        owners = []
        for upload_id in ("u1", "u3"):
            uploads().create(replace(UPLOAD, upload_id=upload_id))
            owners.append(owner_of(upload_id, stored))
        first, second = ({owner[n : n + 8] for n in range(len(owner) - 8)} for owner in owners)
        assert not first & second

    def test_an_owner_copied_to_another_upload_is_refused(
        self, uploads: Open, stored: MemoryUploads
    ) -> None:
        uploads().create(UPLOAD)
        moved = SEALED + owner_of("u1", stored)
        stored.create(replace(UPLOAD, upload_id="u3", owner=moved))
        with pytest.raises(ValueError, match="cannot be decrypted"):
            uploads().get("u3")

    def test_neither_owner_nor_size_of_a_count_is_stored_in_plain_text(
        self, uploads: Open, stored: MemoryUploads
    ) -> None:
        for day in (TODAY, TOMORROW):
            assert uploads().recount("anna", day, "", "1 5000000010")
        counts = dict(stored._counts)
        assert not re.search("anna|5000000010", str(counts))
        assert len({owner for owner, _ in counts}) == len(set(counts.values())) == 2

    def test_all_counts_have_one_length(self, uploads: Open, stored: MemoryUploads) -> None:
        assert uploads().recount("anna", TODAY, "", "1 1")
        assert uploads().recount("ben", TODAY, "", "200 5000000010")
        assert len({len(count) for count in stored._counts.values()}) == 1

    def test_an_owner_that_was_stored_in_the_open_is_still_read(
        self, uploads: Open, stored: MemoryUploads
    ) -> None:
        stored.create(UPLOAD)
        assert uploads().get("u1") == UPLOAD
        assert uploads().unfinished() == uploads().expired(NOON) == [UPLOAD]
        assert uploads().advance("u1", 0, 10, "part-1").owner == "anna"


def owner_of(upload_id: str, stored: Uploads) -> str:
    """What is stored as the upload's owner, which must be sealed."""
    upload = stored.get(upload_id)
    assert upload is not None
    assert upload.owner.startswith(SEALED)
    return upload.owner.removeprefix(SEALED)


class Nothing:
    def create(self, upload: Upload) -> None: ...

    def get(self, upload_id: str) -> Upload | None:
        return OTHER

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        return OTHER

    def finish(self, upload_id: str) -> None: ...

    def disown(self, upload_id: str) -> None: ...

    def delete(self, upload_id: str, offset: int) -> None: ...

    def expired(self, now: datetime) -> list[Upload]:
        return []

    def unfinished(self) -> list[Upload]:
        return []

    def counted(self, owner: str, day: date) -> str:
        return "0"

    def recount(self, owner: str, day: date, before: str, after: str) -> bool:
        return True

    def forget_counts(self, before: date) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(UploadsContract, uploads=Nothing)
