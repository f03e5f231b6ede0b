"""The rules of a case."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actors import SYSTEM, Actor, ContributorRole, Role
from domain.cases.case import Case, case_decider
from domain.cases.case_commands import (
    AcceptContribution,
    AcceptEvidence,
    AddParty,
    AmendCase,
    AttachEvidence,
    CaseCommand,
    CaseFacts,
    DeclineContribution,
    ForgetMember,
    HideCase,
    LocateCase,
    RefuseEvidence,
    ReportCase,
    RestoreCase,
    RetractEvidence,
    RetractLocation,
    ReturnEvidence,
    SystemCommand,
    TagCase,
    UntagCase,
    WithdrawCase,
    WithholdEvidence,
)
from domain.cases.case_details import (
    MOST_CHANGES,
    MOST_CHANGES_BY_OTHERS,
    MOST_CHANGES_EACH,
    MOST_EVIDENCE,
    MOST_EVIDENCE_EACH,
    MOST_EVIDENCE_OF_OTHERS,
    MOST_PROPOSALS_EACH,
    MOST_TAGS,
    CaseDetails,
    CaseStatus,
    CaseUnpublishedReason,
    EvidenceConcealedReason,
)
from domain.cases.case_events import (
    CaseAmended,
    CaseErased,
    CaseEvent,
    CaseHidden,
    CaseLocated,
    CasePublished,
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
from domain.cases.place import Location, Precision
from domain.decider import DomainError, Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId, PartyId
from tests.domain.informed import knowing
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Actor(member_id=MemberId("anna"), pseudonym="Anna")
BEN = Actor(member_id=MemberId("ben"), pseudonym="Ben")
CLEO = Actor(member_id=MemberId("cleo"), pseudonym="Cleo")
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
DETAILS = CaseDetails(title="A bribe", story="They asked for money.")
CASE = CaseId("c1")
E1, E2 = EvidenceId("e1"), EvidenceId("e2")
PLACE = Location(lat=1.0, lon=2.0)

REPORTED = CaseReported(
    case_id=CASE, author=ANNA.member_id, author_name="Anna", details=DETAILS, evidence=(E1,), at=AT
)
ACCEPTED = EvidenceAccepted(
    case_id=CASE,
    evidence_id=E1,
    contributor=ANNA.member_id,
    kind=MediaKind.VIDEO,
    sha256="ab",
    commitment="cd",
    at=AT,
)
SHOWN = EvidenceShown(
    case_id=CASE,
    evidence_id=E1,
    kind=MediaKind.VIDEO,
    sha256="ab",
    commitment="cd",
    accepted_at=AT,
    at=AT,
)
PUBLISHED = CasePublished(
    case_id=CASE,
    author=ANNA.member_id,
    anonymous=False,
    details=DETAILS,
    published_at=AT,
    at=AT,
)
WITHDRAWN = CaseWithdrawn(case_id=CASE, at=AT)
ATTACHED = EvidenceAttached(case_id=CASE, evidence_id=E2, by=ANNA.member_id, at=AT)
BENS = replace(ATTACHED, by=BEN.member_id, role=ContributorRole.CONTRIBUTOR)
HIDDEN = CaseHidden(case_id=CASE, rule="spam", at=AT)
RESTORED = CaseRestored(case_id=CASE, at=AT)
WITHHELD = EvidenceWithheld(case_id=CASE, evidence_id=E1, rule="staged-evidence", at=AT)
RETURNED = EvidenceReturned(case_id=CASE, evidence_id=E1, at=AT)
RETRACTED = EvidenceRetracted(case_id=CASE, evidence_id=E1, at=AT)
MODERATION: list[SystemCommand] = [
    HideCase(rule="spam", by=SYSTEM, at=AT),
    RestoreCase(by=SYSTEM, at=AT),
    WithholdEvidence(evidence_id=E1, rule="staged-evidence", by=SYSTEM, at=AT),
    ReturnEvidence(evidence_id=E1, by=SYSTEM, at=AT),
]
PUBLIC: list[CaseEvent] = [REPORTED, ACCEPTED, SHOWN, PUBLISHED]


def unpublished(reason: CaseUnpublishedReason) -> CaseUnpublished:
    return CaseUnpublished(case_id=CASE, reason=reason, at=AT)


def concealed(reason: EvidenceConcealedReason, item: EvidenceId = E1) -> EvidenceConcealed:
    return EvidenceConcealed(case_id=CASE, evidence_id=item, reason=reason, at=AT)


def with_evidence(event: EvidenceAccepted | EvidenceShown, item: EvidenceId) -> Any:
    """The same, of another piece of evidence."""
    return replace(event, evidence_id=item)


def when(past: list[CaseEvent], command: CaseCommand) -> list[CaseEvent]:
    return case_decider.decide(command, case_decider.fold(past))


def report(
    delay: timedelta = timedelta(0), **more: Any
) -> Informed[ReportCase | AddParty, CaseFacts]:
    command = ReportCase(**{"case_id": CASE, "details": DETAILS, "by": ANNA, "at": AT, **more})
    return Informed(command, CaseFacts(delay=delay))


def accept(evidence_id: EvidenceId = E1, by: Actor = SYSTEM) -> AcceptEvidence:
    return AcceptEvidence(
        evidence_id=evidence_id,
        kind=MediaKind.VIDEO,
        sha256="ab",
        commitment="cd",
        by=by,
        at=AT,
    )


def test_reporting_a_case_emits_case_reported() -> None:
    assert when([], report(evidence=(E1,))) == [REPORTED]


def test_a_report_drops_repeated_tags_and_evidence() -> None:
    (reported,) = when([], report(evidence=(E1, E1, E2), tags=("a", "b", "a")))
    assert isinstance(reported, CaseReported)
    assert (reported.evidence, reported.tags) == ((E1, E2), ("a", "b"))


def test_reporting_a_case_again_is_refused() -> None:
    with refused("already-reported"):
        when([REPORTED], report())


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    precision=st.sampled_from(Precision),
)
def test_a_location_is_rounded_to_its_precision_before_it_is_in_an_event(
    lat: float, lon: float, precision: Precision
) -> None:
    place = Location(lat=lat, lon=lon, precision=precision)
    decimals = {"street": 3, "neighbourhood": 2, "city": 1, "region": 0}[precision]
    (reported,) = when([], report(location=place))
    located = when(PUBLIC, LocateCase(location=place, by=ANNA, at=AT))
    assert isinstance(reported, CaseReported)
    for event in (reported, *located):
        recorded = event.location  # type: ignore[union-attr]  # both kinds of event have a place
        assert recorded is not None
        assert (recorded.lat, recorded.lon) == (round(lat, decimals), round(lon, decimals))


def test_the_first_accepted_evidence_publishes_the_case() -> None:
    assert when([REPORTED], accept()) == [ACCEPTED, SHOWN, PUBLISHED]


def test_more_evidence_is_accepted_without_publishing_again() -> None:
    assert when([*PUBLIC, ATTACHED], accept(E2)) == [
        with_evidence(ACCEPTED, E2),
        with_evidence(SHOWN, E2),
    ]
    assert when([*PUBLIC, BENS], accept(E2)) == [
        replace(ACCEPTED, evidence_id=E2, contributor=BEN.member_id),
        with_evidence(SHOWN, E2),
    ]


def test_accepting_evidence_again_or_evidence_that_the_case_does_not_cite_emits_nothing() -> None:
    assert when(PUBLIC, accept()) == []
    assert when(PUBLIC, accept(E2)) == []


@pytest.mark.parametrize("past", [[], [REPORTED, WITHDRAWN]])
def test_a_withdrawn_or_missing_case_accepts_no_evidence(past: list[CaseEvent]) -> None:
    assert when(past, accept()) == []


def refuse(evidence_id: EvidenceId = E1, by: Actor = SYSTEM) -> RefuseEvidence:
    return RefuseEvidence(evidence_id=evidence_id, reason="No sound.", by=by, at=AT)


def test_refused_evidence_is_removed_from_the_case_and_may_be_attached_again() -> None:
    refusal = EvidenceRefused(
        case_id=CASE, evidence_id=E1, contributor=ANNA.member_id, reason="No sound.", at=AT
    )
    assert when([REPORTED], refuse()) == [refusal]
    assert when([REPORTED, refusal], refuse()) == []
    assert when([REPORTED, refusal], accept()) == []
    assert when([REPORTED, refusal], AttachEvidence(evidence=(E1,), by=ANNA, at=AT))


def test_evidence_that_was_accepted_or_is_not_part_of_the_case_cannot_be_refused() -> None:
    assert when(PUBLIC, refuse()) == []
    assert when(PUBLIC, refuse(E2)) == []
    assert when([REPORTED, WITHDRAWN], refuse()) == []
    with refused("forbidden"):
        when([REPORTED], refuse(by=ANNA))


def test_only_the_system_accepts_evidence() -> None:
    with refused("forbidden"):
        when([REPORTED], accept(by=ANNA))


def test_amending_changes_the_named_details_and_keeps_the_others() -> None:
    changes: dict[str, Any] = {"title": "Two bribes", "occurred_on": date(2026, 2, 1)}
    amended = CaseAmended(
        case_id=CASE, details=replace(DETAILS, **changes), by=ANNA.member_id, at=AT
    )
    assert when(PUBLIC, AmendCase(changes=changes, by=ANNA, at=AT)) == [amended]
    assert case_decider.fold([*PUBLIC, amended]).details == amended.details


def test_an_amendment_without_a_change_emits_nothing() -> None:
    assert when(PUBLIC, AmendCase(changes={"title": "A bribe"}, by=ANNA, at=AT)) == []


def test_only_the_author_amends_a_case() -> None:
    for other in (BEN, MODERATOR):
        with refused("forbidden"):
            when(PUBLIC, AmendCase(changes={}, by=other, at=AT))


@pytest.mark.parametrize(
    ("by", "role"),
    [
        (ANNA, ContributorRole.AUTHOR),
        (MODERATOR, ContributorRole.MODERATOR),
    ],
)
def test_authors_and_moderators_add_evidence_place_and_tags_to_a_public_case(
    by: Actor, role: ContributorRole
) -> None:
    place = Location(lat=1.0, lon=2.0)
    assert when(PUBLIC, AttachEvidence(evidence=(E1, E2), by=by, at=AT)) == [
        EvidenceAttached(case_id=CASE, evidence_id=E2, by=by.member_id, role=role, at=AT)
    ]
    assert when(PUBLIC, LocateCase(location=place, by=by, at=AT)) == [
        CaseLocated(case_id=CASE, number=0, location=place, by=by.member_id, role=role, at=AT)
    ]
    tagged = CaseTagged(case_id=CASE, number=0, tag="police", by=by.member_id, role=role, at=AT)
    assert when(PUBLIC, TagCase(tag="police", by=by, at=AT)) == [tagged]
    assert when([*PUBLIC, tagged], UntagCase(tag="police", by=by, at=AT)) == [
        CaseUntagged(case_id=CASE, number=0, role=role, at=AT)
    ]


def test_only_the_author_attaches_evidence_to_an_unpublished_case() -> None:
    pasts: list[list[CaseEvent]] = [[REPORTED], [*PUBLIC, HIDDEN]]
    for past in pasts:
        with refused("forbidden"):
            when(past, AttachEvidence(evidence=(E2,), by=MODERATOR, at=AT))
        assert when(past, AttachEvidence(evidence=(E2,), by=ANNA, at=AT))


def test_evidence_of_others_does_not_publish_a_case_whose_author_retracted_the_evidence() -> None:
    assert when([*PUBLIC, BENS], accept(E2))
    assert when([*PUBLIC, BENS, RETRACTED], accept(E2)) == []


def test_locating_or_tagging_without_a_change_emits_nothing() -> None:
    place = Location(lat=1.0, lon=2.0)
    located = CaseLocated(case_id=CASE, number=0, location=place, by=ANNA.member_id, at=AT)
    tagged = CaseTagged(case_id=CASE, number=0, tag="police", by=ANNA.member_id, at=AT)
    past = [*PUBLIC, located, tagged]
    assert when(past, LocateCase(location=place, by=ANNA, at=AT)) == []
    assert when(past, TagCase(tag="police", by=ANNA, at=AT)) == []
    assert when(past, UntagCase(tag="health", by=ANNA, at=AT)) == []


def test_only_the_author_withdraws_a_case() -> None:
    with refused("forbidden"):
        when(PUBLIC, WithdrawCase(by=BEN, at=AT))


def test_a_tag_is_removed_by_its_contributor_the_author_or_a_moderator_only() -> None:
    tagged = CaseTagged(
        case_id=CASE,
        number=0,
        tag="police",
        by=BEN.member_id,
        role=ContributorRole.CONTRIBUTOR,
        at=AT,
    )
    with refused("forbidden"):
        when([*PUBLIC, tagged], UntagCase(tag="police", by=CLEO, at=AT))
    for by, role in (
        (BEN, ContributorRole.CONTRIBUTOR),
        (ANNA, ContributorRole.AUTHOR),
        (MODERATOR, ContributorRole.MODERATOR),
    ):
        untagged = CaseUntagged(case_id=CASE, number=0, role=role, at=AT)
        assert when([*PUBLIC, tagged], UntagCase(tag="police", by=by, at=AT)) == [untagged]


def test_tags_are_numbered_after_those_of_the_report_and_no_number_is_used_twice() -> None:
    past: list[CaseEvent] = [replace(REPORTED, tags=("a", "b"))]
    for tag in ("c", "d"):
        (tagged,) = when(past, TagCase(tag=tag, by=ANNA, at=AT))
        past += [tagged, *when([*past, tagged], UntagCase(tag=tag, by=ANNA, at=AT))]
    numbers = [event.number for event in past if isinstance(event, CaseTagged)]
    assert (numbers, list(case_decider.fold(past).tags)) == ([2, 3], ["a", "b"])


def test_retracting_a_location_returns_the_one_before() -> None:
    assert when(PUBLIC, RetractLocation(by=ANNA, at=AT)) == []
    first, second = Location(lat=1.0, lon=2.0), Location(lat=3.0, lon=4.0)
    here = CaseLocated(case_id=CASE, number=0, location=first, by=ANNA.member_id, at=AT)
    there = CaseLocated(
        case_id=CASE,
        number=1,
        location=second,
        by=BEN.member_id,
        role=ContributorRole.CONTRIBUTOR,
        at=AT,
    )
    with refused("forbidden"):
        when([*PUBLIC, here, there], RetractLocation(by=CLEO, at=AT))
    back = when([*PUBLIC, here, there], RetractLocation(by=BEN, at=AT))
    assert back == [
        LocationRetracted(case_id=CASE, number=1, role=ContributorRole.CONTRIBUTOR, at=AT),
        LocationReturned(case_id=CASE, location=first, by=ANNA.member_id, at=AT),
    ]
    assert case_decider.fold([*PUBLIC, here, there, *back]).location == first
    (none,) = when([*PUBLIC, here], RetractLocation(by=ANNA, at=AT))
    assert case_decider.fold([*PUBLIC, here, none]).location is None


def test_retracting_a_correction_does_not_return_the_location_that_its_contributor_corrected() -> (
    None
):
    precise = CaseLocated(case_id=CASE, number=0, location=PLACE, by=ANNA.member_id, at=AT)
    region = Location(lat=1.0, lon=2.0, precision=Precision.REGION)
    coarse = replace(precise, number=1, location=region)
    for by in (ANNA, MODERATOR):
        back = when([*PUBLIC, precise, coarse], RetractLocation(by=by, at=AT))
        assert case_decider.fold([*PUBLIC, precise, coarse, *back]).location is None
    bens = replace(precise, location=Location(lat=5.0, lon=6.0), by=BEN.member_id)
    past = [*PUBLIC, bens, replace(precise, number=1), replace(coarse, number=2)]
    back = when(past, RetractLocation(by=ANNA, at=AT))
    assert case_decider.fold([*past, *back]).location == bens.location


def add_party(
    by: Actor, party: str = "p1", evidence: tuple[EvidenceId, ...] = ()
) -> Informed[ReportCase | AddParty, CaseFacts]:
    command = AddParty(party_id=PartyId(party), evidence=evidence, by=by, at=AT)
    return Informed(command, CaseFacts())


@pytest.mark.parametrize(
    ("by", "role"),
    [
        (ANNA, ContributorRole.AUTHOR),
        (MODERATOR, ContributorRole.MODERATOR),
        (BEN, ContributorRole.CONTRIBUTOR),
    ],
)
def test_every_member_can_add_a_party_to_a_public_case_once(
    by: Actor, role: ContributorRole
) -> None:
    added = PartyAdded(case_id=CASE, party_id=PartyId("p1"), by=by.member_id, role=role, at=AT)
    assert when(PUBLIC, add_party(by, evidence=(E1,))) == [added]
    assert when([*PUBLIC, added], add_party(by)) == []


def test_a_party_of_one_case_cannot_be_added_to_another() -> None:
    named = knowing(add_party(BEN), party_named=True)
    with refused("already-named"):
        when(PUBLIC, named)
    added = PartyAdded(case_id=CASE, party_id=PartyId("p1"), by=BEN.member_id, at=AT)
    assert when([*PUBLIC, added], named) == []


def test_a_party_may_cite_only_evidence_of_its_case() -> None:
    with refused("not-found"):
        when(PUBLIC, add_party(BEN, evidence=(E2,)))


def changes(by: Actor, role: ContributorRole, number: int) -> list[CaseEvent]:
    """So many parties that somebody added."""
    return [
        PartyAdded(
            case_id=CASE,
            party_id=PartyId(f"{by.member_id}-{each}"),
            by=by.member_id,
            role=role,
            at=AT,
        )
        for each in range(number)
    ]


@pytest.mark.parametrize(
    ("by", "role", "most"),
    [
        (ANNA, ContributorRole.AUTHOR, MOST_CHANGES),
        (BEN, ContributorRole.CONTRIBUTOR, MOST_CHANGES_EACH),
    ],
)
def test_the_changes_of_one_member_to_a_case_are_limited(
    by: Actor, role: ContributorRole, most: int
) -> None:
    past = [*PUBLIC, *changes(by, role, most)]
    commands: list[CaseCommand] = [
        add_party(by),
        TagCase(tag="health", by=by, at=AT),
        LocateCase(location=PLACE, by=by, at=AT),
        AttachEvidence(evidence=(E2,), by=by, at=AT),
    ]
    for command in commands:
        assert when(past[:-1], command)
        with refused("too-many-changes"):
            when(past, command)
    tagged = CaseTagged(case_id=CASE, number=0, tag="police", by=by.member_id, role=role, at=AT)
    assert when([*past, tagged], UntagCase(tag="police", by=by, at=AT))
    placed = CaseLocated(case_id=CASE, number=0, location=PLACE, by=by.member_id, role=role, at=AT)
    assert when([*past, placed], RetractLocation(by=by, at=AT))


def test_the_changes_of_all_contributors_to_a_case_are_limited_together() -> None:
    crowd = [Actor(member_id=MemberId(f"m{n}")) for n in range(MOST_CHANGES_BY_OTHERS)]
    past = [
        *PUBLIC,
        *(change for one in crowd for change in changes(one, ContributorRole.CONTRIBUTOR, 1)),
    ]
    with refused("too-many-changes"):
        when(past, add_party(BEN))
    for by in (ANNA, MODERATOR):
        assert when(past, add_party(by))


def test_the_changes_of_moderators_are_not_limited() -> None:
    past = [*PUBLIC, *changes(MODERATOR, ContributorRole.MODERATOR, MOST_CHANGES)]
    assert when(past, LocateCase(location=PLACE, by=MODERATOR, at=AT))


def test_retracting_the_last_evidence_unpublishes_the_case() -> None:
    retract = RetractEvidence(evidence_id=E1, by=ANNA, at=AT)
    gone: list[CaseEvent] = [RETRACTED, concealed(EvidenceConcealedReason.RETRACTED)]
    waits = unpublished(CaseUnpublishedReason.NO_EVIDENCE)
    assert when(PUBLIC, retract) == [*gone, waits]
    assert when([*PUBLIC, ATTACHED, with_evidence(ACCEPTED, E2)], retract) == gone
    past = [*PUBLIC, *gone, waits]
    assert when(past, retract) == []
    assert case_decider.fold(past).status is CaseStatus.AWAITING_EVIDENCE
    assert when(past, accept()) == []
    with refused("evidence-retracted"):
        when(past, AttachEvidence(evidence=(E1,), by=ANNA, at=AT))


def test_evidence_is_retracted_by_its_contributor_or_the_author_only() -> None:
    past = [*PUBLIC, BENS]
    for by in (CLEO, MODERATOR):
        with refused("forbidden"):
            when(past, RetractEvidence(evidence_id=E2, by=by, at=AT))
    for by in (BEN, ANNA, replace(MODERATOR, member_id=BEN.member_id)):
        (retracted,) = when(past, RetractEvidence(evidence_id=E2, by=by, at=AT))
        assert isinstance(retracted, EvidenceRetracted)
    with refused("not-found"):
        when(PUBLIC, RetractEvidence(evidence_id=E2, by=ANNA, at=AT))


class TestModeration:
    def test_a_hidden_case_is_visible_to_its_author_and_moderators_only(self) -> None:
        hidden: list[CaseEvent] = [
            HIDDEN,
            concealed(EvidenceConcealedReason.CASE_UNPUBLISHED),
            unpublished(CaseUnpublishedReason.HIDDEN),
        ]
        past = [*PUBLIC, *hidden]
        assert when(PUBLIC, HideCase(rule="spam", by=SYSTEM, at=AT)) == hidden
        assert when(past, HideCase(rule="spam", by=SYSTEM, at=AT)) == []
        with refused("not-found"):
            when(past, TagCase(tag="police", by=BEN, at=AT))
        for by in (ANNA, MODERATOR):
            assert when(past, TagCase(tag="police", by=by, at=AT))

    def test_a_restored_case_is_public_unless_its_evidence_is_withheld(self) -> None:
        restore = RestoreCase(by=SYSTEM, at=AT)
        again = replace(PUBLISHED, is_restored=True)
        assert when([*PUBLIC, HIDDEN], restore) == [RESTORED, SHOWN, again]
        assert when(PUBLIC, restore) == []
        assert when([*PUBLIC, HIDDEN, WITHHELD], restore) == [RESTORED]
        waiting = case_decider.fold([*PUBLIC, HIDDEN, WITHHELD, RESTORED])
        assert waiting.status is CaseStatus.AWAITING_EVIDENCE

    def test_restoring_keeps_the_time_of_publication_and_new_evidence_sets_a_new_one(self) -> None:
        past, later = [*PUBLIC, *when(PUBLIC, MODERATION[0])], AT + timedelta(days=1)
        restored = when(past, RestoreCase(by=SYSTEM, at=later))[-1]
        assert restored == replace(PUBLISHED, at=later, is_restored=True)
        retract = RetractEvidence(evidence_id=E1, by=ANNA, at=AT)
        past = [*PUBLIC, *when(PUBLIC, retract), ATTACHED]
        published = when(past, replace(accept(E2), at=later))[-1]
        assert published == replace(PUBLISHED, at=later, published_at=later)
        assert [each.is_restored for each in (PUBLISHED, restored, published)] == [
            False,
            True,
            False,
        ]

    def test_withholding_the_only_evidence_unpublishes_the_case_until_it_is_returned(self) -> None:
        withhold = WithholdEvidence(evidence_id=E1, rule="staged-evidence", by=SYSTEM, at=AT)
        give_back = ReturnEvidence(evidence_id=E1, by=SYSTEM, at=AT)
        withheld: list[CaseEvent] = [
            WITHHELD,
            concealed(EvidenceConcealedReason.WITHHELD),
            unpublished(CaseUnpublishedReason.NO_EVIDENCE),
        ]
        assert when(PUBLIC, withhold) == withheld
        past = [*PUBLIC, *withheld]
        assert when(past, withhold) == []
        assert when(past, give_back) == [RETURNED, SHOWN, PUBLISHED]
        assert when([*past, RETURNED, SHOWN, PUBLISHED], give_back) == []

    def test_changes_to_the_evidence_of_a_hidden_case_show_no_evidence(self) -> None:
        past = [*PUBLIC, HIDDEN]
        assert when([*past, ATTACHED], accept(E2)) == [with_evidence(ACCEPTED, E2)]
        withhold = WithholdEvidence(evidence_id=E1, rule="staged-evidence", by=SYSTEM, at=AT)
        assert when(past, withhold) == [WITHHELD]
        assert when([*past, WITHHELD], MODERATION[-1]) == [RETURNED]

    def test_moderation_of_a_withdrawn_or_missing_case_emits_nothing(self) -> None:
        for command in MODERATION:
            assert when([*PUBLIC, WITHDRAWN], command) == []
            assert when([], command) == []

    def test_only_the_system_applies_moderation(self) -> None:
        for command in MODERATION:
            with refused("forbidden"):
                when(PUBLIC, replace(command, by=MODERATOR))


def test_the_numbers_of_evidence_and_tags_are_limited() -> None:
    evidence = tuple(EvidenceId(f"e{n}") for n in range(MOST_EVIDENCE + 1))
    with refused("too-much-evidence"):
        when([REPORTED], AttachEvidence(evidence=evidence, by=ANNA, at=AT))
    with refused("too-many-tags"):
        when([REPORTED, *all_tags()], TagCase(tag="one more", by=ANNA, at=AT))


def all_tags() -> list[CaseEvent]:
    return [
        CaseTagged(case_id=CASE, number=n, tag=str(n), by=ANNA.member_id, at=AT)
        for n in range(MOST_TAGS)
    ]


def proposed(number: int = 0, by: Actor = BEN, **what: Any) -> ContributionProposed:
    return ContributionProposed(case_id=CASE, number=number, by=by.member_id, at=AT, **what)


def accept_contribution(by: Actor, number: int = 0) -> AcceptContribution:
    return AcceptContribution(number=number, by=by, at=AT)


def decline(by: Actor, number: int = 0) -> DeclineContribution:
    return DeclineContribution(number=number, by=by, at=AT)


class TestProposals:
    def test_what_a_contributor_adds_is_a_proposal(self) -> None:
        tagged = when(PUBLIC, TagCase(tag="police", by=BEN, at=AT))
        assert tagged == [proposed(tag="police")]
        located = when([*PUBLIC, *tagged], LocateCase(location=PLACE, by=BEN, at=AT))
        assert located == [proposed(1, location=PLACE)]
        state = case_decider.fold([*PUBLIC, *tagged, *located])
        assert (state.tags, state.location) == ({}, None)

    def test_nobody_proposes_the_same_twice_nor_more_than_may_be_open(self) -> None:
        past: list[CaseEvent] = [
            *PUBLIC,
            *(proposed(n, tag=str(n)) for n in range(MOST_PROPOSALS_EACH)),
        ]
        assert when(past, TagCase(tag="0", by=BEN, at=AT)) == []
        more = TagCase(tag="more", by=BEN, at=AT)
        with refused("too-many-proposals"):
            when(past, more)
        assert when(past, replace(more, by=CLEO))
        assert when([*past, *when(past, decline(BEN))], more)

    @pytest.mark.parametrize(
        ("by", "role"),
        [(ANNA, ContributorRole.AUTHOR), (MODERATOR, ContributorRole.MODERATOR)],
    )
    def test_once_accepted_it_is_the_contributors_part_of_the_case(
        self, by: Actor, role: ContributorRole
    ) -> None:
        past: list[CaseEvent] = [*PUBLIC, proposed(tag="police"), proposed(1, location=PLACE)]
        tagged = when(past, accept_contribution(by))
        assert tagged == [
            ContributionAccepted(case_id=CASE, number=0, role=role, at=AT),
            CaseTagged(
                case_id=CASE,
                number=0,
                tag="police",
                by=BEN.member_id,
                role=ContributorRole.CONTRIBUTOR,
                at=AT,
            ),
        ]
        past += [*tagged, *when([*past, *tagged], accept_contribution(by, 1))]
        state = case_decider.fold(past)
        assert (list(state.tags), state.location) == (["police"], PLACE)
        assert state.changes == {BEN.member_id: 2}
        with refused("not-found"):
            when(past, accept_contribution(by))
        assert when(past, UntagCase(tag="police", by=BEN, at=AT))
        assert when(past, RetractLocation(by=BEN, at=AT))

    def test_what_the_case_has_meanwhile_is_not_added_again(self) -> None:
        past: list[CaseEvent] = [*PUBLIC, proposed(tag="police"), proposed(1, location=PLACE)]
        past += when(past, TagCase(tag="police", by=ANNA, at=AT))
        past += when(past, LocateCase(location=PLACE, by=ANNA, at=AT))
        for number in (0, 1):
            (accepted,) = when(past, accept_contribution(ANNA, number))
            assert isinstance(accepted, ContributionAccepted)

    def test_it_waits_until_there_is_room_for_a_tag(self) -> None:
        past = [*PUBLIC, *all_tags(), proposed(tag="police")]
        with refused("too-many-tags"):
            when(past, accept_contribution(ANNA))
        assert when([*past, *when(past, UntagCase(tag="0", by=ANNA, at=AT))], decline(ANNA))

    def test_it_is_declined_or_taken_back(self) -> None:
        past: list[CaseEvent] = [*PUBLIC, proposed(tag="police")]
        for by, role in (
            (BEN, ContributorRole.CONTRIBUTOR),
            (ANNA, ContributorRole.AUTHOR),
            (MODERATOR, ContributorRole.MODERATOR),
        ):
            declined = when(past, decline(by))
            assert declined == [ContributionDeclined(case_id=CASE, number=0, role=role, at=AT)]
            with refused("not-found"):
                when([*past, *declined], accept_contribution(ANNA))

    def test_contributors_accept_nothing_and_learn_nothing_of_the_proposals_of_others(self) -> None:
        past: list[CaseEvent] = [*PUBLIC, proposed(tag="police")]
        with refused("forbidden"):
            when(past, accept_contribution(BEN))
        for command in (accept_contribution(CLEO), decline(CLEO)):
            with refused("not-found"):
                when(past, command)

    def test_those_of_an_erased_contributor_are_gone(self) -> None:
        past: list[CaseEvent] = [*PUBLIC, proposed(tag="police"), proposed(1, by=CLEO, tag="a")]
        erased = when(past, forget(BEN))
        assert erased == [ContributionErased(case_id=CASE, proposals=(0,), at=AT)]
        assert list(case_decider.fold([*past, *erased]).proposals.open) == [1]


class TestEvidenceOfOthers:
    def attached(self, number: int, by: Actor) -> list[CaseEvent]:
        item = EvidenceId(f"{by.member_id}-{number}")
        return [replace(BENS, evidence_id=item, by=by.member_id)]

    def test_a_stranger_takes_no_room_of_the_author_nor_of_others(self) -> None:
        past = [*PUBLIC]
        for number in range(MOST_EVIDENCE_EACH):
            past += self.attached(number, BEN)
        with refused("too-much-evidence"):
            when(past, AttachEvidence(evidence=(E2,), by=BEN, at=AT))
        own = tuple(EvidenceId(f"own-{number}") for number in range(MOST_EVIDENCE - 1))
        assert when(past, AttachEvidence(evidence=own, by=ANNA, at=AT))
        assert when(past, AttachEvidence(evidence=(E2,), by=CLEO, at=AT))

    def test_others_back_a_case_so_often_and_the_rest_is_refused(self) -> None:
        past = [*PUBLIC]
        for number in range(MOST_EVIDENCE_OF_OTHERS):
            past += self.attached(number, Actor(member_id=MemberId(f"m{number}")))
            past += when(past, accept(EvidenceId(f"m{number}-{number}")))
        assert len(case_decider.fold(past).shown_evidence) == MOST_EVIDENCE_OF_OTHERS + 1
        (refusal,) = when([*past, BENS], accept(E2))
        assert isinstance(refusal, EvidenceRefused)
        assert when([*past, ATTACHED], accept(E2)) == [
            with_evidence(ACCEPTED, E2),
            with_evidence(SHOWN, E2),
        ]


def test_withdrawing_a_case_again_emits_nothing() -> None:
    withdraw = WithdrawCase(by=ANNA, at=AT)
    assert when(PUBLIC, withdraw) == [
        WITHDRAWN,
        concealed(EvidenceConcealedReason.CASE_UNPUBLISHED),
        unpublished(CaseUnpublishedReason.WITHDRAWN),
    ]
    assert when([REPORTED], withdraw) == [WITHDRAWN]
    assert when([*PUBLIC, WITHDRAWN], withdraw) == []


def test_changing_a_withdrawn_case_is_refused() -> None:
    with refused("withdrawn"):
        when([*PUBLIC, WITHDRAWN], TagCase(tag="police", by=ANNA, at=AT))


def test_a_case_that_a_member_may_not_see_is_not_found() -> None:
    pasts: list[list[CaseEvent]] = [[], [REPORTED], [*PUBLIC, WITHDRAWN]]
    for past in pasts:
        with refused("not-found"):
            when(past, TagCase(tag="police", by=BEN, at=AT))


def forget(member: Actor, by: Actor = SYSTEM) -> ForgetMember:
    return ForgetMember(member_id=member.member_id, by=by, at=AT)


class TestErasure:
    def test_erasing_the_author_erases_the_case(self) -> None:
        erased = CaseErased(case_id=CASE, at=AT)
        gone: list[CaseEvent] = [
            erased,
            concealed(EvidenceConcealedReason.ERASED),
            unpublished(CaseUnpublishedReason.ERASED),
        ]
        assert when(PUBLIC, forget(ANNA)) == gone
        pasts: list[list[CaseEvent]] = [[REPORTED], [*PUBLIC, WITHDRAWN], [*PUBLIC, HIDDEN]]
        for past in pasts:
            assert when(past, forget(ANNA)) == [erased]
        past = [*PUBLIC, *gone]
        assert case_decider.fold(past).status is CaseStatus.ERASED
        assert when(past, forget(ANNA)) == []
        for command in (accept(), *MODERATION):
            assert when(past, command) == []
        with refused("erased"):
            when(past, TagCase(tag="police", by=ANNA, at=AT))

    def test_erasing_a_contributor_erases_their_contributions_once(self) -> None:
        past: list[CaseEvent] = [
            replace(REPORTED, tags=("a",), location=PLACE),
            *PUBLIC[1:],
            BENS,
            CaseTagged(case_id=CASE, number=1, tag="police", by=BEN.member_id, at=AT),
            CaseLocated(case_id=CASE, number=1, location=PLACE, by=BEN.member_id, at=AT),
            PartyAdded(case_id=CASE, party_id=PartyId("p1"), by=BEN.member_id, at=AT),
        ]
        erased = ContributionErased(
            case_id=CASE,
            evidence=(E2,),
            parties=(PartyId("p1"),),
            tags=(1,),
            places=(1,),
            place_unknown=True,
            at=AT,
        )
        assert when(past, forget(BEN)) == [erased]
        assert when([*past, erased], forget(BEN)) == []
        assert when(past, forget(CLEO)) == []
        state = case_decider.fold([*past, erased])
        assert (list(state.tags), state.location, state.is_public) == (["a"], None, True)
        assert when([*past, erased], accept(E2)) == []

    def test_a_case_with_evidence_of_an_erased_contributor_only_is_unpublished(self) -> None:
        past = [*PUBLIC, BENS, with_evidence(ACCEPTED, E2), RETRACTED]
        assert when(past, forget(BEN))[1:] == [
            concealed(EvidenceConcealedReason.ERASED, E2),
            unpublished(CaseUnpublishedReason.NO_EVIDENCE),
        ]

    def test_erasing_a_contributor_names_refused_evidence_and_no_retracted_contribution(
        self,
    ) -> None:
        refusal = EvidenceRefused(
            case_id=CASE, evidence_id=E2, contributor=BEN.member_id, reason="No sound.", at=AT
        )
        tagged = CaseTagged(case_id=CASE, number=0, tag="police", by=BEN.member_id, at=AT)
        placed = CaseLocated(case_id=CASE, number=0, location=PLACE, by=BEN.member_id, at=AT)
        past: list[CaseEvent] = [*PUBLIC, BENS, tagged, placed]
        back: list[CaseEvent] = [
            CaseUntagged(case_id=CASE, number=0, at=AT),
            LocationRetracted(case_id=CASE, number=0, at=AT),
        ]
        (erased,) = when([*past, *back, refusal], forget(BEN))
        assert erased == ContributionErased(case_id=CASE, evidence=(E2,), at=AT)
        assert when([*past, *back, replace(RETRACTED, evidence_id=E2)], forget(BEN)) == []

    def test_erasing_the_contributor_of_a_correction_does_not_return_the_location_before(
        self,
    ) -> None:
        precise = CaseLocated(case_id=CASE, number=0, location=PLACE, by=ANNA.member_id, at=AT)
        corrected = replace(precise, number=1, by=BEN.member_id)
        past: list[CaseEvent] = [*PUBLIC, precise, corrected]
        past += when(past, forget(BEN))
        assert case_decider.fold(past).location is None
        back = when(past, RetractLocation(by=ANNA, at=AT))
        assert back[-1] == LocationReturned(case_id=CASE, location=PLACE, by=ANNA.member_id, at=AT)
        assert case_decider.fold([*past, *back]).location == PLACE

    def test_only_the_system_forgets_members(self) -> None:
        with refused("forbidden"):
            when(PUBLIC, forget(ANNA, by=ANNA))


COMMANDS: list[CaseCommand] = [
    report(evidence=(E1,)),
    accept(E1),
    accept(E2),
    AttachEvidence(evidence=(E2,), by=ANNA, at=AT),
    AmendCase(changes={"title": "Another"}, by=ANNA, at=AT),
    TagCase(tag="police", by=ANNA, at=AT),
    UntagCase(tag="police", by=ANNA, at=AT),
    RetractEvidence(evidence_id=E1, by=ANNA, at=AT),
    *MODERATION,
    TagCase(tag="health", by=BEN, at=AT),
    accept_contribution(ANNA),
    decline(ANNA, 1),
    AttachEvidence(evidence=(E2,), by=BEN, at=AT),
    RetractEvidence(evidence_id=E2, by=BEN, at=AT),
    forget(BEN),
    forget(ANNA),
    WithdrawCase(by=ANNA, at=AT),
]


@given(st.lists(st.sampled_from(COMMANDS), max_size=24))
def test_publication_events_agree_with_the_state(commands: list[CaseCommand]) -> None:
    past: list[CaseEvent] = []
    for command in commands:
        past += attempt(past, command)
        state = case_decider.fold(past)
        public, seen = publication(past)
        assert public == state.is_public
        assert seen == (set(state.shown_evidence) if state.is_public else set())
        assert bool(seen) == public


def publication(past: list[CaseEvent]) -> tuple[bool, set[EvidenceId]]:
    """Whether the case is public and which evidence is shown; no event repeats another."""
    public, seen = False, set[EvidenceId]()
    for event in past:
        match event:
            case CasePublished() | CaseUnpublished():
                assert isinstance(event, CasePublished) != public
                public = not public
            case EvidenceShown(evidence_id=item):
                assert item not in seen
                seen.add(item)
            case EvidenceConcealed(evidence_id=item):
                seen.remove(item)
    return public, seen


def attempt(past: list[CaseEvent], command: CaseCommand) -> list[CaseEvent]:
    try:
        return when(past, command)
    except DomainError:
        return []


def test_a_stream_is_named_after_its_category_and_id() -> None:
    assert case_decider.stream("c1") == "case-c1"
    assert case_decider.fold([]) == Case()
