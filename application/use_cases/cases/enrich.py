"""Add parties to a case, and let them dispute what is said of them."""

from dataclasses import replace

from application.engine.derived_ids import derived_id
from application.engine.executor import CommandContext, Receipt
from application.executors import CaseExecutor, PartyExecutor
from application.ports.clock import Clock
from application.ports.dispute_links import DisputeLinks, Invitation
from application.use_cases.authorship import Authorship
from domain.actors import Actor
from domain.cases.case import role_in
from domain.cases.case_commands import AddParty, CaseFacts
from domain.cases.party import (
    DisputeParty,
    EraseStatement,
    NameParty,
    Party,
    PartyDetails,
    PartyFacts,
    RetractParty,
)
from domain.decider import DomainError, Informed, must_moderate
from domain.ids import CaseId, PartyId


class Enrich:
    """Executes commands on parties: one stream each, so that many members can add to a case at the
    same time."""

    def __init__(
        self,
        cases: CaseExecutor,
        parties: PartyExecutor,
        links: DisputeLinks,
        authorship: Authorship,
        clock: Clock,
    ) -> None:
        self._cases = cases
        self._authorship = authorship
        self._parties = parties
        self._links = links
        self._clock = clock

    def name_party(
        self,
        party_id: PartyId,
        case_id: CaseId,
        details: PartyDetails,
        actor: Actor,
        context: CommandContext,
    ) -> Receipt[Party]:
        """Add the party to the case, then record its name. A repeated request repeats both steps.

        The case comes first and checks all rules and the version, so that the second step is not
        refused.
        """
        if done := self._parties.receipt(context):
            return done
        now, actor = self._clock(), self._authorship.in_case(actor, case_id)
        adding = AddParty(party_id=party_id, evidence=details.evidence, by=actor, at=now)
        known = CaseFacts(party_named=bool(self._parties.load(party_id).state.party_id))
        before = replace(context, command_id=derived_id(context.command_id, "add"), new=False)
        case = self._cases.execute(case_id, Informed(adding, known), before).state
        command = NameParty(party_id=party_id, case_id=case_id, details=details, by=actor, at=now)
        facts = PartyFacts(role=role_in(case, actor), untimed=case.is_delayed)
        return self._parties.execute(
            party_id, Informed(command, facts), replace(context, version=None)
        )

    def retract_party(
        self, party_id: PartyId, case_id: CaseId, actor: Actor, context: CommandContext
    ) -> Receipt[Party]:
        actor = self._authorship.in_case(actor, case_id)
        command = RetractParty(case_id=case_id, by=actor, at=self._clock())
        facts = PartyFacts(role=role_in(self._cases.load(case_id).state, actor))
        return self._parties.execute(party_id, Informed(command, facts), context)

    def invite_to_dispute(
        self, party_id: PartyId, case_id: CaseId, actor: Actor, dispute_id: str
    ) -> str:
        """Return the token of a link that allows one statement.

        Only moderators issue them, and not for their own case or claim.
        """
        must_moderate(actor)
        actor = self._authorship.in_case(actor, case_id)
        party = self._parties.load(party_id).state
        if party.case_id != case_id or not party.is_claimed:
            raise DomainError("not-found", "The case has no such party.")
        if actor.member_id in (party.by, self._cases.load(case_id).state.author):
            raise DomainError(
                "not-oneself",
                "This is your own case or claim; another moderator has to issue the link.",
            )
        return self._links.issue(Invitation(case_id, party_id, dispute_id), self._clock())

    def dispute(self, token: str, statement: str, context: CommandContext) -> Receipt[Party]:
        """Record the statement of a party, once per link."""
        invitation = self.invitation(token)
        command = DisputeParty(
            case_id=CaseId(invitation.case_id),
            dispute_id=invitation.dispute_id,
            statement=statement,
            at=self._clock(),
        )
        return self._parties.execute(invitation.party_id, command, context)

    def erase_statement(
        self,
        party_id: PartyId,
        case_id: CaseId,
        dispute_id: str,
        actor: Actor,
        context: CommandContext,
    ) -> Receipt[Party]:
        """Erase a statement of a party for good."""
        command = EraseStatement(case_id=case_id, dispute_id=dispute_id, by=actor, at=self._clock())
        facts = PartyFacts(role=role_in(self._cases.load(case_id).state, actor))
        return self._parties.execute(party_id, Informed(command, facts), context)

    def invitation(self, token: str) -> Invitation:
        """Return the invitation of a link. Raises DomainError if it is invalid or has expired."""
        invitation = self._links.read(token)
        if invitation is None:
            raise DomainError("bad-link", "This link is invalid or has expired.")
        return invitation
