"""One encrypted archive: a tar stream in the format age (age-encryption.org/v1).

``age --decrypt --identity KEY FILE | tar --list`` reads it as well. age reveals a change and a cut,
but not who wrote a file, because everybody may know a public key. So the last entry of the tar, the
label, holds a seal: a MAC under a key of the instance over all entries before it.
"""

import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from threading import Thread
from typing import IO, Any, cast

import pyrage

from adapters.backup.files import reporting
from adapters.disk import CHUNK, chunks_of
from application.ports.backup import BackupPiece, BackupRefused

LABEL = "label.json"
PRIVATE = 0o600

Label = Mapping[str, str]


class ArchiveWriter:
    """Encrypts pieces into a file for the holders of the private keys of some recipients."""

    def __init__(self, path: Path, recipients: Sequence[str]) -> None:
        self._tar_hash = blake2b(digest_size=32)
        self._file = path.open("xb")
        path.chmod(PRIVATE)
        found = [pyrage.x25519.Recipient.from_str(each) for each in recipients]
        reader, self._pipe = _pipe()
        self._work = _Work(lambda: _encrypt(reader, self._file, found), reader)
        self._tar = tarfile.open(fileobj=self._pipe, mode="w|", bufsize=CHUNK)  # noqa: SIM115 - close ends it

    def add(self, piece: BackupPiece) -> None:
        entry = tarfile.TarInfo(piece.name)
        entry.size, entry.mode = piece.size, PRIVATE
        self._work.watch(lambda: self._tar.addfile(entry, _Hashed(piece, self._tar_hash)))

    def finish(self, label: Label, seal_key: bytes) -> None:
        """Write the label, and everything to the disk."""
        seal = _seal(seal_key, self._tar_hash.digest(), label)
        text = json.dumps({**label, "seal": seal}).encode()
        self.add(BackupPiece(LABEL, len(text), iter([text])))
        self._work.watch(self._tar.close)
        self._work.watch(self._pipe.close)
        self._work.end()
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """End the thread, also if the archive is not finished."""
        for end in (self._tar, self._pipe):
            with suppress(OSError, ValueError):
                end.close()
        self._work.join()
        with suppress(OSError):  # of a full disk: ``finish`` has raised it before
            self._file.close()


class ArchiveReader:
    """Decrypts the pieces of a file. It may be read several times."""

    def __init__(self, path: Path, identities: Sequence[str]) -> None:
        self._path = path
        self._identities = [pyrage.x25519.Identity.from_str(each) for each in identities]
        self.label: Label = {}
        """The label, once all pieces were read."""
        self._hash = b""

    def pieces(self) -> Iterator[BackupPiece]:
        """Yield the pieces. Raises BackupRefused, at the end at the latest."""
        with self._opened() as file, self._decrypted(file) as pipe:
            try:
                yield from self._entries(pipe)
            except (tarfile.TarError, ValueError) as error:
                raise self._damaged() from error
        if not self.label:
            raise self._damaged()

    def check_seal(self, seal_key: bytes) -> None:
        """Raise BackupRefused if another instance has written the archive that was just read."""
        label = {name: value for name, value in self.label.items() if name != "seal"}
        if not compare_digest(_seal(seal_key, self._hash, label), self.label.get("seal", "")):
            raise BackupRefused(
                f"{self._path.name} was not written by the instance that has this secret: set "
                "KLARITY_SECRET to that of the backup. Otherwise somebody has forged it."
            )

    def _entries(self, pipe: IO[bytes]) -> Iterator[BackupPiece]:
        digest = blake2b(digest_size=32)
        self.label = {}
        with tarfile.open(fileobj=pipe, mode="r|", bufsize=CHUNK) as tar:
            for entry in tar:
                content = cast("IO[bytes]", tar.extractfile(entry))
                if entry.name == LABEL:
                    self._hash, self.label = digest.digest(), json.loads(content.read())
                    continue
                chunks = self._chunks(content)
                hashed = _Hashed(BackupPiece(entry.name, entry.size, chunks), digest)
                yield BackupPiece(entry.name, entry.size, hashed.chunks())
                for _ in hashed.chunks():  # what was not read
                    pass

    def _chunks(self, content: IO[bytes]) -> Iterator[bytes]:
        """Yield the content. Whoever reads it meets the damage."""
        try:
            yield from chunks_of(content)
        except tarfile.TarError as error:
            raise self._damaged() from error

    def _opened(self) -> IO[bytes]:
        with reporting(self._path):
            return self._path.open("rb")

    @contextmanager
    def _decrypted(self, file: IO[bytes]) -> Iterator[IO[bytes]]:
        pipe, writer = _pipe()
        work = _Work(lambda: pyrage.decrypt_io(file, writer, self._identities), writer)
        try:
            yield pipe
            while pipe.read(CHUNK):  # what follows the end of the tar
                pass
        except BackupRefused:
            pipe.close()
            work.raise_failure(self._unreadable)
            raise
        finally:
            pipe.close()
            work.join()
        work.raise_failure(self._unreadable)

    def _unreadable(self, error: Exception) -> BackupRefused:
        if isinstance(error, pyrage.DecryptError) and "No matching keys" in str(error):
            return BackupRefused(f"{self._path.name} was encrypted for another key.")
        return self._damaged()

    def _damaged(self) -> BackupRefused:
        return BackupRefused(f"{self._path.name} is incomplete or damaged; restore another backup.")


class _Work:
    """Work of pyrage in a thread, which closes its end of a pipe when it ends in any way."""

    def __init__(self, work: Callable[[], None], end: IO[bytes]) -> None:
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, args=(work, end), name="age", daemon=True)
        self._thread.start()

    def watch(self, step: Callable[[], None]) -> None:
        """Do a step that writes into the pipe. Raises the failure of the thread instead of its
        own."""
        try:
            step()
        except BrokenPipeError:
            self.end()
            raise

    def end(self) -> None:
        """Wait until the work is done, and raise its failure."""
        self.join()
        if self._failure:
            raise self._failure

    def join(self) -> None:
        self._thread.join()

    def raise_failure(self, as_: Callable[[Exception], Exception]) -> None:
        self.join()
        if self._failure:
            raise as_(self._failure) from self._failure

    def _run(self, work: Callable[[], None], end: IO[bytes]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits
            self._failure = error
        finally:
            with suppress(OSError):
                end.close()


class _Hashed:
    """The bytes of a piece as a file, which are hashed together with its name and size."""

    def __init__(self, piece: BackupPiece, digest: Any) -> None:
        self._piece = piece
        self._digest = digest
        self._rest = b""
        digest.update(f"{piece.name} {piece.size} ".encode())

    def read(self, size: int = CHUNK, /) -> bytes:
        found = self._rest
        while len(found) < size and (chunk := next(self.chunks(), b"")):
            found += chunk
        self._rest = found[size:]
        return found[:size]

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._piece.chunks:
            self._digest.update(chunk)
            yield chunk


def _encrypt(reader: IO[bytes], file: IO[bytes], recipients: Sequence[Any]) -> None:
    """Encrypt for the recipients. Raises OSError, as which pyrage hides a full disk."""
    try:
        pyrage.encrypt_io(reader, file, recipients)
    except pyrage.EncryptError as error:
        raise OSError(str(error).removeprefix("OSError: ")) from error


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


def _seal(key: bytes, digest: bytes, label: Label) -> str:
    text = json.dumps(label, sort_keys=True).encode()
    return blake2b(digest + text, key=key, digest_size=32).hexdigest()
