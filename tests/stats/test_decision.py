"""The decision's rules against hand-made draws, its way through runs of all kinds, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from nastransfer.stats import decision
from nastransfer.stats.decision import (
    ALIKE,
    RANDOM_ENOUGH,
    RECOMMENDED,
    UNDECIDED,
    VERDICTS,
    Choice,
    best_arm,
)
from nastransfer.stats.power import runs_needed
from nastransfer.stats.shrinkage import Draws

COSTS = {"a": 3.0, "b": 2.0, "random": 0.0}


def choice_from(
    monkeypatch: pytest.MonkeyPatch, *, costs: dict[str, float] | None = COSTS, **draws: Sequence[float]
) -> Choice:
    """The decision where the arms' means (percent) were drawn as given; two runs an arm, spread 1%."""
    names = tuple(draws)
    means = np.log(np.column_stack([draws[name] for name in names]))
    monkeypatch.setattr(
        decision, "draw_means", lambda *_, **__: Draws(names, means, means, (1.0,) * len(names))
    )
    return best_arm({name: [50.0, 51.0] for name in names}, "random", costs)


def test_chances_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten draws: a is best in six, b in three, random in one; a / random is 1.1 in the middle."""
    found = choice_from(
        monkeypatch,
        a=[55.0] * 6 + [50.0] * 4,
        b=[52.0] * 9 + [49.0],
        random=[50.0] * 9 + [51.0],
    )
    assert found.leader == "a"
    assert found.best_set == ("a", "b", "random")  # 0.6 + 0.3 is not yet 0.95
    assert {name: chance.p_best for name, chance in found.chances.items()} == {
        "a": 0.6,
        "b": 0.3,
        "random": 0.1,
    }
    a, b, random = (found.chances[name] for name in ("a", "b", "random"))
    assert a.expected is not None and a.expected.estimate == pytest.approx(10.0) and a.expected.n == 2
    assert a.expected.low == pytest.approx(100.0 * (50.0 / 51.0 - 1.0)) and a.expected.high == pytest.approx(
        10.0
    )
    assert (a.p_gain, b.p_gain) == (0.6, 0.9)
    assert (random.expected, random.p_gain) == (None, None)
    assert (a.behind_percent, random.behind_percent) == (0.0, pytest.approx(10.0))
    assert b.behind_percent == pytest.approx(100.0 * (55.0 / 52.0 - 1.0))
    assert found.enough == pytest.approx(0.1)
    assert (found.verdict, found.taken, found.reason) == (UNDECIDED, None, None)


def test_one_that_is_best_in_95_percent_is_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    found = choice_from(monkeypatch, a=[55.0] * 20, b=[52.0] * 19 + [56.0], random=[50.0] * 20)
    assert (found.verdict, found.taken, found.best_set) == (RECOMMENDED, "a", ("a",))
    fewer = choice_from(monkeypatch, a=[55.0] * 20, b=[52.0] * 18 + [56.0] * 2, random=[50.0] * 20)
    assert (fewer.verdict, fewer.best_set) == (UNDECIDED, ("a", "b"))


def test_random_sampling_is_enough_where_nobody_gains_more_than_the_tolerance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All searches are surely 0.4% better: sure, and not worth their cost; at 0.6% one is recommended."""
    found = choice_from(monkeypatch, a=[50.2] * 20, b=[50.1] * 20, random=[50.0] * 20)
    assert (found.verdict, found.taken, found.enough) == (RANDOM_ENOUGH, "random", 1.0)
    found = choice_from(monkeypatch, a=[50.3] * 20, b=[50.1] * 20, random=[50.0] * 20)
    assert (found.verdict, found.taken, found.enough) == (RECOMMENDED, "a", 0.0)


def test_the_cheapest_is_taken_where_the_best_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = {"a": [55.0, 55.2] * 10, "b": [55.2, 55.0] * 10, "random": [50.0] * 20}
    found = choice_from(monkeypatch, **draws)
    assert (found.verdict, found.taken, found.cheapest, found.near) == (ALIKE, "b", "b", ("a", "b"))
    unknown = choice_from(monkeypatch, costs=None, **draws)
    assert (unknown.verdict, unknown.taken, unknown.cheapest) == (ALIKE, "a", None)


def test_an_arm_of_one_run_is_not_found_alike_to_the_best() -> None:
    best, random = [70.0, 70.01, 70.02, 69.99], [60.0, 60.01, 60.02]
    found = best_arm({"a": best, "b": [69.99], "random": random}, "random", COSTS)
    assert (found.verdict, found.taken, found.leader, found.cheapest) == (UNDECIDED, None, "a", "b")
    assert found.reason == "b has a single run: how far its runs spread is not known"
    again = best_arm({"a": best, "b": [69.99, 70.0], "random": random}, "random", COSTS)
    assert (again.verdict, again.taken) == (ALIKE, "b")


