"""A town whose people use the whole application over HTTP, on a data folder, for some days.

Everybody comes every day, in an order of chance, and does something under their name: they follow,
support, share and comment. Some report a case under their name and another one anonymously during
the same visit, which is the most careless that an anonymous reporter can be. So whatever tells a
visit, or anything smaller than a day, tells the reporter.
"""

import shutil
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from sqlite3 import connect
from typing import Any

from PIL import Image

from application.engine.executor import CommandContext
from config.process import Process
from domain.actors import SYSTEM, Role
from domain.members.member import GrantRole
from tests.http.conftest import Caller, eventually

SEED = 20261129
PEOPLE, DAYS, REPORTERS = 12, 5, 3
BEGINNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
NETWORKS = ("whatsapp", "link", "email")


@dataclass
class Clock:
    """A clock that a test sets forward."""

    now: datetime = BEGINNING

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Case:
    """A case of the town, and what its guessers must not know: its author."""

    case_id: str
    evidence_id: str
    author: str
    day: int
    reported_at: datetime


@dataclass
class Town:
    """Members by id, and what they reported, by name and anonymously."""

    process: Process
    clock: Clock
    copies: Path
    """A copy of the data folder for each evening."""
    people: list[Caller] = field(default_factory=list)
    named: list[Case] = field(default_factory=list)
    anonymous: list[Case] = field(default_factory=list)
    remarks: dict[str, str] = field(default_factory=dict)
    """The authors of named comments, by the id of the comment."""

    def __post_init__(self) -> None:
        self._chance = Random(SEED)

    @property
    def members(self) -> list[str]:
        return [person.member_id for person in self.people]

    def live(self) -> None:
        """Let everybody register, and then come every day. Copy the data folder every evening."""
        self._gather()
        copy_of(self.process.settings.data, self.copies / "0")
        for day in range(1, DAYS + 1):
            self.clock.now = BEGINNING + timedelta(days=day)
            reporters = self._chance.sample(self.people, REPORTERS)
            for person in self._chance.sample(self.people, PEOPLE):
                self._visit(person, day, reports=person in reporters)
            copy_of(self.process.settings.data, self.copies / str(day))

    def _gather(self) -> None:
        for _ in range(PEOPLE):
            self.people.append(self._caller().join())
            self._wait()

    def _caller(self) -> Caller:
        return Caller(self.process.app.test_client())

    def _wait(self) -> None:
        """Let some minutes pass."""
        self.clock.now += timedelta(minutes=self._chance.uniform(5, 20))

    def _visit(self, person: Caller, day: int, *, reports: bool) -> None:
        self._wait()
        person.sign_in()
        self._take_part(person)
        if reports:
            for anonymous in self._chance.sample((True, False), 2):
                self.clock.now += timedelta(seconds=self._chance.uniform(20, 90))
                self._report(person, day, anonymous=anonymous)
        self._take_part(person)

    def _take_part(self, person: Caller) -> None:
        """Choose interests, and do something with a case of somebody else, under one's name."""
        self.clock.now += timedelta(seconds=self._chance.uniform(5, 30))
        if self._chance.random() < 0.5:
            tag = self._chance.choice(("toll", "permit", "police"))
            self._done(person("PUT", "/v1/me/interests", {"interests": [tag], "areas": []}))
        others = [case for case in self.named if case.author != person.member_id]
        if not others:
            return
        path = f"/v1/cases/{self._chance.choice(others).case_id}"
        self._done(person("PUT", f"{path}/support"))
        self._done(person("PUT", f"{path}/follow"))
        self._done(person("POST", f"{path}/shares", {"network": self._chance.choice(NETWORKS)}))
        reply = self._done(person("POST", f"{path}/comments", {"text": "I saw it, too."}))
        self.remarks[reply.json["comment_id"]] = person.member_id

    def _report(self, person: Caller, day: int, *, anonymous: bool) -> None:
        evidence_id = self._send(person)
        reported = self._done(person.report(evidence=[evidence_id], anonymous=anonymous))
        case_id = reported.json["case_id"]
        path = f"/v1/cases/{case_id}"
        case = Case(case_id, evidence_id, person.member_id, day, self.clock.now)
        (self.anonymous if anonymous else self.named).append(case)
        self._once_public(path)
        comment = {"text": "That is what I saw."}
        eventually(lambda: person("POST", f"{path}/comments", comment).status_code == 201 or None)
        self._done(person("PUT", f"{path}/follow"))
        self._done(person("POST", f"{path}/shares", {"network": "link"}))

    def _send(self, person: Caller) -> str:
        content = photo(self._chance)
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(content)),
            "Content-Type": "application/offset+octet-stream",
        }
        reply = self._done(person("POST", "/v1/uploads", data=content, headers=headers))
        return str(reply.headers["Location"].rpartition("/")[2])

    def _once_public(self, path: str) -> None:
        anybody = self._caller()
        eventually(lambda: anybody("GET", path).status_code == 200 or None)

    def _done(self, reply: Any) -> Any:
        assert reply.status_code < 300, reply.data
        return reply

    def flag_all(self) -> None:
        """Let somebody flag each anonymous case."""
        for case in self.anonymous:
            others = [each for each in self.people if each.member_id != case.author]
            flag = {"subject_kind": "case", "subject_id": case.case_id, "rule": "spam", "note": ""}
            self._done(self._chance.choice(others)("POST", "/v1/flags", flag))

    def moderator(self) -> Caller:
        """A moderator who came later."""
        caller = self._caller().join()
        grant = GrantRole(role=Role.MODERATOR, by=SYSTEM, at=self.clock())
        executors = self.process.container.executors()
        executors.members.execute(caller.member_id, grant, CommandContext())
        return caller


def copy_of(folder: Path, copy: Path) -> None:
    """Copy a data folder that is in use, without what SQLite keeps beside its files."""
    for path in (each for each in folder.rglob("*") if each.is_file()):
        target = copy / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".db":
            with closing(connect(path)) as source, closing(connect(target)) as copied:
                source.backup(copied)
        elif path.suffix not in (".db-wal", ".db-shm"):
            with suppress(FileNotFoundError):  # files of the search index come and go
                shutil.copy2(path, target)


def photo(chance: Random) -> bytes:
    """A small picture of noise, so that no two files have the same size."""
    content, size = BytesIO(), (chance.randrange(20, 60), chance.randrange(20, 60))
    noise = Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1]))
    noise.save(content, "JPEG", comment=b"Taken with a phone")
    return content.getvalue()
