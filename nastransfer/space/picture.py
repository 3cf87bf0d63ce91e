"""How operations look in every picture, and a genotype as HTML: both cells as SVG (no torch, no plotly)."""

from __future__ import annotations

import base64
import html
import math
from typing import NamedTuple

from nastransfer.space.cost import macs, parameters
from nastransfer.space.genotype import CONCAT, Cell, Genotype
from nastransfer.space.layout import HEIGHT, OUTPUT, RADIUS, WIDTH, Point, cell_layout


class Look(NamedTuple):
    """Label, colour and dash (lengths of stroke and gap, pixels; none: a solid line) of an operation.

    `text` is the colour, black or white, that reads better on a plate of `colour`.
    """

    label: str
    colour: str
    dash: tuple[int, ...] = ()
    text: str = "#000000"


LOOKS = {
    "max_pool_3x3": Look("max 3×3", "#D55E00", (2, 3)),
    "avg_pool_3x3": Look("avg 3×3", "#E69F00", (2, 3)),
    "skip_connect": Look("skip", "#999999", (7, 4)),
    "sep_conv_3x3": Look("sep 3×3", "#56B4E9"),
    "sep_conv_5x5": Look("sep 5×5", "#0072B2", text="#ffffff"),
    "dil_conv_3x3": Look("dil 3×3", "#009E73", (9, 3, 2, 3)),
    "dil_conv_5x5": Look("dil 5×5", "#CC79A7", (9, 3, 2, 3)),
}
"""Colours are Okabe and Ito's (2008), safe for colour-blind readers; dashes tell pools, skips, convolutions apart."""

NODE_NAMES = ("k-2", "k-1", "0", "1", "2", "3", "out")
"""By node id: k-2 and k-1 are the outputs of the two cells before, out joins the nodes 0 to 3."""

CELL_TITLES = (("normal", "normal cell"), ("reduce", "reduction cell"))

CLASSES, CHANNELS, CELLS, RESOLUTION = 10, 36, 20, 32
"""The standard network that sizes are stated for: that of the DARTS paper on CIFAR-10."""

INK, PAPER, INPUT, JOIN, OUTLINE = "#000000", "#ffffff", "#dddddd", "#999999", "#666666"
"""Text and fill of nodes, fill of inputs and output, lines to the output, and the outlines of nodes.

The text is not of the colour that figures have on the page, which dark pages turn light.
"""
_FONT = "Arial,'Helvetica Neue',Helvetica,'Liberation Sans',sans-serif"
_LETTER, _PADDING = 6.0, 6


def genotype_html(genotype: Genotype) -> str:
    """Both cells side by side, below each other where there is no room, and a line of figures beneath.

    The fragment needs no script, style sheet or network. Its colours hold on light and dark pages and in print. The
    cells are images in data URLs: JupyterLab takes inline SVG out of notebooks that it did not run itself, such as the
    runner's records.
    """
    cells = "".join(_figure(genotype.cell(kind), title) for kind, title in CELL_TITLES)
    return (
        '<div style="max-width:1064px"><div style="display:flex;flex-wrap:wrap;gap:8px 24px">'
        f'{cells}</div><p style="font-size:13px;margin:6px 0 0;overflow-wrap:anywhere">'
        f"{html.escape(summary(genotype))}</p></div>"
    )


def _figure(cell: Cell, title: str) -> str:
    picture = base64.b64encode(cell_svg(cell).encode()).decode()
    return (
        f'<figure style="flex:1 1 300px;min-width:0;max-width:520px;margin:0">'
        f'<figcaption style="font-size:13px;font-weight:600">{title}</figcaption>'
        f'<img src="data:image/svg+xml;base64,{picture}" alt="{html.escape(describe_cell(cell, title))}" '
        'style="display:block;width:100%"/></figure>'
    )


def summary(genotype: Genotype) -> str:
    """Digest, size and work of the standard network, and share of skips, in a line."""
    size = parameters(genotype, CLASSES, CHANNELS, CELLS)
    work = macs(genotype, CLASSES, CHANNELS, CELLS, resolution=RESOLUTION)
    skips = sum(edge.op == "skip_connect" for edge in genotype.edges())
    return (
        f"Genotype {genotype.digest}: {size / 1e6:.2f} M parameters, {work / 1e6:.0f} M multiply-adds (standard "
        f"network: C={CHANNELS}, {CELLS} cells, {CLASSES} classes, {RESOLUTION} px); "
        f"{skips} of {len(genotype.edges())} operations are skips ({genotype.skip_share:.0%})."
    )


