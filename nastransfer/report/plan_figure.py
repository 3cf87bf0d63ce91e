"""A study's plan as a picture: what is searched on, by which methods, and where what they find is trained.

A plan (`Study.plan_frame()`) has the columns id, kind, method, source, target, search_seed, augment_seed, protocol,
parents and feeds. The picture draws tasks of one kind together, so that it stays readable for thousands of them.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import KNOWN, RANK_AGREEMENT
from nastransfer.report.names import listed, method_name, set_name
from nastransfer.report.style import NEUTRAL, blank_figure, empty_figure, method_looks, translucent

NOTHING = "No plan yet: it is written when a study is started."
NOTE = (
    "Left to right: what is searched on, the methods, what their networks are trained on. Bands are as wide as the "
    "number of trainings. Numbers: searches on a source or by a method; trainings on a target, and of random or "
    "known networks, which need no search."
)

_ROW_PIXELS, _LEAST_PIXELS = 34, 320
_LINK_OPACITY = 0.35
_SOURCE, _METHOD, _TARGET = range(3)


@dataclass(frozen=True)
class Band:
    """Trainings of one kind: from a source (None: none was searched) by a method on a target, or on a source to rank.

    `plan` holds their rows.
    """

    source: str | None
    method: str
    target: str
    ranks: bool
    plan: pl.DataFrame

    @property
    def end(self) -> str:
        """What it ends at: the target, or the source that ranks."""
        return f"{self.target}, to rank" if self.ranks else self.target


def plan_figure(plan: pl.DataFrame) -> go.Figure:
    """The plan as bands from sources over methods to targets; an empty plan says so."""
    if plan.is_empty():
        return empty_figure(NOTHING)
    drawing = _Drawing(plan)
    figure = blank_figure(drawing.title, drawing.height, meta={"alt": drawing.words()})
    return figure.add_trace(drawing.trace())


def bands(plan: pl.DataFrame) -> list[Band]:
    """The trainings of a plan in groups, in the plan's order."""
    trained = plan.filter(kind="augment").with_columns(
        method=pl.col("method").fill_null("given"), ranks=pl.col("feeds").list.contains(RANK_AGREEMENT)
    )
    groups = trained.group_by("source", "method", "target", "ranks", maintain_order=True)
    return [
        Band(None if ranks else source, method, target, ranks, rows)
        for (source, method, target, ranks), rows in groups
    ]


def plan_in_words(plan: pl.DataFrame) -> str:
    """`3 proxies, 100 searches, 396 trainings`."""
    kinds = dict(plan.group_by("kind").len().iter_rows())
    names = {
        "proxy": ("proxy", "proxies"),
        "search": ("search", "searches"),
        "augment": ("training", "trainings"),
    }
    said = [_counted(kinds[kind], *words) for kind, words in names.items() if kind in kinds]
    return ", ".join(said)


