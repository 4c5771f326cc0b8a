"""The journey's verbs one after the other, each in a process of its own, end where ``collecte run`` ends."""

import json
from collections.abc import Callable

from demo.deliveries import ESTRUGAMOU, MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, drop, image, lay

FILES = {"IM1": image(MARCHEMALLE, 1), "IM2": image(ESTRUGAMOU, 1), "IM3": image(ESTRUGAMOU, 2)[:-100]}


def test_the_verbs_of_the_journey_end_where_run_ends(make_world: Callable[[], World]) -> None:
    one_by_one, at_once = make_world(), make_world()
    for world in (one_by_one, at_once):
        lay(drop(world) / "lot", FILES)
    assert _ended(at_once, "run", "demo", "arvel") == (1, "")  # one file is refused

    assert _ended(one_by_one, "receive", "demo", "arvel")[0] == 0
    for verb in ("describe", "validate", "ship"):
        assert _ended(one_by_one, verb, "demo", "arvel", "d0001")[0] == 0
    status, shown = _ended(one_by_one, "status", "demo", "arvel", "--json")
    assert status == 0

    (figures,) = json.loads(shown)
    assert (figures["state"], figures["received"]) == ("shipped", 4)
    assert {state: n for state, n in figures["states"].items() if n} == {"accepted": 2, "quarantined": 1, "rejected": 1}
    assert figures["waits"] is None
    assert bucket(one_by_one) == bucket(at_once)
    assert_sound(one_by_one.site("arvel"))


def test_a_verb_for_a_delivery_that_is_not_there_says_which_to_choose(world: World) -> None:
    status, said = _ended(world, "ship", "demo", "arvel", "d0007")
    assert status == 2
    assert "choose one that `collecte status` lists" in said


def test_where_nothing_was_delivered_the_verbs_say_so(world: World) -> None:
    assert _ended(world, "receive", "demo", "arvel") == (0, "Nothing is complete in the drop.\n")
    assert _ended(world, "status", "demo", "arvel") == (0, "Nothing was delivered yet.\n")


def _ended(world: World, *arguments: str) -> tuple[int, str]:
    """Exit code and, for the verbs that are not chatty, what was said."""
    process = world.command(*arguments)
    said, _ = process.communicate(timeout=120)
    return process.returncode, "" if arguments[0] == "run" else said
