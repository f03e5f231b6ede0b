"""Accounts: registering, signing in and out, and being forgotten."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from unicodedata import category, normalize
from uuid import uuid4

from application.commands.executor import CommandMismatch, Context, Receipt
from application.commands.use_cases import Members
from application.ports.clock import Clock
from application.ports.credentials import Credential, Credentials, PseudonymTaken, Session
from application.ports.key_vault import KeyVault
from application.ports.passphrases import Passphrases
from domain.decider import DomainError
from domain.ids import Actor, MemberId
from domain.members.member import EraseMember, Member, RegisterMember

SESSION_LIFE = timedelta(days=60)
CLAIM_LIFE = timedelta(minutes=1)


class NotSignedIn(Exception):
    """These credentials, or this token, prove nothing."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A session, and the refresh token that continues it once."""

    member_id: str
    session_id: str
    refresh_token: str


class Accounts:
    """Joins members, who are events, to credentials, which never are."""

    def __init__(
        self,
        members: Members,
        credentials: Credentials,
        passphrases: Passphrases,
        vault: KeyVault,
        clock: Clock,
    ) -> None:
        self._members = members
        self._credentials = credentials
        self._passphrases = passphrases
        self._vault = vault
        self._clock = clock

    def register(
        self,
        member_id: str,
        pseudonym: str,
        passphrase: str,
        interests: tuple[str, ...],
        context: Context,
    ) -> Receipt[Member]:
        """Register a member. Raises DomainError where somebody else has the pseudonym."""
        if self._is_anothers(member_id, pseudonym):
            raise CommandMismatch(member_id)
        self._claim(member_id, pseudonym, passphrase)
        identity = MemberId(member_id)
        command = RegisterMember(
            member_id=identity,
            pseudonym=pseudonym,
            interests=interests,
            by=Actor(member_id=identity),
            at=self._clock(),
        )
        try:
            return self._members.execute(member_id, command, context)
        except CommandMismatch:
            if self._is_anothers(member_id, pseudonym):
                self._credentials.release(handle(pseudonym), member_id)
            raise

    def sign_in(self, pseudonym: str, passphrase: str) -> Grant:
        """Open a session. Raises NotSignedIn, after the same work for whatever reason."""
        found = self._credentials.find(handle(pseudonym))
        good = self._passphrases.verify(found.passphrase_hash if found else None, passphrase)
        if not found or not good or not self._is_here(found.member_id):
            raise NotSignedIn
        if self._passphrases.needs_rehash(found.passphrase_hash):
            self._credentials.replace_hash(found.member_id, self._passphrases.hash(passphrase))
        return self._open_session(found.member_id)

    def refresh(self, token: str) -> Grant:
        """Continue a session with a new token. One that was used before ends the session."""
        session_id, _, secret = token.partition(".")
        session = self._credentials.session(session_id)
        if not session or session.expires_at <= self._clock():
            raise NotSignedIn
        new = secrets.token_urlsafe(32)
        if not self._rotate(session, _digest(secret), _digest(new)):
            self._credentials.end_session(session_id)
            raise NotSignedIn
        return Grant(session.member_id, session_id, f"{session_id}.{new}")

    def sign_out(self, session_id: str) -> None:
        """End a session: its refresh token is worth nothing from now on."""
        self._credentials.end_session(session_id)

    def erase(self, actor: Actor, context: Context) -> Receipt[Member]:
        """Erase a member: what they said of themselves cannot be read by anyone from now on."""
        command = EraseMember(by=actor, at=self._clock())
        receipt = self._members.execute(actor.member_id, command, context)
        self.forget(actor.member_id)
        return receipt

    def forget(self, member_id: str) -> None:
        """Destroy the member's key and credentials. It may be called again."""
        self._vault.destroy(member_id)
        self._credentials.forget(member_id)

    def is_erased(self, member_id: str) -> bool:
        """Whether the member had themselves erased, as the log has it; nobody is an erased one."""
        return not member_id or self._members.load(member_id).state.erased

    def _is_anothers(self, member_id: str, pseudonym: str) -> bool:
        """Whether the member registered under another pseudonym: this one opens no way to them."""
        member = self._members.load(member_id).state
        return bool(member.registered_at) and handle(member.pseudonym) != handle(pseudonym)

    def _claim(self, member_id: str, pseudonym: str, passphrase: str) -> None:
        name = handle(pseudonym)
        found = self._credentials.find(name)
        if found and found.member_id == member_id:
            self._must_be_the_same(found, passphrase)
            return
        if found and self._is_abandoned(found):
            self._credentials.release(name, found.member_id)
        claim = Credential(
            handle=name,
            member_id=member_id,
            passphrase_hash=self._passphrases.hash(passphrase),
            created_at=self._clock(),
        )
        try:
            self._credentials.claim(claim)
        except PseudonymTaken as error:
            raise DomainError("pseudonym-taken", "Somebody else has this pseudonym.") from error

    def _must_be_the_same(self, found: Credential, passphrase: str) -> None:
        if not self._passphrases.verify(found.passphrase_hash, passphrase):
            raise CommandMismatch(found.member_id)

    def _is_abandoned(self, claim: Credential) -> bool:
        """Whether its registration died before the member was there."""
        old = claim.created_at + CLAIM_LIFE <= self._clock()
        return old and not self._members.load(claim.member_id).state.registered_at

    def _is_here(self, member_id: str) -> bool:
        member = self._members.load(member_id).state
        return bool(member.registered_at) and not member.erased

    def _open_session(self, member_id: str) -> Grant:
        session_id, secret = str(uuid4()), secrets.token_urlsafe(32)
        session = Session(
            session_id=session_id,
            member_id=member_id,
            token_hash=_digest(secret),
            expires_at=self._clock() + SESSION_LIFE,
        )
        self._credentials.open_session(session)
        return Grant(member_id, session_id, f"{session_id}.{secret}")

    def _rotate(self, session: Session, old_hash: str, new_hash: str) -> bool:
        known = compare_digest(session.token_hash, old_hash)
        return known and self._credentials.rotate(session.session_id, old_hash, new_hash)


def handle(pseudonym: str) -> str:
    """The form in which pseudonyms are compared: without case, and without what nobody sees.

    So nobody poses as another.
    """
    visible = [letter for letter in normalize("NFKC", pseudonym) if category(letter) != "Cf"]
    return "".join(visible).casefold().strip()


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
