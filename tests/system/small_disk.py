"""A small file system all of whose bytes a test can read, the freed ones as well."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

MEGABYTES = 96
LONGEST_MARK = 1 << 12
NEEDED = "scripts/install-debian e2fsprogs fuse2fs fuse3"


class NoSmallDisk(Exception):
    """This machine lets the test mount nothing; the message says what it lacks."""


class SmallDisk:
    """An ext4 file system in an image. It is mounted at ``folder`` until it is taken out."""

    def __init__(self, place: Path) -> None:
        self.image, self.folder = place / "disk.img", place / "disk"
        self._unmount = ""

    def put_in(self) -> None:
        with self.image.open("wb") as image:
            image.truncate(MEGABYTES << 20)
        _run("mkfs.ext4", "-q", str(self.image))
        self.folder.mkdir()
        try:
            _run("mount", "-o", "loop", str(self.image), str(self.folder))
            self._unmount = "umount"
        except NoSmallDisk:
            # Without the rights of an administrator.
            _run("fuse2fs", "-o", "fakeroot", str(self.image), str(self.folder))
            self._unmount = "umount" if os.geteuid() == 0 else "fusermount -u"

    def take_out(self) -> None:
        """Unmount it. Then everything is written."""
        if self._unmount:
            _run(*self._unmount.split(), str(self.folder))
            self._unmount = ""

    def holds(self, mark: bytes) -> bool:
        """Whether the bytes are anywhere on the disk, in a file or in what is left of one."""
        assert 0 < len(mark) <= LONGEST_MARK
        os.sync()
        end = b""
        with self.image.open("rb") as image:
            while chunk := image.read(1 << 20):
                if mark in end + chunk:
                    return True
                end = chunk[-LONGEST_MARK:]
        return False


@contextmanager
def small_disk(place: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(place)
    disk.put_in()
    try:
        yield disk
    finally:
        disk.take_out()


def _run(command: str, *arguments: str) -> None:
    program = which(command, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        raise NoSmallDisk(f"{command} is missing: {NEEDED}")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoSmallDisk(f"{command}: {done.stdout}{done.stderr}")
