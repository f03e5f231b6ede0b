"""The rules of a case."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actors import SYSTEM, Actor, Role
from domain.cases.case import (
    MOST_CHANGES,
    MOST_CHANGES_BY_OTHERS,
    MOST_CHANGES_EACH,
    MOST_EVIDENCE,
    MOST_TAGS,
    AcceptEvidence,
    AddParty,
    AmendCase,
    AttachEvidence,
    Case,
    CaseAmended,
    CaseCommand,
    CaseDetails,
    CaseEvent,
    CaseHidden,
    CaseLocated,
    CasePublished,
    CaseReported,
    CaseRestored,
    CaseStatus,
    CaseTagged,
    CaseUnpublished,
    CaseUntagged,
    CaseWithdrawn,
    EvidenceAccepted,
    EvidenceAttached,
    EvidenceRefused,
    EvidenceRetracted,
    EvidenceReturned,
    EvidenceWithheld,
    HideCase,
    LocateCase,
    LocationRetracted,
    ModerationCommand,
    PartyAdded,
    RefuseEvidence,
    ReportCase,
    RestoreCase,
    RetractEvidence,
    RetractLocation,
    ReturnEvidence,
    TagCase,
    UntagCase,
    WithdrawCase,
    WithholdEvidence,
    case_decider,
)
from domain.cases.place import Location, Precision
from domain.decider import DomainError
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId, PartyId
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
    author=ANNA.member_id,
    kind=MediaKind.VIDEO,
    sha256="ab",
    at=AT,
)
PUBLISHED = CasePublished(case_id=CASE, at=AT)
WITHDRAWN = CaseWithdrawn(case_id=CASE, at=AT)
ATTACHED = EvidenceAttached(case_id=CASE, evidence_id=E2, by=ANNA.member_id, at=AT)
UNPUBLISHED = CaseUnpublished(case_id=CASE, at=AT)
HIDDEN = CaseHidden(case_id=CASE, rule="spam", at=AT)
WITHHELD = EvidenceWithheld(case_id=CASE, evidence_id=E1, rule="staged-evidence", at=AT)
MODERATION: list[ModerationCommand] = [
    HideCase(rule="spam", by=SYSTEM, at=AT),
    RestoreCase(by=SYSTEM, at=AT),
    WithholdEvidence(evidence_id=E1, rule="staged-evidence", by=SYSTEM, at=AT),
    ReturnEvidence(evidence_id=E1, by=SYSTEM, at=AT),
]
PUBLIC: list[CaseEvent] = [REPORTED, ACCEPTED, PUBLISHED]


def when(past: list[CaseEvent], command: CaseCommand) -> list[CaseEvent]:
    return case_decider.decide(command, case_decider.fold(past))


def report(**more: Any) -> ReportCase:
    return ReportCase(**{"case_id": CASE, "details": DETAILS, "by": ANNA, "at": AT, **more})


def accept(evidence_id: EvidenceId = E1, by: Actor = SYSTEM) -> AcceptEvidence:
    return AcceptEvidence(evidence_id=evidence_id, kind=MediaKind.VIDEO, sha256="ab", by=by, at=AT)


def test_a_report_is_recorded() -> None:
    assert when([], report(evidence=(E1,))) == [REPORTED]


def test_a_report_names_each_tag_and_each_evidence_once() -> None:
    (reported,) = when([], report(evidence=(E1, E1, E2), tags=("a", "b", "a")))
    assert isinstance(reported, CaseReported)
    assert (reported.evidence, reported.tags) == ((E1, E2), ("a", "b"))


def test_a_case_is_reported_once() -> None:
    with refused("already-reported"):
        when([REPORTED], report())


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    precision=st.sampled_from(Precision),
)
def test_a_place_is_rounded_before_it_is_in_any_event(
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
    assert when([REPORTED], accept()) == [ACCEPTED, PUBLISHED]


def test_more_evidence_is_accepted_without_publishing_again() -> None:
    assert when([*PUBLIC, ATTACHED], accept(E2)) == [replace(ACCEPTED, evidence_id=E2)]


def test_evidence_is_accepted_once_and_only_where_it_is_part_of_the_case() -> None:
    assert when(PUBLIC, accept()) == []
    assert when(PUBLIC, accept(E2)) == []


@pytest.mark.parametrize("past", [[], [REPORTED, WITHDRAWN]])
def test_a_case_that_is_over_or_never_was_accepts_nothing(past: list[CaseEvent]) -> None:
    assert when(past, accept()) == []


def refuse(evidence_id: EvidenceId = E1, by: Actor = SYSTEM) -> RefuseEvidence:
    return RefuseEvidence(evidence_id=evidence_id, reason="No sound.", by=by, at=AT)


def test_what_is_refused_is_no_evidence_of_the_case_any_more() -> None:
    refusal = EvidenceRefused(
        case_id=CASE, evidence_id=E1, author=ANNA.member_id, reason="No sound.", at=AT
    )
    assert when([REPORTED], refuse()) == [refusal]
    assert when([REPORTED, refusal], refuse()) == []
    assert when([REPORTED, refusal], accept()) == []
    assert case_decider.fold([REPORTED, refusal]).evidence == {}


def test_what_was_accepted_or_is_none_of_the_case_is_not_refused() -> None:
    assert when(PUBLIC, refuse()) == []
    assert when(PUBLIC, refuse(E2)) == []
    assert when([REPORTED, WITHDRAWN], refuse()) == []
    with refused("forbidden"):
        when([REPORTED], refuse(by=ANNA))


def test_only_the_system_accepts_evidence() -> None:
    with refused("forbidden"):
        when([REPORTED], accept(by=ANNA))


def test_the_author_amends_details_and_the_others_stay() -> None:
    changes: dict[str, Any] = {"title": "Two bribes", "occurred_on": date(2026, 2, 1)}
    amended = CaseAmended(
        case_id=CASE, details=replace(DETAILS, **changes), by=ANNA.member_id, at=AT
    )
    assert when(PUBLIC, AmendCase(changes=changes, by=ANNA, at=AT)) == [amended]
    assert case_decider.fold([*PUBLIC, amended]).details == amended.details


def test_an_amendment_that_changes_nothing_is_no_event() -> None:
    assert when(PUBLIC, AmendCase(changes={"title": "A bribe"}, by=ANNA, at=AT)) == []


def test_nobody_amends_for_the_author_not_even_a_moderator() -> None:
    for other in (BEN, MODERATOR):
        with refused("forbidden"):
            when(PUBLIC, AmendCase(changes={}, by=other, at=AT))


@pytest.mark.parametrize(
    ("by", "role"), [(ANNA, "author"), (MODERATOR, "moderator"), (BEN, "contributor")]
)
def test_everybody_adds_evidence_place_and_tags_to_a_public_case(by: Actor, role: str) -> None:
    place = Location(lat=1.0, lon=2.0)
    assert when(PUBLIC, AttachEvidence(evidence=(E1, E2), by=by, at=AT)) == [
        EvidenceAttached(case_id=CASE, evidence_id=E2, by=by.member_id, role=role, at=AT)
    ]
    assert when(PUBLIC, LocateCase(location=place, by=by, at=AT)) == [
        CaseLocated(case_id=CASE, location=place, by=by.member_id, role=role, at=AT)
    ]
    tagged = CaseTagged(case_id=CASE, tag="police", by=by.member_id, role=role, at=AT)
    assert when(PUBLIC, TagCase(tag="police", by=by, at=AT)) == [tagged]
    assert when([*PUBLIC, tagged], UntagCase(tag="police", by=by, at=AT)) == [
        CaseUntagged(case_id=CASE, tag="police", tagged_by=by.member_id, role=role, at=AT)
    ]


def test_nobody_but_its_author_backs_a_case_that_is_not_public() -> None:
    pasts: list[list[CaseEvent]] = [[REPORTED], [*PUBLIC, HIDDEN]]
    for past in pasts:
        with refused("forbidden"):
            when(past, AttachEvidence(evidence=(E2,), by=MODERATOR, at=AT))
        assert when(past, AttachEvidence(evidence=(E2,), by=ANNA, at=AT))


def test_what_its_author_took_out_of_public_is_published_by_nobody_else() -> None:
    bens = EvidenceAttached(
        case_id=CASE, evidence_id=E2, by=BEN.member_id, role="contributor", at=AT
    )
    retracted = EvidenceRetracted(case_id=CASE, evidence_id=E1, role="author", at=AT)
    assert when([*PUBLIC, bens], accept(E2))
    assert when([*PUBLIC, bens, retracted], accept(E2)) == []


def test_what_is_so_already_is_no_event() -> None:
    place = Location(lat=1.0, lon=2.0)
    located = CaseLocated(case_id=CASE, location=place, by=ANNA.member_id, at=AT)
    tagged = CaseTagged(case_id=CASE, tag="police", by=ANNA.member_id, at=AT)
    past = [*PUBLIC, located, tagged]
    assert when(past, LocateCase(location=place, by=ANNA, at=AT)) == []
    assert when(past, TagCase(tag="police", by=ANNA, at=AT)) == []
    assert when(past, UntagCase(tag="health", by=ANNA, at=AT)) == []


def test_nobody_withdraws_somebody_elses_case() -> None:
    with refused("forbidden"):
        when(PUBLIC, WithdrawCase(by=BEN, at=AT))


def test_a_tag_is_taken_away_by_who_added_it_the_author_or_a_moderator() -> None:
    tagged = CaseTagged(case_id=CASE, tag="police", by=BEN.member_id, role="contributor", at=AT)
    with refused("forbidden"):
        when([*PUBLIC, tagged], UntagCase(tag="police", by=CLEO, at=AT))
    for by, role in ((BEN, "contributor"), (ANNA, "author"), (MODERATOR, "moderator")):
        untagged = CaseUntagged(
            case_id=CASE, tag="police", tagged_by=BEN.member_id, role=role, at=AT
        )
        assert when([*PUBLIC, tagged], UntagCase(tag="police", by=by, at=AT)) == [untagged]


def test_a_tag_goes_with_whoever_added_it_when_they_are_erased() -> None:
    erased = CaseTagged(case_id=CASE, tag="", by=MemberId(""), role="contributor", at=AT)
    gone = CaseUntagged(case_id=CASE, tag="", tagged_by=MemberId(""), role="moderator", at=AT)
    assert case_decider.fold([*PUBLIC, erased]).tags == {}
    assert case_decider.fold([*PUBLIC, erased, gone]).tags == {}


def test_what_an_erased_contributor_said_is_not_there_even_where_it_is_in_the_open() -> None:
    """As events of older versions are."""
    nobody = MemberId("")
    tagged = CaseTagged(case_id=CASE, tag="police", by=nobody, role="contributor", at=AT)
    located = CaseLocated(case_id=CASE, location=PLACE, by=nobody, role="contributor", at=AT)
    state = case_decider.fold([*PUBLIC, tagged, located])
    assert (state.tags, state.location) == ({}, None)


def test_a_retracted_place_lets_the_one_before_stand_again() -> None:
    assert when(PUBLIC, RetractLocation(by=ANNA, at=AT)) == []
    first, second = Location(lat=1.0, lon=2.0), Location(lat=3.0, lon=4.0)
    here = CaseLocated(case_id=CASE, location=first, by=ANNA.member_id, at=AT)
    there = CaseLocated(case_id=CASE, location=second, by=BEN.member_id, role="contributor", at=AT)
    with refused("forbidden"):
        when([*PUBLIC, here, there], RetractLocation(by=CLEO, at=AT))
    (back,) = when([*PUBLIC, here, there], RetractLocation(by=BEN, at=AT))
    assert back == LocationRetracted(
        case_id=CASE, place=1, by=BEN.member_id, role="contributor", at=AT
    )
    assert case_decider.fold([*PUBLIC, here, there, back]).location == first
    (none,) = when([*PUBLIC, here], RetractLocation(by=ANNA, at=AT))
    assert case_decider.fold([*PUBLIC, here, none]).location is None


def test_what_somebody_takes_back_does_not_bring_back_what_they_had_corrected_by_it() -> None:
    precise = CaseLocated(case_id=CASE, location=PLACE, by=ANNA.member_id, at=AT)
    coarse = replace(precise, location=Location(lat=1.0, lon=2.0, precision=Precision.REGION))
    for by in (ANNA, MODERATOR):
        back = when([*PUBLIC, precise, coarse], RetractLocation(by=by, at=AT))
        assert case_decider.fold([*PUBLIC, precise, coarse, *back]).location is None
    bens = replace(precise, location=Location(lat=5.0, lon=6.0), by=BEN.member_id)
    past = [*PUBLIC, bens, precise, coarse]
    back = when(past, RetractLocation(by=ANNA, at=AT))
    assert case_decider.fold([*past, *back]).location == bens.location


def test_what_one_erased_member_takes_along_is_nothing_of_anothers() -> None:
    """Read after both were erased, a retraction takes back what it did when it was made."""
    precise = CaseLocated(case_id=CASE, location=PLACE, by=ANNA.member_id, at=AT)
    bens, cleos = (replace(precise, by=each.member_id) for each in (BEN, CLEO))
    back = when([*PUBLIC, precise, bens, cleos], RetractLocation(by=CLEO, at=AT))
    nobody = replace(precise, location=None, by=MemberId(""))
    assert case_decider.fold([*PUBLIC, precise, nobody, nobody, *back]).location is None


def test_an_older_retraction_takes_back_what_stood_last() -> None:
    here = CaseLocated(case_id=CASE, location=PLACE, by=ANNA.member_id, at=AT)
    there = replace(here, location=Location(lat=3.0, lon=4.0), by=BEN.member_id)
    back = LocationRetracted(case_id=CASE, by=ANNA.member_id, at=AT)
    assert case_decider.fold([*PUBLIC, here, there, back]).location == PLACE
    assert case_decider.fold([*PUBLIC, here, there, back, back]).location is None


def test_what_was_corrected_does_not_come_back_when_who_corrected_it_is_erased() -> None:
    precise = CaseLocated(case_id=CASE, location=PLACE, by=ANNA.member_id, at=AT)
    erased = CaseLocated(case_id=CASE, location=None, by=MemberId(""), role="moderator", at=AT)
    past = [*PUBLIC, precise, erased]
    assert case_decider.fold(past).location is None
    (back,) = when(past, RetractLocation(by=ANNA, at=AT))
    assert case_decider.fold([*past, back]).location == PLACE


def add_party(by: Actor, party: str = "p1", evidence: tuple[EvidenceId, ...] = ()) -> AddParty:
    return AddParty(party_id=PartyId(party), evidence=evidence, named=False, by=by, at=AT)


@pytest.mark.parametrize(
    ("by", "role"), [(ANNA, "author"), (MODERATOR, "moderator"), (BEN, "contributor")]
)
def test_everybody_adds_parties_to_a_public_case_each_once(by: Actor, role: str) -> None:
    added = PartyAdded(case_id=CASE, party_id=PartyId("p1"), by=by.member_id, role=role, at=AT)
    assert when(PUBLIC, add_party(by, evidence=(E1,))) == [added]
    assert when([*PUBLIC, added], add_party(by)) == []


def test_what_is_a_party_already_is_not_added_to_another_case() -> None:
    named = replace(add_party(BEN), named=True)
    with refused("already-named"):
        when(PUBLIC, named)
    added = PartyAdded(case_id=CASE, party_id=PartyId("p1"), by=BEN.member_id, at=AT)
    assert when([*PUBLIC, added], named) == []


def test_a_claim_rests_on_evidence_of_its_case_alone() -> None:
    with refused("not-found"):
        when(PUBLIC, add_party(BEN, evidence=(E2,)))


def changes(by: Actor, role: str, number: int) -> list[CaseEvent]:
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
    [(ANNA, "author", MOST_CHANGES), (BEN, "contributor", MOST_CHANGES_EACH)],
)
def test_a_case_takes_so_many_changes_of_one_member(by: Actor, role: str, most: int) -> None:
    past = [*PUBLIC, *changes(by, role, most - 1)]
    (last,) = when(past, TagCase(tag="police", by=by, at=AT))
    commands: list[CaseCommand] = [
        add_party(by),
        TagCase(tag="health", by=by, at=AT),
        LocateCase(location=PLACE, by=by, at=AT),
        AttachEvidence(evidence=(E2,), by=by, at=AT),
    ]
    for command in commands:
        with refused("too-many-changes"):
            when([*past, last], command)
    assert when([*past, last], UntagCase(tag="police", by=by, at=AT))
    placed = CaseLocated(case_id=CASE, location=PLACE, by=by.member_id, role=role, at=AT)
    assert when([*past, placed], RetractLocation(by=by, at=AT))


def test_a_case_takes_so_many_changes_of_all_contributors_together() -> None:
    crowd = [Actor(member_id=MemberId(f"m{n}")) for n in range(MOST_CHANGES_BY_OTHERS)]
    past = [*PUBLIC, *(change for one in crowd for change in changes(one, "contributor", 1))]
    with refused("too-many-changes"):
        when(past, add_party(BEN))
    for by in (ANNA, MODERATOR):
        assert when(past, add_party(by))


def test_moderators_can_always_set_a_case_right() -> None:
    past = [*PUBLIC, *changes(MODERATOR, "moderator", MOST_CHANGES)]
    assert when(past, LocateCase(location=PLACE, by=MODERATOR, at=AT))


def test_retracted_evidence_is_gone_and_without_any_the_case_is_not_public() -> None:
    retract = RetractEvidence(evidence_id=E1, by=ANNA, at=AT)
    gone = EvidenceRetracted(case_id=CASE, evidence_id=E1, at=AT)
    assert when(PUBLIC, retract) == [gone, UNPUBLISHED]
    more = [*PUBLIC, ATTACHED, replace(ACCEPTED, evidence_id=E2)]
    assert when(more, retract) == [gone]
    past = [*PUBLIC, gone, UNPUBLISHED]
    assert when(past, retract) == []
    assert case_decider.fold(past).status is CaseStatus.AWAITING_EVIDENCE
    assert when(past, accept()) == []
    with refused("evidence-retracted"):
        when(past, AttachEvidence(evidence=(E1,), by=ANNA, at=AT))


def test_evidence_is_retracted_by_who_added_it_or_the_author() -> None:
    past = [*PUBLIC, replace(ATTACHED, by=BEN.member_id)]
    for by in (CLEO, MODERATOR):
        with refused("forbidden"):
            when(past, RetractEvidence(evidence_id=E2, by=by, at=AT))
    for by in (BEN, ANNA, replace(MODERATOR, member_id=BEN.member_id)):
        (retracted,) = when(past, RetractEvidence(evidence_id=E2, by=by, at=AT))
        assert isinstance(retracted, EvidenceRetracted)
    with refused("not-found"):
        when(PUBLIC, RetractEvidence(evidence_id=E2, by=ANNA, at=AT))


def test_what_an_erased_member_contributed_is_not_there_any_more() -> None:
    erased = replace(ATTACHED, by=MemberId(""))
    accepted = replace(ACCEPTED, evidence_id=E2)
    state = case_decider.fold([*PUBLIC, erased, accepted])
    assert (list(state.evidence), state.accepted) == ([E1], (E1,))
    alone: list[CaseEvent] = [replace(REPORTED, evidence=()), erased, accepted, PUBLISHED]
    assert case_decider.fold(alone).status is CaseStatus.AWAITING_EVIDENCE


class TestModeration:
    def test_a_hidden_case_is_seen_by_its_author_and_moderators_alone(self) -> None:
        past = [*PUBLIC, HIDDEN]
        assert when(PUBLIC, HideCase(rule="spam", by=SYSTEM, at=AT)) == [HIDDEN]
        assert when(past, HideCase(rule="spam", by=SYSTEM, at=AT)) == []
        with refused("not-found"):
            when(past, TagCase(tag="police", by=BEN, at=AT))
        for by in (ANNA, MODERATOR):
            assert when(past, TagCase(tag="police", by=by, at=AT))

    def test_a_restored_case_is_public_if_its_evidence_can_be_seen(self) -> None:
        restore = RestoreCase(by=SYSTEM, at=AT)
        back = CaseRestored(case_id=CASE, status=CaseStatus.PUBLISHED, at=AT)
        assert when([*PUBLIC, HIDDEN], restore) == [back]
        assert when(PUBLIC, restore) == []
        assert case_decider.fold([*PUBLIC, HIDDEN, back]).status is CaseStatus.PUBLISHED
        waiting = replace(back, status=CaseStatus.AWAITING_EVIDENCE)
        assert when([*PUBLIC, HIDDEN, WITHHELD], restore) == [waiting]

    def test_a_case_whose_evidence_is_withheld_waits_for_it(self) -> None:
        withhold = WithholdEvidence(evidence_id=E1, rule="staged-evidence", by=SYSTEM, at=AT)
        give_back = ReturnEvidence(evidence_id=E1, by=SYSTEM, at=AT)
        assert when(PUBLIC, withhold) == [WITHHELD, UNPUBLISHED]
        past = [*PUBLIC, WITHHELD, UNPUBLISHED]
        assert when(past, withhold) == []
        returned = EvidenceReturned(case_id=CASE, evidence_id=E1, public=True, at=AT)
        assert when(past, give_back) == [returned, PUBLISHED]
        assert when([*past, returned, PUBLISHED], give_back) == []
        assert case_decider.fold([*past, returned, PUBLISHED]).status is CaseStatus.PUBLISHED

    def test_what_happens_to_evidence_of_a_hidden_case_shows_nothing(self) -> None:
        past = [*PUBLIC, HIDDEN]
        assert when([*past, ATTACHED], accept(E2)) == [
            replace(ACCEPTED, evidence_id=E2, public=False)
        ]
        withhold = WithholdEvidence(evidence_id=E1, rule="staged-evidence", by=SYSTEM, at=AT)
        assert when(past, withhold) == [WITHHELD]
        (returned,) = when([*past, WITHHELD], ReturnEvidence(evidence_id=E1, by=SYSTEM, at=AT))
        assert returned == EvidenceReturned(case_id=CASE, evidence_id=E1, public=False, at=AT)

    def test_it_comes_too_late_for_a_case_that_is_over(self) -> None:
        for command in MODERATION:
            assert when([*PUBLIC, WITHDRAWN], command) == []
            assert when([], command) == []

    def test_nobody_but_the_system_does_it(self) -> None:
        for command in MODERATION:
            with refused("forbidden"):
                when(PUBLIC, replace(command, by=MODERATOR))


def test_evidence_and_tags_are_limited() -> None:
    evidence = tuple(EvidenceId(f"e{n}") for n in range(MOST_EVIDENCE + 1))
    with refused("too-much-evidence"):
        when([REPORTED], AttachEvidence(evidence=evidence, by=ANNA, at=AT))
    tags: list[CaseEvent] = [
        CaseTagged(case_id=CASE, tag=str(n), by=ANNA.member_id, at=AT) for n in range(MOST_TAGS)
    ]
    with refused("too-many-tags"):
        when([REPORTED, *tags], TagCase(tag="one more", by=ANNA, at=AT))


def test_the_author_withdraws_once() -> None:
    assert when(PUBLIC, WithdrawCase(by=ANNA, at=AT)) == [WITHDRAWN]
    assert when([*PUBLIC, WITHDRAWN], WithdrawCase(by=ANNA, at=AT)) == []


def test_a_withdrawn_case_does_not_change_any_more() -> None:
    with refused("withdrawn"):
        when([*PUBLIC, WITHDRAWN], TagCase(tag="police", by=ANNA, at=AT))


def test_a_case_that_somebody_may_not_see_does_not_exist_for_them() -> None:
    pasts: list[list[CaseEvent]] = [[], [REPORTED], [*PUBLIC, WITHDRAWN]]
    for past in pasts:
        with refused("not-found"):
            when(past, TagCase(tag="police", by=BEN, at=AT))


def test_a_case_whose_author_was_erased_is_gone() -> None:
    erased = replace(REPORTED, author=MemberId(""), author_name="")
    assert case_decider.fold([erased]).status is CaseStatus.ERASED
    assert case_decider.fold([erased, ACCEPTED, PUBLISHED]).status is CaseStatus.ERASED
    with refused("erased"):
        when([erased], TagCase(tag="police", by=ANNA, at=AT))
    assert when([erased], accept()) == []


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
    WithdrawCase(by=ANNA, at=AT),
]


@given(st.lists(st.sampled_from(COMMANDS), max_size=16))
def test_published_implies_evidence_that_can_be_seen(commands: list[CaseCommand]) -> None:
    past: list[CaseEvent] = []
    for command in commands:
        past += attempt(past, command)
    state = case_decider.fold(past)
    assert state == case_decider.fold(list(past))
    if state.status is CaseStatus.PUBLISHED:
        assert state.shown
    assert len(set(state.accepted)) == len(state.accepted)


def attempt(past: list[CaseEvent], command: CaseCommand) -> list[CaseEvent]:
    try:
        return when(past, command)
    except DomainError:
        return []


def test_a_stream_is_named_for_what_it_holds() -> None:
    assert case_decider.stream("c1") == "case-c1"
    assert case_decider.fold([]) == Case()
