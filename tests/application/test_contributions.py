"""What a member contributed is found in the log, erased or not, and nobody else's is."""

from application.engine.contributions import streams_of
from tests.application.community import say
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
