"""Figures of a study: frames in, plotly figures out. Every run is a dot; means come with their interval.

`FIGURES` has all that need nothing but a results frame. A dot's `customdata[0]` is its run, for clicks;
`layout.meta["alt"]` is the figure's text alternative. Frames may hold published rows: they are drawn hollow and named
as such. Learning curves, confusions of classes and cells are drawn of other things: `learning_figure`,
`confusion_figure`, `cells`.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from nastransfer.report import (
    components_figure,
    cost_figure,
    crosses,
    depth_figure,
    descriptor_figure,
    direct_figure,
    map_figure,
    panels,
    rank_map_figure,
    ri_map_figure,
    sources_figure,
    spread_figure,
)
from nastransfer.report.components_figure import components_of_variance
from nastransfer.report.cost_figure import search_cost
from nastransfer.report.crosses import transfer_versus_direct
from nastransfer.report.depth_figure import accuracy_by_cells
from nastransfer.report.descriptor_figure import descriptors_against_agreement
from nastransfer.report.direct_figure import direct_against_random
from nastransfer.report.map_figure import genotype_map
from nastransfer.report.page import Section, page
from nastransfer.report.panels import accuracy_by_method
from nastransfer.report.rank_map_figure import rank_agreement_map
from nastransfer.report.ri_map_figure import ri_map
from nastransfer.report.sources_figure import transfer_by_source
from nastransfer.report.spread_figure import spread_of_random


@dataclass(frozen=True)
class Entry:
    """A figure of the report: its title and the function that draws it from a results frame."""

    title: str
    draw: Callable[[pl.DataFrame], go.Figure]


FIGURES: dict[str, Entry] = {
    "accuracy-by-method": Entry(panels.TITLE, accuracy_by_method),
    "ri-map": Entry(ri_map_figure.TITLE, ri_map),
    "transfer-by-source": Entry(sources_figure.TITLE, transfer_by_source),
    "direct-against-random": Entry(direct_figure.TITLE, direct_against_random),
    "transfer-versus-direct": Entry(crosses.TITLE, transfer_versus_direct),
    "spread-of-random": Entry(spread_figure.TITLE, spread_of_random),
    "accuracy-by-cells": Entry(depth_figure.TITLE, accuracy_by_cells),
    "search-cost": Entry(cost_figure.TITLE, search_cost),
    "rank-agreement": Entry(rank_map_figure.TITLE, rank_agreement_map),
    "descriptors": Entry(descriptor_figure.TITLE, descriptors_against_agreement),
    "variance-components": Entry(components_figure.TITLE, components_of_variance),
    "genotype-map": Entry(map_figure.TITLE, genotype_map),
}


def standalone_html(figure: go.Figure) -> str:
    """A whole HTML page with plotly.js inside (5 MB): it opens anywhere, without a network."""
    title = (figure.layout.title.text or "NASTransfer").partition("<br>")[0]
    return page(html.unescape(title), [Section("", figure=figure)])
