"""The rules of exhibits: whichever comes last, citation or verification, admits."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.cases.exhibit import (
    CiteExhibit,
    ExhibitAdmitted,
    ExhibitCited,
    ExhibitCommand,
    ExhibitEvent,
    ExhibitVerified,
    VerifyExhibit,
    exhibit_decider,
)
from domain.ids import SYSTEM, CaseId, EvidenceId, MediaKind, MemberId

AT = datetime(2026, 3, 1, tzinfo=UTC)
E1 = EvidenceId("e1")


def cite(case: str, by: str = "anna") -> CiteExhibit:
    return CiteExhibit(
        evidence_id=E1, case_id=CaseId(case), cited_by=MemberId(by), by=SYSTEM, at=AT
    )


VERIFY = VerifyExhibit(
    evidence_id=E1, owner=MemberId("anna"), kind=MediaKind.VIDEO, sha256="ab", by=SYSTEM, at=AT
)


def after(*commands: ExhibitCommand) -> list[ExhibitEvent]:
    past: list[ExhibitEvent] = []
    for command in commands:
        past += exhibit_decider.decide(command, exhibit_decider.fold(past))
    return past


def admitted(events: list[ExhibitEvent]) -> list[str]:
    return [event.case_id for event in events if isinstance(event, ExhibitAdmitted)]


def test_verified_evidence_is_admitted_to_the_case_that_cites_it_then() -> None:
    kinds = [type(event) for event in after(VERIFY, cite("c1"))]
    assert kinds == [ExhibitVerified, ExhibitCited, ExhibitAdmitted]


def test_cited_evidence_is_admitted_to_all_its_cases_when_it_is_verified() -> None:
    assert admitted(after(cite("c1"), cite("c2"), VERIFY)) == ["c1", "c2"]


def test_evidence_that_is_not_verified_is_not_admitted() -> None:
    assert admitted(after(cite("c1"))) == []


def test_only_its_owner_may_back_a_case_with_it() -> None:
    assert admitted(after(cite("c1", by="ben"), VERIFY, cite("c2", by="ben"))) == []


@given(st.permutations([cite("c1"), cite("c1"), cite("c2"), cite("c2", by="ben"), VERIFY, VERIFY]))
def test_in_any_order_each_case_gets_it_once(commands: list[ExhibitCommand]) -> None:
    assert sorted(admitted(after(*commands))) == ["c1", "c2"]
