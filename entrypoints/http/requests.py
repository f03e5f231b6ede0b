"""What every request brings along: who asks, what is repeated, which version is meant."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec
from flask import Response, g, request

from application.commands.executor import Context, Receipt
from application.commands.ids import keyed_id, new_command_id
from application.commands.use_cases import Members
from application.ports.access_tokens import AccessTokens
from application.ports.clock import Clock
from application.queries.answers import Token
from application.queries.query_service import Viewer
from domain.ids import Actor
from entrypoints.http.problems import problem, refuse

LONGEST_KEY = 200
TOKEN_HEADER = "Klarity-Token"  # noqa: S105 - the name of a header


class Requests:
    """Reads the conventions of API.md off the request in hand."""

    def __init__(self, members: Members, key: bytes, clock: Clock) -> None:
        self._members = members
        self._key = key
        self._clock = clock

    @property
    def now(self) -> Any:
        return self._clock()

    def actor(self) -> Actor:
        """The member who asks and may act. Their standing is read from the members' log."""
        actor = self._known()
        if actor is None:
            raise problem("not-signed-in", **{"WWW-Authenticate": "Bearer"})
        if g.suspended:
            refuse("suspended")
        return actor

    def members_only(self) -> None:
        """Ask who it is before looking at what they want. (Preflights come from nobody.)"""
        if request.method != "OPTIONS":
            self.actor()

    def viewer(self) -> Viewer:
        """Who asks, if they say so; a token that is over is told, not ignored."""
        if "Authorization" not in request.headers:
            return Viewer()
        actor = self._known()
        if actor is None:
            raise problem("not-signed-in", **{"WWW-Authenticate": "Bearer"})
        return Viewer(actor)

    def session_id(self) -> str:
        """The session that the access token belongs to."""
        self.actor()
        return str(g.session_id)

    def context(self, actor_id: str, *, new: bool = False) -> Context:
        """What goes with a command: idempotency, If-Match and correlation."""
        key = self.idempotency_key()
        parts = (actor_id, key) if key else (new_command_id(),)
        return Context(
            command_id=keyed_id(self._key, "command", *parts),
            fingerprint=self._fingerprint() if key else "",
            correlation_id=g.correlation_id,
            traceparent=request.headers.get("traceparent", "")[:55],
            version=_version(request.headers.get("If-Match")),
            new=new,
        )

    def id_for(self, kind: str, context: Context) -> str:
        """A new id; the same one when the same request is repeated."""
        return keyed_id(self._key, kind, context.command_id)

    def idempotency_key(self) -> str:
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > LONGEST_KEY:
            refuse("malformed", f"An Idempotency-Key has at most {LONGEST_KEY} characters.")
        return key

    def _fingerprint(self) -> str:
        """Tells a repeated request from another one; a passphrase is no part of it."""
        body = request.get_json(silent=True)
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if name != "passphrase"}
        encoded = msgspec.json.encode(body, order="sorted").decode()
        return keyed_id(self._key, "request", request.method, request.path, encoded)

    def _known(self) -> Actor | None:
        if "actor" not in g:
            g.actor = self._identify()
        actor: Actor | None = g.actor
        return actor

    def _identify(self) -> Actor | None:
        if g.claims is None:
            return None
        member_id, g.session_id = g.claims
        member = self._members.load(member_id).state
        if member.erased or not member.registered_at:
            return None
        g.suspended = member.suspended
        return Actor(member_id=member.member_id, pseudonym=member.pseudonym, roles=member.roles)


def read_claims(tokens: AccessTokens) -> None:
    """Whose access token the request brings: member id and session id, or None for none of ours."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    g.claims = tokens.read(token.strip()) if scheme.lower() == "bearer" else None


def identify_request() -> None:
    """Give the request an id to be followed by: the client's own, where it is a plain one."""
    given = request.headers.get("X-Request-Id", "")
    g.correlation_id = given if given.isalnum() and len(given) <= 64 else uuid4().hex  # noqa: PLR2004 - long enough for any id


def only_json() -> None:
    """Refuse a body that is not JSON where JSON is what is taken; uploads may be of any size."""
    if request.path.startswith("/v1/uploads"):
        request.max_content_length = None
        return
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    if has_body and not request.is_json:
        refuse("unsupported-media-type", "This takes application/json.")


def written(
    receipt: Receipt[Any],
    body: Mapping[str, Any] | None = None,
    *,
    status: int = 204,
    location: str | None = None,
) -> Response:
    """The reply to a command: what was made, its version, and a token to read it back with."""
    reply = Response(msgspec.json.encode(body) if body is not None else b"", status)
    if body is not None:
        reply.content_type = "application/json"
    else:
        del reply.headers["Content-Type"]
    reply.headers["ETag"] = f'"{receipt.version}"'
    reply.headers[TOKEN_HEADER] = write_token(receipt)
    if location:
        reply.headers["Location"] = location
    return reply


def write_token(receipt: Receipt[Any]) -> str:
    """The write as an opaque text."""
    parts = [receipt.log, receipt.stream, receipt.version]
    return opaque(msgspec.json.encode(parts))


def read_token() -> Token | None:
    """The write that the client wants to see in the answer."""
    text = request.headers.get(TOKEN_HEADER)
    if not text:
        return None
    try:
        parts = msgspec.json.decode(opened(text), type=tuple[str, str, int])
    except ValueError:
        raise problem("malformed", "This is no Klarity-Token of ours.") from None
    return Token(*parts)


def opaque(content: bytes) -> str:
    """The bytes as a text that says nothing to a client."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def opened(text: str) -> bytes:
    """The bytes behind an opaque text. ValueError where it is none of ours."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix('"').removesuffix('"')
    return int(text) if text.isascii() and text.isdigit() else -1
