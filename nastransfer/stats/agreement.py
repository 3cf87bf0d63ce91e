"""Whether a proxy ranks architectures as their target does, and whether several proxies rank methods alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nastransfer.stats.estimate import Estimate, accuracies, is_flat, numbers

FEWEST_GENOTYPES = 8
CONFIDENCE = 0.95
PERMUTATIONS = 9_999
Scores = Sequence[Sequence[float | None]]
ALIKE = "all genotypes score alike on one side: they have no order"
NO_REPEATS = "no two genotypes have two runs with different seeds on the target"


@dataclass(frozen=True)
class RankAgreement:
    """Kendall's tau-b and Spearman's rho of proxy and target, the choice's regret, the noise ceiling, n genotypes.

    `regret`, in percentage points of top-1: the best genotype's target accuracy less that of the proxy's best (their
    mean where several share the proxy's first place). `ceiling`: tau-b between two trainings of the same genotypes on
    the target with different seeds, which a proxy as good as a second single training on the target would reach.
    """

    kendall: Estimate
    spearman: Estimate
    regret: Estimate
    ceiling: Estimate
    n: int


@dataclass(frozen=True)
class Concordance:
    """Kendall's W of `judges` complete rankings of `items`: 1 all alike, 0 no accord; `p` is that of no accord.

    Both are None where `reason` says so.
    """

    w: float | None
    p: float | None
    judges: int
    items: int
    reason: str | None = None


def rank_agreement(proxy: Scores, target: Scores, *, seed: int = 2, resamples: int = 2000) -> RankAgreement:
    """Agreement of the same genotypes' scores on a proxy (any scale, more is better) and their top-1 on the target.

    Both are genotypes x seeds, and may be ragged. A genotype's score is its mean over seeds; None stands for a run
    without a result and is left out, and so is a genotype without any on a side. For the ceiling the same place in
    the inner sequences means the same seed.

    The 95% intervals are percentiles over resampled genotypes, and None with fewer than 8 of them or where all
    resamples agree. In 10,000 simulations each of normal scores with a correlation of 0, 0.6 and 0.9 those of tau
    and rho cover 95-98% at 8, 10 and 30 genotypes, but 77% at 5 with a correlation of 0.9 (1,500). The
    regret's says what other genotypes, drawn as these were, would lose: 0 is often its lower end.

    `ValueError` for sides of different length, fewer than 100 resamples, NaN, and a top-1 outside of 0 to 100.
    """
    if len(proxy) != len(target):
        raise ValueError(
            f"proxy has {len(proxy)} genotypes and target {len(target)}; they are the same ones in order"
        )
    if resamples < 100:
        raise ValueError(f"resamples is {resamples}; an interval's ends need at least 100")
    pairs = [
        (float(np.mean(scores)), float(np.mean(top1)))
        for scores, top1 in zip(
            _each(numbers, "proxy", proxy), _each(accuracies, "target", target), strict=True
        )
        if scores and top1
    ]
    n = len(pairs)
    ceiling = _ceiling(target, np.random.default_rng([seed, 1]), resamples)
    if n < 2:
        none = Estimate(
            None, None, None, n, f"a ranking needs 2 genotypes scored on both sides; there are {n}"
        )
        return RankAgreement(none, none, none, ceiling, n)
    x, y = np.array(pairs).T
    counts = _resampled_counts(np.random.default_rng([seed, 0]), n, resamples)
    regret = _estimate(float(_regrets(np.ones((1, n)), x, y)[0]), _regrets(counts, x, y), n)
    if is_flat(x) or is_flat(y):
        none = Estimate(None, None, None, n, ALIKE)
        return RankAgreement(none, none, regret, ceiling, n)
    from scipy.stats import kendalltau, spearmanr

    orders = _order(x), _order(y)
    kendall = _estimate(float(kendalltau(x, y).statistic), _kendalls(counts, *orders), n)
    spearman = _estimate(float(spearmanr(x, y).statistic), _spearmans(counts, *orders), n)
    return RankAgreement(kendall, spearman, regret, ceiling, n)


def _each(check: Callable[..., list[float]], name: str, scores: Scores) -> list[list[float]]:
    return [check(f"{name} of genotype {place}", seeds) for place, seeds in enumerate(scores)]


def _resampled_counts(rng: np.random.Generator, n: int, resamples: int) -> np.ndarray:
    """How often each of n genotypes was drawn, resamples x n."""
    return rng.multinomial(n, np.full(n, 1.0 / n), resamples).astype(np.float64)


def _estimate(value: float, drawn: np.ndarray, n: int) -> Estimate:
    drawn = drawn[np.isfinite(drawn)]
    if n < FEWEST_GENOTYPES:
        return Estimate(
            value, None, None, n, f"an interval needs {FEWEST_GENOTYPES} genotypes; there are {n}"
        )
    if is_flat(np.round(drawn, 12)):
        return Estimate(
            value, None, None, n, "all resampled genotypes say the same: they do not show how sure it is"
        )
    low, high = np.quantile(drawn, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return Estimate(value, float(low), float(high), n)


def _order(scores: np.ndarray) -> np.ndarray:
    """Matrix, n x n: 1 where the row's genotype beats the column's, -1 where it loses, 0 where they tie."""
    order: np.ndarray = np.sign(np.subtract.outer(scores, scores))
    return order


def _kendalls(counts: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Tau-b of each row of genotype counts: a genotype drawn twice ties with itself on both sides."""

    def total(order: np.ndarray) -> np.ndarray:
        sums: np.ndarray = np.einsum("rn,rn->r", counts @ order, counts)
        return sums

    untied = total(np.abs(first)) * total(np.abs(second))
    return np.divide(
        total(first * second), np.sqrt(untied), out=np.full(len(counts), np.nan), where=untied > 0.0
    )


def _spearmans(counts: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rho of each row of genotype counts, from mid-ranks about their mean: half of wins less losses."""
    ranks = [counts @ order.T / 2.0 for order in (first, second)]
    across, *own = (np.einsum("rn,rn,rn->r", counts, ranks[a], ranks[b]) for a, b in ((0, 1), (0, 0), (1, 1)))
    spread = own[0] * own[1]
    return np.divide(across, np.sqrt(spread), out=np.full(len(counts), np.nan), where=spread > 0.0)


def _regrets(counts: np.ndarray, proxy: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Regret of choosing by the proxy among each row's genotypes."""
    drawn = counts > 0.0
    scores = np.where(drawn, proxy, -np.inf)
    chosen = counts * (scores == scores.max(axis=1, keepdims=True))
    best: np.ndarray = np.where(drawn, target, -np.inf).max(axis=1)
    return np.maximum(best - (chosen @ target) / chosen.sum(axis=1), 0.0)


def _ceiling(target: Scores, rng: np.random.Generator, resamples: int) -> Estimate:
    """Mean of tau-b over pairs of seeds, each over the genotypes that were trained with both."""
    runs = np.full((len(target), max(map(len, target), default=0)), np.nan)
    for genotype, seeds in enumerate(target):
        runs[genotype, : len(seeds)] = [np.nan if value is None else value for value in seeds]
    runs = runs[np.isfinite(runs).sum(axis=1) > 1]
    n = len(runs)
    counts = np.vstack([np.ones((1, n)), _resampled_counts(rng, n, resamples)]) if n else np.empty((0, 0))
    taus = []
    for pair in itertools.combinations(range(runs.shape[1]), 2):
        both = np.isfinite(runs[:, pair]).all(axis=1)
        orders = [_order(runs[both, seed]) for seed in pair]
        if both.any() and orders[0].any() and orders[1].any():
            taus.append(_kendalls(counts[:, both], *orders))
    if not taus:
        return Estimate(None, None, None, n, NO_REPEATS if n < 2 else ALIKE)
    known = np.isfinite(taus)
    means = np.where(known, taus, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return _estimate(float(means[0]), means[1:], n)


def kendalls_w(scores: Scores, *, seed: int = 2) -> Concordance:
    """Kendall's coefficient of concordance (Kendall and Babington Smith 1939), corrected for ties.

    `scores` is judges x items, such as proxies x methods; within a judge only the order counts. Items that no judge
    scored are left out, then judges that lack (None) one of the rest. p is by 9,999 random orders within each judge:
    at a few judges of a few items Friedman's chi-squared is off. `ValueError` for judges of different length and NaN.
    """
    if len({len(row) for row in scores}) > 1:
        raise ValueError(
            f"judges score {sorted({len(row) for row in scores})} items; each scores the same ones"
        )
    checked = [numbers(f"judge {place}", row) for place, row in enumerate(scores)]
    items = [
        place for place, column in enumerate(zip(*scores, strict=True)) if any(v is not None for v in column)
    ]
    kept = [
        checked[place] for place, row in enumerate(scores) if all(row[item] is not None for item in items)
    ]
    if len(kept) < 2 or len(items) < 2:
        reason = f"concordance needs 2 judges of 2 items; there are {len(kept)} complete ones of {len(items)}"
        return Concordance(None, None, len(kept), len(items), reason)
    from scipy.stats import rankdata

    ranks = rankdata(np.array(kept), axis=1)
    centred = ranks - ranks.mean()
    possible = len(kept) * np.einsum("ji,ji->", centred, centred)
    if not possible:
        return Concordance(None, None, len(kept), len(items), "each judge scores all items alike")
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.broadcast_to(centred, (PERMUTATIONS, *centred.shape)).copy(), axis=2)
    w = float(np.square(centred.sum(axis=0)).sum() / possible)
    by_chance = np.square(shuffled.sum(axis=1)).sum(axis=1) / possible
    p = (1 + int(np.count_nonzero(by_chance >= w - 1e-12))) / (PERMUTATIONS + 1)
    return Concordance(w, p, len(kept), len(items))
