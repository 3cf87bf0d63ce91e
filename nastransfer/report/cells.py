"""A genotype as a picture: both cells as graphs, operations told apart by colour, dash and label (plotly)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nastransfer.report.style import TEMPLATE
from nastransfer.space.genotype import CONCAT, INPUTS, Cell, Genotype

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
NAMES = ("k-2", "k-1", "0", "1", "2", "3")
OUTPUT = "out"
# Nodes stand left to right in the order of computation, above and below the middle in turn.
PLACES = np.array([(0.0, 1.0), (0.0, -1.0), (1.4, 0.55), (2.6, -0.55), (3.8, 0.55), (5.0, -0.55)])
OUTPUT_PLACE = np.array((6.3, 0.0))


def draw_genotype(genotype: Genotype, title: str = "") -> go.Figure:
    """Both cells, one above the other: k-2 and k-1 are the outputs of the two cells before, out joins nodes 0 to 3."""
    figure = make_subplots(rows=2, cols=1, subplot_titles=("normal cell", "reduction cell"), vertical_spacing=0.1)
    for row, cell in enumerate((genotype.normal, genotype.reduce), start=1):
        _draw_cell(figure, row, cell)
    figure.update_xaxes(visible=False, range=[-0.6, 6.9], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-1.75, 1.75], fixedrange=True)
    margin = {"l": 8, "r": 8, "t": 56 if title else 34, "b": 8}
    return figure.update_layout(template=TEMPLATE, title=title, height=560, showlegend=False, margin=margin)


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
    for node, place in zip(cell, PLACES[INPUTS:], strict=True):
        for op, source in node:
            label, colour, dash = LOOK[op]
            line = _arc(PLACES[source], place)
            figure.add_scatter(
                x=line[:, 0],
                y=line[:, 1],
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2.5},
                hovertext=f"{label} from {NAMES[source]}",
                hoverinfo="text",
                row=row,
                col=1,
            )
            middle = line[len(line) * 9 // 20]
            figure.add_annotation(
                x=middle[0],
                y=middle[1],
                text=label,
                showarrow=False,
                font={"size": 11, "color": colour},
                bgcolor="rgba(255,255,255,0.85)",
                borderpad=1,
                row=row,
                col=1,
            )
    for place in PLACES[INPUTS:]:
        figure.add_scatter(
            x=[place[0], OUTPUT_PLACE[0]],
            y=[place[1], OUTPUT_PLACE[1]],
            mode="lines",
            line={"color": "#bbbbbb", "width": 1},
            hoverinfo="skip",
            row=row,
            col=1,
        )
    places = np.vstack([PLACES, OUTPUT_PLACE])
    colours = ["#dddddd"] * INPUTS + ["#ffffff"] * len(CONCAT) + ["#dddddd"]
    figure.add_scatter(
        x=places[:, 0],
        y=places[:, 1],
        mode="markers+text",
        text=[*NAMES, OUTPUT],
        textfont={"size": 11, "color": "#222222"},
        marker={"size": 30, "color": colours, "line": {"color": "#444444", "width": 1.2}},
        hoverinfo="skip",
        row=row,
        col=1,
    )


def _arc(start: np.ndarray, end: np.ndarray, points: int = 41) -> np.ndarray:
    """A curve [points, 2] that bulges away from the middle the more, the more nodes it passes."""
    span = end[0] - start[0]
    outward = np.sign(start[1]) if abs(start[1]) == 1.0 else np.sign(end[1])
    bulge = 0.0 if span < 1.5 else 0.42 * (span - 1.2)
    middle = (start + end) / 2 + np.array((0.0, outward * bulge))
    share = np.linspace(0, 1, points)[:, None]
    return (1 - share) ** 2 * start + 2 * share * (1 - share) * middle + share**2 * end
