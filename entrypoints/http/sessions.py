"""Resources to sign in, to renew tokens and to sign out."""

from typing import Any

import marshmallow as ma
from flask import Response, jsonify
from marshmallow import validate

from application.ports.access_tokens import AccessTokens
from application.ports.credentials import Session
from application.use_cases.members.accounts import (
    MOST_SESSIONS,
    PASSPHRASE_LENGTH,
    REPEAT_LIFE,
    Accounts,
    Grant,
)
from domain.times import day_of
from entrypoints.http.attempts import Attempts, counts_as
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import BEARER, problems
from entrypoints.http.requests import Requests
from entrypoints.http.schemas import Text, schema

SignInBody = schema(
    "SignIn",
    {
        "pseudonym": Text(required=True, validate=validate.Length(1, 200)),
        "passphrase": Text(required=True, validate=validate.Length(1, PASSPHRASE_LENGTH.most)),
    },
)
RefreshBody = schema(
    "Refresh", {"refresh_token": Text(required=True, validate=validate.Length(1, 500))}
)
TokensReply = schema(
    "Tokens",
    {
        "access_token": ma.fields.String(required=True),
        "refresh_token": ma.fields.String(required=True),
        "token_type": ma.fields.Constant("Bearer", required=True),
        "expires_in": ma.fields.Integer(
            required=True,
            metadata={"description": "Seconds until the access token expires."},
        ),
    },
)
SessionReply = schema(
    "Session",
    {
        "session_id": ma.fields.UUID(required=True),
        "current": ma.fields.Boolean(
            required=True, metadata={"description": "Whether this request uses it."}
        ),
        "created_at": ma.fields.AwareDateTime(
            "iso",
            required=True,
            metadata={"description": "The day (UTC); no time of day is stored."},
        ),
        "used_at": ma.fields.AwareDateTime(
            "iso",
            required=True,
            metadata={"description": "The day (UTC) on which its tokens were last renewed."},
        ),
        "expires_at": ma.fields.AwareDateTime("iso", required=True),
    },
)
SessionsReply = schema(
    "Sessions", {"items": ma.fields.List(ma.fields.Nested(SessionReply), required=True)}
)


def sessions_blueprint(accounts: Accounts, tokens: AccessTokens, requests: Requests) -> Blueprint:
    """Return the resources of a member's own sessions."""
    blp = Blueprint("sessions", __name__, url_prefix="/v1/sessions", description="Sessions")

    @blp.post("")
    @counts_as(Attempts.signing_in)
    @blp.arguments(SignInBody)
    @blp.response(201, TokensReply)
    @blp.doc(
        description=f"A member has at most {MOST_SESSIONS} sessions. One more ends the oldest."
    )
    @problems(blp, 401, 415, 422)
    def sign_in(body: dict[str, str]) -> Response:
        """Sign in"""
        return granted(accounts.sign_in(body["pseudonym"], body["passphrase"]))

    @blp.post("/refresh")
    @counts_as(Attempts.refreshing)
    @blp.arguments(RefreshBody)
    @blp.response(201, TokensReply)
    @blp.doc(
        description=(
            "A refresh token is valid once; using it again ends the session. If the reply was "
            "lost, the newest used token may be sent once more within "
            f"{REPEAT_LIFE.seconds} seconds."
        )
    )
    @problems(blp, 401, 415, 422)
    def refresh(body: dict[str, str]) -> Response:
        """Renew the tokens"""
        return granted(accounts.refresh(body["refresh_token"]))

    @blp.get("", endpoint="list")
    @blp.response(200, SessionsReply)
    @blp.doc(security=BEARER)
    @problems(blp, 401)
    def sessions() -> Response:
        """One's own sessions, newest first; neither address nor device is recorded"""
        actor, current = requests.oneself(), requests.session_id()
        found = accounts.sessions(actor.member_id)
        return jsonify(items=[_shown(session, current) for session in found])

    @blp.delete("")
    @blp.response(204)
    @blp.doc(security=BEARER)
    @problems(blp, 401)
    def sign_out_everywhere() -> Response:
        """End all of one's sessions, including this one"""
        accounts.sign_out_everywhere(requests.oneself().member_id)
        return Response(status=204)

    @blp.delete("/current")
    @blp.response(204)
    @blp.doc(security=BEARER)
    @problems(blp, 401, 404)
    def sign_out() -> Response:
        """Sign out: end this session and its tokens"""
        accounts.sign_out(requests.oneself().member_id, requests.session_id())
        return Response(status=204)

    @blp.delete("/<uuid:session_id>")
    @blp.response(204)
    @blp.doc(security=BEARER)
    @problems(blp, 401, 404)
    def end_session(session_id: object) -> Response:
        """End one of one's own sessions, for example that of a lost phone"""
        accounts.sign_out(requests.oneself().member_id, str(session_id))
        return Response(status=204)

    def granted(grant: Grant) -> Response:
        access = tokens.issue(grant.member_id, grant.session_id, requests.now)
        reply = jsonify(
            access_token=access,
            refresh_token=grant.refresh_token,
            token_type="Bearer",  # noqa: S106 - a kind of token, none itself
            expires_in=int(tokens.life.total_seconds()),
        )
        reply.status_code = 201
        return reply

    return blp


def _shown(session: Session, current: str) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "current": session.session_id == current,
        "created_at": session.created_at,
        "used_at": day_of(session.refreshed_at),
        "expires_at": session.expires_at,
    }
