"""Who had an old copy of the site, and reads the log after erasures, guesses whose cases went.

Ten members leave within an hour. Each had a named case and two anonymous ones.
"""

from random import Random

from application.engine.executor import CommandContext
from domain.actors import Actor
from domain.ids import CaseId
from domain.members.member import EraseMember
from tests.application.test_anonymous_authors import report
from tests.threats.guessing import Guesser, at_the_time
from tests.threats.town import SEED, Case
from tests.world import World

PEOPLE = 10
HOURS_OF_TWENTY_DAYS = range(0, 20 * 24, 6)


class Leavers:
    """Members, their named cases by id, and the anonymous ones whose authors are to be guessed."""

    def __init__(self) -> None:
        self.world = World()
        self.people = [self.world.member(f"Member {number}") for number in range(PEOPLE)]
        self.named = {f"named-{each.member_id}": each.member_id for each in self.people}
        for key, author in self.named.items():
            self.world.public_case(Actor(member_id=author, pseudonym="One"), key)
        authors = Random(SEED).sample(2 * self.people, 2 * PEOPLE)
        self.anonymous = [self._reported(f"c{n}", each) for n, each in enumerate(authors)]

    def _reported(self, key: str, author: Actor) -> Case:
        report(self.world, author, CaseId(key))
        return Case(key, f"e-{key}", author.member_id, 0, self.world.clock())

    def leave(self, *, anonymous_later: bool) -> None:
        world = self.world
        for each in self.people:
            world.clock.wind(minutes=5)
            command = EraseMember(anonymous_later=anonymous_later, by=each, at=world.clock())
            world.executors.members.execute(each.member_id, command, CommandContext())
            world.settle()
        for _ in HOURS_OF_TWENTY_DAYS:
            world.clock.wind(hours=6)
            world.use_cases.erase_later.step()
            world.settle()

    def are_found(self) -> bool:
        """Whether the times of the erasures tell more than chance."""
        stamps = {
            event.stream.partition("-")[2]: event.stamp
            for event in self.world.history.read("cases", 0, 10_000)
            if event.type == "cases.CaseErased"
        }
        assert len(stamps) == 3 * PEOPLE
        marks = [(stamps[key], member) for key, member in self.named.items()]
        guesser = Guesser([each.member_id for each in self.people], self.anonymous)
        return guesser.knows_more_than_chance(at_the_time(stamps, marks))


def test_cases_that_go_one_by_one_tell_nothing() -> None:
    leavers = Leavers()
    leavers.leave(anonymous_later=True)
    assert not leavers.are_found()


def test_cases_that_go_at_once_tell_whose_they_were() -> None:
    """That is open, and is why members can choose."""
    leavers = Leavers()
    leavers.leave(anonymous_later=False)
    assert leavers.are_found()
