"""Published RI beside a study: only of its targets, in a table of its own, as printed."""

from __future__ import annotations

import polars as pl

from nastransfer.report.published_ri import (
    CAPTION,
    EMPTY,
    PUBLISHED_RI_COLUMNS,
    published_ri,
    published_ri_html,
    published_ri_layout,
    published_ri_text,
)
from nastransfer.study.published import published
from tests.report.rows import small_study, study, training


def beside(*targets: str) -> pl.DataFrame:
    rows = [training("darts1", seed, 70.0, target=target) for seed, target in enumerate(targets)]
    return published_ri(pl.concat([study(*rows), published()]))


def test_rows_are_those_printed_of_the_studys_targets() -> None:
    table = beside("imagenet1k", "cifar10")
    assert table.schema == pl.Schema({name: dtype for name, (dtype, _) in PUBLISHED_RI_COLUMNS.items()})
    assert table["target"].unique(maintain_order=True).to_list() == ["cifar10", "imagenet1k"]
    assert (
        table.height == 8 + published().filter(pl.col("ri_percent").is_not_null(), target="imagenet1k").height
    )
    darts = table.filter(method="darts2", source="cifar100", target="imagenet1k").row(0, named=True)
    assert (darts["ri_percent"], darts["paper"], darts["place"]) == (
        -18.71,
        "NASTransfer (AAAI 2021)",
        "table 2",
    )


def test_a_target_that_no_paper_has_and_sources_ranked_on_give_none() -> None:
    ranked = training("random", 0, 60.0, target="cifar10", source="cifar10", feeds="rank_agreement")
    table = published_ri(pl.concat([small_study(), study(ranked), published()]))
    assert table.is_empty() and EMPTY in published_ri_html(table) and published_ri_text(table) == ""
    assert published_ri(published()).is_empty() and published_ri(small_study()).is_empty()


def test_words() -> None:
    table = beside("cifar10")
    assert published_ri_layout(table).lines[0] == (
        "cifar10",
        "DARTS",
        "cifar10",
        "+0.32",
        "NAS-Benchmark (ICLR 2020), table 1",
    )
    lines = published_ri_text(table).splitlines()
    assert lines[0] == CAPTION and lines[2].split() == [
        "target",
        "method",
        "searched",
        "on",
        "RI,",
        "%",
        "printed",
        "in",
    ]
    assert len(lines) == 2 + 2 + 8 + 1 + 1
    assert published_ri_html(table).count("<tr>") == 1 + 8
