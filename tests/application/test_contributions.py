"""What a member contributed is found in the log, erased or not, and nobody else's is."""

from application.engine.contributions import Contributions, streams_of
from tests.application.community import ask_to_be_erased, say
from tests.world import World


def test_the_streams_of_a_member_are_found_once_each_whether_or_not_their_key_is_destroyed(
    world: World,
) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    world.public_case(anna)
    say(world, anna, comment_id="k1")
    say(world, ben, comment_id="k2")
    say(world, anna, comment_id="k3")

    def found() -> list[str]:
        return list(streams_of(world.history, world.codec, "discussions", anna.member_id))

    assert found() == ["discussion-c1", "comment-k1", "comment-k3"]
    world.vault.destroy(anna.member_id)
    assert found() == ["discussion-c1", "comment-k1", "comment-k3"]


def test_the_contributions_of_an_erased_member_alone_are_handed_out(world: World) -> None:
    anna = world.member("Anna")
    world.public_case(anna)
    say(world, anna)
    contributions = Contributions(world.history, world.codec)
    assert contributions.of_erased(anna.member_id, "discussions") == []
    assert world.vault.key(anna.member_id)
    ask_to_be_erased(world, anna)
    found = contributions.of_erased(anna.member_id, "discussions")
    assert sorted(found) == ["comment-k1", "discussion-c1"]
    assert world.vault.key(anna.member_id) is None
