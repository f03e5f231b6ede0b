"""The base of every query service, and the marks for the fields of its document."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum
from functools import cache
from inspect import Parameter, signature
from typing import Annotated, Any, ClassVar, Generic, NewType, TypeVar, cast, get_type_hints

from application.engine.declared_events import declared_events, topics_of
from application.engine.derived_ids import derived_id
from application.engine.rows import Rows
from application.ports.read_models import Find, Index, Side, Tables, by_range
from application.ports.search_index import is_searched
from domain.actors import Actor

D = TypeVar("D")


# Marks on the fields of documents


class Private:
    """Marks a field of a document that is used for filtering or projecting but is not served."""


class ForOwner:
    """Marks a field for the owner of the document and moderators; others get its default."""


class FromOtherStreams:
    """Marks a field that events of other streams change. The past does not show it.

    ``TimeTravel`` reads only the document's own stream.
    """


class HasMedia:
    """Marks the id of evidence: the reader of the document can get its rendition and poster."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Marks what an author said. The field ``author`` names them, or holds None.

    The past shows it as it was if the author is still named, and as it is now otherwise.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A row of an alias that owns something, and since when."""

    alias: str
    since: datetime


ALIASES = Side(Alias, (by_range("since"),))
"""A side table of the aliases that a projection has met. ``Viewer.aliases`` are found in it."""


class Audience(Enum):
    """Who may use a query service. ``ask`` and ``is_public`` decide what each viewer gets."""

    EVERYBODY = "everybody"
    MEMBERS = "members"
    MODERATORS = "moderators"
    OPERATORS = "operators"


def _same(member_id: str, owner: str) -> bool:
    return member_id == owner


@dataclass(frozen=True, slots=True)
class Viewer:
    """The member who asks, or nobody in particular.

    ``is_own`` says whether an owner is the member or one of their aliases. ``aliases`` are those
    that a read model with ``ALIASES`` holds. ``keyed`` derives ids with a key of the instance.
    """

    actor: Actor | None = None
    is_own: Callable[[str, str], bool] = _same
    aliases: tuple[str, ...] = ()
    keyed: Callable[[str, str], str] = derived_id

    @property
    def member_id(self) -> str:
        return self.actor.member_id if self.actor else ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The member's id, and the aliases; empty for nobody in particular."""
        return (self.member_id, *self.aliases) if self.member_id else ()

    def keyed_ids(self, kind: str) -> tuple[str, ...]:
        """Return the id that the member has in things of this kind, which does not name them."""
        return (self.keyed(kind, self.member_id),) if self.member_id else ()

    def is_member(self, owner: str) -> bool:
        """Return whether the viewer is this member, or has this alias."""
        return bool(owner and self.member_id) and self.is_own(self.member_id, owner)

    @property
    def moderates(self) -> bool:
        return bool(self.actor and self.actor.moderates)

    @property
    def operates(self) -> bool:
        return bool(self.actor and self.actor.operates)


@dataclass(frozen=True, slots=True)
class Composed(Generic[D]):
    """The documents of a list, and a word on it for the client, if there is one to say."""

    documents: Sequence[D]
    note: str | None = None


