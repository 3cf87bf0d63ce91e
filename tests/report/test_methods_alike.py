"""Whether sources rank methods alike: W by hand, sources that lack a method, and too few of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from nastransfer.report.methods_alike import (
    ALIKE_COLUMNS,
    EMPTY,
    methods_alike,
    methods_alike_html,
    methods_alike_layout,
)
from tests.report.rows import small_study, study, training

METHODS = ("darts1", "enas", "nao")


def ranked(by_source: Mapping[str, Sequence[float]], target: str = "glyphs") -> pl.DataFrame:
    """Means of `METHODS`, in order, by source; two searches each, half a point to either side."""
    return study(
        *(
            training(
                method,
                seed,
                mean + off,
                source=source,
                target=target,
                run=f"{source}-{target}-{method}-{seed}",
            )
            for source, means in by_source.items()
            for method, mean in zip(METHODS, means, strict=False)
            for seed, off in ((2, -0.5), (3, 0.5))
        )
    )


def test_w_by_hand() -> None:
    """Ranks 1 2 3, 1 2 3 and 1 3 2 sum to 3, 7, 8: S = 9 + 1 + 4 = 14 of 18 that are possible."""
    frame = ranked({"digits": (70, 71, 72), "cifar10": (60, 65, 66), "cifar100": (70, 75, 74)})
    table = methods_alike(frame)
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in ALIKE_COLUMNS.items()})
    (row,) = table.to_dicts()
    assert row["kendalls_w"] == pytest.approx(14 / 18)
    assert (row["n_sources"], row["n_methods"], row["note"]) == (3, 3, None)
    assert row["methods"] == "DARTS (1st order); ENAS; NAO" and row["sources"] == "cifar10; cifar100; digits"
    assert 0.1 < row["p_value"] < 0.3, "of 36 orders of two against the first, 6 to 9 are as alike"
    assert methods_alike(frame).equals(table), "same seed, same figures"


def test_each_target_has_its_row_and_sources_that_lack_a_method_are_left_out() -> None:
    means = {"digits": (70, 71, 72), "cifar10": (72, 71, 70), "cifar100": (70, 75)}
    here, there = methods_alike(pl.concat([ranked(means), ranked(means, target="mit67")])).to_dicts()
    assert (here["target"], there["target"]) == ("glyphs", "mit67")
    assert here["kendalls_w"] == pytest.approx(0.0), "opposite orders"
    assert (here["n_sources"], here["n_methods"]) == (2, 3)
    assert here["note"] == "left out, for not every method searched there: cifar100"


def test_too_few_say_so() -> None:
    (row,) = methods_alike(small_study()).to_dicts()
    assert (row["kendalls_w"], row["p_value"]) == (None, None)
    needs = "rankings to compare take 2 sources that 3 methods searched on"
    assert row["note"] == f"{needs}; there are 2 that all of 1 did"
    (row,) = methods_alike(ranked({"digits": (70, 71, 72)})).to_dicts()
    assert row["note"] == f"{needs}; there are 1 that all of 3 did"


def test_sources_without_an_order_say_so() -> None:
    (row,) = methods_alike(ranked({"digits": (70, 70, 70), "cifar10": (60, 60, 60)})).to_dicts()
    assert (row["kendalls_w"], row["note"]) == (None, "each judge scores all items alike")


def test_words() -> None:
    shown = methods_alike_layout(
        methods_alike(pl.concat([small_study(), ranked({"digits": (70, 71, 72)}, "mit67")]))
    )
    assert [line[:5] for line in shown.lines] == [
        ("glyphs (synthetic)", "none", "none [1]", "2", "1"),
        ("mit67", "none", "none [2]", "1", "3"),
    ]
    assert shown.below[1].startswith("[1] rankings to compare") and len(shown.below) == 3
    assert EMPTY in methods_alike_html(methods_alike(study()))
