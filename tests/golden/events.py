"""What each golden copy ``events/<stored name>.v<version>.json`` is read as, by stored name."""

from datetime import UTC, date, datetime

from domain.actors import ContributorRole, Role
from domain.cases.case_details import (
    CaseCategory,
    CaseDetails,
    CaseUnpublishedReason,
    EvidenceConcealedReason,
)
from domain.cases.case_events import (
    CaseAmended,
    CaseErased,
    CaseHeld,
    CaseHidden,
    CaseLocated,
    CasePublished,
    CaseReleased,
    CaseReported,
    CaseRestored,
    CaseTagged,
    CaseUnpublished,
    CaseUntagged,
    CaseWithdrawn,
    ContributionAccepted,
    ContributionDeclined,
    ContributionErased,
    ContributionProposed,
    EvidenceAccepted,
    EvidenceAttached,
    EvidenceConcealed,
    EvidenceRefused,
    EvidenceRetracted,
    EvidenceReturned,
    EvidenceShown,
    EvidenceWithheld,
    LocationRetracted,
    LocationReturned,
    PartyAdded,
)
from domain.cases.engagement import (
    CaseFollowed,
    CaseShared,
    CaseSupported,
    CaseUnfollowed,
    EngagementDeed,
    EngagementSigned,
    ShareNetwork,
    SupportWithdrawn,
)
from domain.cases.exhibit import (
    ExhibitAdmitted,
    ExhibitCited,
    ExhibitRefused,
    ExhibitRejected,
    ExhibitReturned,
    ExhibitVerified,
    ExhibitWithheld,
)
from domain.cases.party import (
    PartyConcealed,
    PartyConcealedReason,
    PartyDetails,
    PartyDisputed,
    PartyErased,
    PartyHidden,
    PartyKind,
    PartyNamed,
    PartyRestored,
    PartyRetracted,
    PartyShown,
    StatementConcealed,
    StatementConcealedReason,
    StatementErased,
    StatementHidden,
    StatementRestored,
    StatementShown,
)
from domain.cases.place import Location, Precision
from domain.decider import NothingChanged
from domain.discussions.comment import (
    CommentConcealed,
    CommentConcealedReason,
    CommentEdited,
    CommentErased,
    CommentHidden,
    CommentRemoved,
    CommentRestored,
    CommentShown,
    CommentWritten,
)
from domain.discussions.discussion import (
    DiscussionClosed,
    DiscussionLocked,
    DiscussionOpened,
    DiscussionUnlocked,
)
from domain.evidence.evidence import (
    EvidenceErased,
    EvidenceMadeAvailable,
    EvidenceReceived,
    EvidenceRejected,
    SanitisingBegun,
)
from domain.ids import CaseId, CommentId, EvidenceId, MediaKind, MemberId, PartyId
from domain.members.member import (
    InterestsChosen,
    MemberErased,
    MemberRegistered,
    MemberReinstated,
    MemberSuspended,
    ProfileHidden,
    ProfileRestored,
    RecommendationsTurnedOff,
    RecommendationsTurnedOn,
    RoleGranted,
    RoleRevoked,
    StandingSigned,
    SuspensionAppealed,
    SuspensionExplained,
    SuspensionRedacted,
    SuspensionUpheld,
)
from domain.moderation.decision import (
    AppealResolved,
    AppealSigned,
    AppellantForgotten,
    DecisionAppealed,
    DecisionMade,
    DecisionSigned,
    Outcome,
    ReasonGiven,
    ReasonRedacted,
)
from domain.moderation.flag import FlaggerForgotten, FlagRaised, FlagSettled, FlagSigned
from domain.moderation.record import FlagCounted, FlagOpened
from domain.moderation.subject import (
    AppealSetAside,
    AuthorForgotten,
    DecisionSetAside,
    FlagsAnswered,
    FlagWeighed,
    SubjectAppealed,
    SubjectCited,
    SubjectDecided,
    SubjectHidden,
    SubjectKind,
    SubjectRegistered,
    SubjectRestored,
    Verdict,
)
from domain.operations.alert import (
    AlertEased,
    AlertId,
    AlertRaised,
    AlertResolved,
    Severity,
    Trouble,
)
from domain.operations.intervention import (
    Action,
    InterventionBegun,
    InterventionFinished,
    InterventionId,
    InterventionSigned,
    OperatorForgotten,
    Target,
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
PARTY, COMMENT = PartyId("p1"), CommentId("k1")
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
    "members.RecommendationsTurnedOff": RecommendationsTurnedOff(member_id=ANNA, at=AT),
    "members.RecommendationsTurnedOn": RecommendationsTurnedOn(member_id=ANNA, at=AT),
    "members.RoleGranted": RoleGranted(member_id=ANNA, role=Role.MODERATOR, at=AT),
    "members.RoleRevoked": RoleRevoked(member_id=ANNA, role=Role.MODERATOR, at=AT),
    "members.MemberSuspended": MemberSuspended(member_id=ANNA, at=AT),
    "members.SuspensionExplained": SuspensionExplained(
        member_id=ANNA, reason_id=f"suspension/{ANNA}/1", reason="spam", at=AT
    ),
    "members.SuspensionRedacted": SuspensionRedacted(
        member_id=ANNA, reason_id=f"suspension/{ANNA}/1", at=AT
    ),
    "members.SuspensionAppealed": SuspensionAppealed(
        member_id=ANNA, statement="I sell nothing.", at=AT
    ),
    "members.SuspensionUpheld": SuspensionUpheld(member_id=ANNA, at=AT),
    "members.MemberReinstated": MemberReinstated(member_id=ANNA, at=AT),
    "members.StandingSigned": StandingSigned(member_id=ANNA, by=BEN, at=AT),
    "members.MemberErased": MemberErased(member_id=ANNA, at=AT),
    "members.ProfileHidden": ProfileHidden(member_id=ANNA, rule="spam", at=AT),
    "members.ProfileRestored": ProfileRestored(member_id=ANNA, pseudonym="Anna", at=AT),
    "cases.CaseReported": CaseReported(
        case_id=CASE,
        author=ANNA,
        author_name="Anna",
        details=DETAILS,
        location=PLACE,
        tags=("police",),
        evidence=(ITEM,),
        owners=(MemberId("0f8e"),),
        anonymous=True,
        delayed=True,
        publish_within=48,
        delay=86_399,
        at=AT,
    ),
    "cases.EvidenceAttached": EvidenceAttached(
        case_id=CASE, evidence_id=ITEM, by=ANNA, owner="0f8e", at=AT
    ),
    "cases.EvidenceAccepted": EvidenceAccepted(
        case_id=CASE,
        evidence_id=ITEM,
        contributor=ANNA,
        kind=MediaKind.VIDEO,
        sha256="ab",
        commitment="cd",
        at=AT,
    ),
    "cases.CasePublished": CasePublished(
        case_id=CASE, author=ANNA, anonymous=True, details=DETAILS, published_at=AT, at=AT
    ),
    "cases.CaseAmended": CaseAmended(case_id=CASE, details=DETAILS, by=ANNA, at=AT),
    "cases.CaseLocated": CaseLocated(
        case_id=CASE, number=0, location=PLACE, by=ANNA, role=ContributorRole.MODERATOR, at=AT
    ),
    "cases.CaseTagged": CaseTagged(case_id=CASE, number=0, tag="police", by=ANNA, at=AT),
    "cases.CaseUntagged": CaseUntagged(case_id=CASE, number=0, at=AT),
    "cases.CaseWithdrawn": CaseWithdrawn(case_id=CASE, at=AT),
    "cases.LocationRetracted": LocationRetracted(case_id=CASE, number=1, at=AT),
    "cases.LocationReturned": LocationReturned(case_id=CASE, location=PLACE, by=ANNA, at=AT),
    "cases.EvidenceRetracted": EvidenceRetracted(case_id=CASE, evidence_id=ITEM, at=AT),
    "cases.CaseUnpublished": CaseUnpublished(
        case_id=CASE, reason=CaseUnpublishedReason.HIDDEN, at=AT
    ),
    "cases.CaseHidden": CaseHidden(case_id=CASE, rule="spam", at=AT),
    "cases.CaseRestored": CaseRestored(case_id=CASE, at=AT),
    "cases.EvidenceWithheld": EvidenceWithheld(
        case_id=CASE, evidence_id=ITEM, rule="staged-evidence", at=AT
    ),
    "cases.EvidenceReturned": EvidenceReturned(case_id=CASE, evidence_id=ITEM, at=AT),
    "cases.PartyAdded": PartyAdded(case_id=CASE, party_id=PARTY, by=ANNA, at=AT),
    "cases.EvidenceRefused": EvidenceRefused(
        case_id=CASE, evidence_id=ITEM, contributor=ANNA, reason="broken", at=AT
    ),
    "cases.EvidenceShown": EvidenceShown(
        case_id=CASE,
        evidence_id=ITEM,
        kind=MediaKind.VIDEO,
        sha256="ab",
        commitment="cd",
        accepted_at=AT,
        at=AT,
    ),
    "cases.EvidenceConcealed": EvidenceConcealed(
        case_id=CASE, evidence_id=ITEM, reason=EvidenceConcealedReason.WITHHELD, at=AT
    ),
    "cases.CaseErased": CaseErased(case_id=CASE, at=AT),
    "cases.ContributionErased": ContributionErased(
        case_id=CASE,
        evidence=(ITEM,),
        parties=(PARTY,),
        tags=(1,),
        places=(0, 2),
        place_unknown=True,
        proposals=(3,),
        at=AT,
    ),
    "cases.ContributionProposed": ContributionProposed(
        case_id=CASE, number=0, tag="police", location=PLACE, by=ANNA, at=AT
    ),
    "cases.ContributionAccepted": ContributionAccepted(case_id=CASE, number=0, at=AT),
    "cases.ContributionDeclined": ContributionDeclined(case_id=CASE, number=0, at=AT),
    "cases.CaseHeld": CaseHeld(case_id=CASE, author=ANNA, until=AT, at=AT),
    "cases.CaseReleased": CaseReleased(case_id=CASE, at=AT),
    "cases.CaseSupported": CaseSupported(case_id=CASE, at=AT),
    "cases.SupportWithdrawn": SupportWithdrawn(case_id=CASE, supported_at=AT, at=AT),
    "cases.CaseFollowed": CaseFollowed(case_id=CASE, at=AT),
    "cases.CaseUnfollowed": CaseUnfollowed(case_id=CASE, at=AT),
    "cases.CaseShared": CaseShared(case_id=CASE, network=ShareNetwork.WHATSAPP, at=AT),
    "cases.EngagementSigned": EngagementSigned(
        case_id=CASE, by=BEN, deed=EngagementDeed.SHARED, at=AT
    ),
    "cases.ExhibitCited": ExhibitCited(evidence_id=ITEM, case_id=CASE, cited_by=ANNA, at=AT),
    "cases.ExhibitVerified": ExhibitVerified(
        evidence_id=ITEM, owner=ANNA, kind=MediaKind.PHOTO, sha256="ab", commitment="cd", at=AT
    ),
    "cases.ExhibitAdmitted": ExhibitAdmitted(
        evidence_id=ITEM, case_id=CASE, kind=MediaKind.AUDIO, sha256="ab", commitment="cd", at=AT
    ),
    "cases.ExhibitWithheld": ExhibitWithheld(
        evidence_id=ITEM, case_ids=(CASE,), rule="staged-evidence", at=AT
    ),
    "cases.ExhibitReturned": ExhibitReturned(evidence_id=ITEM, case_ids=(CASE,), at=AT),
    "cases.ExhibitRejected": ExhibitRejected(evidence_id=ITEM, owner=ANNA, reason="broken", at=AT),
    "cases.ExhibitRefused": ExhibitRefused(evidence_id=ITEM, case_id=CASE, reason="broken", at=AT),
    "cases.PartyNamed": PartyNamed(
        party_id=PARTY,
        case_id=CASE,
        details=PartyDetails(
            kind=PartyKind.PERSON, name="Otto Clerk", role="took the money", evidence=(ITEM,)
        ),
        by=ANNA,
        by_name="Anna",
        role=ContributorRole.AUTHOR,
        at=AT,
    ),
    "cases.PartyRetracted": PartyRetracted(
        party_id=PARTY, case_id=CASE, role=ContributorRole.AUTHOR, at=AT
    ),
    "cases.PartyDisputed": PartyDisputed(
        party_id=PARTY, case_id=CASE, dispute_id="d1", statement="It was a fee.", at=AT
    ),
    "cases.PartyHidden": PartyHidden(
        party_id=PARTY, case_id=CASE, rule="private-information", at=AT
    ),
    "cases.PartyRestored": PartyRestored(party_id=PARTY, case_id=CASE, at=AT),
    "cases.PartyErased": PartyErased(party_id=PARTY, case_id=CASE, at=AT),
    "cases.PartyShown": PartyShown(
        party_id=PARTY,
        case_id=CASE,
        details=PartyDetails(
            kind=PartyKind.PERSON, name="Otto Clerk", role="took the money", evidence=(ITEM,)
        ),
        by=ANNA,
        by_name="Anna",
        claimant=ContributorRole.AUTHOR,
        named_at=AT,
        at=AT,
    ),
    "cases.PartyConcealed": PartyConcealed(
        party_id=PARTY, case_id=CASE, reason=PartyConcealedReason.HIDDEN, at=AT
    ),
    "cases.StatementHidden": StatementHidden(
        party_id=PARTY, case_id=CASE, dispute_id="d1", rule="private-information", at=AT
    ),
    "cases.StatementRestored": StatementRestored(
        party_id=PARTY, case_id=CASE, dispute_id="d1", at=AT
    ),
    "cases.StatementErased": StatementErased(party_id=PARTY, case_id=CASE, dispute_id="d1", at=AT),
    "cases.StatementShown": StatementShown(
        party_id=PARTY,
        case_id=CASE,
        dispute_id="d1",
        statement="We did not.",
        number=1,
        stated_at=AT,
        at=AT,
    ),
    "cases.StatementConcealed": StatementConcealed(
        party_id=PARTY,
        case_id=CASE,
        dispute_id="d1",
        reason=StatementConcealedReason.ERASED,
        number=1,
        stated_at=AT,
        at=AT,
    ),
    "evidence.EvidenceReceived": EvidenceReceived(
        evidence_id=ITEM,
        owner=ANNA,
        turn="0f8e",
        kind=MediaKind.DOCUMENT,
        commitment="cd",
        salt="01",
        original_sha256="ab",
        at=AT,
    ),
    "evidence.SanitisingBegun": SanitisingBegun(evidence_id=ITEM, at=AT),
    "evidence.EvidenceMadeAvailable": EvidenceMadeAvailable(
        evidence_id=ITEM,
        owner=ANNA,
        kind=MediaKind.VIDEO,
        commitment="cd",
        media_type="video/mp4",
        sha256="ab",
        size=9,
        duration=1.5,
        has_poster=True,
        left_out="the sound",
        at=AT,
    ),
    "evidence.EvidenceRejected": EvidenceRejected(
        evidence_id=ITEM, owner=ANNA, reason="broken", at=AT
    ),
    "evidence.EvidenceErased": EvidenceErased(evidence_id=ITEM, at=AT),
    "discussions.DiscussionOpened": DiscussionOpened(
        case_id=CASE, author=ANNA, anonymous=True, at=AT
    ),
    "discussions.DiscussionClosed": DiscussionClosed(case_id=CASE, at=AT),
    "discussions.DiscussionLocked": DiscussionLocked(case_id=CASE, at=AT),
    "discussions.DiscussionUnlocked": DiscussionUnlocked(case_id=CASE, at=AT),
    "discussions.CommentWritten": CommentWritten(
        comment_id=COMMENT,
        case_id=CASE,
        parent_id=CommentId("k0"),
        author=ANNA,
        author_name="Anna",
        text="It happened to me, too.",
        at=AT,
    ),
    "discussions.CommentEdited": CommentEdited(
        comment_id=COMMENT, author=ANNA, text="Twice.", at=AT
    ),
    "discussions.CommentRemoved": CommentRemoved(comment_id=COMMENT, case_id=CASE, at=AT),
    "discussions.CommentHidden": CommentHidden(
        comment_id=COMMENT, case_id=CASE, rule="spam", role=ContributorRole.MODERATOR, at=AT
    ),
    "discussions.CommentRestored": CommentRestored(comment_id=COMMENT, case_id=CASE, at=AT),
    "discussions.CommentErased": CommentErased(
        comment_id=COMMENT, case_id=CASE, parent_id=CommentId("k0"), written_at=AT, at=AT
    ),
    "discussions.CommentShown": CommentShown(comment_id=COMMENT, case_id=CASE, at=AT),
    "discussions.CommentConcealed": CommentConcealed(
        comment_id=COMMENT, case_id=CASE, reason=CommentConcealedReason.HIDDEN, at=AT
    ),
    "moderation.FlagRaised": FlagRaised(
        flag_id="f1",
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        rule="falsehood",
        weight=0.25,
        at=AT,
    ),
    "moderation.FlagSigned": FlagSigned(
        flag_id="f1",
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        by=BEN,
        record_id="r1",
        note="The office is closed on Sundays.",
        at=AT,
    ),
    "moderation.FlagSettled": FlagSettled(flag_id="f1", upheld=True, at=AT),
    "moderation.FlaggerForgotten": FlaggerForgotten(
        flag_id="f1", subject_kind=SubjectKind.CASE, subject_id="c1", at=AT
    ),
    "moderation.FlagOpened": FlagOpened(record_id="r1", flag_id="f1", at=AT),
    "moderation.FlagCounted": FlagCounted(record_id="r1", flag_id="f1", upheld=True, at=AT),
    "moderation.SubjectRegistered": SubjectRegistered(
        subject_kind=SubjectKind.CASE, subject_id="c1", case_id=CASE, author=ANNA, at=AT
    ),
    "moderation.SubjectCited": SubjectCited(
        subject_kind=SubjectKind.EVIDENCE, subject_id="e1", case_id=CASE, at=AT
    ),
    "moderation.FlagWeighed": FlagWeighed(
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        flag_id="f1",
        rule="falsehood",
        weight=0.25,
        at=AT,
    ),
    "moderation.FlagsAnswered": FlagsAnswered(
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        by=ANNA,
        statement="It happened as I say.",
        at=AT,
    ),
    "moderation.SubjectHidden": SubjectHidden(
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        case_id=CASE,
        rule="falsehood",
        reason_id="reason/x1",
        decision_id="x1",
        role=ContributorRole.MODERATOR,
        at=AT,
    ),
    "moderation.SubjectRestored": SubjectRestored(
        subject_kind=SubjectKind.CASE, subject_id="c1", case_id=CASE, decision_id="x1", at=AT
    ),
    "moderation.SubjectDecided": SubjectDecided(
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        decision_id="x1",
        flags=("f1",),
        rules=("falsehood",),
        upheld=True,
        at=AT,
    ),
    "moderation.SubjectAppealed": SubjectAppealed(
        subject_kind=SubjectKind.CASE, subject_id="c1", decision_id="x1", at=AT
    ),
    "moderation.DecisionSetAside": DecisionSetAside(
        subject_kind=SubjectKind.CASE, subject_id="c1", decision_id="x2", at=AT
    ),
    "moderation.AppealSetAside": AppealSetAside(
        subject_kind=SubjectKind.CASE, subject_id="c1", decision_id="x1", at=AT
    ),
    "moderation.AuthorForgotten": AuthorForgotten(
        subject_kind=SubjectKind.CASE, subject_id="c1", case_id=CASE, at=AT
    ),
    "moderation.DecisionMade": DecisionMade(
        decision_id="x1",
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        case_id=CASE,
        verdict=Verdict.HIDE,
        rule="falsehood",
        reason_id="reason/x1",
        turns=2,
        at=AT,
    ),
    "moderation.ReasonGiven": ReasonGiven(
        decision_id="x1", reason_id="reason/x1", reason="It did not happen.", at=AT
    ),
    "moderation.ReasonRedacted": ReasonRedacted(
        decision_id="x1",
        reason_id="reason/x1",
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        at=AT,
    ),
    "moderation.DecisionSigned": DecisionSigned(decision_id="x1", by=BEN, at=AT),
    "moderation.DecisionAppealed": DecisionAppealed(
        decision_id="x1", subject_kind=SubjectKind.CASE, subject_id="c1", at=AT
    ),
    "moderation.AppealSigned": AppealSigned(
        decision_id="x1",
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        by=ANNA,
        statement="It did happen.",
        at=AT,
    ),
    "moderation.AppellantForgotten": AppellantForgotten(
        decision_id="x1", subject_kind=SubjectKind.CASE, subject_id="c1", at=AT
    ),
    "moderation.AppealResolved": AppealResolved(
        decision_id="x1",
        subject_kind=SubjectKind.CASE,
        subject_id="c1",
        outcome=Outcome.OVERTURN,
        verdict=Verdict.RESTORE,
        rule="falsehood",
        reason_id="reason/x1/outcome",
        at=AT,
    ),
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
    "operations.AlertRaised": AlertRaised(
        alert_id=AlertId("behind:query:videos"),
        number=3,
        trouble=Trouble.BEHIND,
        subject="query:videos",
        severity=Severity.CRITICAL,
        text="The query service videos has been behind for a minute.",
        at=AT,
    ),
    "operations.AlertEased": AlertEased(
        alert_id=AlertId("behind:query:videos"),
        number=3,
        severity=Severity.WARNING,
        text="The query service videos is a little behind.",
        at=AT,
    ),
    "operations.AlertResolved": AlertResolved(
        alert_id=AlertId("behind:query:videos"), number=3, at=AT
    ),
    "operations.InterventionBegun": InterventionBegun(
        intervention_id=InterventionId("i1"),
        action=Action.RETRY,
        subject="cases",
        targets=(Target(subscriber="cases.1000", event_id="cases/case-c1@1", tries=7),),
        at=AT,
    ),
    "operations.InterventionSigned": InterventionSigned(
        intervention_id=InterventionId("i1"),
        by=ANNA,
        operator="Anna",
        reason="The disk was full.",
        at=AT,
    ),
    "operations.InterventionFinished": InterventionFinished(
        intervention_id=InterventionId("i1"), done=1, failed="", at=AT
    ),
    "operations.OperatorForgotten": OperatorForgotten(intervention_id=InterventionId("i1"), at=AT),
    "commands.NothingChanged": NothingChanged(stream="case-c1", version=7),
}

# What older versions are read as, where that is something else.
OLDER: dict[tuple[str, int], object] = {}
