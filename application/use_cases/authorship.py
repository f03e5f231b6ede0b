"""Find out under which alias a member acts."""

from application.executors import CaseExecutor
from application.ports.aliases import Aliases
from application.ports.key_vault import evidence_subject
from domain.actors import Actor
from domain.ids import CaseId, EvidenceId, MemberId


class Authorship:
    """Replaces an actor by the alias under which they own what a command is about (ADR 42).

    The alias has the actor's roles, and no pseudonym.
    """

    def __init__(self, cases: CaseExecutor, aliases: Aliases) -> None:
        self._cases = cases
        self._aliases = aliases

    def in_case(self, actor: Actor, case_id: CaseId) -> Actor:
        """Return the actor as the author of the case, if they reported it under an alias."""
        return self.as_owner(actor, self._cases.load(case_id).state.author)

    def as_owner(self, actor: Actor, *owners: MemberId) -> Actor:
        """Return the actor as the first of the owners that they are, or as they are."""
        own = (owner for owner in owners if self._aliases.is_own(actor.member_id, owner))
        return _called(actor, next(own, actor.member_id))

    def as_new_author(self, actor: Actor, case_id: CaseId) -> Actor:
        """Return the actor under a new alias, to report the case anonymously."""
        return _called(actor, self._aliases.of(actor.member_id, f"case/{case_id}"))

    def owner_of(self, actor: Actor, evidence_id: EvidenceId) -> MemberId:
        """Return the alias under which the actor owns the evidence, if it is theirs."""
        return self._aliases.of(actor.member_id, evidence_subject(evidence_id))


def _called(actor: Actor, member_id: MemberId) -> Actor:
    return actor if member_id == actor.member_id else Actor(member_id=member_id, roles=actor.roles)
