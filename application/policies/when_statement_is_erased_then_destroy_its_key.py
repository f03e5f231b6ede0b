"""Destroy the key of a party's statement that moderators erased."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.cases.party import StatementErased


class WhenStatementIsErasedThenDestroyItsKey(KlarityPolicy):
    name = "when-statement-is-erased-then-destroy-its-key"
    service = "cases"

    def react(self, event: StatementErased, cause: Cause) -> None:  # noqa: ARG002 - no command is issued
        match event:
            case StatementErased():
                party = self.executors.parties.load(event.party_id).state
                statement = party.disputes.get(event.dispute_id)
                if statement and statement.erased:
                    self.dependencies.destroy_key(event.dispute_id)
