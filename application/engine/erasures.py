"""Who had themselves erased: what cannot be undone asks here first, whatever a message says."""

from application.ports.history import History
from domain.catalog import EVENTS
from domain.members.member import MemberErased, member_decider

_LOG = "members"
_ERASED = EVENTS.names[MemberErased]


def is_erased_in_log(history: History, member_id: str) -> bool:
    """Whether the member's own stream holds their erasure."""
    stream = history.stream(_LOG, member_decider.stream(member_id))
    return any(event.type == _ERASED for event in stream)
