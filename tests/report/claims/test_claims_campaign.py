"""Simulated studies with known truth: how often verdicts are right, and comparisons wrong on the line."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nastransfer.report.claims.evidence import evidence
from nastransfer.report.claims.table import CONTRADICTED, SUPPORTED, all_claims
from nastransfer.report.claims.verdicts import Comparison, Kind, judge, judgeable
from nastransfer.stats.contrast import Contrast, Margin, log_mean
from tests.report.claims.claim_worlds import WORLDS, World

FEW, MANY, STUDIES = 3, 40, 200
VERDICTS = {True: SUPPORTED, False: CONTRADICTED, None: "neither"}
CLAIMS = {claim.id: claim for claim in all_claims()}


def verdicts(claim: str, world: World, n: int, studies: int) -> Counter[str]:
    """Share of each verdict in percent, over studies that differ in their seed only."""
    found: Counter[str] = Counter()
    for seed in range(studies):
        tree = CLAIMS[claim].tree(world.evidence(np.random.default_rng([seed, n]), n))
        assert not isinstance(tree, str)
        kept = judgeable(tree)
        assert kept is not None
        found[VERDICTS[judge(kept).outcome]] += 1
    return Counter({name: round(100 * number / studies) for name, number in found.items()})


@pytest.mark.slow
@pytest.mark.parametrize("claim", WORLDS)
def test_verdicts_are_right(claim: str, record_property: pytest.RecordProperty) -> None:
    """At least 90% right with 40 runs an arm; with 3 and with 40 at most 5% wrong."""
    worlds = WORLDS[claim]
    right = {"true": SUPPORTED, "false": CONTRADICTED}
    wrong = {"true": CONTRADICTED, "false": SUPPORTED, "line": SUPPORTED}
    for truth, world in worlds.items():
        for n in (FEW, MANY):
            found = verdicts(claim, world, n, STUDIES)
            said = ", ".join(f"{name} {percent}%" for name, percent in sorted(found.items()))
            record_property(f"{truth}_at_{n}_runs", said)
            assert found[wrong[truth]] <= 5
            assert truth == "line" or n == FEW or found[right[truth]] >= 90


@pytest.mark.parametrize("claim", ["size", "other_domains", "tricks_help_small_sets"])
def test_the_campaign_sees_what_a_frame_would_show(claim: str) -> None:
    world = WORLDS[claim]["true"]
    (given,) = evidence(world.study(np.random.default_rng(5), 4))
    seen = world.evidence(np.random.default_rng(5), 4)
    assert set(seen.random) == set(given.random) and set(seen.searched) == set(given.searched)
    if len(world.settings) > 1:
        assert seen.varied.equals(given.varied)


@pytest.mark.parametrize("claim", ["size", "ranks", "proxy_over_protocol"])
def test_a_few_runs_seldom_mislead(claim: str) -> None:
    for truth, wrong in (("true", CONTRADICTED), ("false", SUPPORTED), ("line", SUPPORTED)):
        assert verdicts(claim, WORLDS[claim][truth], FEW, 5)[wrong] == 0


def drawn(rng: np.random.Generator, effect: float, n: int, skewed: bool) -> list[float]:
    """Accuracies about 60 (1 + effect), spread 2%."""
    noise = 1.0 - rng.exponential(size=n) if skewed else rng.standard_normal(n)
    return [60.0 * float(np.exp(effect) + 0.02 * one) for one in noise]


@pytest.mark.slow
@pytest.mark.parametrize("skewed", [False, True], ids=["normal", "skewed"])
@pytest.mark.parametrize(("n", "n_random"), [(3, 3), (5, 5), (5, 30), (30, 30)])
def test_comparisons_are_seldom_wrong_on_the_line(
    n: int, n_random: int, skewed: bool, record_property: pytest.RecordProperty
) -> None:
    """At an effect just on the bound either side is shown in 5% at most (normal noise; skewed: 10%)."""
    lines: dict[Kind, tuple[float, ...]] = {
        "above": (0.0, 0.02),
        "alike": (0.02, -0.02),
        "not above": (0.02,),
        "not below": (-0.02,),
    }
    rng, worst = np.random.default_rng(2), {"holds": 0.0, "fails": 0.0}
    for kind, effects in lines.items():
        for effect in effects:
            shown = {"holds": 0, "fails": 0}
            for _ in range(2_000):
                arms = [log_mean(drawn(rng, size, n, skewed)) for size in (effect, 0.0)]
                random = log_mean(drawn(rng, 0.0, n_random, skewed))
                assert arms[0] is not None and arms[1] is not None and random is not None
                contrast = Contrast(((1.0, arms[0]), (-1.0, arms[1])))
                test = Comparison("", kind, contrast, Margin(random.spread or 0.0, n_random), ())
                shown["holds"] += test.holds(0.025)
                shown["fails"] += test.fails(0.025)
            if kind == "above":  # at 0 only what holds is wrong, at the margin only what fails
                shown = {"holds": shown["holds"] * (not effect), "fails": shown["fails"] * bool(effect)}
            worst = {side: max(worst[side], number / 20.0) for side, number in shown.items()}
    for side, percent in worst.items():
        record_property(f"worst_percent_that_wrongly_{side}", round(percent, 1))
        assert percent <= (10.0 if skewed else 5.0)
