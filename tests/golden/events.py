"""What each golden copy ``events/<stored name>.v<version>.json`` is read as, by stored name."""

from datetime import UTC, date, datetime

from domain.cases.case import (
    CaseAmended,
    CaseCategory,
    CaseDetails,
    CaseLocated,
    CasePublished,
    CaseReported,
    CaseTagged,
    CaseUntagged,
    CaseWithdrawn,
    EvidenceAccepted,
    EvidenceAttached,
)
from domain.cases.engagement import CaseFollowed, CaseSupported, CaseUnfollowed, SupportWithdrawn
from domain.cases.exhibit import ExhibitAdmitted, ExhibitCited, ExhibitVerified
from domain.cases.place import Location, Precision
from domain.evidence.evidence import (
    EvidenceMadeAvailable,
    EvidenceReceived,
    EvidenceRejected,
    SanitisingBegun,
)
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId, Role
from domain.members.member import (
    InterestsChosen,
    MemberErased,
    MemberRegistered,
    MemberReinstated,
    MemberSuspended,
    RoleGranted,
    RoleRevoked,
)
from domain.webhooks.delivery import (
    DeliveryCancelled,
    DeliveryFailed,
    DeliveryId,
    DeliveryParked,
    DeliveryPlanned,
    DeliveryRetried,
    DeliverySucceeded,
)
from domain.webhooks.webhook import WebhookAdded, WebhookId, WebhookRemoved

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
ANNA, BEN = MemberId("anna"), MemberId("ben")
CASE, ITEM = CaseId("c1"), EvidenceId("e1")
WEBHOOK, DELIVERY = WebhookId("w1"), DeliveryId("d1")
DETAILS = CaseDetails(
    title="A bribe",
    story="They asked for money.",
    category=CaseCategory.BRIBERY,
    occurred_on=date(2026, 2, 1),
)
PLACE = Location(lat=52.5, lon=13.4, precision=Precision.CITY, name="Berlin")

GOLDEN: dict[str, object] = {
    "members.MemberRegistered": MemberRegistered(
        member_id=ANNA, pseudonym="Anna", interests=("health",), at=AT
    ),
    "members.InterestsChosen": InterestsChosen(member_id=ANNA, interests=("roads",), at=AT),
    "members.RoleGranted": RoleGranted(member_id=ANNA, role=Role.MODERATOR, at=AT),
    "members.RoleRevoked": RoleRevoked(member_id=ANNA, role=Role.MODERATOR, at=AT),
    "members.MemberSuspended": MemberSuspended(member_id=ANNA, reason="spam", at=AT),
    "members.MemberReinstated": MemberReinstated(member_id=ANNA, at=AT),
    "members.MemberErased": MemberErased(member_id=ANNA, at=AT),
    "cases.CaseReported": CaseReported(
        case_id=CASE,
        author=ANNA,
        author_name="Anna",
        details=DETAILS,
        location=PLACE,
        tags=("police",),
        evidence=(ITEM,),
        anonymous=True,
        at=AT,
    ),
    "cases.EvidenceAttached": EvidenceAttached(case_id=CASE, evidence_id=ITEM, by=ANNA, at=AT),
    "cases.EvidenceAccepted": EvidenceAccepted(
        case_id=CASE, evidence_id=ITEM, author=ANNA, kind=MediaKind.VIDEO, sha256="ab", at=AT
    ),
    "cases.CasePublished": CasePublished(case_id=CASE, at=AT),
    "cases.CaseAmended": CaseAmended(case_id=CASE, details=DETAILS, by=ANNA, at=AT),
    "cases.CaseLocated": CaseLocated(
        case_id=CASE, location=PLACE, by=ANNA, role="moderator", at=AT
    ),
    "cases.CaseTagged": CaseTagged(case_id=CASE, tag="police", at=AT),
    "cases.CaseUntagged": CaseUntagged(case_id=CASE, tag="police", at=AT),
    "cases.CaseWithdrawn": CaseWithdrawn(case_id=CASE, at=AT),
    "cases.CaseSupported": CaseSupported(case_id=CASE, member_id=BEN, at=AT),
    "cases.SupportWithdrawn": SupportWithdrawn(case_id=CASE, member_id=BEN, supported_at=AT, at=AT),
    "cases.CaseFollowed": CaseFollowed(case_id=CASE, member_id=BEN, at=AT),
    "cases.CaseUnfollowed": CaseUnfollowed(case_id=CASE, member_id=BEN, at=AT),
    "cases.ExhibitCited": ExhibitCited(evidence_id=ITEM, case_id=CASE, cited_by=ANNA, at=AT),
    "cases.ExhibitVerified": ExhibitVerified(
        evidence_id=ITEM, owner=ANNA, kind=MediaKind.PHOTO, sha256="ab", at=AT
    ),
    "cases.ExhibitAdmitted": ExhibitAdmitted(
        evidence_id=ITEM, case_id=CASE, kind=MediaKind.AUDIO, sha256="ab", at=AT
    ),
    "evidence.EvidenceReceived": EvidenceReceived(
        evidence_id=ITEM,
        owner=ANNA,
        kind=MediaKind.DOCUMENT,
        media_type="application/pdf",
        sha256="ab",
        size=10,
        at=AT,
    ),
    "evidence.SanitisingBegun": SanitisingBegun(evidence_id=ITEM, at=AT),
    "evidence.EvidenceMadeAvailable": EvidenceMadeAvailable(
        evidence_id=ITEM,
        owner=ANNA,
        kind=MediaKind.VIDEO,
        sha256="ab",
        rendition_type="video/mp4",
        rendition_sha256="cd",
        rendition_size=9,
        duration=1.5,
        has_poster=True,
        at=AT,
    ),
    "evidence.EvidenceRejected": EvidenceRejected(evidence_id=ITEM, reason="broken", at=AT),
    "webhooks.WebhookAdded": WebhookAdded(
        webhook_id=WEBHOOK, url="https://a.example/hook", tag="police", category="bribery", at=AT
    ),
    "webhooks.WebhookRemoved": WebhookRemoved(webhook_id=WEBHOOK, at=AT),
    "webhooks.DeliveryPlanned": DeliveryPlanned(
        delivery_id=DELIVERY, webhook_id=WEBHOOK, case_id=CASE, published_at=AT, at=AT
    ),
    "webhooks.DeliveryFailed": DeliveryFailed(
        delivery_id=DELIVERY, error="status 500", next_at=AT, at=AT
    ),
    "webhooks.DeliverySucceeded": DeliverySucceeded(delivery_id=DELIVERY, at=AT),
    "webhooks.DeliveryParked": DeliveryParked(delivery_id=DELIVERY, at=AT),
    "webhooks.DeliveryCancelled": DeliveryCancelled(delivery_id=DELIVERY, at=AT),
    "webhooks.DeliveryRetried": DeliveryRetried(delivery_id=DELIVERY, at=AT),
}
