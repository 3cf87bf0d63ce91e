"""From comparisons to a verdict: what each must show, how several are put together, and how many runs are missing.

A claim is a tree. Its leaves compare; `AllOf` holds where each of its members does, `AnyOf` where one does. To show
that `AllOf` holds takes no correction (each member has to be shown anyway), to show that it does not takes
Bonferroni's, since one member is enough; for `AnyOf` it is the other way round. So a verdict is wrong with a
probability of `ALPHA` at most on either side, however many comparisons a claim takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from nastransfer.report.claims.evidence import Cell
from nastransfer.stats.contrast import NO_MARGIN, Effect, Margin, runs_to_show, shows_above, shows_below

ALPHA = 0.025  # of each side: what a 95% interval shows
POWER = 0.8

Kind = Literal["above", "alike", "differs", "not above", "not below"]


@dataclass(frozen=True)
class Comparison:
    """One comparison: what it is about in words, what the effect has to be, and the arms that it was made of.

    `kind` is said against `margin`, the smallest difference that matters: above 0, alike (within the margin), differs
    (not 0), not above or not below 0 by as much as the margin. What is to lie above 0 is refuted by an effect below the
    margin: an advantage too small to matter. Between 0 and the margin either verdict is right (an indifference zone:
    Bechhofer, Annals of Mathematical Statistics 25, 1954). `lacks`: why no number of runs could tell.
    """

    about: str
    kind: Kind
    effect: Effect
    margin: Margin | None
    cells: tuple[Cell, ...]
    lacks: str | None = None

    def holds(self, alpha: float) -> bool:
        """Whether it is shown; wrongly so with probability `alpha` at most."""
        effect, margin = self.effect, self.margin or NO_MARGIN
        match self.kind:
            case "above":
                return shows_above(effect, NO_MARGIN, alpha)
            case "differs":
                return shows_above(effect, NO_MARGIN, alpha) or shows_below(effect, NO_MARGIN, alpha)
            case "alike":
                return shows_below(effect, margin, alpha) and shows_above(effect, margin, alpha, -1)
            case "not above":
                return shows_below(effect, margin, alpha)
            case "not below":
                return shows_above(effect, margin, alpha, -1)

    def fails(self, alpha: float) -> bool:
        """Whether the opposite is shown; wrongly so with probability `alpha` at most."""
        effect, margin = self.effect, self.margin or NO_MARGIN
        match self.kind:
            case "above":
                return shows_below(effect, margin, alpha) or shows_below(effect, NO_MARGIN, alpha)
            case "differs":
                return shows_below(effect, margin, alpha) and shows_above(effect, margin, alpha, -1)
            case "alike":
                return shows_above(effect, margin, alpha) or shows_below(effect, margin, alpha, -1)
            case "not above":
                return shows_above(effect, margin, alpha)
            case "not below":
                return shows_below(effect, margin, alpha, -1)

    def clearance(self, alpha: float) -> float:
        """How far the effect lies on the side that the claim needs, in half-widths of its interval."""
        limits = self.effect.limits(alpha)
        if limits is None:
            return -math.inf
        width = self.margin.width if self.margin is not None else 0.0
        estimate = self.effect.estimate
        room = {
            "above": estimate,
            "differs": abs(estimate),
            "alike": width - abs(estimate),
            "not above": width - estimate,
            "not below": width + estimate,
        }
        return 2.0 * room[self.kind] / (limits[1] - limits[0])

    def runs_needed(self, holds_alpha: float, fails_alpha: float, power: float) -> int | None:
        """Runs a side that tell with probability `power`: if the claim is true, by the margin where it is directional.

        Where there are as many already, the effect lies near a bound, and the runs are those that tell an effect of its
        present size from the nearest one. None where no number does.
        """
        margin, estimate = self.margin or NO_MARGIN, self.effect.estimate
        both_ends = 1.0 - (1.0 - power) / 2.0 if self.kind == "alike" else power
        if self.kind in ("above", "differs"):
            planned = self._runs(margin.width, NO_MARGIN, holds_alpha, power)
            away = abs(estimate) if self.kind == "differs" else estimate
            rest = [(away, NO_MARGIN, holds_alpha), (margin.width - away, margin, fails_alpha)]
        else:
            planned = self._runs(margin.width, margin, holds_alpha, both_ends)
            away = {"alike": abs(estimate), "not above": estimate, "not below": -estimate}[self.kind]
            rest = [(margin.width - away, margin, holds_alpha), (away - margin.width, margin, fails_alpha)]
        if planned is not None and planned > self.effect.n:
            return planned
        found = [runs for distance in rest if (runs := self._runs(*distance, power)) is not None]
        return max(min(found), self.effect.n + 1) if found else None

    def _runs(self, distance: float, bound: Margin, alpha: float, power: float) -> int | None:
        spreads = [cell.random.side.spread for cell in self.cells if cell.random is not None]
        stand_in = next((spread for spread in spreads if spread), None)
        return runs_to_show(self.effect, distance, bound, alpha, power, stand_in)


@dataclass(frozen=True)
class AllOf:
    """Holds where every member does.

    In `parts` of a claim each member is a condition of its own, and none may be left out for want of data.
    """

    members: tuple[Node, ...]
    parts: bool = False


@dataclass(frozen=True)
class AnyOf:
    """Holds where one member does."""

    members: tuple[Node, ...]


Node = Comparison | AllOf | AnyOf


@dataclass(frozen=True)
class Judged:
    """What a tree came to: `outcome` None where neither is shown. `test` decided, at `alpha` on each side."""

    outcome: bool | None
    test: Comparison
    alpha: float
    runs_needed: int | None = None


# kind -> what is said where it is shown, and where its opposite is
_SHOWN: dict[Kind, tuple[str, str]] = {
    "above": ("above 0", "no advantage as large as the margin"),
    "differs": ("not 0", "within the margin"),
    "alike": ("within the margin", "beyond the margin"),
    "not above": ("less above 0 than the margin", "above 0 by more than the margin"),
    "not below": ("less below 0 than the margin", "below 0 by more than the margin"),
}


def found(judged: Judged) -> str:
    """What a comparison shows, in words."""
    if judged.outcome is None:
        return judged.test.effect.reason or "neither this nor its opposite is shown"
    said = _SHOWN[judged.test.kind][0 if judged.outcome else 1]
    below = judged.test.kind == "above" and shows_below(judged.test.effect, NO_MARGIN, judged.alpha)
    return "below 0" if below else said


def leaves(node: Node) -> Iterator[Comparison]:
    """All comparisons of a tree."""
    if isinstance(node, Comparison):
        yield node
    else:
        for member in node.members:
            yield from leaves(member)


def judgeable(node: Node) -> Node | None:
    """The tree without comparisons that no number of runs could decide; None where too little is left."""
    if isinstance(node, Comparison):
        return node if node.lacks is None else None
    members = [judgeable(member) for member in node.members]
    kept = tuple(member for member in members if member is not None)
    if not kept or (isinstance(node, AllOf) and node.parts and len(kept) < len(members)):
        return None
    return replace(node, members=kept)


def judge(node: Node, holds_alpha: float = ALPHA, fails_alpha: float = ALPHA, power: float = POWER) -> Judged:
    """The outcome of a tree, with the comparison that decided it: of those with that outcome, the closest call.

    That is the one furthest from what the claim needs, under `AnyOf` the one nearest to it.
    """
    if isinstance(node, Comparison):
        return _judge_one(node, holds_alpha, fails_alpha, power)
    number, every = len(node.members), isinstance(node, AllOf)
    if every:
        shares = (holds_alpha, fails_alpha / number, 1.0 - (1.0 - power) / number)
    else:
        shares = (holds_alpha / number, fails_alpha, power)
    judged = [judge(member, *shares) for member in node.members]
    outcomes = [one.outcome for one in judged]
    outcome: bool | None = None
    if (not every) in outcomes:  # one that fails is enough for AllOf, one that holds for AnyOf
        outcome = not every
    elif None not in outcomes:
        outcome = every
    alike = [one for one in judged if one.outcome is outcome]
    choose = min if every else max
    decided = choose(alike, key=lambda one: one.test.clearance(one.alpha))
    needs = [one.runs_needed for one in alike if one.runs_needed is not None]
    if outcome is not None or (every and len(needs) < len(alike)):
        return replace(decided, runs_needed=None)
    return replace(decided, runs_needed=(max if every else min)(needs, default=None))


def outcomes(node: Node, holds_alpha: float = ALPHA, fails_alpha: float = ALPHA) -> Iterator[Judged]:
    """Each comparison of a tree on its own, at the level that it has within the tree."""
    if isinstance(node, Comparison):
        yield _judge_one(node, holds_alpha, fails_alpha, POWER)
        return
    number = len(node.members)
    shares = (
        (holds_alpha, fails_alpha / number)
        if isinstance(node, AllOf)
        else (holds_alpha / number, fails_alpha)
    )
    for member in node.members:
        yield from outcomes(member, *shares)


def _judge_one(test: Comparison, holds_alpha: float, fails_alpha: float, power: float) -> Judged:
    if test.holds(holds_alpha):
        return Judged(True, test, holds_alpha)
    if test.fails(fails_alpha):
        return Judged(False, test, fails_alpha)
    return Judged(None, test, ALPHA, test.runs_needed(holds_alpha, fails_alpha, power))
