"""A crowd of phones that send commands until they are acknowledged, while processes are killed."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import uuid4

import requests

from tests.system.phone import Phone

GIVES_UP_AFTER = 400.0

Command = Callable[[], None]


@dataclass
class Crowd:
    """Sends commands from several threads; each is repeated until it is acknowledged."""

    url: str
    threads: int = 8
    acknowledged: int = 0
    at: dict[int, Callable[[], None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _disturbing: Lock = field(default_factory=Lock)

    def send(self, commands: list[Command]) -> None:
        """Send all commands; ``at`` holds what happens when so many were acknowledged.

        One thing happens at a time: a process may answer others before whoever started it notices
        that it is ready, and is not killed meanwhile.
        """
        with ThreadPoolExecutor(self.threads) as pool:
            for done in [pool.submit(self._one, command) for command in commands]:
                done.result()

    def _one(self, command: Command) -> None:
        command()
        with self._lock:
            self.acknowledged += 1
            disturb = self.at.pop(self.acknowledged, None)
        if disturb is not None:
            with self._disturbing:
                disturb()


def report(phone: Phone, evidence_id: str, acknowledged: list[str]) -> Command:
    """A command to report a case, which notes the case once it is acknowledged."""
    body = {
        "case_id": str(uuid4()),
        "title": "A permit for a bribe",
        "story": "They asked for money.",
        "evidence": [evidence_id],
    }
    key = uuid4().hex

    def command() -> None:
        until_acknowledged(phone, "POST", "/v1/cases", body, {"Idempotency-Key": key})
        acknowledged.append(str(body["case_id"]))

    return command


def support(phone: Phone, case_id: str) -> Command:
    """A command to support a case."""
    return lambda: until_acknowledged(phone, "PUT", f"/v1/cases/{case_id}/support", None, {})


def until_acknowledged(
    phone: Phone, method: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    """Send the request until it is answered with success."""
    until = time.monotonic() + GIVES_UP_AFTER
    while time.monotonic() < until:
        try:
            reply = requests.request(
                method,
                phone.url + path,
                json=body,
                headers={"Authorization": f"Bearer {phone.access_token}", **headers},
                timeout=10,
            )
        except requests.RequestException:
            time.sleep(0.1)
            continue
        if reply.ok:
            return
        assert reply.status_code >= 500, reply.text
        time.sleep(0.1)
    raise AssertionError(f"{method} {path} was never acknowledged")
