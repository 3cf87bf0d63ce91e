"""What a dot says when it is pointed at."""

from __future__ import annotations

import polars as pl

from nastransfer.report.marks import with_hover
from tests.report.made_study import made_study


def test_hovering_says_accuracy_method_seeds_run_and_of_few_runs_the_genotype() -> None:
    frame = made_study(searches=1, genotypes=2).filter(kind="augment").head(5)
    row = frame.row(0, named=True)
    said = with_hover(frame)["hover"][0].split("<br>")
    assert said[0] == f"<b>{row['top1_last']:.2f}%</b> random sampling"
    assert said[1] == f"search seed {row['search_seed']}, augment seed {row['augment_seed']}"
    assert "".join(said[2:]).replace(" ", "").startswith(row["run"].replace(" ", ""))
    assert "Genotype(" in "".join(said)
    many = with_hover(pl.concat([frame] * 201))["hover"]
    assert len(many) == 1_005
    assert not many.str.contains("Genotype").any() and many.str.contains("search seed").all()
