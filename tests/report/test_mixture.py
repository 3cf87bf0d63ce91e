"""The heat map of a supernet's mixture: shares where they belong, what is kept outlined, honest when there is none."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from nastransfer.report.mixture import EDGE_NAMES, OPERATION_NAMES, final_mixture, mixture_heat_map
from nastransfer.search.darts import derive, softmax
from nastransfer.space.genotype import EDGES, MIXTURE, Genotype, edge_index

ALPHAS = [np.random.default_rng(seed).normal(size=(14, 8)) for seed in (0, 1)]
NORMAL, REDUCE = map(softmax, ALPHAS)


def maps(figure: go.Figure) -> list[go.Heatmap]:
    return [trace for trace in figure.data if trace.type == "heatmap"]


def outlined(figure: go.Figure, axis: str) -> set[tuple[int, int]]:
    """Row and column of every frame in the plot of that x axis."""
    return {
        (int(shape.y0 + 0.5), int(shape.x0 + 0.5))
        for shape in figure.layout.shapes
        if shape.type == "rect" and shape.xref == axis
    }


def test_rows_are_edges_and_columns_operations() -> None:
    figure = mixture_heat_map(NORMAL, REDUCE)
    for trace, table in zip(maps(figure), (NORMAL, REDUCE), strict=True):
        assert np.allclose(trace.z, 100 * table)
    assert list(figure.layout.xaxis.ticktext) == list(figure.layout.xaxis2.ticktext) == OPERATION_NAMES
    assert list(figure.layout.yaxis.ticktext) == EDGE_NAMES
    assert EDGE_NAMES[:3] == ["k-2 → 0", "k-1 → 0", "k-2 → 1"] and EDGE_NAMES[-1] == "2 → 3"
    assert OPERATION_NAMES[0] == "max 3×3" and OPERATION_NAMES[-1] == "none"
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1], "the first edge is at the top"


def test_every_share_is_written_in_a_colour_that_shows() -> None:
    figure = mixture_heat_map(NORMAL, REDUCE)
    texts = [trace for trace in figure.data if trace.type == "scatter"]
    most = max(NORMAL.max(), REDUCE.max())
    for trace, table in zip(texts, (NORMAL, REDUCE), strict=True):
        assert len(trace.text) == table.size
        for x, y, text, colour in zip(trace.x, trace.y, trace.text, trace.textfont.color, strict=True):
            assert int(text) == round(100 * table[y, x])
            assert (colour == "#ffffff") == (table[y, x] / most < 0.45)


def test_what_the_genotype_keeps_is_outlined() -> None:
    figure = mixture_heat_map(NORMAL, REDUCE)
    genotype = derive(*ALPHAS)
    for axis, cell in (("x", genotype.normal), ("x2", genotype.reduce)):
        kept = {
            (edge_index(node, edge.source), MIXTURE.index(edge.op))
            for node, pair in enumerate(cell, start=2)
            for edge in pair
        }
        assert outlined(figure, axis) == kept
    other = Genotype.random(np.random.default_rng(5))
    assert outlined(mixture_heat_map(NORMAL, REDUCE, other), "x") != outlined(figure, "x")


def test_the_heat_map_in_words() -> None:
    table = np.full((len(EDGES), len(MIXTURE)), 0.05)
    table[:, 2] = 0.65
    words = mixture_heat_map(table, table).layout.meta["alt"]
    assert "normal cell, kept: k-2 → 0 skip 65%, k-1 → 0 skip 65%," in words
    assert "no operation has 5% of an edge on average" in words


def test_the_last_step_of_a_history_is_shown() -> None:
    genotype = Genotype.random(np.random.default_rng(5))
    first, last = NORMAL.tolist(), REDUCE.tolist()
    rows = [
        {"step": 0, "genotype": str(derive(*ALPHAS)), "mixture": {"normal": last, "reduce": first}},
        {"step": 9, "genotype": str(genotype), "mixture": {"normal": first, "reduce": last}},
    ]
    figure = final_mixture(pl.DataFrame(rows))
    assert np.allclose(maps(figure)[0].z, 100 * NORMAL)
    assert outlined(figure, "x2") == outlined(mixture_heat_map(NORMAL, REDUCE, genotype), "x2")


@pytest.mark.parametrize(
    "history",
    [None, pl.DataFrame(), pl.DataFrame({"step": [1]}), pl.DataFrame({"step": [1], "mixture": [None]})],
)
def test_a_history_without_a_mixture_gives_a_sentence(history: pl.DataFrame | None) -> None:
    figure = final_mixture(history)
    assert not figure.data
    assert figure.layout.meta["alt"].startswith("No mixture was recorded")


def test_what_is_no_mixture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"of the reduce cell has the shape \(14, 8\), got \(8, 14\)"):
        mixture_heat_map(NORMAL, REDUCE.T)
    for value in (np.nan, -0.5, 0.9):
        broken = NORMAL.copy()
        broken[3, 0] = value
        with pytest.raises(
            ValueError, match="the normal cell's shares on edge k-1 → 1 must be at least 0 and sum to 1"
        ):
            mixture_heat_map(broken, REDUCE)
