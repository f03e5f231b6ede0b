"""Resources to take one's data along, and to erase one's account."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import marshmallow as ma
import msgspec
from flask import Response, jsonify
from marshmallow import validate

from application.security import AccountsExported, SecurityLog
from application.use_cases.members.accounts import PASSPHRASE_LENGTH, Accounts
from application.use_cases.members.erasure_progress import ErasureProgress, ErasureReceipts
from application.use_cases.members.export import LEFT_OUT, ExportAccount, Part
from entrypoints.http.attempts import Attempts, counts_as
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import BEARER, IF_MATCH, MADE_HEADERS, problems
from entrypoints.http.documents import document_schema
from entrypoints.http.limits import Rate, too_many_requests, who_asks
from entrypoints.http.requests import Requests, written
from entrypoints.http.schemas import Text, Truth, schema

EXPORTS = "10 per hour"
OWN_PASSPHRASE = Text(required=True, validate=validate.Length(1, PASSPHRASE_LENGTH.most))
ErasureBody = schema(
    "Erasure",
    {
        "passphrase": OWN_PASSPHRASE,
        "anonymous_later": Truth(
            metadata={"description": "Erase anonymous cases one by one within two weeks."},
        ),
    },
)
PartReply = schema(
    "ExportPart",
    {
        "about": ma.fields.String(required=True),
        "items": ma.fields.List(ma.fields.Dict(), required=True),
    },
)
ExportReply = schema(
    "Export",
    {
        "parts": ma.fields.Dict(
            keys=ma.fields.String(), values=ma.fields.Nested(PartReply), required=True
        ),
        "left_out": ma.fields.List(ma.fields.String(), required=True),
    },
)


def leaving_blueprint(
    accounts: Accounts,
    export_account: ExportAccount,
    receipts: ErasureReceipts,
    requests: Requests,
    security: SecurityLog,
) -> Blueprint:
    """Return the export of all that is held about a member, the erasure, and its progress."""
    blp = Blueprint("leaving", __name__, url_prefix="/v1", description="Members")
    exports = Rate(EXPORTS)

    @blp.get("/me/export")
    @blp.response(200, ExportReply)
    @blp.doc(security=BEARER)
    @problems(blp, 401)
    def export() -> Response:
        """All that is held about oneself, as a file

        Each part says what it is. The parts `members`, `cases`, `evidence`, `discussions` and
        `moderation` hold the events about you and about your anonymous cases, as they are stored.
        `left_out` says what is held but not given, and why. An export names your anonymous cases:
        keep it where nobody finds it. A member may export ten times in an hour.
        """
        requests.oneself()
        standing = exports.count(who_asks())
        if standing.left < 0:
            raise too_many_requests(standing, "exports")
        security.count(AccountsExported)
        reply = Response(
            as_json(export_account(requests.viewer())), content_type="application/json"
        )
        reply.headers["Cache-Control"] = "private, no-store"
        reply.headers["Content-Disposition"] = 'attachment; filename="klarity-me.json"'
        return reply

    @blp.delete("/me")
    @counts_as(Attempts.proving)
    @blp.arguments(ErasureBody)
    @blp.response(202, document_schema(ErasureProgress), headers=MADE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 412, 415, 422)
    def erase(body: Mapping[str, Any]) -> Response:
        """Erase one's own account for good; needs the passphrase

        All cases of the member, open and anonymous ones, answer 410 from the same moment on, which
        reveals that one person reported them. To avoid this, send `anonymous_later`: anonymous
        cases and their evidence stay as they are until their turn, each at a time within two weeks
        that is drawn by chance. Nobody can hasten that or take it back, not even you.

        With the reply, the keys and the credentials of the member are destroyed, and so is what
        opens old copies of them on disks and in backups. Everything else follows shortly. The
        address in Location says when all of it is done and what remains.
        """
        actor = requests.oneself()
        context = requests.context(actor.member_id)
        erased = accounts.erase(
            actor, body["passphrase"], context, anonymous_later=body.get("anonymous_later", False)
        )
        receipt = receipts.of(erased)
        reply = msgspec.to_builtins(receipts.progress(receipt))
        return written(erased, reply, status=202, location=f"/v1/erasures/{receipt}")

    @blp.get("/erasures/<receipt>")
    @blp.response(200, document_schema(ErasureProgress))
    @problems(blp, 404)
    def erasure(receipt: str) -> Response:
        """How far an erasure has come, and what remains

        The address comes with the reply to `DELETE /v1/me`. It names nobody, needs no account, and
        works for 30 days. A step is `done`, `under_way`, or `delayed`: it failed, and is tried
        again.
        """
        reply = jsonify(receipts.progress(receipt))
        reply.headers["Cache-Control"] = "no-store"
        return reply

    return blp


def as_json(parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield an export as one JSON document, one item at a time."""
    yield b'{"parts":{'
    for number, part in enumerate(parts):
        name, about = msgspec.json.encode(part.name), msgspec.json.encode(part.about)
        yield b'%b%b:{"about":%b,"items":[' % (b"," if number else b"", name, about)
        for place, item in enumerate(part.items):
            yield (b"," if place else b"") + msgspec.json.encode(item)
        yield b"]}"
    yield b'},"left_out":%b}' % msgspec.json.encode(LEFT_OUT)
