"""The places of streams are shared out fairly among networks."""

from hypothesis import given
from hypothesis import strategies as some

from entrypoints.http.stream_places import Place, StreamPlaces


def asked(places: StreamPlaces, networks: str) -> tuple[list[Place], list[bool]]:
    """The places that clients of these networks ask for in this order, and whether they get them.

    A network has one letter.
    """
    wanted = [Place(network, None) for network in networks]
    return wanted, [places.take(place) for place in wanted]


def test_one_network_can_have_all_places() -> None:
    assert asked(StreamPlaces(3), "aaaa")[1] == [True, True, True, False]


def test_the_largest_network_loses_its_oldest_streams_to_smaller_ones() -> None:
    places = StreamPlaces(4)
    (_, *large), _ = asked(places, "baaa")
    assert asked(places, "c")[1] == [True]
    assert [place.is_lost for place in large] == [True, False, False]
    assert list(large[0].wait(60)) == []
    assert asked(places, "dea")[1] == [True, False, False]


def test_a_lost_place_is_not_given_back_twice() -> None:
    places = StreamPlaces(2)
    (lost, kept), _ = asked(places, "aa")
    assert asked(places, "b")[1] == [True]
    places.free(lost)
    assert asked(places, "c")[1] == [False]
    places.free(kept)
    assert asked(places, "c")[1] == [True]


def test_the_server_waits_for_a_stream_that_it_can_wake() -> None:
    woken: list[str] = []
    place = Place("a", lambda: woken.append("x"))
    assert list(place.wait(60)) == [b""]
    place.wake()
    assert woken == ["x"]


@given(some.lists(some.tuples(some.sampled_from("abcd"), some.booleans()), max_size=60))
def test_places_are_never_exceeded_and_a_small_network_is_not_shut_out(
    steps: list[tuple[str, bool]],
) -> None:
    places, held = StreamPlaces(5), list[Place]()
    for network, leaves in steps:
        if leaves and held:
            places.free(held.pop(0))
        else:
            place = Place(network, None)
            got = places.take(place)
            held = [each for each in held if not each.is_lost] + [place] * got
            own = [each for each in held if each.network == network]
            sizes = [len([each for each in held if each.network == one]) for one in "abcd"]
            assert got or max(sizes) <= len(own) + 1
        assert len(held) <= 5
