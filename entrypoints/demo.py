"""A small community, played through the public API of a running Klarity."""

import io
import random
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import click
import requests
from PIL import Image, ImageDraw

PATIENCE = 120.0
TUS = {"Tus-Resumable": "1.0.0"}
PASSPHRASE = "a demonstration only"  # noqa: S105 - of members who do not exist

PEOPLE = ("Amara", "Bruno", "Chandra", "Dewi", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jun")


@dataclass(frozen=True, slots=True)
class Story:
    """What somebody has to report."""

    title: str
    story: str
    category: str
    place: str
    lat: float
    lon: float
    tags: tuple[str, ...]
    anonymous: bool = False


STORIES = (
    Story(
        "Two coffees for a parking permit",
        "The clerk said the form was complete, only the coffee was missing. Twice.",
        "bribery",
        "Harbour Street office",
        38.7223,
        -9.1393,
        ("permits", "city-hall"),
    ),
    Story(
        "No bed without an envelope",
        "At admission they said that a bed would be free once the envelope was not empty.",
        "extortion",
        "St. Anne's hospital",
        44.4268,
        26.1025,
        ("health",),
        anonymous=True,
    ),
    Story(
        "The mayor's cousin paves every road",
        "Five tenders, five times the same firm, founded in the week of the election.",
        "favouritism",
        "Upper village",
        41.9028,
        12.4964,
        ("tenders", "roads"),
    ),
    Story(
        "Exam results for sale",
        "The list of prices hangs in the dormitory: a pass costs a month's rent.",
        "bribery",
        "Technical college",
        50.4501,
        30.5234,
        ("schools",),
        anonymous=True,
    ),
    Story(
        "School meals that never came",
        "The books say 400 meals a day. We filmed the kitchen for a week: it was locked.",
        "embezzlement",
        "Primary school no. 4",
        -1.2921,
        36.8219,
        ("schools", "budget"),
    ),
    Story(
        "A fine without a receipt",
        "They stop every lorry at the bridge. Half the price if you need no paper.",
        "extortion",
        "The old bridge",
        -6.2088,
        106.8456,
        ("police", "roads"),
    ),
    Story(
        "Water meters that count for two",
        "The inspector offers to set the meter right, for cash, every spring.",
        "fraud",
        "Mill quarter",
        19.4326,
        -99.1332,
        ("utilities",),
    ),
    Story(
        "The land registry works on Fridays for friends",
        "On Fridays the office is closed to the public. The car park is full.",
        "abuse_of_power",
        "Land registry",
        14.5995,
        120.9842,
        ("permits", "land"),
    ),
)


class Person:
    """One member of the community, with a phone."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self.name = f"{name} {uuid4().hex[:4]}"
        self._session = requests.Session()

    def join(self) -> None:
        body = {"pseudonym": self.name, "passphrase": PASSPHRASE}
        self.call("POST", "/v1/members", body)
        token = self.call("POST", "/v1/sessions", body).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def upload(self, content: bytes) -> str:
        """Upload in one go; the evidence id."""
        headers = {**TUS, "Upload-Length": str(len(content))}
        reply = self.call("POST", "/v1/uploads", headers=headers)
        address = reply.headers["Location"]
        headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        self.call("PATCH", address, content=content, headers=headers)
        return address.rpartition("/")[2]

    def report(self, story: Story, evidence_id: str) -> str:
        body = {
            "title": story.title,
            "story": story.story,
            "category": story.category,
            "location": {"lat": story.lat, "lon": story.lon, "name": story.place},
            "tags": story.tags,
            "anonymous": story.anonymous,
            "evidence": [evidence_id],
        }
        return str(self.call("POST", "/v1/cases", body).json()["case_id"])

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """One request, patient where there were too many. Raises ClickException."""
        address = path if path.startswith("http") else self._url + path
        try:
            reply = self._session.request(
                method, address, json=body, data=content, headers=headers, timeout=60
            )
        except requests.ConnectionError as error:
            raise click.ClickException(f"Nothing answers at {self._url}: `make run`?") from error
        if reply.status_code == requests.codes.too_many_requests:
            time.sleep(int(reply.headers.get("Retry-After", "1")))
            return self.call(method, path, body, content=content, headers=headers)
        if not reply.ok:
            raise click.ClickException(f"{method} {path}: {reply.status_code} {reply.text}")
        return reply

    def close(self) -> None:
        self._session.close()


def play(url: str) -> None:
    """Play it all, telling how far it is. Raises ClickException where it cannot."""
    luck = random.Random(7)  # noqa: S311 - the same town each time
    people = [Person(url, name) for name in PEOPLE]
    try:
        with click.progressbar(people, label="People join") as bar:
            for person in bar:
                person.join()
        cases = _report_all(people, luck)
        _wait_until_public(people[0], cases)
        _support(people, cases, luck)
        _show(people[0], url)
    finally:
        for person in people:
            person.close()


def _report_all(people: Sequence[Person], luck: random.Random) -> dict[str, Person]:
    cases: dict[str, Person] = {}
    with click.progressbar(STORIES, label="They report, with a video or a photo") as bar:
        for number, story in enumerate(bar):
            author = luck.choice(people)
            evidence = author.upload(_video() if number == 0 else _photo(story, luck))
            cases[author.report(story, evidence)] = author
    return cases


def _wait_until_public(reader: Person, cases: dict[str, Person]) -> None:
    until = time.monotonic() + PATIENCE
    with click.progressbar(
        length=len(cases), label="Evidence is made safe, cases go public"
    ) as bar:
        while bar.pos < len(cases):
            listed = reader.call("GET", "/v1/cases?limit=100").json()["items"]
            public = len({case["case_id"] for case in listed} & cases.keys())
            bar.update(public - bar.pos)
            if time.monotonic() > until:
                raise click.ClickException("Some cases did not become public.")
            time.sleep(0.2)


def _support(people: Sequence[Person], cases: dict[str, Person], luck: random.Random) -> None:
    with click.progressbar(cases.items(), label="Others say: me too") as bar:
        for case_id, author in bar:
            for person in luck.sample(people, luck.randint(0, len(people))):
                if person is not author:
                    person.call("PUT", f"/v1/cases/{case_id}/support")


def _show(reader: Person, url: str) -> None:
    time.sleep(1)
    click.echo("\nWhat matters most to them:")
    for case in reader.call("GET", "/v1/popular-cases?limit=5").json()["items"]:
        click.echo(f"  {case['supports']:2} x me too  {case['title']}")
        click.echo(f"               {url}/v1/cases/{case['case_id']}")


def _photo(story: Story, luck: random.Random) -> bytes:
    """A picture of a street at some time of day, with the story's title on it."""
    sky = (luck.randint(60, 200), luck.randint(90, 200), luck.randint(140, 255))
    picture = Image.new("RGB", (960, 640), sky)
    draw = ImageDraw.Draw(picture)
    for left in range(0, 960, 120):
        top = luck.randint(160, 460)
        draw.rectangle((left, top, left + 110, 640), fill=tuple(part // 2 for part in sky))
    draw.text((30, 30), story.title, fill="white")
    content = io.BytesIO()
    picture.save(content, "JPEG")
    return content.getvalue()


def _video() -> bytes:
    """Two seconds of a test picture, or a photo where there is no ffmpeg to make it with."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return _photo(STORIES[0], random.Random(1))  # noqa: S311 - the same photo each time
    with TemporaryDirectory(prefix="klarity-demo-") as folder:
        path = Path(folder) / "video.mp4"
        picture = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=24:duration=2"]
        subprocess.run(  # noqa: S603 - a program and arguments of our own
            [ffmpeg, "-v", "error", *picture, "-pix_fmt", "yuv420p", str(path)], check=True
        )
        return path.read_bytes()
