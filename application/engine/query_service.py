"""The base of every query service: what its one file declares."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cache
from inspect import Parameter, signature
from typing import Annotated, Any, ClassVar, Generic, NewType, TypeVar, cast, get_type_hints

from application.engine.declared_events import declared_events, topics_of
from application.engine.rows import Rows
from application.ports.read_models import Find, Index, Side
from domain.actors import Actor

D = TypeVar("D")


# Marks on the fields of documents


class Private:
    """Marks a field that is not served: questions and projections need it."""


class ForOwner:
    """Marks a field for the owner of the document and moderators; others get its default."""


class NotInThePast:
    """Marks a field that other streams than the document's own change: its past is not known."""


class HasMedia:
    """Marks the id of evidence: the reader of the document can get its rendition and poster."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Marks what somebody said under their name, which stands in the field ``author``.

    The past shows it as it was while they are named, and as it is now where they are not.
    """

    author: str = "author"


PrivateText = Annotated[str, Private()]


@cache
def fields_with(mark: type, kind: Hashable) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass that have the mark."""
    hints = get_type_hints(kind, include_extras=True)
    marks = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return tuple(name for name in hints if any(isinstance(each, mark) for each in marks[name]))


VIEWER = "viewer"

_IN_PATH = re.compile(r"<(?:\w+:)?(\w+)>")


class Audience(Enum):
    """Who may ask at all. What each of them gets follows from ``ask`` and ``is_public``."""

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
    travel in time, but for what was ever hidden by one of the events that ``hiding`` names.

    Everybody can see a document that ``is_public``; moderators and its owner can see any document.
    ``owner`` names the field that holds the owner's member id. Marks on the fields of the document
    say who gets them, and what the past shows: ``Personal`` what is still the same, ``Signed`` what
    a named author said.
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
    owner: ClassVar[str] = ""
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

    def is_public(self, document: D) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether everybody can see the document."""
        return True

    def gone(self, document: D) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether the document stands for something erased."""
        return False

    def may_see(self, document: D, viewer: Viewer) -> bool:
        """Return whether the viewer may see a document; one they may not see does not exist."""
        return self.is_public(document) or self._sees_all(document, viewer)

    def as_seen_by(self, document: D, viewer: Viewer) -> D:
        """Return the document without the fields that the viewer does not get."""
        if not (hidden := _owner_fields(self.document)) or self._sees_all(document, viewer):
            return document
        seen: Any = document
        return cast("D", replace(seen, **hidden))

    def _sees_all(self, document: D, viewer: Viewer) -> bool:
        owns = bool(self.owner) and viewer.is_member(getattr(document, self.owner))
        return viewer.moderates or owns

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


@cache
def _owner_fields(kind: Hashable) -> dict[str, Any]:
    """The defaults of the fields of a document that only its owner and moderators get."""
    names = fields_with(ForOwner, kind)
    known: Any = kind
    return {field.name: field.default for field in fields(known) if field.name in names}


def value_of(document: Any, field: str) -> Any:
    """A field of a document, dots reaching into nested ones."""
    for name in field.split("."):
        document = getattr(document, name, None)
    return document
