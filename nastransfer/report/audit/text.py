"""Checks of what NASTransfer's text says of Tables 2 and 3."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from nastransfer.report.audit.derived import NASTRANSFER
from nastransfer.report.audit.findings import Finding, arm_name
from nastransfer.report.names import listed, method_name, set_name
from nastransfer.study import published

_SMALL = ("flowers102", "mit67")


def _small_sets_beat_cifar100() -> Finding:
    return _held(
        "small_sets_beat_cifar100",
        "FLOWERS102 and MIT67 are better sources than CIFAR100 for all methods on ImageNet1K",
        lambda ri: min(ri[small] for small in _SMALL) > ri["cifar100"],
        (*_SMALL, "cifar100"),
        needed=4,
    )


def _only_darts_gains_from_cifar10() -> Finding:
    ri = ri_of_table_2("imagenet1k")
    gains = [method for method, by in ri.items() if all(by["cifar10"] > by[small] for small in _SMALL)]
    return Finding(
        "only_darts_gains_from_cifar10",
        "text against Table 2",
        "only DARTS is better from CIFAR10 than from the smaller sets",
        f"{listed([method_name(method) for method in gains]) or 'no method'} is, DARTS is not",
        gains == ["darts2"],
        tuple(_line(method, by, ("cifar10", *_SMALL)) for method, by in ri.items()),
    )


def _cifar10_beats_cifar100() -> Finding:
    return _held(
        "cifar10_beats_cifar100",
        "CIFAR10 is a better source than CIFAR100 for most methods on ImageNet1K",
        lambda ri: ri["cifar10"] > ri["cifar100"],
        ("cifar10", "cifar100"),
        needed=3,
    )


def _below_random_from_cifar100() -> Finding:
    ri = ri_of_table_2("imagenet1k")
    below = [method for method, by in ri.items() if by["cifar100"] < 0]
    return Finding(
        "below_random_from_cifar100",
        "text against Table 2",
        "from CIFAR100 all methods but NSGANet are below random sampling on ImageNet1K",
        f"{listed([method_name(method) for method in below])} are",
        set(below) == set(ri) - {"nsganet"},
        tuple(_line(method, by, ("cifar100",)) for method, by in ri.items()),
    )


def _cifar10_is_good_for_all() -> Finding:
    arms = published.published().filter(study=NASTRANSFER, feeds="table 2", source="cifar10")
    below = arms.filter(pl.col("ri_percent") < 0)
    return Finding(
        "cifar10_is_good_for_all",
        "text against Table 2",
        "CIFAR10 is a good proxy for all other targets",
        f"{below.height} of its {arms.height} arms are below random sampling",
        below.is_empty(),
        tuple(
            f"{arm_name(row)} on {set_name(row['target'])}: {row['ri_percent']}"
            for row in below.iter_rows(named=True)
        ),
    )


def _direct_ranking() -> Finding:
    rows = (
        published.published()
        .filter(feeds="table 3", source="imagenet1k", augment_seed=2)
        .sort("top1_last", descending=True)
    )
    order = rows["method"].to_list()
    return Finding(
        "direct_ranking",
        "Figure 2's text against Table 3",
        "searched on Proxy 1 of ImageNet1K, DARTS is better than ENAS, and ENAS better than NAO",
        " > ".join(map(method_name, order)),
        order == ["darts2", "enas", "nao"],
        tuple(f"{method_name(row['method'])}: {row['top1_last']}" for row in rows.iter_rows(named=True)),
    )


def _held(
    key: str, stated: str, holds: Callable[[dict[str, float]], bool], sources: tuple[str, ...], needed: int
) -> Finding:
    """A statement about each method's RI on ImageNet1K (by source) that holds where `needed` of them fulfil it."""
    ri = ri_of_table_2("imagenet1k")
    against = [method_name(method) for method, by in ri.items() if not holds(by)]
    found = f"of {len(ri)} methods, {len(ri) - len(against)} fit"
    return Finding(
        key,
        "text against Table 2",
        stated,
        f"{found}; not {listed(against)}" if against else found,
        len(ri) - len(against) >= needed,
        tuple(_line(method, by, sources) for method, by in ri.items()),
    )


def ri_of_table_2(target: str) -> dict[str, dict[str, float]]:
    """Printed RI on a target: method, then source, to percent."""
    found: dict[str, dict[str, float]] = {}
    for row in published.published().filter(feeds="table 2", target=target).iter_rows(named=True):
        found.setdefault(row["method"], {})[row["source"]] = row["ri_percent"]
    return found


def _line(method: str, ri: dict[str, float], sources: tuple[str, ...]) -> str:
    return f"{method_name(method)}: " + ", ".join(f"{ri[source]:+.2f} from {source}" for source in sources)


TEXT_CHECKS: tuple[Callable[[], Finding], ...] = (
    _small_sets_beat_cifar100,
    _only_darts_gains_from_cifar10,
    _cifar10_beats_cifar100,
    _below_random_from_cifar100,
    _cifar10_is_good_for_all,
    _direct_ranking,
)
