"""Read what all requests have in common: actor, idempotency key, If-Match and tokens."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
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
from application.ports.opaque_texts import OpaqueTexts
from domain.actors import Actor
from domain.members.member import Member
from entrypoints.asgi.environ import REFUSAL
from entrypoints.http.problems import problem, refuse

LARGEST_BODY = 1_000_000
LONGEST_KEY = 200
SIGNATURE_BYTES = 16
TOKEN_HEADER = "Klarity-Token"  # noqa: S105 - the name of a header
VERSION_OF_ETAG = re.compile(r'"(0|[1-9][0-9]{0,17})(?:-[0-9a-f]+)?"')

# The member in this session, by member id and session id; None where the session has ended.
SignedIn = Callable[[str, str], Member | None]
Version = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Requests:
    """Reads the headers that all resources share. Its methods work on the current request."""

    def __init__(
        self,
        signed_in: SignedIn,
        is_own: Callable[[str, str], bool],
        key: bytes,
        texts: OpaqueTexts,
        clock: Clock,
    ) -> None:
        self._signed_in = signed_in
        self._is_own = is_own
        self._key = key
        self._texts = texts
        self._clock = clock

    @property
    def now(self) -> Any:
        return self._clock()

    def actor(self) -> Actor:
        """Return the signed-in member. Raises Problem without a valid session, or if suspended.

        The session and the suspension are looked up, so that both take effect at once.
        """
        actor = self.oneself()
        if g.suspended:
            refuse("suspended")
        return actor

    def oneself(self) -> Actor:
        """Return the signed-in member, even if suspended: they may still erase their account."""
        actor = self._known()
        if actor is None:
            raise problem("not-signed-in", **{"WWW-Authenticate": "Bearer"})
        return actor

    def members_only(self) -> None:
        """Refuse a request without a session before reading its body. Preflights have none."""
        if request.method != "OPTIONS":
            self.actor()

    def viewer(self) -> Viewer:
        """Return the viewer: anonymous without a token. Refuses an invalid token."""
        if "Authorization" not in request.headers:
            return Viewer()
        actor = self.oneself()
        # A suspended member still sees their own content, but has no rights of a moderator.
        actor = replace(actor, roles=frozenset()) if g.suspended else actor
        return Viewer(actor, self._is_own, keyed=partial(keyed_id, self._key))

    def session_id(self) -> str:
        """Return the id of the session that the access token belongs to."""
        self.oneself()
        return str(g.session_id)

    def context(
        self, actor_id: str, *, new: bool = False, own_id: str | None = None
    ) -> CommandContext:
        """Return the context of a command: idempotency, If-Match and correlation id.

        ``own_id`` is an id that the client chose for the new resource. The request is then
        idempotent without a key: its fingerprint serves as one.
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
        """Return a new id of that kind. A repeated request gets the same one."""
        return keyed_id(self._key, kind, context.command_id)

    def idempotency_key(self) -> str:
        """Return the Idempotency-Key of a POST, or "". Other methods are idempotent without one."""
        if request.method != "POST" or "Idempotency-Key" not in request.headers:
            return ""
        key = request.headers["Idempotency-Key"]
        # The WSGI server drops characters that are not ASCII, so two keys could become the same.
        if not 1 <= len(key) <= LONGEST_KEY or not key.isascii():
            refuse("malformed", f"An Idempotency-Key has 1 to {LONGEST_KEY} ASCII characters.")
        return key

    def write_cursor(self, content: bytes) -> str:
        """Return the content as an opaque text, which is valid for the current path only."""
        return self._texts.write(content, f"cursor {request.path}")

    def read_cursor(self, text: str) -> bytes:
        """Return the content of a text from ``write_cursor`` for this path.

        Raises NotWrittenHere.
        """
        return self._texts.read(text, f"cursor {request.path}")

    def _fingerprint(self, actor_id: str) -> str:
        """Return a digest that a repeated request shares; it leaves the passphrase out.

        It is keyed with the actor's id because a public proof shows it: no other member can
        confirm a guess at the body by sending that body.
        """
        body = {name: value for name, value in g.get("body", {}).items() if name != "passphrase"}
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
    """Set ``g.claims`` to (member id, session id), or to None without a valid access token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    g.claims = tokens.read(token.strip()) if scheme.lower() == "bearer" else None


def identify_request() -> None:
    """Give the request a new correlation id.

    An id or a ``traceparent`` of the client is not used. Events store these and proofs publish
    them: two requests that share one would reveal that one person sent both.
    """
    g.correlation_id = uuid4().hex


def refuse_unread() -> None:
    """Refuse a request whose body the ASGI server did not read to its end."""
    if code := request.environ.get(REFUSAL):
        refuse(code, **({"Retry-After": "5"} if code == "too-busy" else {}))


def limit_body(largest_upload: int) -> None:
    """Allow a request to ``/v1/uploads`` to be as large as an upload may be.

    All other requests keep Flask's MAX_CONTENT_LENGTH.
    """
    if request.path.startswith("/v1/uploads"):
        request.max_content_length = largest_upload
    elif "Transfer-Encoding" in request.headers and len(request.get_data()) >= LARGEST_BODY:
        # werkzeug cuts a body of unknown length off at the limit without an error.
        refuse("too-large")


def only_json() -> None:
    """Refuse a body that is not JSON, except where uploads are sent."""
    if request.path.startswith("/v1/uploads"):
        return
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    if has_body and not request.is_json:
        refuse("unsupported-media-type", "Send the body as application/json.")


def written(
    receipt: Receipt[Any],
    body: Mapping[str, Any] | None = None,
    *,
    status: int = 204,
    location: str | None = None,
) -> Response:
    """Return the reply to a command, with its version as ETag and a token to read it back."""
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
    """Return the receipt as a signed opaque text; unsigned, it would reveal which streams exist."""
    content = msgspec.json.encode([receipt.log, receipt.stream, receipt.version])
    return opaque(_token_signature(content) + content)


def read_token() -> Token | None:
    """Return the write that the answer has to include, or None."""
    text = request.headers.get(TOKEN_HEADER)
    if not text:
        return None
    try:
        parts = msgspec.json.decode(_token_content(opened(text)), type=tuple[str, str, Version])
    except ValueError:
        raise problem("malformed", "The Klarity-Token is invalid; send it as received.") from None
    token = Token(*parts)
    # Version 0: the command changed nothing in a stream without events, so nothing is awaited.
    return token if token.version else None


def _token_content(signed: bytes) -> bytes:
    signature, content = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    if not compare_digest(signature, _token_signature(content)):
        raise ValueError("not signed here")
    return content


def _token_signature(content: bytes) -> bytes:
    """Return a keyed BLAKE2b digest (RFC 7693)."""
    key = current_app.config["TOKEN_KEY"]
    return blake2b(content, key=key, digest_size=SIGNATURE_BYTES, person=b"klarity token").digest()


def opaque(content: bytes) -> str:
    """Return the bytes as base64 for URLs, without padding."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def opened(text: str) -> bytes:
    """Return the bytes of an opaque text. Raises ValueError if it is not base64."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = VERSION_OF_ETAG.fullmatch(if_match.strip())
    return int(found[1]) if found else -1