class QueryService(Generic[D]):
    """A question about the system, answered from a read model of its own.

    A subclass declares the read model: ``name``, the ``document`` with its ``key`` field,
    ``indexes``, and ``sides``, the tables of what it has to remember beside its documents. The type
    of the parameter ``event`` of ``project`` declares the events that it projects; no other event
    is decoded for it. If any of this changes, or the code of its module, or ``version``, the read
    model is rebuilt beside the old one.

    It is served to its ``audience``: as a list at ``path`` if it defines ``ask``, and as single
    documents at ``item_path/<key>`` if ``single`` is true. Both paths are ``/<name>`` by default.
    The keyword arguments of ``ask`` are the filters for clients, with their types; those that
    ``path`` contains, such as ``/cases/<uuid:case_id>/comments``, come from there. The docstring of
    ``ask`` documents the list. If the answer depends on the viewer, ``ask`` takes a parameter
    ``viewer``. A list that is more than rows in one order is made by ``compose``. A service that
    defines ``summary`` instead of ``ask`` is served as one document, which is made of all rows.
    ``limits`` are how many documents a page has unless a client says so, and at most.

    Everybody can see a document that ``is_public``; moderators and its owner can see any document.
    ``owner`` names the field that holds the owner's member id.

    If its ``indexes`` hold texts, it is searched: see ``search_index``. A page then shows what was
    found in each document, and how many there are of each value of the indexes in ``facets``. If it
    defines ``suggest``, it also completes texts, at ``path/suggest``. An event in ``erasing`` makes
    it remove from its files what was deleted. A service that is not searched itself can name one in
    ``searched_by``, which finds the keys of the documents where its question holds texts.

    Its rows should not depend on the order in which several logs are read. If they do, it says
    ``by_order``: built again, they may differ without a fault.

    If each document is made from one stream, ``streams`` names the log and the category. Clients
    may then ask for the document as it was, unless it was ever hidden by one of the events in
    ``hiding``. Marks on the fields of the document decide who gets them and what the past shows:
    see ``Private``, ``ForOwner``, ``FromOtherStreams``, ``Signed`` and ``Personal``.
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
    limits: ClassVar[tuple[int, int]] = (20, 100)
    single: ClassVar[bool] = False
    owner: ClassVar[str] = ""
    streams: ClassVar[tuple[str, str] | None] = None
    hiding: ClassVar[tuple[type, ...]] = ()
    facets: ClassVar[tuple[str, ...]] = ()
    erasing: ClassVar[tuple[type, ...]] = ()
    searched_by: ClassVar[str] = ""
    by_order: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Derive ``handles`` and ``topics`` from ``project``, and the filters from ``ask``."""
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
        """Apply the event to the documents. The result depends on nothing but the events."""
        raise NotImplementedError

    def keys(self, event: Any) -> Iterable[str]:
        """Return the keys of the rows that ``project`` will probably read for the event.

        The rows of a batch are loaded together by these keys; other rows are loaded one by one. By
        default these are all ids in the event.
        """
        return (getattr(event, name) for name in _id_fields(event.__class__))

    def ask(self, *args: Any, **filters: Any) -> Find:
        """Return which documents the answer consists of, and their order."""
        raise NotImplementedError

    def summary(self, tables: Tables[D]) -> Any:
        """Return the one answer that is served, of the type that a subclass declares here.

        It reads all documents, so there may be few: counts, not cases.
        """
        raise NotImplementedError

    def question(self, viewer: Viewer, filters: Mapping[str, Any]) -> Find:
        """Return what ``ask`` returns for the filters, and for the viewer if it takes one."""
        seen_by = {VIEWER: viewer} if self.takes_viewer else {}
        return self.ask(**seen_by, **filters)

    def suggest(self, *args: Any, **filters: Any) -> Find:
        """Return the text to complete, as ``matches``, and the documents that may complete it."""
        raise NotImplementedError

    def compose(self, viewer: Viewer, tables: Tables[D], limit: int) -> "Composed[D]":
        """Return the list, if it is no page of rows in one order, such as a mixture of several.

        It has one page. ``ask`` documents it.
        """
        raise NotImplementedError

    def completed(self, documents: Sequence[D], tables: Tables[D]) -> Sequence[D]:  # noqa: ARG002 - for subclasses
        """Return the documents of a page with what side tables hold about them.

        What many documents share is stored once, in a side table: its change is one row.
        """
        return documents

    def is_public(self, document: D) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether everybody can see the document."""
        return True

    def is_erased(self, document: D) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether the document is a tombstone: all that is left of something erased."""
        return False

    def may_see(self, document: D, viewer: Viewer) -> bool:
        """Return whether the viewer may see the document. If not, the reply is that none exists."""
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
        """Return whether it serves a list."""
        return cls.ask is not QueryService.ask

    @classmethod
    def summarises(cls) -> bool:
        """Return whether it serves one document, made of all rows."""
        return cls.summary is not QueryService.summary

    @classmethod
    def suggests(cls) -> bool:
        """Return whether it completes texts."""
        return cls.suggest is not QueryService.suggest

    @classmethod
    def is_searched(cls) -> bool:
        """Return whether its documents are searched for words."""
        return is_searched(cls.indexes)

    @classmethod
    def composes(cls) -> bool:
        """Return whether it composes its list."""
        return cls.compose is not QueryService.compose

    @classmethod
    def list_path(cls) -> str:
        """Return the path of its list, or of its one document, below ``/v1``."""
        return cls.path or f"/{cls.name}"

    @classmethod
    def single_path(cls) -> str:
        """Return the path under which its single documents are, below ``/v1``."""
        return cls.item_path or cls.list_path()

    @classmethod
    def path_parameters(cls) -> list[str]:
        """Return the names of the arguments of ``ask`` that come from the path of the list."""
        return _IN_PATH.findall(cls.list_path())


@cache
def _id_fields(kind: Hashable) -> tuple[str, ...]:
    """Return the fields of an event type that hold an id, by their type or name."""
    hints = get_type_hints(kind)
    is_id = {name: isinstance(hint, NewType) for name, hint in hints.items()}
    return tuple(name for name in hints if is_id[name] or name.endswith("_id"))


@cache
def _owner_fields(kind: Hashable) -> dict[str, Any]:
    """Return the defaults of the fields of a document that only its owner and moderators get."""
    names = fields_with(ForOwner, kind)
    known: Any = kind
    return {field.name: field.default for field in fields(known) if field.name in names}


def value_of(document: Any, field: str) -> Any:
    """Return a field of a document. A name with dots is a field of a nested document."""
    for name in field.split("."):
        document = getattr(document, name, None)
    return document
