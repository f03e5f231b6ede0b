"""Requests a second, beside a bare Flask application on the same server and the same MongoDB.

``POST /v1/cases`` is the whole way of a report: authentication, the member's standing, validation,
the rules, sealing, a durable append. The floor parses JSON and inserts it durably. The GETs read
the document, or a page of twenty; the floor does ``find`` and ``jsonify``. Klarity's background
does not run while it is measured. Run with ``python -m benchmarks.http``; it needs wrk, a Debian
package.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient

from benchmarks.measure import Figure, medians, print_table
from tests.servers import Mongo, free_port, program
from tests.system.deployment import Klarity, shared_stores
from tests.system.phone import Phone

SECONDS = 4
ROUNDS = 3
THREADS = 8
DOCUMENTS = 200
STORY = "Somebody asked for money at the counter. " * 20
BODY = {
    "title": "A permit for a bribe",
    "story": STORY,
    "category": "bribery",
    "occurred_on": "2026-02-01",
    "location": {"lat": 52.52, "lon": 13.405, "precision": "city", "name": "Berlin"},
    "tags": ["permits", "city-hall"],
    "evidence": [],
    "anonymous": False,
}
POST_TARGETS = {(16, 1): 0.8, (64, 2): 1.3}


def main() -> None:
    with Mongo() as mongo, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = shared_stores(mongo.url, BUS="redis", BACKGROUND="false")
        posts = [
            _posts(folder, mongo.url, settings, connections, workers)
            for connections, workers in POST_TARGETS
        ]
        print_table("POST /v1/cases beside a bare Flask insert", "requests/s", posts)
        gets = _gets(folder, mongo.url, settings)
        print_table("GET beside bare Flask find and jsonify", "requests/s", gets)


def _posts(
    folder: Path, mongo_url: str, settings: Mapping[str, str], connections: int, workers: int
) -> Figure:
    with _klarity(folder, settings, workers) as klarity, _bare(mongo_url, workers) as bare:
        with Phone(klarity.url) as phone:
            token = phone.join().access_token
        script = _post_script(folder, token)
        found = medians(
            ROUNDS,
            {
                "klarity": lambda: wrk(f"{klarity.url}/v1/cases", connections, script),
                "bare": lambda: wrk(f"{bare}/v1/cases", connections, script),
            },
        )
    return Figure(
        what=f"{connections} connections, {workers} worker{'s' * (workers > 1)}",
        rate=found["klarity"],
        floor=found["bare"],
        target=POST_TARGETS[connections, workers],
    )


def _gets(folder: Path, mongo_url: str, settings: Mapping[str, str]) -> list[Figure]:
    case_id = _fill(mongo_url, settings["MONGO_DATABASE"])
    with _klarity(folder, settings, 1) as klarity, _bare(mongo_url, 1) as bare:
        return [
            _get("GET /v1/cases/{id}", klarity.url, bare, f"/v1/cases/{case_id}", 0.9),
            _get("GET /v1/cases (20)", klarity.url, bare, "/v1/cases", 1.0),
        ]


def _get(what: str, klarity: str, bare: str, path: str, target: float) -> Figure:
    found = medians(
        ROUNDS,
        {"klarity": lambda: wrk(klarity + path, 16), "bare": lambda: wrk(bare + path, 16)},
    )
    return Figure(what=what, rate=found["klarity"], floor=found["bare"], target=target)


def _fill(mongo_url: str, database: str) -> str:
    """Put the same public cases into the read model and into the floor's collection; one's id."""
    from adapters.mongo import connect
    from adapters.read_models.mongo import MongoReadModels
    from application.engine.builds import begin_build, open_build
    from application.queries.authors import Author
    from application.queries.case_document import CaseDocument
    from application.queries.cases import Cases
    from application.system import query_services
    from domain.cases.case_details import CaseStatus

    connected = connect(mongo_url, database)
    models = MongoReadModels(connected)
    service = Cases()
    build = begin_build(service, models)
    model = open_build(service, models, build)
    now = datetime.now(UTC)
    documents = {
        f"00000000-0000-4000-8000-{number:012}": CaseDocument(
            case_id=f"00000000-0000-4000-8000-{number:012}",
            status=CaseStatus.PUBLISHED,
            title=BODY["title"],  # type: ignore[arg-type]  # a text
            story=STORY,
            author=Author(member_id="m", pseudonym="Anna"),
            reported_at=now,
            published_at=now + timedelta(seconds=number),
            updated_at=now,
            version=1,
        )
        for number in range(DOCUMENTS)
    }
    model.commit(documents, model.checkpoint().next())
    models.make_live(service.name, build)
    for other in query_services():
        if other.name != service.name:
            begin_build(other, models)
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url)
    cases = client["bare"]["cases"]
    cases.delete_many({})
    cases.create_index("published_at")
    cases.insert_many([_as_bare(document) for document in documents.values()])
    client.close()
    connected.client.close()
    return next(iter(documents))


def _as_bare(document: Any) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return {"_id": found.pop("case_id"), **found}


@contextmanager
def _klarity(folder: Path, settings: Mapping[str, str], workers: int) -> Iterator[Klarity]:
    klarity = Klarity(folder, **settings, WORKERS=str(workers), THREADS=str(THREADS))
    try:
        yield klarity.start()
    finally:
        klarity.close()


@contextmanager
def _bare(mongo_url: str, workers: int) -> Iterator[str]:
    """The address of the bare application, on the server and with the threads of Klarity."""
    port = free_port()
    granian = str(Path(sys.executable).with_name("granian"))
    command = [granian, "benchmarks.bare:app", "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", str(THREADS), "--no-log"]
    process = subprocess.Popen(command, env={**os.environ, "BARE_MONGO_URL": mongo_url})
    try:
        _wait_for(f"http://127.0.0.1:{port}/v1/cases")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            requests.get(url, timeout=5)
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(url)


def _post_script(folder: Path, token: str) -> Path:
    script = folder / "post.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = {json.dumps(json.dumps(BODY))}\n"
        'wrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.headers["Authorization"] = "Bearer {token}"\n'
    )
    return script


def wrk(url: str, connections: int, script: Path | None = None) -> float:
    """Successful requests a second. ValueError where any was answered with an error."""
    command = [program("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "10"]
    command += ["-s", str(script)] if script else []
    output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        raise ValueError(output)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", output)[0])


if __name__ == "__main__":
    main()
