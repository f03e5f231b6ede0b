"""The application under the documented WSGI servers."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from entrypoints.http import updates
from tests.servers import free_port
from tests.system.deployment import environment, relaxed
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

PROGRAMS = Path(sys.executable).parent
# Less than gunicorn would leave to a stream that did not end by itself.
LEAVES_WITHIN = 120.0
SERVERS = {
    "gunicorn": [
        *("gunicorn", "wsgi:app", "--threads", "4", "--bind", "127.0.0.1:{port}"),
        *("--timeout", "300", "--graceful-timeout", "240"),
    ],
    "klarity": ["klarity", "serve"],
    "granian": ["granian", "wsgi:app", "--interface", "wsgi", "--port", "{port}"],
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_wsgi_server_serves_frees_the_streams_of_disconnected_clients_and_stops(
    server: str, tmp_path: Path
) -> None:
    port = free_port()
    program, *arguments = [part.format(port=port) for part in SERVERS[server]]
    ports = {"PORT": str(port), "INTERNAL_PORT": str(free_port())}
    settings = {"DATA": str(tmp_path / "data"), "STREAMS": "1", **ports, **relaxed()}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAMS / program, *arguments], env=environment(settings), stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(url))
        with Phone(url) as phone:
            case = phone.join().report().json()["case_id"]
            phone.case_when(case)
        eventually(lambda: open_stream(url)).close()
        stream = eventually(lambda: open_stream(url))
    finally:
        process.terminate()
        process.wait(LEAVES_WITHIN)
    stream.close()


def answers(url: str) -> bool | None:
    try:
        return requests.get(f"{url}/v1/instance", timeout=5).ok or None
    except requests.RequestException:
        return None


def open_stream(url: str) -> requests.Response | None:
    """The only stream of updates, unless it is held for somebody who has just left."""
    reply = requests.get(f"{url}/v1/updates", stream=True, timeout=30)
    retry = next(reply.iter_lines(chunk_size=1)).removeprefix(b"retry: ")
    if int(retry) < updates.RETRY_LATER_SECONDS[0] * 1000:
        return reply
    reply.close()
    return None
