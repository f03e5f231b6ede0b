"""Register, sign in and out, change the passphrase, and erase a member."""

import logging
from collections.abc import Set
from dataclasses import dataclass
from datetime import timedelta
from unicodedata import category, normalize
from uuid import uuid4

from application.engine.executor import CommandContext, CommandMismatch, Receipt, TooMuchContention
from application.executors import MemberExecutor
from application.ports.aliases import Aliases
from application.ports.clock import Clock
from application.ports.credentials import Credential, Credentials, PseudonymTaken, Session
from application.ports.key_vault import KeyVault
from application.ports.passphrases import Passphrases
from application.use_cases.members.pseudonyms import Pseudonyms
from application.use_cases.members.refresh_tokens import RefreshTokens, hash_of
from domain.actors import Actor
from domain.constraints import Length
from domain.decider import DomainError
from domain.ids import MemberId
from domain.members.member import EraseMember, Member, RegisterMember
from domain.times import DAY, day_of

log = logging.getLogger(__name__)

SESSION_LIFE = timedelta(days=60)
"""How long a session lives at least: it ends with a day."""
MOST_SESSIONS = 50
CLAIM_LIFE = timedelta(minutes=1)
PASSPHRASE_LENGTH = Length(8, 200)
REPEAT_LIFE = timedelta(seconds=30)
"""How long a refresh may be repeated whose reply was lost."""


class NotSignedIn(Exception):
    """The credentials or the token are invalid."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A session, and the refresh token with which it can be continued once."""

    member_id: str
    session_id: str
    refresh_token: str


