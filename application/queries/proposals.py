"""What have others proposed for a case?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from application.engine.filters import equal
from application.engine.query_service import (
    ALIASES,
    Alias,
    Audience,
    Private,
    PrivateText,
    QueryService,
    Viewer,
)
from application.engine.rows import Rows
from application.ports.read_models import Condition, Find, OneOf, Side, by, by_each, by_range
from domain.cases.case_events import (
    CaseErased,
    CaseReported,
    ContributionErased,
    ContributionProposed,
    ProposalEvent,
)
from domain.cases.place import PersonalPlace
from domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalDocument:
    """A tag or a location that a contributor proposes. It does not say who they are."""

    number: int
    tag: Annotated[str, Personal()] = ""
    location: PersonalPlace = None
    proposed_at: datetime
    key: PrivateText = ""
    case_id: PrivateText = ""
    seen_by: Annotated[tuple[str, ...], Private()] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedCase:
    """A case, and its author, who answers proposals."""

    author: str


class ProposalsForCases(QueryService[ProposalDocument]):
    """What have others proposed for a case?"""

    name = "proposals"
    document, key = ProposalDocument, "key"
    path, audience = "/cases/<uuid:case_id>/proposals", Audience.MEMBERS
    indexes = (by("case_id"), by_range("proposed_at"), by_each("seen_by"))
    sides = (Side(ProposedCase), ALIASES)

    def project(
        self,
        event: CaseReported | CaseErased | ContributionErased | ProposalEvent,
        rows: Rows[ProposalDocument],
    ) -> None:
        match event:
            case CaseReported():
                _remember(event, rows)
            case CaseErased():
                _forget(event.case_id, rows)
            case ContributionErased():
                for number in event.proposals:
                    rows.delete(_key(event.case_id, number))
            case ContributionProposed():
                rows.put(_key(event.case_id, event.number), _proposed(event, rows))
            case _:
                rows.delete(_key(event.case_id, event.number))

    def ask(self, viewer: Viewer, *, case_id: str = "") -> Find:
        """The open proposals, for the author and moderators; for contributors, their own ones"""
        own: tuple[Condition, ...] = (OneOf("seen_by", viewer.ids),)
        where = (*equal(case_id=case_id), *(() if viewer.moderates else own))
        return Find(where=where, order_by="proposed_at", descending=False)


def _key(case_id: str, number: int) -> str:
    return f"{case_id}/{number}"


def _remember(event: CaseReported, rows: Rows[ProposalDocument]) -> None:
    rows.table(ProposedCase).put(event.case_id, ProposedCase(author=event.author))
    if event.anonymous:
        rows.table(Alias).put(event.author, Alias(alias=event.author, since=event.at))


def _forget(case_id: str, rows: Rows[ProposalDocument]) -> None:
    if known := rows.table(ProposedCase).get(case_id):
        rows.table(Alias).delete(known.author)
    rows.table(ProposedCase).delete(case_id)
    rows.delete_where("case_id", case_id)


def _proposed(event: ContributionProposed, rows: Rows[ProposalDocument]) -> ProposalDocument:
    known = rows.table(ProposedCase).get(event.case_id)
    return ProposalDocument(
        number=event.number,
        tag=event.tag,
        location=event.location,
        proposed_at=event.at,
        key=_key(event.case_id, event.number),
        case_id=event.case_id,
        seen_by=(event.by, *([known.author] if known else [])),
    )
