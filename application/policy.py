"""The base of Klarity's own policies, and what they depend on."""

from collections.abc import Callable
from dataclasses import dataclass

from application.engine.executor import CommandContext
from application.engine.policy import Policy
from application.executors import Executors
from domain.evidence.evidence import EvidenceReceived


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDependencies:
    """The executors, of which a policy uses those of its own context, and slow work done elsewhere.

    ``sanitise`` raises NeedsLonger where it cannot be done within the seconds given. ``hide_at`` is
    the weight of flags that hides what they flag.
    """

    executors: Executors
    sanitise: Callable[[EvidenceReceived, Callable[[str], CommandContext], float | None], None]
    forget_member: Callable[[str], None]
    erase_media: Callable[[str], None]
    forget_in_cases: Callable[[str], None]
    forget_in_discussions: Callable[[str], None]
    forget_in_moderation: Callable[[str], None]
    hide_at: float


class KlarityPolicy(Policy[PolicyDependencies]):
    """A reaction that gives commands to the executors of its context."""

    def __init__(self, dependencies: PolicyDependencies) -> None:
        super().__init__(dependencies)
        self.executors = dependencies.executors