class _Drawing:
    """Nodes and bands of a plan; nodes are keyed by their column and name."""

    def __init__(self, plan: pl.DataFrame) -> None:
        self.plan, self.bands = plan, bands(plan)
        self.proxies = set(plan.filter(kind="proxy")["source"])
        searches = plan.filter(kind="search")
        self.searches = {
            (source, method): rows.height for (source, method), rows in searches.group_by("source", "method")
        }
        methods = [*dict.fromkeys([*searches["method"], *(band.method for band in self.bands)])]
        looks = method_looks(methods)
        known = {band.method for band in self.bands if band.plan["feeds"].list.contains(KNOWN).all()}
        self.method_colours = {
            method: NEUTRAL if method in known else looks[method].colour for method in methods
        }
        order = [name for name in looks if name in self.method_colours]
        self.nodes: list[tuple[int, str]] = [
            *((_SOURCE, name) for name in dict.fromkeys(searches["source"])),
            *((_METHOD, name) for name in order),
            *((_TARGET, name) for name in dict.fromkeys(band.end for band in self.bands)),
        ]

    @property
    def title(self) -> str:
        return f"Plan: {plan_in_words(self.plan)}"

    @property
    def height(self) -> int:
        """Pixels: room for the labels of the fullest column."""
        columns = [column for column, _ in self.nodes]
        return max(_LEAST_PIXELS, 90 + _ROW_PIXELS * max(map(columns.count, set(columns)), default=0))

    def trace(self) -> go.Sankey:
        """Nodes and bands."""
        place = {node: number for number, node in enumerate(self.nodes)}
        links = list(self._links())
        return go.Sankey(
            textfont={"size": 11},  # three columns of names on a phone
            node={
                "label": [self._label(*node) for node in self.nodes],
                "color": [self.method_colours[n] if c == _METHOD else NEUTRAL for c, n in self.nodes],
                "pad": 16,
                "thickness": 12,
                "line": {"width": 0},
                "customdata": [self._node_words(*node) for node in self.nodes],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            link={
                "source": [place[start] for start, _, _, _ in links],
                "target": [place[end] for _, end, _, _ in links],
                "value": [rows.height for _, _, rows, _ in links],
                "color": [translucent(colour, _LINK_OPACITY) for _, _, _, colour in links],
                "customdata": [self._link_words(start, end, rows) for start, end, rows, _ in links],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
        )

    def words(self) -> str:
        """What the picture shows, for those who do not see it."""
        said = [
            f"{method_name(band.method)}{f' from {band.source}' if band.source else ''} on {band.end}: "
            f"{band.plan.height}"
            for band in self.bands
        ]
        return f"{self.title}. Trainings: {'; '.join(said)}."

    def _links(self) -> Iterator[tuple[tuple[int, str], tuple[int, str], pl.DataFrame, str]]:
        """Start, end, trainings and colour of each band."""
        colours = self.method_colours
        found: dict[tuple[tuple[int, str], tuple[int, str]], list[pl.DataFrame]] = {}
        for band in self.bands:
            method, target = (_METHOD, band.method), (_TARGET, band.end)
            if band.source is not None:
                found.setdefault(((_SOURCE, band.source), method), []).append(band.plan)
            found.setdefault((method, target), []).append(band.plan)
        for (start, end), plans in found.items():
            yield start, end, pl.concat(plans), colours[end[1] if end[0] == _METHOD else start[1]]

    def _label(self, column: int, name: str) -> str:
        searches, trainings = self._counts(column, name)
        return f"{html.escape(_shown(column, name))}: {searches or trainings:,}"

    def _node_words(self, column: int, name: str) -> str:
        searches, trainings = self._counts(column, name)
        said = [
            f"<b>{html.escape(_shown(column, name))}</b>",
            "a proxy, built once" if column == _SOURCE and name in self.proxies else "",
            _counted(searches, "search", "searches") if searches else "",
            _counted(trainings, "training", "trainings"),
        ]
        return "<br>".join(filter(None, said))

    def _counts(self, column: int, name: str) -> tuple[int, int]:
        """Searches on a source or by a method, and trainings that pass through a node."""
        if column == _TARGET:
            return 0, sum(band.plan.height for band in self.bands if band.end == name)
        searches = sum(number for pair, number in self.searches.items() if pair[column] == name)
        trained = [band for band in self.bands if (band.source, band.method)[column] == name]
        return searches, sum(band.plan.height for band in trained)

    def _link_words(self, start: tuple[int, str], end: tuple[int, str], rows: pl.DataFrame) -> str:
        names = " to ".join(html.escape(_shown(*node)) for node in (start, end))
        trained = _counted(rows.height, "training", "trainings")
        if start[0] == _SOURCE:
            searched = _counted(self.searches[start[1], end[1]], "search", "searches")
            return f"<b>{names}</b><br>{searched}, trained in {trained}"
        seeds = listed(rows["augment_seed"].unique().sort().to_list())
        protocols = html.escape(listed(rows["protocol"].unique().sort().to_list()))
        return f"<b>{names}</b><br>{trained}<br>augment seed {seeds}<br>{protocols}"


def _shown(column: int, name: str) -> str:
    return method_name(name) if column == _METHOD else set_name(name)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