def describe_cell(cell: Cell, title: str) -> str:
    """The picture of a cell in words, for readers that cannot see it."""
    nodes = [
        f"node {NODE_NAMES[node]} adds "
        + " and ".join(f"{LOOKS[op].label} of {NODE_NAMES[source]}" for op, source in pair)
        for node, pair in zip(CONCAT, cell, strict=True)
    ]
    return f"{title}: {'; '.join(nodes)}"


def describe_genotype(genotype: Genotype) -> str:
    """Both cells in words."""
    return ". ".join(describe_cell(genotype.cell(kind), title) for kind, title in CELL_TITLES) + "."


def cell_svg(cell: Cell) -> str:
    """A cell as an SVG document, as high as its nodes need."""
    places = cell_layout(cell)
    nodes = {node: _flip(point) for node, point in places.nodes.items()}
    kept = [(edge.op, edge.source, node) for node, pair in zip(CONCAT, cell, strict=True) for edge in pair]
    parts = [_line(nodes[node], nodes[OUTPUT], JOIN, 1.2) for node in CONCAT]
    parts += [_edge(op, nodes[source], nodes[node]) for op, source, node in kept]
    parts += [_label(op, _flip(point)) for (op, _, _), point in zip(kept, places.labels, strict=True)]
    parts += [_node(node, point) for node, point in nodes.items()]
    top, bottom = min(y for _, y in nodes.values()), max(y for _, y in nodes.values())
    height = bottom - top + 2 * RADIUS + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 {top - RADIUS - 2:g} {WIDTH} {height:g}" font-family="{_FONT}" font-size="11">'
        f"{''.join(parts)}</svg>"
    )


def _flip(point: Point) -> Point:
    """SVG counts y downwards."""
    return (round(point[0], 1), round(HEIGHT - point[1], 1))


def _line(start: Point, end: Point, colour: str, width: float, dash: tuple[int, ...] = ()) -> str:
    dashes = f' stroke-dasharray="{",".join(map(str, dash))}"' if dash else ""
    return (
        f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" stroke="{colour}" '
        f'stroke-width="{width}"{dashes}/>'
    )


def _edge(op: str, start: Point, end: Point) -> str:
    """A heavy line with a head."""
    look = LOOKS[op]
    length = math.dist(start, end)
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)

    def back(distance: float, aside: float = 0.0) -> Point:
        """The point that far before the middle of the node, and that far beside the line."""
        x = end[0] - along[0] * distance - along[1] * aside
        return (round(x, 1), round(end[1] - along[1] * distance + along[0] * aside, 1))

    head = " ".join(f"{x:g},{y:g}" for x, y in (back(RADIUS), back(RADIUS + 8, 4.5), back(RADIUS + 8, -4.5)))
    return (
        f"{_line(start, back(RADIUS + 6), look.colour, 3, look.dash)}"
        f'<polygon points="{head}" fill="{look.colour}"/>'
    )


def _label(op: str, middle: Point) -> str:
    """The operation's name on a plate of its colour: readable whatever lies behind."""
    look = LOOKS[op]
    width = _LETTER * len(look.label) + _PADDING
    return (
        f'<rect x="{middle[0] - width / 2:g}" y="{middle[1] - 7.5:g}" width="{width:g}" height="15" rx="3" '
        f'fill="{look.colour}" stroke="{PAPER}"/>{_text(middle, look.label, look.text)}'
    )


def _node(node: int, point: Point) -> str:
    fill = PAPER if node in CONCAT else INPUT
    return (
        f'<circle cx="{point[0]:g}" cy="{point[1]:g}" r="{RADIUS}" fill="{fill}" stroke="{OUTLINE}" '
        f'stroke-width="1.2"/>{_text(point, NODE_NAMES[node], INK)}'
    )


def _text(middle: Point, text: str, colour: str) -> str:
    return (
        f'<text x="{middle[0]:g}" y="{middle[1] + 3.8:g}" text-anchor="middle" fill="{colour}">{text}</text>'
    )
