"""Each new public case is delivered to a webhook, even if processes are killed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.media import photo_with_gps
from tests.system.deployment import KLARITY, Klarity, environment, relaxed
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system


class Newsroom(ThreadingHTTPServer):
    """Verifies and keeps the calls that it gets; it fails them until it opens."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.secret = ""
        self.open = False
        self.turned_away = 0
        self.heard: dict[str, Any] = {}


class Desk(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        room: Any = self.server
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        message = Webhook(room.secret).verify(body, headers)
        if room.open:
            room.heard[headers["webhook-id"]] = message
        else:
            room.turned_away += 1
        self.send_response(204 if room.open else 503)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def newsroom() -> Iterator[Newsroom]:
    room = Newsroom()
    thread = Thread(target=room.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield room
    finally:
        room.shutdown()
        thread.join()
        room.server_close()


def test_a_case_is_delivered_after_the_receiver_was_away_and_the_process_was_killed(
    tmp_path: Path,
) -> None:
    settings = {**relaxed(), "WEBHOOKS_INSECURE": "true", "DATA": str(tmp_path / "data")}
    photo_with_gps(tmp_path / "photo.jpg")
    with newsroom() as room:
        command = [KLARITY, "webhooks", "add", f"http://127.0.0.1:{room.server_port}/hook"]
        added = subprocess.run(
            command, env=environment(settings), check=True, capture_output=True, text=True
        )
        room.secret = added.stdout.split()[-1]
        klarity = Klarity(tmp_path / "klarity", **settings)
        try:
            klarity.start()
            with Phone(klarity.url) as phone:
                photo = phone.join().upload(tmp_path / "photo.jpg")
                case_id = phone.report(evidence=[photo], anonymous=True).json()["case_id"]
                phone.case_when(case_id, lambda case: bool(case["status"] == "published"))
            eventually(lambda: room.turned_away or None)
            klarity.kill()
            room.open = True
            klarity.start()
            eventually(lambda: room.heard or None)
        finally:
            klarity.close()
    ((_, message),) = room.heard.items()
    assert message["data"]["case_id"] == case_id
    assert phone.member_id not in str(message)
    assert phone.pseudonym not in str(message)
