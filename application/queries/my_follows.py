"""Which cases does the member follow?"""

from collections.abc import Sequence

from application.engine.query_service import ALIASES, Audience, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, Tables
from application.queries.anonymous_authors import remember_alias
from application.queries.engaged_cases import (
    ENGAGED,
    EngagedCase,
    begin_or_end,
    engaged_by,
    with_titles,
)
from application.queries.public_titles import PUBLIC_CASES, TitleEvent, remember_title
from domain.cases.case_events import CaseErased, CaseReported
from domain.cases.engagement import EngagementDeed, EngagementSigned
from domain.members.member import MemberErased

OfCase = CaseReported | CaseErased | TitleEvent


class MyFollows(QueryService[EngagedCase]):
    """Which cases does the member follow?"""

    name = "my-follows"
    document, key = EngagedCase, "key"
    path, audience = "/me/follows", Audience.MEMBERS
    indexes, sides = ENGAGED, (PUBLIC_CASES, ALIASES)

    def project(
        self,
        event: EngagementSigned | MemberErased | OfCase,
        rows: Rows[EngagedCase],
    ) -> None:
        match event:
            case EngagementSigned():
                begin_or_end(rows, event, EngagementDeed.FOLLOWED, EngagementDeed.UNFOLLOWED)
            case MemberErased():
                rows.delete_where("member_id", event.member_id)
            case CaseReported():
                remember_alias(rows, event)
            case CaseErased():
                remember_alias(rows, event)
                rows.delete_where("case_id", event.case_id)
            case _:
                remember_title(rows, event)

    def ask(self, viewer: Viewer, *, case_id: str | None = None) -> Find:
        """The cases that the member who asks follows; without a title while they are not public"""
        return engaged_by(viewer, case_id)

    def completed(
        self, documents: Sequence[EngagedCase], tables: Tables[EngagedCase]
    ) -> Sequence[EngagedCase]:
        return with_titles(documents, tables)
