"""A phone: a patient client of the REST API."""

import time
from collections.abc import Callable, Mapping
from json import loads
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import requests
from tusclient.client import TusClient

T = TypeVar("T")
PATIENCE = 300.0
# Access tokens are good for fifteen minutes.
SIGN_IN_AGAIN_SECONDS = 300.0


class Phone:
    """One person's phone. Without signing in it reads what is public."""

    def __init__(self, url: str, pseudonym: str = "") -> None:
        self.url = url
        self.pseudonym = pseudonym or f"Witness {uuid4().hex[:8]}"
        self.passphrase = "four plain words here"
        self.member_id = ""
        self.access_token = ""
        self.refresh_token = ""
        self.signed_in_at = 0.0
        self.session = requests.Session()

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One request, again until it is answered; header names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._stay_signed_in()
        if self.access_token:
            sent.setdefault("Authorization", f"Bearer {self.access_token}")
        if method == "POST":
            sent.setdefault("Idempotency-Key", uuid4().hex)
        return eventually(lambda: self._answer(method, path, body, sent))

    def _answer(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> requests.Response | None:
        """The reply, unless Klarity cannot answer just now."""
        try:
            reply = self.session.request(
                method, self.url + path, json=body, headers=headers, timeout=PATIENCE
            )
        except requests.ConnectionError:
            return None
        return None if reply.status_code == 503 else reply

    def _stay_signed_in(self) -> None:
        """Tests may last longer than an access token."""
        if self.access_token and time.monotonic() - self.signed_in_at > SIGN_IN_AGAIN_SECONDS:
            self.access_token = ""
            self.sign_in()

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.call("GET", path, **headers)

    def register(self) -> "Phone":
        body = {"pseudonym": self.pseudonym, "passphrase": self.passphrase}
        reply = self.call("POST", "/v1/members", body)
        assert reply.status_code == 201, reply.text
        self.member_id = reply.json()["member_id"]
        return self

    def sign_in(self) -> "Phone":
        body = {"pseudonym": self.pseudonym, "passphrase": self.passphrase}
        reply = self.call("POST", "/v1/sessions", body)
        assert reply.status_code == 201, reply.text
        self.keep(reply)
        return self

    def keep(self, reply: requests.Response) -> None:
        self.access_token = reply.json()["access_token"]
        self.signed_in_at = time.monotonic()
        self.refresh_token = reply.json()["refresh_token"]

    def join(self) -> "Phone":
        return self.register().sign_in()

    def leave(self) -> requests.Response:
        return self.call("DELETE", "/v1/me", {"passphrase": self.passphrase})

    def announce(self, length: int) -> str:
        """Announce an upload; where its bytes are to be sent."""
        announced = self.call(
            "POST", "/v1/uploads", Upload_Length=f"{length}", Tus_Resumable="1.0.0"
        )
        assert announced.status_code == 201, announced.text
        return self.url + announced.headers["Location"]

    def upload(self, path: Path, address: str | None = None) -> str:
        """Upload a file with a real tus client, in one request as most do; the evidence id."""
        self._stay_signed_in()
        client = TusClient(
            f"{self.url}/v1/uploads", headers={"Authorization": f"Bearer {self.access_token}"}
        )
        with path.open("rb") as file:
            uploader = client.uploader(file_stream=file, url=address, retries=20, retry_delay=1)
            uploader.upload()
        return str(uploader.url).rpartition("/")[2]

    def report(self, **body: Any) -> requests.Response:
        body = {"title": "A permit for a bribe", "story": "They asked for money.", **body}
        reply = self.call("POST", "/v1/cases", body)
        assert reply.status_code == 201, reply.text
        return reply

    def evidence_when_decided(self, evidence_id: str) -> dict[str, Any]:
        """The evidence once it is available or rejected."""

        def decided() -> dict[str, Any] | None:
            reply = self.get(f"/v1/evidence/{evidence_id}")
            if reply.status_code == 200 and reply.json()["status"] in ("available", "rejected"):
                found: dict[str, Any] = reply.json()
                return found
            return None

        return eventually(decided)

    def case_when(
        self, case_id: str, good: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """The case, once this phone may see it as hoped for."""

        def seen() -> dict[str, Any] | None:
            reply = self.get(f"/v1/cases/{case_id}")
            return reply.json() if reply.status_code == 200 and good(reply.json()) else None

        return eventually(seen)


def eventually(look: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """What ``look`` finds, as soon as it finds something."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def assert_becomes(look: Callable[[], object], expected: object) -> None:
    """Look until the expected value is found."""
    seen = look()

    def as_expected() -> bool | None:
        nonlocal seen
        seen = look()
        return True if seen == expected else None

    try:
        eventually(as_expected)
    except AssertionError:
        assert seen == expected


def once_known(call: Callable[[], requests.Response]) -> requests.Response:
    """The reply, once the service knows the subject of the call."""

    def answered() -> requests.Response | None:
        reply = call()
        return None if reply.status_code == 404 else reply

    return eventually(answered)


def is_public(case: dict[str, Any]) -> bool:
    return bool(case["status"] == "published")


class Stream:
    """The updates on cases with one tag, as a client receives them."""

    def __init__(self, phone: Phone, tag: str, last: str = "") -> None:
        headers = {"Last-Event-ID": last} if last else {}
        url = f"{phone.url}/v1/updates?tag={tag}"
        self._reply = requests.get(url, headers=headers, stream=True, timeout=PATIENCE)
        self._reply.raise_for_status()
        self._lines = self._reply.iter_lines(chunk_size=1, decode_unicode=True)
        self.last = last
        self.text = ""

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._reply.close()

    def next(self) -> tuple[str, str]:
        """The kind and the case of the next update."""
        while True:
            line = next(self._lines)
            self.text += line
            name, _, value = line.partition(": ")
            if name == "id":
                self.last = value
            if name == "data":
                update = loads(value)
                return update["kind"], update["case_id"]
