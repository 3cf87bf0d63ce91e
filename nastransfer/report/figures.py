"""Figures of a study: frames in, plotly figures out. Every run is a dot; means come with their interval.

A dot's `customdata[0]` is its run, for clicks; `layout.meta["alt"]` is the figure's text alternative. Frames may hold
published rows: they are drawn hollow and named as such.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from nastransfer.report.arms import arms, baselines, published_accuracies
from nastransfer.report.crosses import crossings, draw_crossing
from nastransfer.report.marks import key
from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.panels import draw_panel, panel_rows
from nastransfer.report.style import NEUTRAL, TEMPLATE, empty_figure, method_colours, translucent
from nastransfer.stats.sample import Sample

ACCURACY = "Accuracy by method and source"
TRANSFER = "Transfer against direct search, top-1"
NOTHING_TRAINED = (
    "No finished training yet: the first dot appears when a network has been trained on a target."
)
NOTHING_PAIRED = (
    "Nothing to compare yet: one method needs finished trainings both from another data set (transfer) and from the "
    "target itself or a proxy of it (direct)."
)

_ROW_PIXELS = 62
_BETWEEN_PANELS = 96
_LEGEND_LINE = 20
_SVG = {"format": "svg", "filename": "nastransfer"}


def accuracy_by_method(frame: pl.DataFrame) -> go.Figure:
    """Top-1 accuracy of every finished training: a panel for each target, in it a row for each method and source.

    The band across a panel is the 95% interval of random sampling's mean. `ValueError` as `arms.trainings` says.
    """
    own, printed = [*arms(frame), *baselines(frame)], published_accuracies(frame)
    targets = sorted({arm.target for arm in own} | set(printed["target"]))
    if not targets:
        return empty_figure(NOTHING_TRAINED, ACCURACY)
    panels = [panel_rows(target, own, printed) for target in targets]
    colours = method_colours([*(arm.method for arm in own), *printed["method"]])
    keys = [key(method_name(method), color=colour) for method, colour in colours.items()]
    if own:
        keys.append(key("mean and 95% interval", symbol="diamond"))
    if any(arm.method == RANDOM for arm in own):
        keys.append(
            key("interval of random's mean", symbol="square", size=14, color=translucent(NEUTRAL, 0.3))
        )
    if not printed.is_empty():
        keys.append(key("published", symbol="square-open"))
    figure = _stacked(targets, [_ROW_PIXELS * len(rows) + 20 for rows in panels], keys)
    for place, rows in enumerate(panels, 1):
        draw_panel(figure, place, rows, colours)
    figure.update_xaxes(title_text="top-1 accuracy, %")
    return _titled(figure, ACCURACY, alt_text("accuracy_by_method", frame))


def transfer_versus_direct(frame: pl.DataFrame) -> go.Figure:
    """Top-1 on a target of what was found elsewhere, against what was found on the target itself or a proxy of it.

    A panel for each target and pair of sources. A method is a diamond at both of its means; its transfer runs (filled)
    stand above and below, its direct runs (hollow) to the left and right; random sampling lies on the diagonal.
    `ValueError` as `arms.trainings` says.
    """
    found = crossings(frame)
    if not found:
        return empty_figure(NOTHING_PAIRED, TRANSFER)
    own = any(crossing.pairs for crossing in found)
    colours = method_colours([method for crossing in found for method in crossing.methods])
    keys = [key(method_name(method), color=colour) for method, colour in colours.items() if method != RANDOM]
    if own:
        keys += [key("transfer run", size=8), key("direct run", size=8, symbol="circle-open")]
        keys.append(key("means, 95% intervals", symbol="diamond"))
    if any(crossing.random for crossing in found):
        keys.append(key("random sampling", symbol="x-thin", line={"width": 1.5, "color": NEUTRAL}))
    if any(not crossing.printed.is_empty() for crossing in found):
        keys.append(key("published", symbol="square-open"))
    figure = _stacked([crossing.target for crossing in found], [340] * len(found), keys)
    for place, crossing in enumerate(found, 1):
        draw_crossing(figure, place, crossing, colours)
    return _titled(figure, TRANSFER, alt_text("transfer_versus_direct", frame))


def alt_text(figure_kind: str, frame: pl.DataFrame) -> str:
    """What a figure shows, in words and numbers, for those who cannot see it. Kinds: the names of the functions."""
    if figure_kind not in _ALTERNATIVES:
        raise ValueError(f"no figure is called {figure_kind!r}; known are {list(_ALTERNATIVES)}")
    return _ALTERNATIVES[figure_kind](frame)


def standalone_html(figure: go.Figure) -> str:
    """A whole HTML page with plotly.js inside (5 MB): it opens anywhere, without a network."""
    title = html.escape(figure.layout.title.text or "NASTransfer")
    alternative = html.escape((figure.layout.meta or {}).get("alt", ""))
    config = {"responsive": True, "displaylogo": False, "toImageButtonOptions": _SVG}
    drawn = figure.to_html(full_html=False, include_plotlyjs=True, config=config, default_width="100%")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>body{{margin:0;font-family:sans-serif}}"
        "main{max-width:960px;margin:auto;padding:8px}p{font-size:14px;padding:0 12px}</style></head>"
        f'<body><main><div role="img" aria-label="{alternative}">{drawn}</div>'
        f"<details><summary>This figure in words</summary><p>{alternative}</p></details></main></body></html>\n"
    )


def _stacked(targets: list[str], heights: list[int], keys: list[dict[str, Any]]) -> go.Figure:
    """A column of panels with the given heights in pixels, and a legend below them."""
    plot = sum(heights) + _BETWEEN_PANELS * (len(heights) - 1)
    figure = make_subplots(
        rows=len(heights),
        cols=1,
        row_heights=[height / sum(heights) for height in heights],
        vertical_spacing=_BETWEEN_PANELS / plot if len(heights) > 1 else 0,
        subplot_titles=[html.escape(f"on {set_name(target)}") for target in targets],
    )
    figure.add_traces(keys)
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    return figure.update_layout(template=TEMPLATE, height=plot + 140 + _LEGEND_LINE * len(keys))


def _titled(figure: go.Figure, title: str, alternative: str) -> go.Figure:
    return figure.update_layout(title_text=title, meta={"alt": alternative})


def _accuracy_in_words(frame: pl.DataFrame) -> str:
    said = [
        f"{arm.label}, on {set_name(arm.target)}: {_mean(arm.summary)}"
        for arm in [*arms(frame), *baselines(frame)]
    ]
    printed = published_accuracies(frame).height
    said += [f"{printed} published numbers"] if printed else []
    return f"Top-1 accuracy by method and source. {'; '.join(said)}." if said else NOTHING_TRAINED


def _transfer_in_words(frame: pl.DataFrame) -> str:
    said = []
    for crossing in crossings(frame):
        where = f"on {set_name(crossing.target)}, {crossing.transfer} against {crossing.direct}"
        for transfer, direct in crossing.pairs:
            means = f"transfer {_mean(transfer.summary)}, direct {_mean(direct.summary)}"
            said.append(f"{method_name(transfer.method)} {where}: {means}")
        if not crossing.printed.is_empty():
            said.append(f"{crossing.printed.height} published numbers {where}")
    return f"Top-1 accuracy of transfer against direct search. {'; '.join(said)}." if said else NOTHING_PAIRED


def _mean(summary: Sample) -> str:
    ends = summary.mean_interval()
    interval = "" if ends is None else f", 95% interval {ends[0]:.1f} to {ends[1]:.1f}"
    return f"mean {summary.mean:.1f}% of {summary.n}{interval}"


_ALTERNATIVES: dict[str, Callable[[pl.DataFrame], str]] = {
    "accuracy_by_method": _accuracy_in_words,
    "transfer_versus_direct": _transfer_in_words,
}
