"""A genotype as a plotly figure; in a notebook, a genotype by itself shows the same picture with no library."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nastransfer.report.style import TEMPLATE
from nastransfer.space.genotype import CONCAT, Cell, Genotype
from nastransfer.space.layout import HEIGHT, OUTPUT, RADIUS, WIDTH, Point, cell_layout
from nastransfer.space.picture import (
    CELL_TITLES,
    INK,
    INPUT,
    JOIN,
    LOOKS,
    NODE_NAMES,
    OUTLINE,
    PAPER,
    describe_genotype,
)

_TITLE_HEIGHT = 30


def draw_genotype(genotype: Genotype, title: str = "", columns: int = 1) -> go.Figure:
    """Both cells: k-2 and k-1 are the outputs of the two cells before, out joins nodes 0 to 3.

    One above the other they are readable from 400 pixels on; side by side (`columns=2`) from 800.
    """
    if columns not in (1, 2):
        raise ValueError(f"a genotype has two cells, drawn in 1 or 2 columns, not {columns!r}")
    rows = 2 // columns
    titles = [name for _, name in CELL_TITLES]
    top = (34 if title else 0) + _TITLE_HEIGHT
    plots = rows * HEIGHT + (rows - 1) * _TITLE_HEIGHT
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=titles,
        vertical_spacing=_TITLE_HEIGHT / plots if rows == 2 else 0,
        horizontal_spacing=0.02,
    )
    for place, (kind, _) in enumerate(CELL_TITLES):
        _draw_cell(figure, genotype.cell(kind), {"row": place // columns + 1, "col": place % columns + 1})
    figure.update_xaxes(visible=False, fixedrange=True, range=[0, WIDTH])
    figure.update_yaxes(visible=False, fixedrange=True, range=[0, HEIGHT])
    margin = {"l": 8, "r": 8, "t": top, "b": 8}
    figure.update_layout(
        template=TEMPLATE, title=title, height=plots + top + 8, showlegend=False, margin=margin
    )
    return figure.update_layout(meta={"alt": describe_genotype(genotype)})


def _draw_cell(figure: go.Figure, cell: Cell, place: dict[str, int]) -> None:
    layout = cell_layout(cell)
    points = layout.nodes
    for node in CONCAT:
        _line(figure, place, points[node], points[OUTPUT], {"color": JOIN, "width": 1.2})
    edges = [(edge.op, edge.source, node) for node, pair in zip(CONCAT, cell, strict=True) for edge in pair]
    for (op, source, node), label in zip(edges, layout.labels, strict=True):
        look = LOOKS[op]
        dash = ",".join(f"{length}px" for length in look.dash) or "solid"
        line = {"color": look.colour, "dash": dash, "width": 3}
        _line(figure, place, points[source], points[node], line)
        figure.add_annotation(
            x=label[0],
            y=label[1],
            text=look.label,
            showarrow=False,
            font={"size": 11, "color": look.text},
            bgcolor=look.colour,
            bordercolor=PAPER,
            borderpad=1,
            **place,
        )
    figure.add_scatter(
        x=[x for x, _ in points.values()],
        y=[y for _, y in points.values()],
        mode="markers+text",
        text=[NODE_NAMES[node] for node in points],
        textfont={"size": 11, "color": INK},
        marker={
            "size": 2 * RADIUS,
            "color": [PAPER if node in CONCAT else INPUT for node in points],
            "line": {"color": OUTLINE, "width": 1.2},
            "opacity": 1,
        },
        hoverinfo="skip",
        **place,
    )


def _line(
    figure: go.Figure, place: dict[str, int], start: Point, end: Point, line: dict[str, object]
) -> None:
    shape = {"x": [start[0], end[0]], "y": [start[1], end[1]], "mode": "lines", "line": line}
    figure.add_scatter(**shape, hoverinfo="skip", **place)
