"""What each attacker of the threat model has: replies, messages, or rows."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from sqlite3 import connect
from urllib.parse import quote

from application.engine.builds import open_build, own_builds
from application.engine.whole_log import events_of
from application.ports.codec import RecordedEvent
from application.ports.read_models import Find
from application.system import CONTEXTS, query_services
from config.process import Process
from entrypoints.http.updates import EventIds
from tests.http.conftest import Caller
from tests.threats.guessing import UUID
from tests.threats.town import BEGINNING, DAYS, Case

LISTS = ("/v1/cases", "/v1/popular-cases", "/v1/moderation/ledger")
FEEDS = ("/v1/feeds/cases.atom", "/v1/cases.csv", "/v1/cases.geojson", "/v1/stats")


def replies(caller: Caller, case: Case) -> str:
    """All that this caller gets about a case, headers included."""
    page = f"/cases/{case.case_id}"
    below = ("", "/history", "/proof", "/comments", "/evidence", *_days())
    paths = [f"/v1/cases/{case.case_id}{each}" for each in below]
    paths.append(f"/oembed?url={quote(f'http://localhost{page}', safe='')}")
    paths += [f"/v1/evidence/{case.evidence_id}{each}" for each in ("", "/content", "/poster")]
    found = [caller("GET", path) for path in paths]
    return "\n".join(f"{each.headers}\n{each.data.decode('latin-1')}" for each in found)


def _days() -> Iterator[str]:
    """Ask for the past of each evening."""
    for day in range(1, DAYS + 1):
        evening = BEGINNING + timedelta(days=day, hours=17)
        yield f"?as_of={evening:%Y-%m-%dT%H:%M:%SZ}"


def listed(caller: Caller, path: str) -> str:
    """All pages of a list."""
    text, following = "", f"{path}?limit=10"
    while following:
        reply = caller("GET", following)
        assert reply.status_code == 200, (path, reply.data)
        text += str(reply.get_data(as_text=True))
        following = reply.headers.get("Link", "").partition("<")[2].partition(">")[0]
    return text


def fed(caller: Caller, path: str) -> str:
    reply = caller("GET", path)
    assert reply.status_code == 200, (path, reply.data)
    return str(reply.get_data(as_text=True))


def replayed(process: Process, caller: Caller) -> str:
    """The publications among all updates, in their order."""
    start = EventIds(process.container.texts()).write({"cases": 0, "discussions": 0})
    stream = caller("GET", "/v1/updates", headers={"Last-Event-ID": start})
    blocks = stream.get_data(as_text=True).split("\n\n")
    return "\n".join(block for block in blocks if "event: case-published" in block)


def ids_in(text: str) -> Sequence[str]:
    return UUID.findall(text)


def events(process: Process) -> dict[str, list[RecordedEvent]]:
    """All events by log, in the order in which the bus carries them."""
    history = process.container.history()
    return {log: list(events_of(history, log)) for log in CONTEXTS}


def messages(process: Process) -> list[str]:
    """All messages of the bus."""
    wire = process.container.wire_format()
    return [wire.pack([each]).decode() for found in events(process).values() for each in found]


def rows(copy: Path) -> dict[str, list[str]]:
    """The rows of all tables in a copy of a data folder, in the order in which they are stored."""
    return {
        f"{path.name}/{table}": _rows_of(path, table)
        for path in sorted(copy.rglob("*.db"))
        for table in _tables(path)
    }


def documents(process: Process) -> Iterator[str]:
    """All rows of all read models, as a database would hold them."""
    models = process.container.models()
    for service in query_services():
        model = open_build(service, models, max(own_builds(service, models)))
        for table in (model, *(model.side(side.row) for side in service.sides)):
            yield from (f"{row.key} {row.document}" for row in table.find(Find(), limit=10_000))


def _tables(path: Path) -> list[str]:
    with closing(connect(path)) as found:
        return [
            name for (name,) in found.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]


def _rows_of(path: Path, table: str) -> list[str]:
    with closing(connect(path)) as found:
        return [_text(row) for row in found.execute(f'SELECT * FROM "{table}"')]  # noqa: S608 - a table of ours


def _text(row: Sequence[object]) -> str:
    return " ".join(
        each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row
    )


def sizes(copy: Path) -> dict[str, int]:
    """The sizes of originals, by the ids of their evidence."""
    (path,) = copy.rglob("klarity.db")
    with closing(connect(path)) as found:
        return dict(found.execute("SELECT upload_id, length FROM uploads"))
