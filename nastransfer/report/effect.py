"""An arm's effect for figures: RI over its random runs, where there are any to compare with."""

from __future__ import annotations

from nastransfer.report.arms import Arm
from nastransfer.report.counterparts import per_search
from nastransfer.report.names import RANDOM
from nastransfer.stats.improvement import RelativeImprovement, relative_improvement


def random_mean(arm: Arm) -> float | None:
    """Mean top-1 of the arm's random runs, percent; None without any, or where none got an image right."""
    random = per_search(arm.baseline)
    return sum(random) / len(random) if any(random) else None


def improvement(arm: Arm) -> RelativeImprovement | None:
    """RI of the arm; None where `random_mean` is, and for random sampling itself."""
    if arm.method == RANDOM or random_mean(arm) is None:
        return None
    return relative_improvement(arm.accuracies, per_search(arm.baseline))
