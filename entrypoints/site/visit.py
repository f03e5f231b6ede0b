"""A visit: what the site asks of the API for the person whose request it serves."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
from flask import g, request, session
from werkzeug.local import LocalProxy

from entrypoints.site.api import Answer, Api, Question

RENEW_BEFORE_SECONDS = 30
TOKEN = "Klarity-Token"  # noqa: S105 - the name of a header
UNAUTHORIZED = 401


class Refused(Exception):
    """The API refused a request with this problem (RFC 9457)."""

    def __init__(self, answer: Answer) -> None:
        is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
        found = answer.body if is_problem else {}
        self.status = answer.status
        self.code: str = found.get("type", "/problems/internal").removeprefix("/problems/")
        self.detail: str = found.get("detail", "")
        self.errors: Mapping[str, Any] = found.get("errors", {})
        self.retry_after: str = answer.headers.get("Retry-After", "")
        super().__init__(f"{self.status} {self.code}")


@dataclass(frozen=True, slots=True)
class SignedInMember:
    """The signed-in member."""

    member_id: str
    pseudonym: str
    roles: tuple[str, ...]

    @property
    def moderates(self) -> bool:
        return bool({"moderator", "admin"} & set(self.roles))


class Visit:
    """Asks the API with the session of the visitor. The session is a signed cookie, which scripts
    cannot read: it holds the tokens, the member's name and roles, and the last write."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def person(self) -> SignedInMember | None:
        known = session.get("person")
        return (
            SignedInMember(known["id"], known["pseudonym"], tuple(known["roles"]))
            if known
            else None
        )

    def get(self, path: str, **query: Any) -> Any:
        """Return the body of a resource below ``/v1``. Raises Refused."""
        return self.fetch(path, **query).body

    def fetch(self, path: str, **query: Any) -> Answer:
        """Return the answer to GET, with its headers. Raises Refused."""
        given = {name: value for name, value in query.items() if value not in (None, "")}
        where = f"{path}?{urlencode(given, doseq=True)}" if given else path
        headers = {TOKEN: session["wrote"]} if "wrote" in session else {}
        return self._ask("GET", where, headers)

    @cached_property
    def rules(self) -> list[dict[str, str]]:
        """The rules, read once in a visit."""
        found: list[dict[str, str]] = self.get("/rules")["items"]
        return found

    def fetch_bytes(self, path: str, first: int, last: int) -> Answer:
        """Return a range of media, with its last byte. Raises Refused.

        It renews no tokens: a reply that is under way could not keep them.
        """
        headers = {"Range": f"bytes={first}-{last}"}
        return _good(self._api(self._question("GET", path, headers, None), request.environ))

    def send(
        self, method: str, path: str, body: Any = None, *, once: str = "", version: str = ""
    ) -> Answer:
        """Return the answer to a command. Raises Refused.

        ``once`` is a key that makes a repeated POST harmless; ``version`` is an ETag that must
        still be the resource's. The next page shows what the command wrote.
        """
        headers = {"Idempotency-Key": once} if once else {}
        if version:
            headers["If-Match"] = version
        answer = self._ask(method, path, headers, body)
        if wrote := answer.headers.get(TOKEN):
            session["wrote"] = wrote
        return answer

    def pass_on(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        """Return the answer to a request whose content is not JSON, such as a file. Raises
        Refused."""
        self.renew()
        question = replace(self._question(method, path, headers, None), content=content)
        return _good(self._api(question, request.environ))

    def sign_in(self, pseudonym: str, passphrase: str, *, keep: bool = False) -> None:
        """Begin a session. ``keep``: it outlasts the browser's. Raises Refused."""
        answer = self.send("POST", "/sessions", {"pseudonym": pseudonym, "passphrase": passphrase})
        session.clear()  # whoever fixed a session before cannot use it
        session.permanent = keep
        self._keep_tokens(answer.body)
        self.learn()

    def learn(self) -> None:
        """Remember the name and the roles of the member."""
        me = self.get("/me")
        session["person"] = {
            "id": me["member_id"],
            "pseudonym": me["pseudonym"],
            "roles": me["roles"],
        }

    def sign_out(self) -> None:
        """End the session, even if the API has ended it already."""
        try:
            self.send("DELETE", "/sessions/current")
        except Refused as refused:
            if refused.status != UNAUTHORIZED:
                raise
        finally:
            session.clear()

    def access_token(self) -> str:
        """Return a token for scripts of the site, or "" if nobody is signed in."""
        self.renew()
        return str(session.get("access", ""))

    def renew(self) -> None:
        """Renew tokens that are about to expire. A session that has ended is forgotten."""
        if "refresh" not in session or time.time() < session["expires"] - RENEW_BEFORE_SECONDS:
            return
        question = self._question("POST", "/sessions/refresh", {}, _refresh())
        answer = self._api(question, request.environ)
        if answer.status == UNAUTHORIZED:
            session.clear()
            return
        self._keep_tokens(_good(answer).body)
        self.learn()

    def _keep_tokens(self, tokens: Mapping[str, Any]) -> None:
        session["access"], session["refresh"] = tokens["access_token"], tokens["refresh_token"]
        session["expires"] = time.time() + tokens["expires_in"]

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Answer:
        self.renew()
        answer = self._api(self._question(method, path, headers, body), request.environ)
        if answer.status == UNAUTHORIZED and "access" in session:
            session.clear()  # it was ended elsewhere; what is public is still to be read
            if method == "GET":
                answer = self._api(self._question(method, path, headers, body), request.environ)
        return _good(answer)

    def _question(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Question:
        sent = dict(headers)
        if "access" in session:
            sent["Authorization"] = f"Bearer {session['access']}"
        if body is None:
            return Question(method, f"/v1{path}", sent)
        sent["Content-Type"] = "application/json"
        return Question(method, f"/v1{path}", sent, msgspec.json.encode(body))


def begin_visit(api: Api) -> None:
    """Give the current request its visit."""
    g.visit = Visit(api)


def forget_what_was_read() -> None:
    """A page that was shown includes what was written before it; later pages need not wait."""
    if request.method == "GET" and "wrote" in session:
        del session["wrote"]


def _refresh() -> dict[str, str]:
    return {"refresh_token": session["refresh"]}


def _good(answer: Answer) -> Answer:
    if answer.status >= 400:  # noqa: PLR2004 - the errors of HTTP
        raise Refused(answer)
    return answer


visit = cast("Visit", LocalProxy(lambda: g.visit))
"""The visit of the current request."""
