"""RI as a heat map: what each cell says, its colour, and how numbers in print are told apart."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl
import pytest

from nastransfer.report.baselines_table import POOLED
from nastransfer.report.ri_map_figure import NOTHING, SCALE, ri_map, squares
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training
from tests.report.seen import legend, titles
from tests.report.test_baselines_table import seeds_apart


def printed(method: str, source: str, ri: float, target: str = "glyphs") -> dict[str, Any]:
    about = {
        "study": "Paper",
        "kind": "augment",
        "origin": "published",
        "selection": "all",
        "feeds": "table 2",
    }
    return {
        **about,
        "run": f"p-{method}",
        "method": method,
        "source": source,
        "target": target,
        "ri_percent": ri,
    }


def words(figure: go.Figure) -> list[str]:
    return [text for trace in figure.select_traces({"mode": "text"}) for text in trace.text]


def test_a_cell_has_ri_interval_and_n() -> None:
    figure = ri_map(small_study())
    (heat,) = [trace for trace in figure.data if trace.type == "heatmap"]
    assert heat.z[0][0] == pytest.approx(100 * (72 / 70 - 1))
    assert heat.z[1][0] == pytest.approx(100 * (75 / 70 - 1))
    assert (heat.zmin, heat.zmax) == (-heat.z[1][0], heat.z[1][0])
    first = words(figure)[0]
    assert first.startswith("<b>+2.9</b><br>")
    assert first.endswith(", n = 2")
    assert (
        "DARTS (1st order) from digits on glyphs (synthetic); RI +2.86%, 95% interval"
        in figure.layout.meta["alt"]
    )


def test_the_scale_is_centred_on_nought_and_runs_from_orange_to_blue() -> None:
    places, colours = zip(*SCALE, strict=True)
    assert places[len(places) // 2] == 0.5
    low, middle, high = (colours[at].lstrip("#") for at in (0, 2, 4))
    red, blue = slice(0, 2), slice(4, 6)
    assert int(low[red], 16) > int(low[blue], 16)
    assert int(high[red], 16) < int(high[blue], 16)
    assert middle == "F7F7F7"


def test_published_cells_are_outlines_and_named_so() -> None:
    figure = ri_map(pl.concat([small_study(), study(printed("nao", "digits", -3.4))]))
    (box,) = figure.layout.shapes
    assert (box.line.dash, box.fillcolor) == ("dash", None)
    assert words(figure)[-1] == "publ. -3.4"
    assert legend(figure) == ["dashed, or publ.: published"]
    (heat,) = figure.select_traces({"type": "heatmap"})
    assert heat.z[2][0] is None
    assert figure.layout.yaxis.ticktext[2] == "NAO<br>digits"


def test_a_published_number_joins_the_own_cell_and_leaves_its_colour_alone() -> None:
    figure = ri_map(pl.concat([small_study(), study(printed("darts1", "digits", 9.0))]))
    assert not figure.layout.shapes
    assert words(figure)[0].endswith("publ. +9.0")
    (heat,) = figure.select_traces({"type": "heatmap"})
    assert heat.z[0][0] == pytest.approx(100 * (72 / 70 - 1))


def test_published_numbers_on_other_targets_show_only_where_the_study_has_no_ri() -> None:
    elsewhere = study(printed("nao", "cifar10", 1.0, target="cifar100"))
    assert {one.target for one in squares(pl.concat([small_study(), elsewhere]))} == {"glyphs (synthetic)"}
    assert [one.target for one in squares(elsewhere)] == ["cifar100"]


def test_the_baseline_changes_ri_and_a_flip_is_marked() -> None:
    frame = study(*seeds_apart())
    same, pooled = ri_map(frame), ri_map(frame, POOLED)
    assert words(same)[0].startswith("<b>-2.6</b> !")
    assert words(pooled)[0].startswith("<b>+4.8</b> !")
    assert "all random runs" in pooled.layout.title.text
    with pytest.raises(ValueError, match=r"is one of .* not 'best'"):
        ri_map(frame, "best")


@pytest.mark.parametrize("frame", [study(), study(training("darts1", 2, 60.0))])
def test_an_empty_map_says_what_it_takes(frame: pl.DataFrame) -> None:
    figure = ri_map(frame)
    assert not figure.data
    assert figure.layout.meta["alt"] == NOTHING


def test_several_sources_and_targets_have_a_panel_a_method() -> None:
    figure = ri_map(made_study())
    assert titles(figure) == ["<b>DARTS</b>", "<b>ENAS</b>", "<b>NAO</b>", "<b>NSGANet</b>"]
    assert len(words(figure)) == 52


def test_methods_with_one_source_each_share_a_panel() -> None:
    frame = made_study(
        methods=("darts2", "nao"), routes={"cifar100": ("cifar10",), "imagenet1k": ("cifar10",)}
    )
    figure = ri_map(frame)
    assert titles(figure) == ["<b>method and source</b>"]
    assert list(figure.layout.yaxis.ticktext) == ["DARTS<br>cifar10", "NAO<br>cifar10"]


def test_the_first_of_two_presets_has_the_published_number_beside_it() -> None:
    fast = [training("darts1", seed, 72.0 + seed, preset="fast", run=f"fast-{seed}") for seed in (2, 3)]
    frame = pl.concat([small_study(), study(*fast, printed("darts1", "digits", 9.0))])
    assert [(one.method, one.printed) for one in squares(frame) if one.source == "digits"] == [
        ("DARTS (1st order), fast", (9.0,)),
        ("DARTS (1st order), tiny", ()),
    ]
