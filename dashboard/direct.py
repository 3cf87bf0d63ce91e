"""Direct search with proxies: Figure 2 of the paper, how well proxies rank genotypes, and what the proxies are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import plotly.graph_objects as go
import polars as pl

from nastransfer.data.manifest import Manifest
from nastransfer.report.descriptor_figure import descriptors_against_agreement
from nastransfer.report.every_table import laid_out, last_tables
from nastransfer.report.figures import FIGURES
from nastransfer.report.means_table import DIRECT, means, means_layout
from nastransfer.report.names import RANDOM
from nastransfer.report.source_table import described_sources, sources_table
from nastransfer.study.attempt import Attempt
from parts.picking import of_one_training, pick
from parts.reading import Reading, kept
from parts.showing import figure, heading, numbers_behind, refused_in_place, table

LEAD = (
    "A search may see the **target** itself or a small **proxy** of it. Which proxy finds networks better than random "
    "sampling does, and which orders networks as the target would?"
)


def main() -> None:
    """The page: direct search against random sampling, then rank agreement and the proxies' descriptors."""
    terms = ("direct", "proxy", "random sampling", "rank agreement", "interval", "published")
    heading("Direct search with proxies", LEAD, *terms)
    reading = of_one_training(pick())
    figure("direct-against-random", FIGURES["direct-against-random"].draw, reading)
    only = partial(means, routes=(DIRECT, RANDOM))
    title = "Direct search and random sampling"
    numbers_behind("direct-means", laid_out("direct-means", title, only, means_layout), reading)
    figure("rank-agreement", FIGURES["rank-agreement"].draw, reading)
    numbers_behind("rank-agreement-table", last_tables()["rank-agreement-table"], reading)
    with refused_in_place():
        _describe(reading)


def _describe(reading: Reading) -> None:
    """What the sources are, against their rank agreement and as a table."""
    described = kept(("described", *reading.key), lambda: described_sources(reading.own, _proxies(reading)))

    def draw(frame: pl.DataFrame) -> go.Figure:
        return descriptors_against_agreement(frame, described)

    figure("descriptors", draw, reading)
    table("descriptors-table", sources_table(described), reading)


def _proxies(reading: Reading) -> list[Manifest]:
    """The manifests that the study's proxies were recorded with; one that cannot be read is left out."""
    runs = reading.own.filter(kind="proxy", origin="own")["run"]
    found = [Attempt(Path(reading.records.folder.parent, run)).read_manifest() for run in runs]
    return [manifest for manifest in found if manifest is not None]


main()
