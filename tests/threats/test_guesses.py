"""Whoever guesses the author of an anonymous case is right as often as by chance.

Each test gives an attacker of docs/threat-model.md what they have. With it they guess by one
channel who of twelve people reported each of fifteen anonymous cases. Nine right guesses are a
finding: chance makes so many less than once in a million towns. What the people do is drawn from a
fixed seed. The same guesser finds the authors where something tells them, which shows that it can.
"""

import re
from collections.abc import Mapping, Sequence

import pytest

from application.engine.derived_ids import derived_id
from application.queries.notification import NotificationKind
from config.process import Process
from entrypoints.http import updates
from tests.http.conftest import Caller, eventually
from tests.threats import views
from tests.threats.guessing import (
    FALSE_ALARM,
    Guesser,
    at_the_time,
    beside,
    by_sums,
    changed,
    connected,
    like_an_id,
    most_mentioned,
    probability,
)
from tests.threats.town import DAYS, Town

Texts = Mapping[str, str]
Rows = Mapping[str, list[str]]


@pytest.fixture(scope="module")
def guesser(town: Town) -> Guesser:
    return Guesser(town.members, town.anonymous)


@pytest.fixture(scope="module")
def on_named(town: Town) -> Guesser:
    """Who guesses the authors of cases that name them: the control."""
    return Guesser(town.members, town.named)


@pytest.fixture(scope="module")
def people(town: Town) -> Texts:
    return {each.member_id: each.pseudonym for each in town.people}


@pytest.fixture(scope="module")
def owners(town: Town) -> Texts:
    """Who did what under their names, by the ids that everybody sees."""
    named = {case.case_id: case.author for case in town.named}
    return {**named, **{case.evidence_id: case.author for case in town.named}, **town.remarks}


@pytest.fixture(scope="module")
def stranger(process: Process) -> Caller:
    return Caller(process.app.test_client())


@pytest.fixture(scope="module")
def moderator(town: Town) -> Caller:
    return town.moderator()


@pytest.fixture(scope="module")
def stolen(town: Town) -> Rows:
    """What the thief of the last evening has."""
    return views.rows(town.copies / str(DAYS))


def read_models_of(stolen: Rows) -> Rows:
    return {table: rows for table, rows in stolen.items() if table.startswith("models.db/")}


def replies(caller: Caller, town: Town) -> Texts:
    return {case.case_id: views.replies(caller, case) for case in (*town.anonymous, *town.named)}


@pytest.fixture(scope="module")
def public(stranger: Caller, town: Town) -> Texts:
    return replies(stranger, town)


@pytest.fixture
def short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "LONGEST_SECONDS", 1.0)


def test_chance_hits_once_in_twelve_cases() -> None:
    assert probability(0, 20, 12) == pytest.approx(1)
    assert probability(1, 1, 12) == pytest.approx(1 / 12)
    assert probability(9, 15, 12) < FALSE_ALARM < probability(8, 15, 12)


class TestReader:
    def test_by_what_names_somebody(
        self, guesser: Guesser, on_named: Guesser, public: Texts, people: Texts
    ) -> None:
        guess = most_mentioned(public, people)
        assert not guesser.knows_more_than_chance(guess)
        assert on_named.knows_more_than_chance(guess)

    @pytest.mark.parametrize("path", [*views.LISTS, *views.FEEDS])
    def test_by_the_order_of_lists(
        self, guesser: Guesser, stranger: Caller, owners: Texts, path: str
    ) -> None:
        read = views.fed if path in views.FEEDS else views.listed
        sequence = views.ids_in(read(stranger, path))
        assert not guesser.knows_more_than_chance(beside(sequence, owners))

    def test_by_ids_that_are_alike(
        self, guesser: Guesser, town: Town, public: Texts, owners: Texts
    ) -> None:
        owned = {**owners, **{member: member for member in town.members}}
        ids = {key: {*views.ids_in(text)} - {*owned} for key, text in public.items()}
        assert not guesser.knows_more_than_chance(like_an_id(ids, owned))
        timed = {case.case_id: f"{case.reported_at:%j%H%M%S}" for case in town.named}
        likely = {case.case_id: [f"{case.reported_at:%j%H%M%S}"] for case in town.anonymous}
        leaky = like_an_id(likely, {timed[case.case_id]: case.author for case in town.named})
        assert guesser.knows_more_than_chance(leaky)

    def test_by_the_updates_that_a_live_reader_kept(
        self,
        guesser: Guesser,
        process: Process,
        stranger: Caller,
        owners: Texts,
        short_lives: None,
    ) -> None:
        """That remains by design, for who reports under both names in one visit."""
        sequence = views.ids_in(views.replayed(process, stranger))
        assert guesser.knows_more_than_chance(beside(sequence, owners))


class TestMember:
    def test_by_what_they_are_told(
        self, guesser: Guesser, on_named: Guesser, town: Town, people: Texts, owners: Texts
    ) -> None:
        reader = town.people[0]
        reader.sign_in()
        assert not guesser.knows_more_than_chance(most_mentioned(replies(reader, town), people))
        told = views.listed(reader, "/v1/me/notifications")
        assert not guesser.knows_more_than_chance(beside(views.ids_in(told), owners))


class TestModerator:
    def test_by_what_waits_for_them(
        self, guesser: Guesser, town: Town, moderator: Caller, people: Texts, owners: Texts
    ) -> None:
        town.flag_all()
        assert not guesser.knows_more_than_chance(most_mentioned(replies(moderator, town), people))
        cases = {case.case_id for case in town.anonymous}

        def waiting() -> Sequence[str] | None:
            found = views.ids_in(views.listed(moderator, "/v1/moderation/queue"))
            return found if cases <= {*found} else None

        assert not guesser.knows_more_than_chance(beside(eventually(waiting), owners))