class Accounts:
    """Connects members, who are stored as events, with credentials, which must not be in events."""

    def __init__(
        self,
        *,
        members: MemberExecutor,
        credentials: Credentials,
        passphrases: Passphrases,
        vault: KeyVault,
        aliases: Aliases,
        pseudonyms: Pseudonyms,
        refresh_tokens: RefreshTokens,
        clock: Clock,
    ) -> None:
        self._members = members
        self._credentials = credentials
        self._passphrases = passphrases
        self._vault = vault
        self._aliases = aliases
        self._pseudonyms = pseudonyms
        self._refresh_tokens = refresh_tokens
        self._clock = clock

    def register(
        self,
        member_id: str,
        pseudonym: str,
        passphrase: str,
        interests: tuple[str, ...],
        context: CommandContext,
        *,
        by_operator: bool = False,
    ) -> Receipt[Member]:
        """Register a member. Raises DomainError if the pseudonym or passphrase is not allowed."""
        pseudonym = self._pseudonyms.accepted(pseudonym, by_operator=by_operator)
        _must_be_long_enough(passphrase)
        if self._has_another_pseudonym(member_id, pseudonym):
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
            receipt = self._members.execute(member_id, command, context)
        except CommandMismatch:
            if self._has_another_pseudonym(member_id, pseudonym):
                self._credentials.release(handle_of(pseudonym), member_id)
            raise
        self._aliases.prepare(member_id)
        return receipt

    def sign_in(self, pseudonym: str, passphrase: str) -> Grant:
        """Open a session. Raises NotSignedIn, after the same work whatever the reason."""
        found = self._credentials.find(handle_of(pseudonym))
        good = self._passphrases.verify(found.passphrase_hash if found else None, passphrase)
        if not found or not good or not self._exists(found.member_id):
            raise NotSignedIn
        if self._passphrases.needs_rehash(found.passphrase_hash):
            stronger = self._passphrases.hash(passphrase)
            self._credentials.replace_hash(found.member_id, found.passphrase_hash, stronger)
        grant = self._open_session(found.member_id)
        if not self._is_unchanged(found, passphrase):
            self._credentials.end_session(grant.session_id)
            raise NotSignedIn
        return grant

    def refresh(self, token: str) -> Grant:
        """Continue a session with a new token. Using a token twice ends the session.

        There is one exception: the token before the newest one may be repeated once, because the
        reply may have been lost.
        """
        session_id = self._refresh_tokens.session_of(token)
        session = self._session(session_id) if session_id else None
        if session is None:
            raise NotSignedIn
        new = self._refresh_tokens.successor(token)
        if not self._continue(session.session_id, token, new):
            self._credentials.end_session(session.session_id)
            raise NotSignedIn
        return Grant(session.member_id, session.session_id, new)

    def signed_in(self, member_id: str, session_id: str) -> Member | None:
        """Return the member's state, or None if the session has ended or they are erased."""
        if self._session(session_id) is None:
            return None
        member = self._members.load(member_id).state
        return member if member.registered_at and not member.erased else None

    def sessions(self, member_id: str) -> list[Session]:
        """Return the member's sessions that have not ended, newest first."""
        now = self._clock()
        return [each for each in self._credentials.sessions_of(member_id) if each.expires_at > now]

    def sign_out(self, member_id: str, session_id: str) -> None:
        """End one of the member's sessions. Raises DomainError if there is none with this id."""
        session = self._session(session_id)
        if session is None or session.member_id != member_id:
            raise DomainError("not-found", "You have no such session.")
        self._credentials.end_session(session_id)

    def sign_out_everywhere(self, member_id: str) -> None:
        """End all of the member's sessions."""
        self._credentials.end_sessions(member_id)

    def change_passphrase(self, member_id: str, session_id: str, current: str, new: str) -> None:
        """Change the passphrase, and end all other sessions."""
        _must_be_long_enough(new)
        held = self._verified(member_id, current)
        changed = self._passphrases.hash(new)
        if not self._credentials.replace_hash(member_id, held.passphrase_hash, changed):
            raise TooMuchContention(member_id)
        self._credentials.end_sessions(member_id, but=session_id)

    def erase(
        self,
        actor: Actor,
        passphrase: str,
        context: CommandContext,
        *,
        anonymous_later: bool = False,
    ) -> Receipt[Member]:
        """Erase a member: from now on, nobody can read their personal data.

        ``anonymous_later`` leaves their anonymous cases, each for a while by chance.
        """
        self._verified(actor.member_id, passphrase)
        command = EraseMember(anonymous_later=anonymous_later, by=actor, at=self._clock())
        receipt = self._members.execute(actor.member_id, command, context)
        self.forget(actor.member_id)
        return receipt

    def forget(self, member_id: str) -> None:
        """Destroy the keys and credentials of a member, if the log holds their erasure.

        It may be called again.
        """
        member = self._members.load(member_id).state
        if not member.erased:
            log.error("did not destroy the key of a member who is not erased in the log")
            return
        self._credentials.forget(member_id)
        for subject in (*member.reasons, member_id):
            self._vault.destroy(subject)

    def is_erased(self, owner: str) -> bool:
        """Return whether a member is erased in the log, or the key of an alias is destroyed.

        An empty id counts as erased.
        """
        if not owner or self._members.load(owner).state.erased:
            return True
        return self._vault.key(owner, fresh=True) is None

    def _has_another_pseudonym(self, member_id: str, pseudonym: str) -> bool:
        """Return whether the member is registered under another pseudonym than this one."""
        member = self._members.load(member_id).state
        return bool(member.registered_at) and handle_of(member.pseudonym) != handle_of(pseudonym)

    def _claim(self, member_id: str, pseudonym: str, passphrase: str) -> None:
        """Reserve the pseudonym for the member, before their registration is recorded."""
        handle = handle_of(pseudonym)
        found = self._credentials.find(handle)
        if found and found.member_id == member_id:
            self._must_have_this_passphrase(found, passphrase)
            return
        looks = self._pseudonyms.looks(pseudonym)
        self._release_abandoned(looks)
        claim = Credential(
            handle=handle,
            member_id=member_id,
            passphrase_hash=self._passphrases.hash(passphrase),
            created_at=self._clock(),
        )
        try:
            self._credentials.claim(claim, looks)
        except PseudonymTaken as error:
            raise DomainError(
                "pseudonym-taken", "This pseudonym, or one that looks like it, is in use."
            ) from error

    def _release_abandoned(self, looks: Set[str]) -> None:
        """Release claims of similar pseudonyms for members that were never recorded."""
        for other in self._credentials.alike(looks):
            if self._is_abandoned(other):
                self._credentials.release(other.handle, other.member_id)

    def _must_have_this_passphrase(self, found: Credential, passphrase: str) -> None:
        if not self._passphrases.verify(found.passphrase_hash, passphrase):
            raise CommandMismatch(found.member_id)

    def _is_abandoned(self, claim: Credential) -> bool:
        """Return whether the registration of this claim failed before the member was recorded.

        A claim that seems to be from the future was made before the clock was set back.
        """
        old = abs(self._clock() - claim.created_at) >= CLAIM_LIFE
        return old and not self._members.load(claim.member_id).state.registered_at

    def _exists(self, member_id: str) -> bool:
        member = self._members.load(member_id).state
        return bool(member.registered_at) and not member.erased

    def _is_unchanged(self, found: Credential, passphrase: str) -> bool:
        """Return whether the passphrase was not changed while it was verified.

        A change ends all open sessions, but the new session was not open yet.
        """
        now = self._credentials.find(found.handle)
        if now is None:
            return False
        same = now.passphrase_hash == found.passphrase_hash
        return same or self._passphrases.verify(now.passphrase_hash, passphrase)

    def _verified(self, member_id: str, passphrase: str) -> Credential:
        """Return the member's credential. Raises DomainError if the passphrase is wrong."""
        held = self._credentials.find(handle_of(self._members.load(member_id).state.pseudonym))
        own = held if held and held.member_id == member_id else None
        fits = self._passphrases.verify(own.passphrase_hash if own else None, passphrase)
        if own is None or not fits:
            raise DomainError(
                "wrong-passphrase", "The passphrase is wrong; enter your own and try again."
            )
        return own

    def _session(self, session_id: str) -> Session | None:
        session = self._credentials.session(session_id)
        return session if session and session.expires_at > self._clock() else None

    def _open_session(self, member_id: str) -> Grant:
        session_id, today = str(uuid4()), day_of(self._clock())
        token = self._refresh_tokens.first(session_id)
        session = Session(
            session_id=session_id,
            member_id=member_id,
            token_hash=hash_of(token),
            created_at=today,
            refreshed_at=today,
            expires_at=today + DAY + SESSION_LIFE,
        )
        # First, because of two sessions of a day it is unknown which one is older.
        for oldest in self._credentials.sessions_of(member_id)[MOST_SESSIONS - 1 :]:
            self._credentials.end_session(oldest.session_id)
        self._credentials.open_session(session)
        return Grant(member_id, session_id, token)

    def _continue(self, session_id: str, token: str, new: str) -> bool:
        old_hash, now = hash_of(token), self._clock()
        hidden = self._refresh_tokens.hidden(token, now)
        if self._credentials.rotate(session_id, old_hash, hash_of(new), hidden):
            return True
        session = self._credentials.session(session_id)
        if session is None:
            return False
        refreshed = self._refresh_tokens.revealed(token, session.refreshed_at)
        in_time = now - refreshed <= REPEAT_LIFE
        return in_time and self._credentials.repeat(session_id, old_hash, session.refreshed_at)


def handle_of(pseudonym: str) -> str:
    """Return the form of a pseudonym that identifies its account: folded, and without invisible
    characters.

    A different pseudonym that looks the same has another handle. ``Pseudonyms.looks`` prevents that
    both exist.
    """
    visible = [letter for letter in normalize("NFKC", pseudonym) if category(letter) != "Cf"]
    return "".join(visible).casefold().strip()


def _must_be_long_enough(passphrase: str) -> None:
    least, most = PASSPHRASE_LENGTH.least, PASSPHRASE_LENGTH.most
    if not least <= len(passphrase) <= most:
        raise DomainError("bad-passphrase", f"A passphrase has {least} to {most} characters.")
