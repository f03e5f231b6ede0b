"""Who may see the monitor: whoever is on this machine, and members with the role operator.

Without a session, only the names of this machine are answered (``entrypoints/http/internal.py``).
"""

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, g, redirect, request, session
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as AnyResponse

from application.use_cases.members.accounts import Accounts, NotSignedIn
from domain.actors import SYSTEM, Actor, Role
from domain.ids import MemberId
from domain.members.member import Member
from entrypoints.http.attempts import Attempts, count_attempt, forgive
from entrypoints.http.internal import MisdirectedRequest, names_this_machine
from entrypoints.http.problems import Problem
from entrypoints.monitor.pages import page

ROOT = "/monitor"
# A proxy on this machine passes on requests of others: they do not come from here.
FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
ELSEWHERE = ("cross-site", "same-site")
OPEN_PLACES = ("access.sign_in", "access.sign_in_form", "static")


class Access:
    """Decides for each request. ``loopback`` says whether only this machine reaches the listener.

    ``g.operator`` is the member who signed in, or the system for whoever is on this machine.
    """

    def __init__(self, accounts: Accounts, attempts: Attempts, *, loopback: bool) -> None:
        self._accounts = accounts
        self._attempts = attempts
        self._loopback = loopback

    def check(self) -> AnyResponse | None:
        """Let the request pass, or return the way to the page to sign in."""
        if request.method != "GET" and request.headers.get("Sec-Fetch-Site") in ELSEWHERE:
            raise CSRFError("another site sent it")
        g.operator = self._signed_in()
        if g.operator is None and self._is_local():
            if not names_this_machine():
                raise MisdirectedRequest
            g.operator = SYSTEM
        if g.operator is None and request.endpoint not in OPEN_PLACES:
            where = request.full_path.rstrip("?") if request.method == "GET" else ROOT
            return redirect(f"{ROOT}/sign-in?{_next(where)}", 303)
        return None

    def sign_in(self, pseudonym: str, passphrase: str) -> None:
        """Begin a session. Raises NotSignedIn, Forbidden or Problem."""
        attempt = self._attempts.signing_in({"pseudonym": pseudonym})
        count_attempt(attempt)
        grant = self._accounts.sign_in(pseudonym, passphrase)
        forgive(attempt)
        member = self._accounts.signed_in(grant.member_id, grant.session_id)
        session.clear()
        if not _operates(member):
            self._accounts.sign_out(grant.member_id, grant.session_id)
            raise NoOperator
        session["member"], session["session"] = grant.member_id, grant.session_id

    def sign_out(self) -> None:
        if "member" in session:
            self._accounts.sign_out(session["member"], session["session"])
        session.clear()

    def _signed_in(self) -> Actor | None:
        """Return the member of the session, looked up now: a role that was revoked is gone."""
        if "member" not in session:
            return None
        member = self._accounts.signed_in(session["member"], session["session"])
        if member is None or not _operates(member):
            session.clear()
            return None
        return Actor(
            member_id=MemberId(session["member"]), pseudonym=member.pseudonym, roles=member.roles
        )

    def _is_local(self) -> bool:
        forwarded = any(name in request.headers for name in FORWARDING)
        return self._loopback and not forwarded and is_loopback(request.remote_addr or "")


class NoOperator(Exception):
    """The member does not have the role."""


def is_loopback(host: str) -> bool:
    """Return whether the address, or name of an address, is reached from this machine alone."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def access_pages(access: Access) -> Blueprint:
    blp = Blueprint("access", __name__, url_prefix=ROOT)

    @blp.get("/sign-in")
    def sign_in_form() -> Response:
        return page("sign_in.html", next=inside(request.args.get("next", ROOT)), wrong="")

    @blp.post("/sign-in")
    def sign_in() -> AnyResponse:
        form = request.form
        where = inside(form.get("next", ROOT))
        try:
            access.sign_in(form.get("pseudonym", "").strip(), form.get("passphrase", ""))
        except NotSignedIn:
            wrong = "Nobody has this name and this passphrase."
            return page("sign_in.html", 401, next=where, wrong=wrong)
        except NoOperator:
            wrong = "This member is not an operator. `klarity members grant` makes them one."
            return page("sign_in.html", 403, next=where, wrong=wrong)
        except Problem as refused:
            reply = page("sign_in.html", refused.status, next=where, wrong=refused.detail)
            reply.headers.update(refused.headers)
            return reply
        return redirect(where, 303)

    @blp.post("/sign-out")
    def sign_out() -> AnyResponse:
        access.sign_out()
        return redirect(f"{ROOT}/sign-in", 303)

    return blp


def protect_app(app: Flask, access: Access) -> None:
    """Ask who it is before everything else."""
    app.before_request(access.check)


def inside(place: str) -> str:
    """Return the place if it is a page of the monitor, or else the first one."""
    is_own = place == ROOT or place.startswith((f"{ROOT}/", f"{ROOT}?"))
    return place if is_own and place.isprintable() and "\\" not in place else ROOT


def _operates(member: Member | None) -> bool:
    return bool(member and Role.OPERATOR in member.roles and not member.suspended)


def _next(where: str) -> str:
    return urlencode({"next": where})