class TestBroker:
    def test_by_ids_that_messages_share(
        self, guesser: Guesser, process: Process, town: Town
    ) -> None:
        messages = views.messages(process)
        assert not guesser.knows_more_than_chance(connected(messages, town.members))
        leaky = [*messages, *(f"{case.case_id} {case.author}" for case in town.anonymous)]
        assert guesser.knows_more_than_chance(connected(leaky, town.members))

    def test_by_the_times_of_messages_that_name_a_member(
        self, guesser: Guesser, process: Process, town: Town
    ) -> None:
        found = [event for log in views.events(process).values() for event in log]
        cases = {
            event.stream.partition("-")[2]: event.stamp
            for event in found
            if event.type == "cases.CaseReported"
        }
        marks = [
            (event.stamp, member)
            for event in found
            for member in town.members
            if member.encode() in event.data
        ]
        assert len(marks) > len(town.members)
        assert not guesser.knows_more_than_chance(at_the_time(cases, marks))
        visits = [(cases[case.case_id], case.author) for case in town.named]
        assert guesser.knows_more_than_chance(at_the_time(cases, visits)), "that remains"


class TestThief:
    def test_by_ids_that_rows_share(self, guesser: Guesser, town: Town, stolen: Rows) -> None:
        found = [row for table in stolen.values() for row in table]
        assert not guesser.knows_more_than_chance(connected(found, town.members))
        leaky = [*found, *(f"{case.case_id} {case.author}" for case in town.anonymous)]
        assert guesser.knows_more_than_chance(connected(leaky, town.members))

    def test_by_ids_that_documents_of_read_models_share(
        self, guesser: Guesser, process: Process, town: Town
    ) -> None:
        found = list(views.documents(process))
        assert any(member in row for row in found for member in town.members)
        assert not guesser.knows_more_than_chance(connected(found, town.members))
        leaky = [*found, *(f"{case.case_id} {case.author}" for case in town.anonymous)]
        assert guesser.knows_more_than_chance(connected(leaky, town.members))

    def test_by_what_a_row_of_the_file_of_read_models_holds_beside_a_member(
        self, town: Town, stolen: Rows
    ) -> None:
        """A row that names a member holds no other id."""
        found = [row for table in read_models_of(stolen).values() for row in table]
        named = [row for row in found if any(member in row for member in town.members)]
        assert [row for row in named if len({*views.ids_in(row)}) > 1] == []
        assert any(len({*views.ids_in(row)}) > 1 for row in stolen["klarity.db/log_cases"])

    def test_by_ids_that_everybody_can_compute(self, process: Process, town: Town) -> None:
        """The keys of notifications are derived from their member and case, with a key."""
        cases = [f"{kind}/{case.case_id}/" for kind in NotificationKind for case in town.named]
        computed = {derived_id(member, case) for member in town.members for case in cases}
        assert computed.isdisjoint(views.ids_in("\n".join(views.documents(process))))

    def test_by_places_in_the_log_that_rows_of_members_hold(
        self, guesser: Guesser, process: Process, town: Town
    ) -> None:
        cases = {
            event.stream.partition("-")[2]: event.position
            for event in views.events(process)["cases"]
            if event.type == "cases.CaseReported"
        }
        place = re.compile(r"member_id='([^']+)', place='[\d-]+ (\d+)'")
        marks = [
            (int(found[2]), found[1])
            for row in views.documents(process)
            for found in place.finditer(row)
        ]
        assert not guesser.knows_more_than_chance(at_the_time(cases, marks))
        leaky = [(cases[case.case_id], case.author) for case in town.named]
        assert guesser.knows_more_than_chance(at_the_time(cases, leaky))

    def test_by_the_order_of_rows(self, guesser: Guesser, town: Town, stolen: Rows) -> None:
        """Each table by itself, against the members that its rows name."""
        members = {member: member for member in town.members}
        for table, found in stolen.items():
            sequence = [each for row in found for each in views.ids_in(row)]
            assert not guesser.knows_more_than_chance(beside(sequence, members)), table

    def test_by_the_order_of_a_log_beside_what_authors_did_under_their_names(
        self, guesser: Guesser, stolen: Rows, owners: Texts
    ) -> None:
        """That is open: who reports under both names in one visit is found."""
        sequence = [each for row in stolen["klarity.db/log_cases"] for each in views.ids_in(row)]
        assert guesser.knows_more_than_chance(beside(sequence, owners))

    def test_by_the_sizes_of_files(
        self, guesser: Guesser, town: Town, owners: Texts, stolen: Rows
    ) -> None:
        """Two files whose sizes add up to what somebody uploaded on a day are theirs."""
        sizes = views.sizes(town.copies / str(DAYS))
        counts = " ".join(stolen["klarity.db/uploads_of_a_day"])
        totals = {int(number) for number in re.findall(r"\b\d{3,6}\b", counts)}
        assert not guesser.knows_more_than_chance(by_sums(sizes, totals, owners))
        sums = {
            sizes[one.evidence_id] + sizes[other.evidence_id]
            for one in town.anonymous
            for other in town.named
            if (one.author, one.day) == (other.author, other.day)
        }
        assert guesser.knows_more_than_chance(by_sums(sizes, sums, owners))

    def test_by_what_changed_between_two_evenings(self, guesser: Guesser, town: Town) -> None:
        evenings = [
            [row for table in views.rows(town.copies / str(day)).values() for row in table]
            for day in range(DAYS + 1)
        ]
        found = {
            day: changed(evenings[day - 1], evenings[day], town.members)
            for day in range(1, DAYS + 1)
        }
        assert not guesser.knows_more_than_chance(lambda case: found[case.day])
