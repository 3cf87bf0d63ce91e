"""The paper's claims against its own tables: by arithmetic on printed numbers."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from nastransfer.report.audit.derived import implied_random_top1
from nastransfer.report.claims.audit import (
    AUDIT_COLUMNS,
    CANNOT_BE_TOLD,
    CONSISTENT,
    CONTRADICTED,
    NOT_PRINTED,
    claims_audit,
    claims_audit_html,
)
from nastransfer.report.claims.table import all_claims
from nastransfer.study.published import published


def audited(claim: str, **margin: float) -> dict[str, Any]:
    (row,) = claims_audit(**margin).filter(claim=claim).to_dicts()
    return row


def test_a_row_a_claim() -> None:
    table = claims_audit()
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in AUDIT_COLUMNS.items()})
    assert table["claim"].to_list() == [claim.id for claim in all_claims()]
    assert (
        table.filter(verdict=NOT_PRINTED)["comparisons"].to_list()
        == [0] * table.filter(verdict=NOT_PRINTED).height
    )
    assert all(table["says"].str.len_chars() > 0)
    assert claims_audit_html(table).count("<tr>") == table.height + 1


def test_depth_by_table_4() -> None:
    """Of 8 arms at 20, 40 and 60 cells 11 of 16 steps fall."""
    rows = published().filter(feeds="table 4").sort("cells")
    steps = rows.select(pl.col("top1_last").diff().over("method", "source").drop_nulls() < 0)["top1_last"]
    row = audited("depth_does_not_help")
    assert (row["verdict"], row["for_it"], row["comparisons"]) == (CONSISTENT, int(steps.sum()), steps.len())
    assert "NAO, imagenet1k p1 on imagenet1k: 40 to 60 cells: -22.1%" in row["says"]


def test_protocol_against_proxy_and_method_by_table_4() -> None:
    """Means of 7 arms and of 3 depths, random sampling apart: the depths' vary more."""
    rows = (
        published()
        .filter(pl.col("method") != "random", feeds="table 4")
        .with_columns(pl.col("top1_last").log())
    )
    spread = [
        rows.group_by(*key).agg(pl.col("top1_last").mean())["top1_last"].var()
        for key in (("method", "source"), ("cells",))
    ]
    row = audited("proxy_over_protocol")
    assert (row["verdict"], row["tables"]) == (CONTRADICTED, ["Table 4"])
    assert "over 20, 40 and 60 cells" in row["says"]
    difference = spread[0] - spread[1]
    assert difference < 0 and f"{-100 * (-difference) ** 0.5:+.1f}%" in row["says"]


def test_cifar10_beats_the_proxies_of_imagenet22k_in_table_2() -> None:
    """ENAS 6.16 against 1.62, DARTS 3.06 against 2.03, NAO 6.44 against 5.44."""
    row = audited("other_set_beats_proxies")
    assert (row["verdict"], row["tables"], row["for_it"], row["comparisons"]) == (
        CONSISTENT,
        ["Table 2"],
        3,
        3,
    )
    assert f"{100 * (1.0616 / 1.0162 - 1):+.1f}%" in row["says"]


def test_ranks_hold_on_the_one_proxy_that_is_printed() -> None:
    row = audited("ranks")
    assert (row["verdict"], row["for_it"], row["comparisons"]) == (CONSISTENT, 4, 4)
    assert row["tables"] == ["Table 3 (augment seed 2)", "Table 3 (augment seed 3)"]


def test_the_mean_falls_by_what_table_2_implies() -> None:
    row = audited("mean_falls")
    small, large = implied_random_top1("imagenet1k")[0], implied_random_top1("imagenet22k")[0]
    assert row["verdict"] == CONSISTENT and f"{100 * (small / large - 1):+.1f}%" in row["says"]


def test_random_is_strong_where_the_average_arm_is_below_it() -> None:
    """In Table 3 the average of 7 arms is below the random sampling printed beside them; Table 2's needs a margin."""
    row = audited("random_is_strong")
    assert (row["verdict"], row["against_it"]) == (CONSISTENT, 0)
    assert "Table 3" in row["says"] and "Table 2" not in row["says"]


def test_likeness_cannot_be_told_without_a_spread_and_is_with_a_margin() -> None:
    assert audited("other_domains")["verdict"] == CANNOT_BE_TOLD
    assert "no spread is printed" in audited("other_domains")["says"]
    assert audited("other_domains", margin_percent=3.0)["verdict"] == CONTRADICTED
    assert audited("other_domains", margin_percent=99.0)["verdict"] == CONSISTENT


@pytest.mark.parametrize(
    "claim", ["whole_classes_alike", "cut_classes_worse", "darts_falls", "tricks_help_small_sets"]
)
def test_what_is_in_figures_and_supplement_only_is_not_printed(claim: str) -> None:
    assert audited(claim)["verdict"] == NOT_PRINTED