def test_no_search_is_cheaper_than_one_of_unknown_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = {"a": [50.2, 50.0, 50.0] * 7, "b": [50.0, 50.2, 50.0] * 7, "random": [50.0, 50.0, 50.2] * 7}
    found = choice_from(monkeypatch, costs={"a": 3.0, "random": 0.0}, **draws)
    assert set(found.near) == {"a", "b", "random"} and found.cheapest == "random"
    assert choice_from(monkeypatch, costs={"a": 3.0, "random": 1.0}, **draws).cheapest is None


def test_the_tie_break_is_only_between_those_expected_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    found = choice_from(
        monkeypatch, a=[55.0] * 12 + [51.0] * 8, b=[54.9] * 12 + [53.0] * 8, random=[50.0] * 19 + [60.0]
    )
    assert found.best_set == ("a", "b")
    assert (found.near, found.cheapest) == (("a", "b"), "b")
    apart = choice_from(
        monkeypatch, a=[55.0] * 12 + [51.0] * 8, b=[54.0] * 12 + [53.0] * 8, random=[50.0] * 20
    )
    assert (apart.near, apart.cheapest) == (("a",), "a")


def test_runs_needed_are_those_of_the_power_of_each_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arm b is 2% behind, c 0.2%, which is planned for as the tolerance; each has half of the 5%."""
    draws = {
        "a": [51.0] * 11 + [40.0] * 9,
        "b": [50.0] * 15 + [47.0] * 5,
        "c": [50.9] * 11 + [45.0] * 4 + [50.9] * 3 + [46.0] * 2,
        "random": [30.0] * 20,
    }
    found = choice_from(monkeypatch, **draws)
    assert set(found.best_set) == {"a", "b", "c"}
    for name, difference in (("b", 2.0), ("c", 0.5)):
        expected = runs_needed(difference, 1.0, 1.0, power=0.8, alpha=0.025)
        assert found.chances[name].runs_needed == expected
    assert (found.chances["a"].runs_needed, found.chances["random"].runs_needed) == (None, None)
    assert found.runs_needed == found.chances["c"].runs_needed


def test_runs_needed_are_more_than_the_two_that_were_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs_needed(20.0, 1.0, 1.0) == 2
    found = choice_from(monkeypatch, a=[60.0] * 12 + [40.0] * 8, random=[50.0] * 20)
    assert (found.verdict, found.runs_needed) == (UNDECIDED, 3)


def test_without_a_tolerance_arms_expected_to_be_equal_cannot_be_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    means = np.log(np.array([[50.0, 50.0], [51.0, 50.0], [50.0, 51.0]] * 4))
    monkeypatch.setattr(
        decision, "draw_means", lambda *_, **__: Draws(("a", "random"), means, means, (1.0, 1.0))
    )
    found = best_arm({"a": [50.0, 51.0], "random": [50.0, 51.0]}, "random", tolerance_percent=0.0)
    assert (found.verdict, found.runs_needed) == (UNDECIDED, None)


def test_the_runs_advised_decide_a_study_like_the_one_seen() -> None:
    rng = np.random.default_rng(2)
    needed = runs_needed(2.0, 1.0, 1.0, power=0.8, alpha=0.05 / 2)
    assert needed is not None

    def decided() -> bool:
        arms = {name: 60.0 * (1.0 + rng.normal(0.0, 0.01, needed)) for name in ("b", "random")}
        arms["a"] = 60.0 * (1.02 + rng.normal(0.0, 0.01, needed))
        return best_arm(arms, "random").taken == "a"

    assert sum(decided() for _ in range(20)) >= 14


def test_a_clear_study_and_a_study_of_noise() -> None:
    random = [60.0, 60.5, 59.5, 60.2, 59.8]
    clear = best_arm({"a": [66.0, 66.4, 65.8], "b": [60.3, 59.7, 60.1], "random": random}, "random", COSTS)
    assert (clear.verdict, clear.taken) == (RECOMMENDED, "a")
    noise = best_arm({"a": [60.4, 59.6], "b": [60.3, 59.7], "random": random}, "random", COSTS)
    assert noise.verdict == UNDECIDED and set(noise.best_set) == {"a", "b", "random"}
    assert noise.cheapest == "random"
    worse = best_arm({"a": [50.1, 50.3], "b": [50.3, 49.7], "random": random}, "random", COSTS)
    assert (worse.verdict, worse.taken) == (RANDOM_ENOUGH, "random")
    assert {found.verdict for found in (clear, noise, worse)} < set(VERDICTS)


def test_probabilities_sum_to_one_and_the_order_of_arms_hardly_matters() -> None:
    arms = {"a": [61.0, 62.0], "b": [60.3, 61.7], "random": [60.0, 60.5, 59.5]}
    found = best_arm(arms, "random")
    turned = best_arm(dict(reversed(arms.items())), "random")
    assert sum(chance.p_best or 0.0 for chance in found.chances.values()) == pytest.approx(1.0)
    for name in arms:
        assert found.chances[name].p_best == pytest.approx(turned.chances[name].p_best or 0.0, abs=0.03)


def test_same_seed_same_decision_to_the_bit() -> None:
    arms = {"a": [61.0, 62.0], "b": [60.3, 61.7], "random": [60.0, 60.5, 59.5]}
    assert best_arm(arms, "random") == best_arm(arms, "random")
    assert best_arm(arms, "random").chances != best_arm(arms, "random", seed=3).chances


def test_runs_without_a_result_are_left_out() -> None:
    arms = {"a": [61.0, 62.0], "random": [60.0, 60.5]}
    assert best_arm({"a": [61.0, None, 62.0], "random": [60.0, 60.5, None]}, "random") == best_arm(
        arms, "random"
    )


@pytest.mark.parametrize(
    ("arms", "random", "reason"),
    [
        ({"a": [61.0], "random": [60.0]}, "random", "every arm has a single run"),
        ({"a": [61.0, 61.0], "random": [60.0]}, "random", "no arm has two runs that differ"),
        ({"a": [70.0], "random": [60.0, 60.1, 59.9]}, "random", "a has a single run"),
        ({"a": [70.0, 70.1], "random": [60.0]}, "random", "random has a single run"),
        ({"a": [70.0, 70.1], "b": [60.0, 61.0]}, None, "without a random run"),
        ({"random": [60.0, 61.0]}, "random", "there is nothing to compare"),
    ],
)
def test_what_runs_cannot_decide_is_undecided_and_says_why(
    arms: dict[str, list[float]], random: str | None, reason: str
) -> None:
    found = best_arm(arms, random, COSTS)
    assert (found.verdict, found.taken) == (UNDECIDED, None)
    assert found.reason is not None and found.reason.startswith(reason)


def test_without_noise_there_are_no_probabilities() -> None:
    found = best_arm({"a": [61.0], "random": [60.0]}, "random", COSTS)
    assert found.best_set == ("a", "random")
    assert (found.leader, found.near, found.cheapest, found.enough, found.runs_needed) == (
        None,
        (),
        None,
        None,
        None,
    )
    assert all(
        chance.p_best is chance.expected is chance.runs_needed is None for chance in found.chances.values()
    )


def test_an_arm_that_got_no_image_right_is_never_the_best() -> None:
    found = best_arm({"a": [70.0, 70.1], "dead": [0.0, 0.0], "random": [60.0, 61.0]}, "random")
    dead = found.chances["dead"]
    assert (found.taken, dead.p_best, dead.behind_percent) == ("a", 0.0, math.inf)
    assert dead.expected is not None and dead.expected.estimate == -100.0


@pytest.mark.parametrize(
    ("arms", "random", "tolerance", "message"),
    [
        ({"a": [61.0, math.nan], "random": [60.0]}, "random", 0.5, "a has an accuracy of nan"),
        ({"a": [61.0, 161.0], "random": [60.0]}, "random", 0.5, "a has an accuracy of 161"),
        ({"a": [61.0, 62.0], "random": [None]}, "random", 0.5, "random has no run"),
        ({"a": [61.0, 62.0]}, "random", 0.5, r"which is none of \['a'\]"),
        ({"a": [61.0, 62.0], "random": [0.0, 0.0]}, "random", 0.5, "no random run got an image right"),
        ({"a": [61.0, 62.0], "random": [60.0]}, "random", -1.0, "tolerance_percent is -1.0; it is 0 or more"),
        ({"a": [61.0, 62.0], "random": [60.0]}, "random", math.nan, "tolerance_percent is nan"),
        ({}, None, 0.5, "got no arm"),
    ],
)
def test_bad_input_is_refused(
    arms: dict[str, list[float | None]], random: str | None, tolerance: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        best_arm(arms, random, tolerance_percent=tolerance)
