"""Play a town through the public API of a running Klarity."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from threading import Event
from typing import Any
from uuid import uuid4

import click

from domain.moderation.subject import SubjectKind
from entrypoints.demo.person import PATIENCE, PAUSE, Person
from entrypoints.demo.pictures import photo, video
from entrypoints.demo.town import Flagged, PlannedCase, Remark, Town, compose

PASSPHRASE = "a demonstration only"  # noqa: S105 - of members who do not exist
SEED = 7
SHOWN = 10
WEIGHED_SECONDS = 2.0  # A moderator can decide only once the flag is weighed.


def play(url: str, moderator: tuple[str, str] | None = None, town: Town | None = None) -> None:
    """Play the whole town and show the progress. Raises ClickException on failure."""
    luck = Random(SEED)  # noqa: S311 - the seed makes the same town each time
    town = town or compose(luck, datetime.now(UTC).date())
    stopped = Event()
    with ThreadPoolExecutor(1) as newcomers:
        performance = _Performance(url.rstrip("/"), town, luck, newcomers, stopped)
        try:
            performance.play(moderator)
        finally:
            stopped.set()
            newcomers.shutdown(cancel_futures=True)
            performance.close()


class _Performance:
    """Plays a town. Members join one after the other while the first of them report."""

    def __init__(
        self, url: str, town: Town, luck: Random, newcomers: ThreadPoolExecutor, stopped: Event
    ) -> None:
        self._url = url
        self._town = town
        self._luck = luck
        self._newcomers = newcomers
        self._stopped = stopped
        self._joining: list[Future[None]] = []
        self._cases: list[str] = []
        self._backing: dict[str, list[str]] = {}
        self._filmed = False
        # Names get a random part, so that the town can be played again.
        again = uuid4().hex[:4]
        self._people = [
            Person(url, f"{name} {again}", PASSPHRASE, stopped) for name in town.members
        ]
        self._judge: Person | None = None

    def play(self, moderator: tuple[str, str] | None) -> None:
        if moderator:
            self._judge = self._signed_in(*moderator)
        self._joining = [self._newcomers.submit(person.join) for person in self._people]
        self._report_all()
        self._wait_until_public()
        self._take_part_all()
        self._flag_all()
        self._show()

    def close(self) -> None:
        for person in filter(None, [*self._people, self._judge]):
            person.close()

    def _signed_in(self, name: str, passphrase: str) -> Person:
        judge = Person(self._url, name, passphrase, self._stopped)
        judge.sign_in()
        roles = judge.call("GET", "/v1/me").json()["roles"]
        if not {"moderator", "admin"} & set(roles):
            judge.close()
            raise click.ClickException(
                f"{name} is no moderator: klarity members grant {name!r} moderator"
            )
        return judge

    def _person(self, number: int) -> Person:
        """The member, once they have joined."""
        self._joining[number].result()
        return self._people[number]

    # What members do

    def _report_all(self) -> None:
        with click.progressbar(self._town.cases, label="People join, and report") as bar:
            for case in bar:
                self._cases.append(self._report(case))

    def _report(self, case: PlannedCase) -> str:
        author = self._person(case.author)
        body: dict[str, Any] = {
            "title": case.title,
            "story": case.story,
            "category": case.category,
            "tags": case.tags,
            "anonymous": case.anonymous,
            "evidence": self._evidence(author, case),
        }
        if case.occurred_on:
            body["occurred_on"] = case.occurred_on.isoformat()
        if case.located_by is None:
            body["location"] = _location(case)
        case_id = str(author.call("POST", "/v1/cases", body).json()["case_id"])
        self._backing[f"/v1/cases/{case_id}"] = body["evidence"]
        return case_id

    def _evidence(self, author: Person, case: PlannedCase) -> list[str]:
        """Upload evidence for the case. An anonymous author's is never used in another case."""
        if case.anonymous:
            return [author.upload(photo(self._luck))]
        if not author.evidence:
            author.evidence = [author.upload(content) for content in self._pictures()]
        return author.evidence

    def _pictures(self) -> list[bytes]:
        """Return a photo for each author, for all of their open cases; the first gets a video."""
        filmed, self._filmed = None if self._filmed else video(), True
        return [content for content in (filmed, photo(self._luck)) if content]

    def _wait_until_public(self) -> None:
        pairs = list(zip(self._cases, self._town.cases, strict=True))
        with click.progressbar(pairs, label="Evidence is made safe, cases go public") as bar:
            for case_id, case in bar:
                _wait_for(self._person(case.author), case_id)

    def _take_part_all(self) -> None:
        pairs = list(zip(self._cases, self._town.cases, strict=True))
        with click.progressbar(pairs, label="Others support, discuss and add") as bar:
            for case_id, case in bar:
                self._take_part(f"/v1/cases/{case_id}", case)

    def _take_part(self, path: str, case: PlannedCase) -> None:
        self._propose(path, case)
        for party in case.parties:
            evidence = self._backing[path][-1:]
            body = {"kind": party.kind, "name": party.name, "role": party.role}
            self._person(party.by).call("POST", f"{path}/parties", {**body, "evidence": evidence})
        for by in case.supporters:
            self._person(by).call("PUT", f"{path}/support")
        for by in case.followers:
            self._person(by).call("PUT", f"{path}/follow")
        for by, network in case.shares:
            self._person(by).call("POST", f"{path}/shares", {"network": network})
        for remark in case.remarks:
            self._say(path, remark)

    def _propose(self, path: str, case: PlannedCase) -> None:
        """Let others propose a location and tags, and the author accept them."""
        author = self._person(case.author)
        seen: Mapping[str, str] = {}
        if case.located_by is not None:
            by = self._person(case.located_by)
            seen = by.call("PUT", f"{path}/location", _location(case)).headers
        for number, tag in case.added_tags:
            seen = self._person(number).call("POST", f"{path}/tags/{tag}").headers
        token = {"Klarity-Token": seen["Klarity-Token"]} if seen else {}
        for proposal in author.call("GET", f"{path}/proposals", headers=token).json()["items"]:
            author.call("POST", f"{path}/proposals/{proposal['number']}/acceptance")

    def _say(self, path: str, remark: Remark) -> str:
        said = self._comment(path, remark, {})
        for reply in remark.replies:
            self._comment(path, reply, {"parent_id": said})
        return said

    def _comment(self, path: str, remark: Remark, more: dict[str, str]) -> str:
        """Comment, and wait for the discussion, which opens a moment after the case is public."""
        body = {"text": remark.text, **more}
        person = self._person(remark.by)
        reply = person.call("POST", f"{path}/comments", body, wait_for_it=True)
        return str(reply.json()["comment_id"])

    # Offences

    def _flag_all(self) -> None:
        with click.progressbar(self._town.flagged, label="Members flag content") as bar:
            subjects = [(self._flag(flagged), flagged) for flagged in bar]
        if self._judge:
            self._judge.pause(WEIGHED_SECONDS)
            with click.progressbar(subjects, label="A moderator decides") as bar:
                for subject, flagged in bar:
                    self._decide(self._judge, subject, flagged)

    def _flag(self, flagged: Flagged) -> tuple[SubjectKind, str]:
        kind, subject_id = SubjectKind.CASE, self._cases[flagged.case]
        if flagged.remark:
            said = self._say(f"/v1/cases/{subject_id}", flagged.remark)
            kind, subject_id = SubjectKind.COMMENT, said
        body = {"subject_kind": kind, "subject_id": subject_id, "rule": flagged.rule}
        first, *others = flagged.by
        self._person(first).call(
            "POST", "/v1/flags", {**body, "note": flagged.note}, wait_for_it=True
        )
        for by in others:
            self._person(by).call("POST", "/v1/flags", {**body, "note": ""})
        return kind, subject_id

    def _decide(self, judge: Person, subject: tuple[SubjectKind, str], flagged: Flagged) -> None:
        if not flagged.verdict:
            return
        kind, subject_id = subject
        body = {"decision": flagged.verdict, "rule": flagged.rule, "reason": flagged.reason}
        path = f"/v1/moderation/{kind}/{subject_id}/decisions"
        made = judge.call("POST", path, body, wait_for_it=True).json()
        if flagged.appeal:
            path = f"/v1/moderation/decisions/{made['decision_id']}/appeals"
            author = self._person(self._town.cases[flagged.case].author)
            author.call("POST", path, {"statement": flagged.appeal})

    # Results

    def _show(self) -> None:
        reader = self._people[0]
        reader.pause(1)
        popular = reader.call("GET", f"/v1/popular-cases?limit={SHOWN}").json()["items"]
        click.echo("\nThe most popular cases:")
        for case in popular:
            click.echo(f"  {case['supports']:2} x me too  {case['title']}")
        click.echo(f"\nAddresses to open:\n{self._places(popular)}")

    def _places(self, popular: Sequence[dict[str, Any]]) -> str:
        url, first = self._url, popular[0]["case_id"]
        places = {
            "a case, to share": f"{url}/cases/{first}",
            "what is said of it": f"{url}/v1/cases/{first}/comments",
            "all cases": f"{url}/v1/cases",
            "  by a word": f"{url}/v1/cases?q=hospital",
            "  on a map": f"{url}/v1/cases.geojson",
            "  as a feed": f"{url}/v1/feeds/cases.atom",
            "what was hidden": f"{url}/v1/moderation/ledger",
            "the whole API": f"{url}/docs",
        }
        lines = [f"  {what:20}{where}" for what, where in places.items()]
        if self._judge is None:
            lines.append("With --moderator, a moderator decides on what was flagged.")
        return "\n".join(lines)


def _location(case: PlannedCase) -> dict[str, Any]:
    spot = case.spot
    return {"lat": spot.lat, "lon": spot.lon, "name": spot.name, "precision": spot.precision}


def _wait_for(author: Person, case_id: str) -> None:
    """Wait until the case is public. Raises ClickException if that takes too long."""
    until = time.monotonic() + PATIENCE
    path = f"/v1/cases/{case_id}"
    while author.call("GET", path, wait_for_it=True).json()["status"] == "awaiting_evidence":
        if time.monotonic() > until:
            raise click.ClickException("Some cases did not become public.")
        author.pause(PAUSE)
