"""Read history over HTTP from the command service that owns the log (``GET /events/<log>``)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from adapters.tls import USUAL, Tls
from application.ports.codec import MalformedMessage, RecordedEvent, Wire
from application.ports.history import HistoryUnavailable

SECONDS = (3.05, 15.0)
NOT_FOUND = 404


class HttpHistory:
    """Reads logs over HTTP. ``urls`` maps a log to the base address of its owner. ``token`` is the
    service token."""

    def __init__(self, urls: Mapping[str, str], token: str, wire: Wire, tls: Tls = USUAL) -> None:
        self._urls = urls
        self._tls = tls
        self._wire = wire
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        return self._unpacked(log, self._get(log, "", {"after": after, "limit": limit}))

    def stream(self, log: str, stream: str) -> list[RecordedEvent]:
        return self._unpacked(log, self._get(log, f"/streams/{quote(stream, safe='')}", {}))

    def position_of(self, log: str, stream: str, version: int) -> int | None:
        reply = self._get(log, f"/positions/{quote(stream, safe='')}/{version}", {})
        return None if reply.status_code == NOT_FOUND else int(reply.json()["position"])

    def last_position(self, log: str) -> int:
        return int(self._get(log, "/positions/last", {}).json()["position"])

    def close(self) -> None:
        self._session.close()

    def _unpacked(self, log: str, reply: requests.Response) -> list[RecordedEvent]:
        try:
            return self._wire.unpack(reply.content)
        except MalformedMessage as error:
            raise HistoryUnavailable(log) from error

    def _get(self, log: str, path: str, params: Mapping[str, Any]) -> requests.Response:
        url = f"{self._urls[log].rstrip('/')}/events/{log}{path}"
        try:
            reply = self._session.get(
                url,
                params=params,
                timeout=SECONDS,
                verify=self._tls.ca or True,
                cert=self._tls.certificate or None,
            )
        except requests.RequestException as error:
            raise HistoryUnavailable(log) from error
        if not reply.ok and reply.status_code != NOT_FOUND:
            raise HistoryUnavailable(f"{log}: status {reply.status_code}")
        return reply
