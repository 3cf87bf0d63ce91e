"""How well each source ranks random genotypes for each target of a study: numbers that several figures share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from nastransfer.report.arms import RankPair, Scores, rank_pairs
from nastransfer.report.marks import between, ends_of
from nastransfer.report.names import set_name
from nastransfer.stats.agreement import RankAgreement, rank_agreement

NOTHING = (
    "No rank agreement yet: it takes random genotypes that were trained and scored both on a source and on a target of "
    "the study."
)


@dataclass(frozen=True)
class Agreement:
    """Rank agreement of one source with one target; `source` names the study too where several are shown."""

    pair: RankPair
    source: str
    found: RankAgreement

    @property
    def target(self) -> str:
        """The target in words."""
        return set_name(self.pair.target)

    @property
    def said(self) -> list[str]:
        """What is known of it, in lines of plain text."""
        tau, regret = self.found.kendall, self.found.regret
        lines = [f"{self.source} ranks for {self.target}"]
        if tau.estimate is not None:
            lines.append(f"Kendall's tau-b {tau.estimate:.2f}, 95% interval {between(ends_of(tau))}")
        lines += [tau.reason] if tau.reason else []
        lines.append(f"{self.found.n} genotypes on both sides")
        if regret.estimate is not None:
            lines.append(f"its first choice is {regret.estimate:.2f} points of top-1 below the best")
        if self.found.ceiling.estimate is not None:
            ceiling = self.found.ceiling
            lines.append(
                f"ceiling, the target with itself: {ceiling.estimate:.2f}, by {ceiling.n} genotypes trained twice"
            )
        return lines


def agreements(frame: pl.DataFrame) -> list[Agreement]:
    """Rank agreement of every source with every target of a study. `ValueError` as `arms.rank_pairs` says."""
    pairs = rank_pairs(frame)
    several = len({pair.study for pair in pairs}) > 1
    return [
        Agreement(
            pair,
            f"{pair.origin} ({pair.study})" if several else pair.origin,
            _agreement(pair.proxy, pair.target_top1),
        )
        for pair in pairs
    ]


@lru_cache(maxsize=512)
def _agreement(proxy: Scores, target: Scores) -> RankAgreement:
    """Several figures show the same numbers: resampled once."""
    return rank_agreement(proxy, target)


def forget() -> None:
    """Compute the next agreements anew: what measures their time needs this."""
    _agreement.cache_clear()
