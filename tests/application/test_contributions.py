"""Contributions: the streams of a member are found in the log, before and after erasure."""

from domain.ids import CaseId
from tests.application.community import ask_to_be_erased, say
from tests.world import World


def test_the_streams_of_an_erased_member_are_found_once_each(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    world.public_case(anna)
    say(world, anna, comment_id="k1")
    say(world, ben, comment_id="k2")
    say(world, anna, comment_id="k3")
    contributions = world.use_cases.contributions
    assert contributions.of_erased(anna.member_id, "discussions") == []
    assert world.vault.key(anna.member_id)
    ask_to_be_erased(world, anna)
    for _ in range(2):
        found = contributions.of_erased(anna.member_id, "discussions")
        assert sorted(found) == [
            (stream, anna.member_id) for stream in ("comment-k1", "comment-k3", "discussion-c1")
        ]
        assert world.vault.key(anna.member_id) is None


def test_the_streams_of_an_alias_are_found_and_its_key_is_destroyed(world: World) -> None:
    anna = world.member("Anna")
    author = world.use_cases.authorship.as_new_author(anna, CaseId("c1"))
    world.public_case(author, anonymous=True)
    assert author.member_id != anna.member_id
    ask_to_be_erased(world, anna)
    found = world.use_cases.contributions.of_erased(anna.member_id, "discussions")
    assert found == [("discussion-c1", author.member_id)]
    assert world.vault.key(author.member_id) is None
