"""The rules of exhibits: evidence is admitted to a case once it is both cited and verified."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.actors import SYSTEM
from domain.cases.exhibit import (
    MOST_CITATIONS,
    NOT_YOURS,
    TAKEN,
    TOO_MANY_CASES,
    CiteExhibit,
    ExhibitAdmitted,
    ExhibitCited,
    ExhibitCommand,
    ExhibitEvent,
    ExhibitFacts,
    ExhibitRefused,
    ExhibitReturned,
    ExhibitVerified,
    ExhibitWithheld,
    RejectExhibit,
    ReturnExhibit,
    VerifyExhibit,
    WithholdExhibit,
    exhibit_decider,
    must_be_citable,
)
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
E1 = EvidenceId("e1")


def cite(
    case: str, by: str = "anna", *, anonymous: bool = False
) -> Informed[CiteExhibit, ExhibitFacts]:
    command = CiteExhibit(
        evidence_id=E1, case_id=CaseId(case), cited_by=MemberId(by), by=SYSTEM, at=AT
    )
    return Informed(command, ExhibitFacts(anonymous=anonymous))


VERIFY = VerifyExhibit(
    evidence_id=E1,
    owner=MemberId("anna"),
    kind=MediaKind.VIDEO,
    sha256="ab",
    commitment="cd",
    by=SYSTEM,
    at=AT,
)
WITHHOLD = WithholdExhibit(evidence_id=E1, rule="staged-evidence", by=SYSTEM, at=AT)
REJECT = RejectExhibit(
    evidence_id=E1,
    owner=MemberId("anna"),
    reason="No sound was recorded.",
    by=SYSTEM,
    at=AT,
)
RETURN = ReturnExhibit(evidence_id=E1, by=SYSTEM, at=AT)


def after(*commands: ExhibitCommand) -> list[ExhibitEvent]:
    past: list[ExhibitEvent] = []
    for command in commands:
        past += exhibit_decider.decide(command, exhibit_decider.fold(past))
    return past


def admitted(events: list[ExhibitEvent]) -> list[str]:
    return [event.case_id for event in events if isinstance(event, ExhibitAdmitted)]


def refusals(events: list[ExhibitEvent]) -> list[tuple[str, str]]:
    return [(event.case_id, event.reason) for event in events if isinstance(event, ExhibitRefused)]


def test_verified_evidence_is_admitted_to_a_case_that_cites_it_later() -> None:
    kinds = [type(event) for event in after(VERIFY, cite("c1"))]
    assert kinds == [ExhibitVerified, ExhibitCited, ExhibitAdmitted]


def test_verifying_cited_evidence_admits_it_to_all_cases_that_cite_it() -> None:
    assert admitted(after(cite("c1"), cite("c2"), VERIFY)) == ["c1", "c2"]


def test_unverified_evidence_is_not_admitted() -> None:
    assert admitted(after(cite("c1"))) == []


def test_the_citations_of_evidence_are_limited_and_only_those_of_its_owner_count() -> None:
    many = [cite(f"c{number}") for number in range(MOST_CITATIONS + 1)]
    others = [cite(f"b{number}", by="ben") for number in range(MOST_CITATIONS)]
    events = after(VERIFY, *others, *many)
    assert len(admitted(events)) == MOST_CITATIONS
    assert {event.cited_by for event in events if isinstance(event, ExhibitCited)} == {"anna"}
    assert refusals(events)[-1] == (f"c{MOST_CITATIONS}", TOO_MANY_CASES)


def test_evidence_cited_by_another_member_is_not_admitted() -> None:
    assert admitted(after(cite("c1", by="ben"), VERIFY, cite("c2", by="ben"))) == []


@given(
    st.permutations([cite("c1", anonymous=True), cite("c2"), cite("c3"), cite("c4", "ben"), VERIFY])
)
def test_evidence_of_an_anonymous_case_is_admitted_to_no_other_case(
    commands: list[ExhibitCommand],
) -> None:
    cases = admitted(after(*commands))
    assert cases == ["c1"] or "c1" not in cases


def test_of_an_anonymous_and_another_case_the_first_to_cite_gets_the_evidence() -> None:
    hidden = cite("c1", anonymous=True)
    assert admitted(after(hidden, cite("c2"), VERIFY)) == ["c1"]
    assert admitted(after(VERIFY, cite("c2"), hidden, cite("c3"))) == ["c2"]
    assert admitted(after(VERIFY, hidden, WITHHOLD, cite("c2"), RETURN)) == ["c1"]


def test_every_waiting_case_gets_a_refusal_with_its_reason() -> None:
    reason = REJECT.reason
    assert refusals(after(cite("c1"), cite("c2", "ben"), REJECT)) == [
        ("c1", reason),
        ("c2", NOT_YOURS),
    ]
    assert refusals(after(REJECT, cite("c2", "ben"))) == [("c2", NOT_YOURS)]
    assert refusals(after(REJECT, cite("c1"))) == [("c1", reason)]
    assert refusals(after(cite("c1", "ben"), VERIFY)) == [("c1", NOT_YOURS)]
    assert refusals(after(VERIFY, cite("c1", "ben"))) == [("c1", NOT_YOURS)]
    hidden = cite("c2", anonymous=True)
    assert refusals(after(cite("c1"), hidden, VERIFY)) == [("c2", TAKEN)]
    assert refusals(after(VERIFY, cite("c1"), hidden)) == [("c2", TAKEN)]


def test_the_reason_of_a_rejection_is_hidden_from_other_members() -> None:
    with refused("not-own-evidence"):
        past = after(REJECT)
        must_be_citable(exhibit_decider.fold(past), CaseId("c1"), MemberId("ben"), anonymous=False)


def test_evidence_refused_to_a_case_cannot_be_cited_by_it_again() -> None:
    past = after(VERIFY, cite("c1", anonymous=True), cite("c2"))
    assert refusals(past) == [("c2", TAKEN)]
    with refused("evidence-taken"):
        must_be_citable(exhibit_decider.fold(past), CaseId("c2"), MemberId("anna"), anonymous=False)


def test_rejected_evidence_stays_rejected_and_cannot_be_cited() -> None:
    assert after(REJECT, REJECT) == after(REJECT)
    with refused("evidence-rejected"):
        past = after(REJECT)
        must_be_citable(exhibit_decider.fold(past), CaseId("c1"), MemberId("anna"), anonymous=False)


CITATIONS = [
    cite("c1", anonymous=True),
    cite("c2"),
    cite("c3", "ben"),
    cite("c4", "ben", anonymous=True),
]


@given(
    st.permutations([*CITATIONS, WITHHOLD, RETURN]), st.sampled_from([VERIFY, REJECT]), st.data()
)
def test_in_any_order_each_case_is_admitted_or_refused_once(
    commands: list[ExhibitCommand], end: ExhibitCommand, data: st.DataObject
) -> None:
    commands.insert(data.draw(st.integers(0, len(commands))), end)
    events = after(*commands, RETURN)
    answered = admitted(events) + [case for case, _ in refusals(events)]
    assert sorted(answered) == ["c1", "c2", "c3", "c4"]


def test_citing_evidence_that_can_never_be_admitted_is_refused() -> None:
    open_one, hidden = after(VERIFY, cite("c1")), after(VERIFY, cite("c1", anonymous=True))
    anna, ben = MemberId("anna"), MemberId("ben")
    for past, by, case, anonymous in [
        ([], anna, "c2", True),
        (open_one, anna, "c1", True),
        (open_one, anna, "c2", False),
        (hidden, anna, "c1", True),
        (after(cite("c1")), ben, "c2", False),
    ]:
        must_be_citable(exhibit_decider.fold(past), CaseId(case), by, anonymous=anonymous)
    for past, anonymous in [(open_one, True), (hidden, False), (hidden, True)]:
        with refused("evidence-taken"):
            must_be_citable(exhibit_decider.fold(past), CaseId("c2"), anna, anonymous=anonymous)
    with refused("not-own-evidence"):
        must_be_citable(exhibit_decider.fold(open_one), CaseId("c2"), ben, anonymous=False)
    many = after(*(cite(f"c{number}") for number in range(MOST_CITATIONS)))
    must_be_citable(exhibit_decider.fold(many), CaseId("c1"), anna, anonymous=False)
    with refused("too-many-citations"):
        must_be_citable(exhibit_decider.fold(many), CaseId("c-1"), anna, anonymous=False)


@given(st.permutations([cite("c1"), cite("c1"), cite("c2"), cite("c2", by="ben"), VERIFY, VERIFY]))
def test_in_any_order_evidence_is_admitted_to_each_case_once(
    commands: list[ExhibitCommand],
) -> None:
    assert sorted(admitted(after(*commands))) == ["c1", "c2"]


class TestModeration:
    def test_withholding_evidence_names_the_cases_it_was_admitted_to(self) -> None:
        withheld = ExhibitWithheld(
            evidence_id=E1, case_ids=(CaseId("c1"),), rule="staged-evidence", at=AT
        )
        past: list[ExhibitCommand] = [cite("c1"), cite("c2", by="ben"), VERIFY]
        assert after(*past, WITHHOLD)[-1] == withheld
        assert after(*past, WITHHOLD, WITHHOLD) == after(*past, WITHHOLD)

    def test_withheld_evidence_is_not_admitted(self) -> None:
        assert admitted(after(WITHHOLD, cite("c1"), VERIFY, cite("c2"))) == []

    def test_returned_evidence_is_admitted_to_cases_that_cited_it_while_it_was_withheld(
        self,
    ) -> None:
        returned = ExhibitReturned(evidence_id=E1, case_ids=(CaseId("c1"),), at=AT)
        meanwhile = (cite("c2"), cite("c3", by="ben"))
        events = after(cite("c1"), VERIFY, WITHHOLD, *meanwhile, RETURN)
        assert returned in events
        assert admitted(events) == ["c1", "c2"]

    def test_returning_evidence_that_is_not_withheld_emits_nothing(self) -> None:
        assert after(RETURN) == []
        assert after(WITHHOLD, RETURN, RETURN) == after(WITHHOLD, RETURN)

    def test_evidence_can_be_verified_after_it_was_returned(self) -> None:
        assert admitted(after(cite("c1"), WITHHOLD, RETURN, VERIFY)) == ["c1"]

    @given(
        st.permutations([cite("c1"), cite("c2"), cite("c2", by="ben"), VERIFY, WITHHOLD, RETURN])
    )
    def test_in_any_order_evidence_is_admitted_once_and_never_while_withheld(
        self, commands: list[ExhibitCommand]
    ) -> None:
        events = after(*commands, RETURN)
        assert sorted(admitted(events)) == ["c1", "c2"]
        withheld = False
        for event in events:
            withheld = isinstance(event, ExhibitWithheld) or (
                withheld and not isinstance(event, ExhibitReturned)
            )
            assert not (withheld and isinstance(event, ExhibitAdmitted))
