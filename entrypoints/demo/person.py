"""One member of the town, with a phone."""

import time
from threading import Event
from typing import Any

import click
import requests

PATIENCE = 120.0
PAUSE = 0.2
LONGEST_REPLY = 60.0
TUS = {"Tus-Resumable": "1.0.0"}
BUSY = (requests.codes.too_many_requests, requests.codes.service_unavailable)
NOT_YET = (requests.codes.not_found, requests.codes.conflict)


class Person:
    """Calls Klarity's API, and waits as Retry-After says. ``stopped`` ends all waiting."""

    def __init__(self, url: str, name: str, passphrase: str, stopped: Event) -> None:
        self._url = url
        self._stopped = stopped
        self._account = {"pseudonym": name, "passphrase": passphrase}
        self._session = requests.Session()
        self.evidence: list[str] = []

    def join(self) -> None:
        self.call("POST", "/v1/members", self._account)
        self.sign_in()

    def sign_in(self) -> None:
        token = self.call("POST", "/v1/sessions", self._account).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def upload(self, content: bytes) -> str:
        """Upload in one request. Returns the evidence id."""
        headers = {**TUS, "Upload-Length": str(len(content))}
        reply = self.call("POST", "/v1/uploads", headers=headers)
        address = reply.headers["Location"]
        headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        self.call("PATCH", address, content=content, headers=headers)
        return address.rpartition("/")[2]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        wait_for_it: bool = False,
    ) -> requests.Response:
        """Send a request, and retry it while Klarity is busy.

        With ``wait_for_it`` it is also retried while the resource is missing or in conflict.
        Raises ClickException for any other refusal."""
        until = time.monotonic() + PATIENCE
        while True:
            reply = self._send(method, path, body, content, headers)
            missing = wait_for_it and reply.status_code in NOT_YET
            if reply.status_code in BUSY:
                self.pause(float(reply.headers.get("Retry-After", "1")))
            elif missing and time.monotonic() < until:
                self.pause(PAUSE)
            elif reply.ok:
                return reply
            else:
                raise click.ClickException(f"{method} {path}: {reply.status_code} {reply.text}")

    def pause(self, seconds: float) -> None:
        """Wait. Raises Abort once everything is stopped."""
        if self._stopped.wait(seconds):
            raise click.Abort

    def close(self) -> None:
        self._session.close()

    def _send(
        self, method: str, path: str, body: Any, content: bytes | None, headers: Any
    ) -> requests.Response:
        address = path if path.startswith("http") else self._url + path
        try:
            return self._session.request(
                method, address, json=body, data=content, headers=headers, timeout=LONGEST_REPLY
            )
        except requests.ConnectionError as error:
            raise click.ClickException(
                f"Nothing answers at {self._url}; try `make run`."
            ) from error
