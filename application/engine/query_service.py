"""The base of every query service: what its one file declares."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from inspect import Parameter, signature
from typing import Annotated, Any, ClassVar, Generic, NewType, TypeVar, get_type_hints

from application.engine.declared_events import declared_events, topics_of
from application.engine.rows import Rows
from application.ports.read_models import Find, Index, Side
from domain.actors import Actor

D = TypeVar("D")


class Private:
    """Marks a field of a document that is needed for filtering, and is not served."""


class FromOtherStreams:
    """Marks a field that events of other streams change. The past does not show it.

    ``TimeTravel`` reads only the document's own stream.
    """


@dataclass(frozen=True, slots=True)
class Signed:
    """Marks a text that an author wrote. The field ``author`` names them, or holds None.

    The past shows the text as it was if the author is still named, and as it is now otherwise.
    """

    author: str = "author"


PrivateText = Annotated[str, Private()]

VIEWER = "viewer"

_IN_PATH = re.compile(r"<(?:\w+:)?(\w+)>")


class Audience(Enum):
    """Who may ask at all. What each of them gets is for ``ask`` and ``may_see`` to say."""

    EVERYBODY = "everybody"
    MEMBERS = "members"
    MODERATORS = "moderators"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a member, or nobody in particular."""

    actor: Actor | None = None

    @property
    def member_id(self) -> str:
        return self.actor.member_id if self.actor else ""

    def is_member(self, member_id: str) -> bool:
        """Whether the viewer is this member; nobody is nobody."""
        return bool(member_id) and member_id == self.member_id

    @property
    def moderates(self) -> bool:
        return bool(self.actor and self.actor.moderates)


class QueryService(Generic[D]):
    """A question about the system, answered from a read model of its own.

    A subclass declares ``name``, the ``document`` with its ``key`` field, ``indexes``, ``sides``
    (tables of what it must remember beside its documents), and with the type of the parameter
    ``event`` of ``project`` the events that it projects: no other event is decoded for it. Where
    any of this changes, or the code of its module, or ``version``, the read model is rebuilt beside
    the old one. It is served to its ``audience``: at ``path`` as a list where it defines ``ask``,
    and at ``item_path/<key>`` where ``single`` is true; both are ``/<name>`` unless told. The
    keyword arguments of ``ask``, by their types, are the filters that clients may use, but for
    those that ``path`` names, such as ``/cases/<uuid:case_id>/comments``; its docstring explains
    them. Where the answer depends on the viewer, ``ask`` takes a parameter ``viewer``. Where a
    document is made from one stream, ``streams`` names the log and the category: clients may then
    travel in time, but for what was ever hidden by one of the events that ``hiding`` names. Marks
    on the fields of the document say what the past shows: ``Personal`` what is still the same,
    ``Signed`` what a named author said.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    handles: ClassVar[tuple[str, ...]]
    filters: ClassVar[Mapping[str, Parameter]] = {}
    takes_viewer: ClassVar[bool] = False
    topics: ClassVar[tuple[str, ...]]
    document: ClassVar[type]
    key: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()
    sides: ClassVar[tuple[Side[Any], ...]] = ()
    path: ClassVar[str] = ""
    item_path: ClassVar[str] = ""
    audience: ClassVar[Audience] = Audience.EVERYBODY
    single: ClassVar[bool] = False
    streams: ClassVar[tuple[str, str] | None] = None
    hiding: ClassVar[tuple[type, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Derive the events and topics that it projects, and what ``ask`` takes."""
        super().__init_subclass__()
        if "project" in vars(cls):
            cls.handles = declared_events(cls.project)
            cls.topics = topics_of(cls.handles)
        if "ask" in vars(cls):
            taken = dict(signature(cls.ask).parameters)
            taken.pop("self")
            cls.takes_viewer = taken.pop(VIEWER, None) is not None
            cls.filters = taken

    def project(self, event: Any, rows: Rows[D]) -> None:
        """Change the documents as the event tells. Same events, same documents: no clock."""
        raise NotImplementedError

    def keys(self, event: Any) -> Iterable[str]:
        """The keys of rows that ``project`` will probably read, to load those of a batch together.

        They are the ids in the event, unless a service knows better. Other rows are loaded singly.
        """
        return (getattr(event, name) for name in _id_fields(event.__class__))

    def ask(self, *args: Any, **filters: Any) -> Find:
        """Which documents, in which order, the answer consists of."""
        raise NotImplementedError

    def question(self, viewer: Viewer, filters: Mapping[str, Any]) -> Find:
        """What ``ask`` makes of the filters, and of the viewer where it takes one."""
        seen_by = {VIEWER: viewer} if self.takes_viewer else {}
        return self.ask(**seen_by, **filters)

    def may_see(self, document: D, viewer: Viewer) -> bool:  # noqa: ARG002 - for subclasses
        """Whether the viewer may see a single document; one they may not see does not exist."""
        return True

    def as_seen_by(self, document: D, viewer: Viewer) -> D:  # noqa: ARG002 - for subclasses
        """The document without what the viewer may not see of it."""
        return document

    def gone(self, document: D) -> bool:  # noqa: ARG002 - for subclasses
        """Whether the document stands for something erased."""
        return False

    @classmethod
    def lists(cls) -> bool:
        """Whether it answers with lists."""
        return cls.ask is not QueryService.ask

    @classmethod
    def list_path(cls) -> str:
        """Where its list is, below ``/v1``."""
        return cls.path or f"/{cls.name}"

    @classmethod
    def single_path(cls) -> str:
        """Below which path its documents are, below ``/v1``."""
        return cls.item_path or cls.list_path()

    @classmethod
    def path_parameters(cls) -> list[str]:
        """What the path of the list tells ``ask``."""
        return _IN_PATH.findall(cls.list_path())


@cache
def _id_fields(kind: Hashable) -> tuple[str, ...]:
    """The fields of an event that hold an id, by their type or name."""
    hints = get_type_hints(kind)
    is_id = {name: isinstance(hint, NewType) for name, hint in hints.items()}
    return tuple(name for name in hints if is_id[name] or name.endswith("_id"))


def value_of(document: Any, field: str) -> Any:
    """A field of a document, dots reaching into nested ones."""
    for name in field.split("."):
        document = getattr(document, name, None)
    return document
