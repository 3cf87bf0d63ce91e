"""A genotype as a picture: both cells as graphs, operations told apart by colour, dash and label (plotly)."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nastransfer.report.style import TEMPLATE
from nastransfer.space.genotype import CONCAT, Cell, Genotype
from nastransfer.space.layout import OUTPUT, Point, cell_layout

# operation -> label, colour (Okabe and Ito's, safe for colour-blind readers), dash
LOOK = {
    "max_pool_3x3": ("max 3×3", "#D55E00", "dot"),
    "avg_pool_3x3": ("avg 3×3", "#E69F00", "dot"),
    "skip_connect": ("skip", "#777777", "dash"),
    "sep_conv_3x3": ("sep 3×3", "#56B4E9", "solid"),
    "sep_conv_5x5": ("sep 5×5", "#0072B2", "solid"),
    "dil_conv_3x3": ("dil 3×3", "#009E73", "dashdot"),
    "dil_conv_5x5": ("dil 5×5", "#CC79A7", "dashdot"),
}
NAMES = ("k-2", "k-1", "0", "1", "2", "3", "out")


def draw_genotype(genotype: Genotype, title: str = "") -> go.Figure:
    """Both cells, one above the other: k-2 and k-1 are the outputs of the two cells before, out joins nodes 0 to 3."""
    figure = make_subplots(
        rows=2, cols=1, subplot_titles=("normal cell", "reduction cell"), vertical_spacing=0.1
    )
    for row, cell in enumerate((genotype.normal, genotype.reduce), start=1):
        _draw_cell(figure, row, cell)
    figure.update_xaxes(visible=False, fixedrange=True).update_yaxes(visible=False, fixedrange=True)
    margin = {"l": 8, "r": 8, "t": 64 if title else 34, "b": 8}
    figure.update_layout(template=TEMPLATE, title=title, height=560, showlegend=False, margin=margin)
    return figure.update_layout(meta={"alt": describe_genotype(genotype)})


def describe_genotype(genotype: Genotype) -> str:
    """The picture in words, for readers that cannot see it."""
    cells = []
    for name, cell in (("normal cell", genotype.normal), ("reduction cell", genotype.reduce)):
        nodes = [
            f"node {number} adds " + " and ".join(f"{LOOK[op][0]} of {NAMES[source]}" for op, source in node)
            for number, node in enumerate(cell)
        ]
        cells.append(f"{name}: {'; '.join(nodes)}")
    return ". ".join(cells) + "."


def _draw_cell(figure: go.Figure, row: int, cell: Cell) -> None:
    places = cell_layout(cell)
    for node in CONCAT:
        _line(figure, row, places[node], places[OUTPUT], {"color": "#bbbbbb", "width": 1})
    for node, pair in zip(CONCAT, cell, strict=True):
        for op, source in pair:
            label, colour, dash = LOOK[op]
            start, end = places[source], places[node]
            _line(figure, row, start, end, {"color": colour, "dash": dash, "width": 2.5})
            figure.add_annotation(
                x=(start[0] + end[0]) / 2,
                y=(start[1] + end[1]) / 2,
                text=label,
                showarrow=False,
                font={"size": 11, "color": colour},
                bgcolor="rgba(255,255,255,0.9)",
                borderpad=1,
                row=row,
                col=1,
            )
    nodes = sorted(places)
    figure.add_scatter(
        x=[places[node][0] for node in nodes],
        y=[places[node][1] for node in nodes],
        mode="markers+text",
        text=[NAMES[node] for node in nodes],
        textfont={"size": 11, "color": "#222222"},
        marker={
            "size": 28,
            "color": ["#ffffff" if node in CONCAT else "#dddddd" for node in nodes],
            "line": {"color": "#444444", "width": 1.2},
            "opacity": 1,
        },
        hoverinfo="skip",
        row=row,
        col=1,
    )
    heights = [y for _, y in places.values()]
    figure.update_xaxes(range=[-0.35, places[OUTPUT][0] + 0.35], row=row, col=1)
    figure.update_yaxes(range=[min(heights) - 0.5, max(heights) + 0.5], row=row, col=1)


def _line(figure: go.Figure, row: int, start: Point, end: Point, line: dict[str, object]) -> None:
    shape = {"x": [start[0], end[0]], "y": [start[1], end[1]], "mode": "lines", "line": line}
    figure.add_scatter(**shape, hoverinfo="skip", row=row, col=1)
