"""Verdicts of trees of comparisons: what each kind asks for, corrections for their number, runs that are missing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nastransfer.report.claims.evidence import Cell
from nastransfer.report.claims.verdicts import (
    ALPHA,
    AllOf,
    AnyOf,
    Comparison,
    Kind,
    Node,
    found,
    judge,
    judgeable,
    leaves,
    outcomes,
)
from nastransfer.stats.contrast import Contrast, Margin, Side

MARGIN = Margin(1.0)
LACKING = "random runs"


@dataclass(frozen=True)
class Fixed:
    """An effect whose limits are `half` away at 2.5% and grow with the logarithm of a smaller alpha."""

    estimate: float
    half: float = 0.5
    n: int = 10
    reason: str | None = None

    def limits(self, alpha: float) -> tuple[float, float]:
        half = self.half * (1.0 if alpha >= ALPHA else 2.0)
        return self.estimate - half, self.estimate + half

    def variance_at(self, n: int, stand_in: float | None) -> float | None:
        del stand_in
        return (self.half / 2.0) ** 2 * self.n / max(n, self.n)

    def percent(self, value: float) -> float:
        return value


def comparison(kind: Kind, estimate: float, half: float = 0.5, lacks: str | None = None) -> Comparison:
    return Comparison(f"{kind} {estimate}", kind, Fixed(estimate, half), MARGIN, (), lacks)


@pytest.mark.parametrize(
    ("kind", "estimate", "outcome", "said"),
    [
        ("above", 0.6, True, "above 0"),
        ("above", 0.45, False, "no advantage as large as the margin"),
        ("above", -0.6, False, "below 0"),
        ("differs", -0.6, True, "not 0"),
        ("differs", 0.4, False, "within the margin"),
        ("alike", 0.4, True, "within the margin"),
        ("alike", -0.6, None, "neither this nor its opposite is shown"),
        ("alike", -1.6, False, "beyond the margin"),
        ("not above", 0.4, True, "less above 0 than the margin"),
        ("not above", 0.6, None, "neither this nor its opposite is shown"),
        ("not above", 1.6, False, "above 0 by more than the margin"),
        ("not below", -0.4, True, "less below 0 than the margin"),
        ("not below", -1.6, False, "below 0 by more than the margin"),
    ],
)
def test_each_kind_by_its_limits(kind: Kind, estimate: float, outcome: bool | None, said: str) -> None:
    judged = judge(comparison(kind, estimate))
    assert (judged.outcome, found(judged)) == (outcome, said)
    assert (judged.runs_needed is None) == (outcome is not None)


def test_all_needs_each_and_one_that_fails_plainly_is_enough() -> None:
    """Two members: a failure counts at half the level, which doubles the interval here."""
    good, narrow, plain = comparison("alike", 0.1), comparison("alike", 1.7), comparison("alike", 2.5)
    assert judge(AllOf((good, good))).outcome is True
    assert judge(AllOf((good, narrow))).outcome is None
    judged = judge(AllOf((good, plain)))
    assert (judged.outcome, judged.test, judged.alpha) == (False, plain, ALPHA / 2)
    assert [one.outcome for one in outcomes(AllOf((good, plain)))] == [True, False]


def test_any_needs_one_that_holds_plainly_and_is_refuted_by_all() -> None:
    nothing, narrow, plain = comparison("above", 0.2), comparison("above", 0.7), comparison("above", 1.2)
    assert judge(AnyOf((nothing, narrow))).outcome is None
    judged = judge(AnyOf((nothing, plain)))
    assert (judged.outcome, judged.test, judged.alpha) == (True, plain, ALPHA / 2)
    judged = judge(AnyOf((nothing, comparison("above", 0.3))))
    assert (judged.outcome, judged.test.about, judged.alpha) == (False, "above 0.3", ALPHA)


def test_levels_divide_on_the_way_down() -> None:
    inner = AnyOf((comparison("above", 2.0), comparison("above", 2.0), comparison("above", 2.0)))
    tree = AllOf((inner, comparison("above", 2.0)))
    assert [one.alpha for one in outcomes(tree)] == pytest.approx([ALPHA / 3] * 3 + [ALPHA])


def test_the_closest_call_decides_among_those_with_the_outcome() -> None:
    close, far, open_one = comparison("alike", 0.45), comparison("alike", 0.1), comparison("alike", 0.8)
    assert judge(AllOf((far, close))).test is close
    assert judge(AllOf((far, close, open_one))).test is open_one


def test_what_cannot_be_judged_is_left_out_but_no_condition_is() -> None:
    good, lacking = comparison("alike", 0.1), comparison("alike", 0.1, lacks=LACKING)
    assert judgeable(AllOf((good, lacking))) == AllOf((good,))
    assert judgeable(AllOf((lacking,))) is None
    assert judgeable(AllOf((good, lacking), parts=True)) is None
    conditions = AllOf((AllOf((lacking,)), AnyOf((good,))), parts=True)
    assert judgeable(conditions) is None
    assert judgeable(AllOf((conditions, good))) == AllOf((good,))
    assert [test.lacks for test in leaves(conditions)] == [LACKING, None]


def test_runs_needed_are_planned_for_the_margin_and_else_for_the_effect_seen() -> None:
    """Single runs at a standard deviation of 3.16 x 0.25 (n 10): 1 away takes 8, so 0.1 from the bound decides."""
    noisy = comparison("above", 0.3, half=4.0)
    few, many = judge(noisy).runs_needed, judge(comparison("above", 0.3, half=8.0)).runs_needed
    assert few is not None and many is not None
    assert many == pytest.approx(4 * few, rel=0.02)
    near = judge(comparison("alike", 0.9)).runs_needed
    nearer = judge(comparison("alike", 0.95)).runs_needed
    assert near is not None and nearer is not None
    assert nearer == pytest.approx(4 * near, rel=0.02)
    on_the_line = judge(comparison("alike", 1.0)).runs_needed
    assert on_the_line is None


def test_a_tree_needs_what_its_neediest_member_does_and_any_what_its_easiest() -> None:
    easy, hard = comparison("above", 0.3, half=4.0), comparison("above", 0.3, half=8.0)
    needs: dict[str, int] = {}
    trees: dict[str, Node] = {"easy": easy, "all": AllOf((easy, hard)), "any": AnyOf((easy, hard))}
    for name, tree in trees.items():
        runs = judge(tree).runs_needed
        assert runs is not None
        needs[name] = runs
    assert needs["easy"] < needs["any"] < needs["all"]
    on_the_line = comparison("alike", 1.0, half=0.1)
    assert judge(on_the_line).runs_needed is None
    assert judge(AllOf((easy, on_the_line))).runs_needed is None


def test_sides_without_spread_are_planned_with_that_of_random_sampling() -> None:
    random = Cell("s", "t", "random", None, None, None, Side(0.0, 0.02, 5))
    one = Cell("s", "t", "enas", None, "a", "all", Side(0.1, None, 1), random=random)
    effect = Contrast(((1.0, one.side), (-1.0, random.side)))
    judged = judge(Comparison("one run", "above", effect, Margin(0.02, 5), (one, random)))
    assert (judged.outcome, found(judged)) == (None, "one run on a side shows no noise")
    assert judged.runs_needed == 18
