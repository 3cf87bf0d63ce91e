"""The mixture of a supernet as a heat map: how much of each edge each operation has, and what the genotype keeps."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from nastransfer.report.style import TEMPLATE, empty_figure
from nastransfer.search.darts import derive
from nastransfer.space.genotype import CONCAT, EDGES, MIXTURE, Cell, Genotype, edge_index
from nastransfer.space.picture import CELL_TITLES, LOOKS, NODE_NAMES

EDGE_NAMES = [f"{NODE_NAMES[source]} → {NODE_NAMES[node]}" for node, source in EDGES]
OPERATION_NAMES = [LOOKS[op].label if op in LOOKS else op for op in MIXTURE]

_NOTHING = "No mixture was recorded: methods that mix all operations on an edge, such as DARTS, record one."
_ROW_HEIGHT, _ABOVE, _BELOW = 22, 104, 104
_WHITE_BELOW = 0.45
"""Viridis is dark enough for white figures up to here; above, black ones have more contrast."""


def final_mixture(history: pl.DataFrame | None) -> go.Figure:
    """The heat map of a search's last step and the genotype derived there; a sentence where the history has none."""
    if history is None or history.is_empty() or "mixture" not in history.columns:
        return empty_figure(_NOTHING)
    last = history.row(-1, named=True)
    if last["mixture"] is None:
        return empty_figure(_NOTHING)
    found = last.get("genotype")
    return mixture_heat_map(**last["mixture"], genotype=Genotype.parse(found) if found else None)


def mixture_heat_map(normal: ArrayLike, reduce: ArrayLike, genotype: Genotype | None = None) -> go.Figure:
    """The softmax shares [14, 8] of both cells, side by side: edges by operations, in percent of each edge.

    Rows are those of `EDGES`, columns of `MIXTURE`. What `genotype` keeps is outlined; without one, what DARTS keeps
    of these shares (`derive`). `ValueError` where a table has another shape or a row is no distribution.
    """
    tables = {"normal": _shares(normal, "normal"), "reduce": _shares(reduce, "reduce")}
    if genotype is None:
        # The softmax of logarithms of shares are the shares.
        tiny = np.finfo(np.float64).tiny
        first, second = (np.log(np.maximum(table, tiny)) for table in tables.values())
        genotype = derive(first, second)
    titles = [title for _, title in CELL_TITLES]
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.03)
    most = max(float(table.max()) for table in tables.values())
    for column, (kind, title) in enumerate(CELL_TITLES, start=1):
        _draw_table(figure, tables[kind], most, title, column)
        _draw_frames(figure, genotype.cell(kind), column)
    ticks = {"showgrid": False, "ticks": "", "fixedrange": True, "showline": False}
    columns = {"tickvals": list(range(len(MIXTURE))), "ticktext": OPERATION_NAMES, "autotickangles": [0, 90]}
    figure.update_xaxes(**ticks, **columns, range=[-0.5, len(MIXTURE) - 0.5])
    figure.update_yaxes(**ticks, range=[len(EDGES) - 0.5, -0.5])
    figure.update_yaxes(tickvals=list(range(len(EDGES))), ticktext=EDGE_NAMES, ticklabelstandoff=4, col=1)
    bar = {"orientation": "h", "thickness": 10, "len": 0.9, "outlinewidth": 0, "ticksuffix": "%"}
    where = {"yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5}
    figure.update_annotations(font_size=13)
    figure.update_layout(
        template=TEMPLATE,
        title="Mixture: percent of each edge<br><sub>outlined: kept in the genotype</sub>",
        height=len(EDGES) * _ROW_HEIGHT + _ABOVE + _BELOW,
        margin={"t": _ABOVE, "b": _BELOW},
        coloraxis={"colorscale": "Viridis", "cmin": 0, "cmax": 100 * most, "colorbar": {**bar, **where}},
    )
    return figure.update_layout(meta={"alt": describe_mixture(tables, genotype)})


def describe_mixture(tables: dict[str, NDArray[np.float64]], genotype: Genotype) -> str:
    """The heat map in words: the share of what is kept on each edge, and of no operation."""
    parts = []
    for kind, title in CELL_TITLES:
        kept = [
            f"{EDGE_NAMES[row]} {OPERATION_NAMES[op]} {tables[kind][row, op]:.0%}"
            for row, op in _kept(genotype.cell(kind))
        ]
        none = f"no operation has {tables[kind][:, MIXTURE.index('none')].mean():.0%} of an edge on average"
        parts.append(f"{title}, kept: {', '.join(kept)}; {none}")
    return "Shares of operations in the supernet's mixture. " + ". ".join(parts) + "."


def _shares(values: ArrayLike, kind: str) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    shape = (len(EDGES), len(MIXTURE))
    if table.shape != shape:
        raise ValueError(f"the mixture of the {kind} cell has the shape {shape}, got {table.shape}")
    wrong = ~((table >= 0).all(axis=1) & (np.abs(table.sum(axis=1) - 1) < 1e-3))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"the {kind} cell's shares on edge {EDGE_NAMES[row]} must be at least 0 and sum to 1, "
            f"got {table[row].tolist()}"
        )
    return table


def _kept(cell: Cell) -> list[tuple[int, int]]:
    """Row and column of what a cell keeps."""
    return [
        (edge_index(node, edge.source), MIXTURE.index(edge.op))
        for node, pair in zip(CONCAT, cell, strict=True)
        for edge in pair
    ]


def _draw_table(figure: go.Figure, table: NDArray[np.float64], most: float, title: str, column: int) -> None:
    place = {"row": 1, "col": column}
    figure.add_heatmap(
        z=100 * table,
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        customdata=[[f"{edge}, {operation}" for operation in OPERATION_NAMES] for edge in EDGE_NAMES],
        hovertemplate="%{customdata}: %{z:.1f}%<extra>" + title + "</extra>",
        **place,
    )
    # The heat map's own text has one grey for all light colours, too pale for the middle of the scale.
    rows, columns = np.indices(table.shape)
    figure.add_scatter(
        x=columns.ravel(),
        y=rows.ravel(),
        mode="text",
        text=[f"{100 * share:.0f}" for share in table.ravel()],
        textfont={
            "size": 10,
            "color": ["#ffffff" if share < _WHITE_BELOW * most else "#000000" for share in table.ravel()],
        },
        hoverinfo="skip",
        showlegend=False,
        **place,
    )


def _draw_frames(figure: go.Figure, cell: Cell, column: int) -> None:
    """White lines between the edges of one node and the next, and frames around what is kept."""
    place = {"row": 1, "col": column}
    for row in (edge_index(node, 0) for node in CONCAT[1:]):
        ends = {"x0": -0.5, "x1": len(MIXTURE) - 0.5, "y0": row - 0.5, "y1": row - 0.5}
        figure.add_shape(type="line", **ends, line={"color": "#ffffff", "width": 3}, **place)
    for row, operation in _kept(cell):
        box = {"x0": operation - 0.5, "x1": operation + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        # White within black shows on every colour of the scale.
        for colour, width in (("#000000", 4), ("#ffffff", 2)):
            figure.add_shape(type="rect", **box, line={"color": colour, "width": width}, **place)
