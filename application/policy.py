"""The base of Klarity's own policies, and what they depend on."""

from collections.abc import Callable
from dataclasses import dataclass

from application.engine.executor import CommandContext
from application.engine.policy import Policy
from application.executors import Executors
from application.security import SecurityLog
from domain.catalog import EVENTS
from domain.evidence.evidence import EvidenceReceived
from domain.operations.alert import AlertEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDependencies:
    """The executors, and use cases that do the slow work. A policy uses those of its own context.

    ``send_alert`` raises CallFailed if an address does not accept the event, which has this id.

    ``destroy_key`` destroys the key of a text. Ask the log before: events on the bus may be forged.
    ``carry_out`` does what an operator asked in an intervention.
    ``security`` records events for the operator.

    ``sanitise`` raises NeedsLonger if it cannot finish within the given seconds. ``hide_at`` is the
    weight of flags at which their subject is hidden.
    """

    executors: Executors
    sanitise: Callable[[EvidenceReceived, Callable[[str], CommandContext], float | None], None]
    forget_member: Callable[[str], None]
    erase_media: Callable[[str], None]
    forget_in_cases: Callable[[str], None]
    forget_in_discussions: Callable[[str], None]
    forget_in_moderation: Callable[[str], None]
    forget_in_operations: Callable[[str], None]
    carry_out: Callable[[str, CommandContext], None]
    destroy_key: Callable[[str], None]
    send_alert: Callable[[AlertEvent, str], None]
    security: SecurityLog
    hide_at: float


class KlarityPolicy(Policy[PolicyDependencies]):
    """Reacts to events with commands to the executors of its context."""

    def __init_subclass__(cls) -> None:
        """Refuse a service that is no context: no process would run the policy."""
        super().__init_subclass__()
        if cls.service not in EVENTS.contexts:
            raise TypeError(f"{cls.__name__}: service is {cls.service}, which is no context")

    def __init__(self, dependencies: PolicyDependencies) -> None:
        super().__init__(dependencies)
        self.executors = dependencies.executors
