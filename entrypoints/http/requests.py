"""What every request brings along: who asks, what is repeated, which version is meant."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from flask import Response, current_app, g, request

from application.engine.answers import Token
from application.engine.derived_ids import keyed_id, new_command_id
from application.engine.executor import CommandContext, Receipt
from application.engine.query_service import Viewer
from application.ports.access_tokens import AccessTokens
from application.ports.clock import Clock
from domain.actors import Actor
from domain.members.member import Member
from entrypoints.asgi.environ import REFUSAL
from entrypoints.http.problems import problem, refuse

LARGEST_BODY = 1_000_000
LONGEST_KEY = 200
SIGNATURE_BYTES = 16
TOKEN_HEADER = "Klarity-Token"  # noqa: S105 - the name of a header
VERSION_OF_ETAG = re.compile(r'"(0|[1-9][0-9]{0,17})(?:-[0-9a-f]+)?"')

# The member in this session (member id, session id), or None where it has ended.
SignedIn = Callable[[str, str], Member | None]
Version = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Requests:
    """Reads the conventions of API.md off the request in hand."""

    def __init__(self, signed_in: SignedIn, key: bytes, clock: Clock) -> None:
        self._signed_in = signed_in
        self._key = key
        self._clock = clock

    @property
    def now(self) -> Any:
        return self._clock()

    def actor(self) -> Actor:
        """The member who asks and may act. Their session and their standing are looked up."""
        actor = self.oneself()
        if g.suspended:
            refuse("suspended")
        return actor

    def oneself(self) -> Actor:
        """The member who asks, even while suspended: who may still leave."""
        actor = self._known()
        if actor is None:
            raise problem("not-signed-in", **{"WWW-Authenticate": "Bearer"})
        return actor

    def members_only(self) -> None:
        """Ask who it is before looking at what they want. (Preflights come from nobody.)"""
        if request.method != "OPTIONS":
            self.actor()

    def viewer(self) -> Viewer:
        """Who asks, if they say so; a token that is over is told, not ignored."""
        if "Authorization" not in request.headers:
            return Viewer()
        actor = self.oneself()
        # Who is suspended sees what is their own, and judges nothing.
        return Viewer(replace(actor, roles=frozenset()) if g.suspended else actor)

    def session_id(self) -> str:
        """The session that the access token belongs to."""
        self.oneself()
        return str(g.session_id)

    def context(
        self, actor_id: str, *, new: bool = False, own_id: str | None = None
    ) -> CommandContext:
        """What goes with a command: idempotency, If-Match and correlation.

        ``own_id``: where a client names the id of what it makes, the request itself is its key;
        sent once more it gets the same reply.
        """
        key = self.idempotency_key()
        fingerprint = self._fingerprint(actor_id) if key or own_id else ""
        parts = (actor_id, key or fingerprint) if fingerprint else (new_command_id(),)
        return CommandContext(
            command_id=keyed_id(self._key, "command", *parts),
            fingerprint=fingerprint,
            correlation_id=g.correlation_id,
            once=bool(fingerprint),
            version=_version(request.headers.get("If-Match")),
            new=new,
        )

    def id_for(self, kind: str, context: CommandContext) -> str:
        """A new id; the same one when the same request is repeated."""
        return keyed_id(self._key, kind, context.command_id)

    def idempotency_key(self) -> str:
        """What tells that a POST is the same as before; other methods need nothing of the kind."""
        if request.method != "POST" or "Idempotency-Key" not in request.headers:
            return ""
        key = request.headers["Idempotency-Key"]
        # Of what is not ASCII the server leaves nothing.
        if not 1 <= len(key) <= LONGEST_KEY or not key.isascii():
            refuse("malformed", f"An Idempotency-Key has 1 to {LONGEST_KEY} ASCII characters.")
        return key

    def signed(self, content: bytes) -> str:
        """The content as an opaque text, good for the path in hand, that nobody else can make."""
        return opaque(self._signature(content) + content)

    def unsigned(self, text: str) -> bytes:
        """The content of a text signed for the path in hand. Raises ValueError for others."""
        found = opened(text)
        signature, content = found[:SIGNATURE_BYTES], found[SIGNATURE_BYTES:]
        if not compare_digest(signature, self._signature(content)):
            raise ValueError("not signed here")
        return content

    def _signature(self, content: bytes) -> bytes:
        return _signature(self._key, b"klarity cursor", request.path.encode() + b"\0" + content)

    def _fingerprint(self, actor_id: str) -> str:
        """Tells a repeated request from another one; a passphrase is no part of it.

        It is the member's own: a proof shows it, and nobody shall confirm a guess by making it.
        """
        body = request.get_json(silent=True)
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if name != "passphrase"}
        encoded = msgspec.json.encode(body, order="sorted").decode()
        return keyed_id(self._key, "request", actor_id, request.method, request.path, encoded)

    def _known(self) -> Actor | None:
        if "actor" not in g:
            g.actor = self._identify()
        actor: Actor | None = g.actor
        return actor

    def _identify(self) -> Actor | None:
        if g.claims is None:
            return None
        member_id, g.session_id = g.claims
        member = self._signed_in(member_id, g.session_id)
        if member is None:
            return None
        g.suspended = member.suspended
        return Actor(member_id=member.member_id, pseudonym=member.pseudonym, roles=member.roles)


def read_claims(tokens: AccessTokens) -> None:
    """Whose access token the request brings: member id and session id, or None for none of ours."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    g.claims = tokens.read(token.strip()) if scheme.lower() == "bearer" else None


