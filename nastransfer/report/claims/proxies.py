"""Rules of the claims on what to search on: size, domain and design of the proxy, and the methods' ranks on it.

A rule takes the evidence of one study and gives the tree of comparisons that tests the claim, or says in words what the
study lacks. Each tests the claim's general form on whatever sets the study has.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from nastransfer.report.claims.comparisons import against, by, groups, over_random
from nastransfer.report.claims.evidence import (
    SAME_KIND,
    SAME_SIZE,
    Cell,
    Evidence,
    cut_short,
    domain,
    pairs,
    whole_classes,
    within,
)
from nastransfer.report.claims.verdicts import AllOf, Comparison, Node
from nastransfer.report.names import listed, method_name

RANKED = ("darts2", "enas", "nao")
# log10 of the times that a source is smaller than the target from which that reads as two orders of magnitude
TWO_ORDERS = 10.0**1.5
HALF_AN_ORDER = 10.0**0.5
_ARM = ("target", "method", "preset")

Rule = Node | str


def size(given: Evidence) -> Rule:
    """Two proxies of one parent, made alike, that differ in size."""
    tests = [
        against("alike", large, small, given)
        for large, small in pairs(given.searched)
        if large.source == small.source and _larger(large, small, SAME_KIND) and _made_alike(large, small)
    ]
    return _all(
        tests, "a method searched on two proxies of one data set that differ in size but are made alike"
    )


def two_orders_suffice(given: Evidence) -> Rule:
    """A source two orders of magnitude smaller than the target against every clearly larger one."""
    tests = [
        against("not below", small, large, given)
        for large, small in pairs(given.searched)
        if (small.target_images or 0) >= TWO_ORDERS * (small.images or float("inf"))
        and _larger(large, small, HALF_AN_ORDER)
    ]
    return _all(
        tests,
        "a source about 100 times smaller than the target (32 at least), and one clearly larger than it",
    )


def other_domains(given: Evidence) -> Rule:
    """Sources of other domains against the target's own, on average, for each method and target.

    Other sets of the target's domain are neither, unless they stand in for its own.
    """
    tests: list[Comparison] = []
    for cells in by(given.searched, *_ARM).values():
        near = [cell for cell in cells if cell.own]
        near = near or [cell for cell in cells if domain(cell.source) == domain(cell.target)]
        far = [cell for cell in cells if domain(cell.source) != domain(cell.target)]
        if near and far:
            tests.append(groups("alike", far, near, given))
    return _all(tests, "a method searched on the target's own images, or the like of them, and on others")


def whole_beat_cut_classes(given: Evidence) -> Rule:
    """Few classes with all images against many classes with few images, as many images in all."""
    tests = [
        against("above", few, many, given)
        for few, many in pairs(given.searched)
        if whole_classes(few, given.searched)
        and cut_short(few, many)
        and within(few.images, many.images, SAME_SIZE)
    ]
    return _all(
        tests,
        "two proxies of one data set with as many images, one of few classes and one of 3 times as many",
    )


def whole_classes_alike(given: Evidence) -> Rule:
    """Proxies of the target itself of whole random classes, of whatever number."""
    tests = [
        against("alike", large, small, given)
        for large, small in pairs(given.searched)
        if large.own
        and large.source == small.source
        and _larger(large, small, SAME_KIND)
        and all(whole_classes(cell, given.searched) for cell in (large, small))
    ]
    return _all(tests, "two proxies of the target made of whole classes, of different numbers of them")


def cut_classes_worse(given: Evidence) -> Rule:
    """Proxies of the target of whole classes against those of many classes cut short, no larger ones."""
    tests = [
        against("above", few, many, given)
        for few, many in pairs(given.searched)
        if few.own
        and whole_classes(few, given.searched)
        and cut_short(few, many)
        and (many.images or 0) <= SAME_SIZE * (few.images or 0)
    ]
    return _all(
        tests, "a proxy of the target of few whole classes and one of 3 times as many classes, no larger"
    )


def ranks(given: Evidence) -> Rule:
    """DARTS above ENAS above NAO on every proxy of the target's own images; on the whole set where none is a proxy."""
    own = [cell for cell in given.searched if cell.own]
    own = [cell for cell in own if not cell.whole] or own
    tests = []
    for cells in by(own, "target", "source", "selection").values():
        ranked = [found for method in RANKED if (found := [c for c in cells if c.method == method])]
        tests += [
            against("above", *two, given)
            for better, worse in itertools.pairwise(ranked)
            for two in itertools.product(better, worse)
        ]
    methods = listed(list(map(method_name, RANKED)))
    return _all(tests, f"two of {methods} searched on a proxy of the target")


