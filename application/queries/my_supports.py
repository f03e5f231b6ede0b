"""Which cases does the member support?"""

from collections.abc import Sequence

from application.engine.query_service import Audience, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, Tables
from application.queries.engaged_cases import (
    ENGAGED,
    EngagedCase,
    begin_or_end,
    engaged_by,
    with_titles,
)
from application.queries.public_titles import PUBLIC_CASES, TitleEvent, remember_title
from domain.cases.case_events import CaseErased
from domain.cases.engagement import EngagementDeed, EngagementSigned
from domain.members.member import MemberErased


class MySupports(QueryService[EngagedCase]):
    """Which cases does the member support?"""

    name = "my-supports"
    document, key = EngagedCase, "key"
    path, audience = "/me/supports", Audience.MEMBERS
    indexes, sides = ENGAGED, (PUBLIC_CASES,)

    def project(
        self,
        event: EngagementSigned | MemberErased | CaseErased | TitleEvent,
        rows: Rows[EngagedCase],
    ) -> None:
        match event:
            case EngagementSigned():
                begin_or_end(rows, event, EngagementDeed.SUPPORTED, EngagementDeed.WITHDREW)
            case MemberErased():
                rows.delete_where("member_id", event.member_id)
            case CaseErased():
                rows.delete_where("case_id", event.case_id)
            case _:
                remember_title(rows, event)

    def ask(self, viewer: Viewer, *, case_id: str | None = None) -> Find:
        """The cases that the member who asks supports; without a title while they are not public"""
        return engaged_by(viewer, case_id)

    def completed(
        self, documents: Sequence[EngagedCase], tables: Tables[EngagedCase]
    ) -> Sequence[EngagedCase]:
        return with_titles(documents, tables)