def identify_request() -> None:
    """Give the request an id to be followed by.

    It is never the client's own, nor is its ``traceparent`` taken over: events keep them and
    everybody can read them in a proof, where what two requests share would give a reporter away.
    """
    g.correlation_id = uuid4().hex


def refuse_unread() -> None:
    """Refuse a request whose body the server did not read to its end."""
    if code := request.environ.get(REFUSAL):
        refuse(code, **({"Retry-After": "5"} if code == "too-busy" else {}))


def limit_body(largest_upload: int) -> None:
    """Let a request to ``/v1/uploads`` bring as many bytes as an upload may have.

    Flask takes None for MAX_CONTENT_LENGTH, which is the limit of all other requests.
    """
    if request.path.startswith("/v1/uploads"):
        request.max_content_length = largest_upload
    elif "Transfer-Encoding" in request.headers and len(request.get_data()) >= LARGEST_BODY:
        # Of a body of unknown length werkzeug reads no more than the limit, and says nothing.
        refuse("too-large")


def only_json() -> None:
    """Refuse a body that is not JSON where JSON is what is taken."""
    if request.path.startswith(("/v1/uploads", "/dispute/")):
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
    """The write as an opaque text, signed: a made-up one would ask whether a stream is there."""
    content = msgspec.json.encode([receipt.log, receipt.stream, receipt.version])
    return opaque(_token_signature(content) + content)


def read_token() -> Token | None:
    """The write that the client wants to see in the answer."""
    text = request.headers.get(TOKEN_HEADER)
    if not text:
        return None
    try:
        parts = msgspec.json.decode(_token_content(opened(text)), type=tuple[str, str, Version])
    except ValueError:
        raise problem("malformed", "This is no Klarity-Token of ours.") from None
    token = Token(*parts)
    # For what was so already nothing was written, and there is nothing to wait for.
    return token if token.version else None


def _token_content(signed: bytes) -> bytes:
    signature, content = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    if not compare_digest(signature, _token_signature(content)):
        raise ValueError("not signed here")
    return content


def _token_signature(content: bytes) -> bytes:
    return _signature(current_app.config["TOKEN_KEY"], b"klarity token", content)


def _signature(key: bytes, purpose: bytes, content: bytes) -> bytes:
    """Keyed BLAKE2b (RFC 7693), good for one purpose."""
    digest = blake2b(content, key=key[:64], digest_size=SIGNATURE_BYTES, person=purpose)
    return digest.digest()


def opaque(content: bytes) -> str:
    """The bytes as a text that says nothing to a client."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def opened(text: str) -> bytes:
    """The bytes behind an opaque text. ValueError where it is none of ours."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = VERSION_OF_ETAG.fullmatch(if_match.strip())
    return int(found[1]) if found else -1