def whole_classes_best(given: Evidence) -> Rule:
    """The smallest proxy of whole classes against the target's other proxies and against random sampling."""
    members: list[Node] = []
    for cells in by(_ranked_own(given), *_ARM).values():
        first, others = _first_and_others(cells)
        if first is None or not others:
            continue
        over = over_random("above", first, given)
        if over is not None:
            members.append(AllOf((over, *(against("above", first, other, given) for other in others))))
    return _tree(members, _PAIR_LACKS)


def random_hard_to_beat(given: Evidence) -> Rule:
    """Proxies of evenly spaced or many cut classes: their methods do not beat random sampling."""
    tests = [over_random("not above", cell, given) for cell in _spread_out(_ranked_own(given))]
    return _all(
        _present(tests),
        "DARTS, ENAS or NAO on a proxy of the target with evenly spaced classes or many classes cut short, and random "
        "genotypes trained on the target",
    )


def darts_falls(given: Evidence) -> Rule:
    """DARTS above the others on the proxy of whole classes, below them on the spread-out ones."""
    members: list[Node] = []
    for cells in by(_ranked_own(given), "target").values():
        spread_out = _spread_out(cells)
        first = _first_and_others(cells)[0]
        best = [c for c in cells if first is not None and c.origin == first.origin]
        top, bottom = (_darts_pairs(best), _darts_pairs(spread_out))
        if top and bottom:
            above = tuple(against("above", darts, other, given) for darts, other in top)
            below = tuple(against("above", other, darts, given) for darts, other in bottom)
            members.append(AllOf((AllOf(above), AllOf(below)), parts=True))
    return _tree(members, f"DARTS and another method on each of {_PAIR}")


def other_set_beats_proxies(given: Evidence) -> Rule:
    """CIFAR10, or else every whole other set, against each proxy of the target's own images."""
    foreign = [cell for cell in given.searched if cell.whole and not cell.own]
    chosen = [cell for cell in foreign if cell.source == "cifar10"] or foreign
    tests = [
        against("above", other, proxy, given)
        for other, proxy in pairs(given.searched)
        if other in chosen and proxy.own and not proxy.whole
    ]
    return _all(tests, "a method searched on another data set, whole, and on a proxy of the target")


_PAIR = "a proxy of the target of few whole classes, and one of evenly spaced classes or many cut short"
_PAIR_LACKS = f"DARTS, ENAS or NAO on {_PAIR}, and random genotypes trained on the target"


def _larger(large: Cell, small: Cell, factor: float) -> bool:
    return bool(large.images and small.images) and (large.images or 0) >= factor * (small.images or 0)


def _made_alike(first: Cell, second: Cell) -> bool:
    """Whether nothing but the size is known to differ; a whole set is of any make."""
    if cut_short(first, second) or cut_short(second, first):
        return False
    return first.whole or second.whole or None in (first.rule, second.rule) or first.rule == second.rule


def _ranked_own(given: Evidence) -> list[Cell]:
    """Proxies of the target's own set under the methods that the paper ranks."""
    own = [cell for cell in given.searched if cell.source == cell.target and not cell.whole]
    return [cell for cell in own if cell.method in RANKED]


def _spread_out(cells: Sequence[Cell]) -> list[Cell]:
    """Proxies of evenly spaced classes, of all of them, or of many cut short."""
    return [
        cell
        for cell in cells
        if cell.rule in ("uniform", "all") or any(cut_short(other, cell) for other in cells)
    ]


def _first_and_others(cells: Sequence[Cell]) -> tuple[Cell | None, list[Cell]]:
    """The smallest proxy of whole classes, and the proxies that are spread out."""
    others = _spread_out(cells)
    whole = [cell for cell in cells if whole_classes(cell, cells)]
    return min(whole, key=lambda cell: cell.images or 0, default=None), others


def _darts_pairs(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """DARTS and each other method with the same source."""
    darts = [cell for cell in cells if cell.method == "darts2"]
    others = [cell for cell in cells if cell.method != "darts2"]
    return [(one, other) for one in darts for other in others if one.origin == other.origin]


def _present(tests: Iterable[Comparison | None]) -> list[Comparison]:
    return [test for test in tests if test is not None]


def _all(tests: Iterable[Comparison], lacking: str) -> Rule:
    return _tree(list(tests), lacking)


def _tree(members: Sequence[Node], lacking: str) -> Rule:
    return AllOf(tuple(members)) if members else lacking


RULES = (
    size,
    two_orders_suffice,
    other_domains,
    whole_beat_cut_classes,
    whole_classes_alike,
    cut_classes_worse,
    ranks,
    whole_classes_best,
    random_hard_to_beat,
    darts_falls,
    other_set_beats_proxies,
)
