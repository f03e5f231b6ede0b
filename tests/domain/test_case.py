"""The rules of a case."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.case import (
    MOST_EVIDENCE,
    MOST_TAGS,
    AcceptEvidence,
    AmendCase,
    AttachEvidence,
    Case,
    CaseAmended,
    CaseCommand,
    CaseDetails,
    CaseEvent,
    CaseLocated,
    CasePublished,
    CaseReported,
    CaseStatus,
    CaseTagged,
    CaseUntagged,
    CaseWithdrawn,
    EvidenceAccepted,
    EvidenceAttached,
    LocateCase,
    ReportCase,
    TagCase,
    UntagCase,
    WithdrawCase,
    case_decider,
)
from domain.cases.place import Location, Precision
from domain.decider import DomainError
from domain.ids import SYSTEM, Actor, CaseId, EvidenceId, MediaKind, MemberId, Role
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Actor(member_id=MemberId("anna"), pseudonym="Anna")
BEN = Actor(member_id=MemberId("ben"), pseudonym="Ben")
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
DETAILS = CaseDetails(title="A bribe", story="They asked for money.")
CASE = CaseId("c1")
E1, E2 = EvidenceId("e1"), EvidenceId("e2")

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
    assert when(PUBLIC, accept(E2)) == [replace(ACCEPTED, evidence_id=E2)]


def test_evidence_is_accepted_once() -> None:
    assert when(PUBLIC, accept()) == []


@pytest.mark.parametrize("past", [[], [REPORTED, WITHDRAWN]])
def test_a_case_that_is_over_or_never_was_accepts_nothing(past: list[CaseEvent]) -> None:
    assert when(past, accept()) == []


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


@pytest.mark.parametrize(("by", "role"), [(ANNA, "author"), (MODERATOR, "moderator")])
def test_author_and_moderators_attach_locate_and_tag(by: Actor, role: str) -> None:
    place = Location(lat=1.0, lon=2.0)
    assert when(PUBLIC, AttachEvidence(evidence=(E1, E2), by=by, at=AT)) == [
        EvidenceAttached(case_id=CASE, evidence_id=E2, by=by.member_id, role=role, at=AT)
    ]
    assert when(PUBLIC, LocateCase(location=place, by=by, at=AT)) == [
        CaseLocated(case_id=CASE, location=place, by=by.member_id, role=role, at=AT)
    ]
    tagged = CaseTagged(case_id=CASE, tag="police", role=role, at=AT)
    assert when(PUBLIC, TagCase(tag="police", by=by, at=AT)) == [tagged]
    assert when([*PUBLIC, tagged], UntagCase(tag="police", by=by, at=AT)) == [
        CaseUntagged(case_id=CASE, tag="police", role=role, at=AT)
    ]


def test_what_is_so_already_is_no_event() -> None:
    place = Location(lat=1.0, lon=2.0)
    located = CaseLocated(case_id=CASE, location=place, by=ANNA.member_id, at=AT)
    tagged = CaseTagged(case_id=CASE, tag="police", at=AT)
    past = [*PUBLIC, located, tagged]
    assert when(past, LocateCase(location=place, by=ANNA, at=AT)) == []
    assert when(past, TagCase(tag="police", by=ANNA, at=AT)) == []
    assert when(past, UntagCase(tag="health", by=ANNA, at=AT)) == []


def test_other_members_do_not_change_a_case() -> None:
    for command in (
        AttachEvidence(evidence=(E2,), by=BEN, at=AT),
        TagCase(tag="police", by=BEN, at=AT),
        WithdrawCase(by=BEN, at=AT),
    ):
        with refused("forbidden"):
            when(PUBLIC, command)


def test_evidence_and_tags_are_limited() -> None:
    evidence = tuple(EvidenceId(f"e{n}") for n in range(MOST_EVIDENCE + 1))
    with refused("too-much-evidence"):
        when([REPORTED], AttachEvidence(evidence=evidence, by=ANNA, at=AT))
    tags: list[CaseEvent] = [CaseTagged(case_id=CASE, tag=str(n), at=AT) for n in range(MOST_TAGS)]
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
    WithdrawCase(by=ANNA, at=AT),
]


@given(st.lists(st.sampled_from(COMMANDS), max_size=12))
def test_published_implies_accepted_evidence(commands: list[CaseCommand]) -> None:
    past: list[CaseEvent] = []
    for command in commands:
        past += attempt(past, command)
    state = case_decider.fold(past)
    assert state == case_decider.fold(list(past))
    if state.status is CaseStatus.PUBLISHED:
        assert state.accepted
    assert len(set(state.accepted)) == len(state.accepted)


def attempt(past: list[CaseEvent], command: CaseCommand) -> list[CaseEvent]:
    try:
        return when(past, command)
    except DomainError:
        return []


def test_a_stream_is_named_for_what_it_holds() -> None:
    assert case_decider.stream("c1") == "case-c1"
    assert case_decider.fold([]) == Case()
