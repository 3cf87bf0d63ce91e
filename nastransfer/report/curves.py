"""Figures of one run: how a search and a training went, and how a data set's classes fare. Frames in, figures out."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from nastransfer.report.style import COLOURS, DASHES, NEUTRAL, TEMPLATE, blank_figure, empty_figure
from nastransfer.search.watched import COLLAPSED


def learning_curve(history: pl.DataFrame) -> go.Figure:
    """Top-1 accuracy of a final training by epoch, on the training images as drawn and on the test part."""
    title = "Final training"
    figure = blank_figure(title, _PIXELS)
    for number, (name, label) in enumerate(_TRAINING_NAMES.items()):
        _add_line(figure, history, name, label, number, x="epoch")
    if not figure.data:
        return empty_figure(f"{title}: nothing recorded yet")
    ends = [f"{trace.name} {trace.y[-1]:.1f}%" for trace in figure.data]
    alt = f"{title}, top-1 accuracy at epoch {history['epoch'][-1]}: {', '.join(ends)}."
    axes = {"xaxis_title": "epoch", "yaxis_title": "top-1 accuracy, %"}
    if history.height <= _EPOCHS_ALL_MARKED:
        # Else plotly marks halves of epochs.
        figure.update_xaxes(dtick=1)
    return figure.update_layout(showlegend=True, meta={"alt": alt}, **axes)


def search_history(history: pl.DataFrame) -> go.Figure:
    """How a search goes, by step: its scores, how undecided it is, and how much of the normal cell skips.

    Panels share the steps; one whose numbers a method does not have is left out. From `COLLAPSED` on skip connections
    have taken over, which the last panel marks and the title says.
    """
    if history.is_empty():
        return empty_figure("Search: nothing recorded yet")
    panels = [panel for panel in (_scores(history), _undecided(history), _skips(history)) if panel.data]
    if not panels:
        return empty_figure("Search: no step had a score, an entropy or a genotype")
    heights = [2.0 if place == 0 else 1.0 for place in range(len(panels))]
    figure = make_subplots(
        rows=len(panels), cols=1, shared_xaxes=True, row_heights=heights, vertical_spacing=0.06
    )
    for row, panel in enumerate(panels, start=1):
        figure.add_traces(panel.data, rows=row, cols=1)
        figure.update_yaxes(panel.layout.yaxis.to_plotly_json(), row=row, col=1)
        for line in panel.layout.shapes:
            figure.add_shape(line, row=row, col=1)
    figure.update_xaxes(title_text="step", row=len(panels), col=1)
    title = "Search"
    collapsed = _collapsed(history)
    if not collapsed.is_empty():
        title += (
            f"<br><sub>collapsed: half of the normal cell skips, first at step {collapsed['step'][0]}</sub>"
        )
    height = 220 + 120 * len(panels)
    said = f"{title.replace('<br><sub>', ', ').removesuffix('</sub>')}; {history.height} steps recorded"
    lines = [trace for trace in figure.data if trace.mode != "markers"]
    alt = f"{said}; at the end {', '.join(f'{html.unescape(line.name)} {line.y[-1]:.4g}' for line in lines)}."
    return figure.update_layout(template=TEMPLATE, title=title, height=height, meta={"alt": alt})


_TRAINING_NAMES = {"top1": "test", "train_top1": "training images, before each step"}
# Score -> how the legend calls it; a score of another name is called by that.
_SCORE_NAMES = {
    "val_top1": "validation half",
    "train_top1": "training half",
    "best_val_top1": "best so far",
    "val_top1_mean": "mean of the population",
    "answer_top1": "answer so far",
    "pool_top1": "best of the pool",
    "rerank_top1": "best after the second look",
    "rerank_first_top1": "favourite after the second look",
}


def _scores(history: pl.DataFrame) -> go.Figure:
    """Every accuracy that the method reports, in percent."""
    names = [name for name in history.columns if name.endswith(("top1", "top1_mean"))]
    names.sort(key=lambda name: list(_SCORE_NAMES).index(name) if name in _SCORE_NAMES else len(_SCORE_NAMES))
    panel = go.Figure(layout={"yaxis": {"title": {"text": "top-1 accuracy, %"}}})
    for number, name in enumerate(names):
        label = _SCORE_NAMES.get(name, name.removesuffix("_top1").replace("_", " "))
        _add_line(panel, history, name, label, number)
    return panel


def _undecided(history: pl.DataFrame) -> go.Figure:
    panel = go.Figure(layout={"yaxis": {"title": {"text": "entropy, nats"}}})
    _add_line(panel, history, "entropy", "entropy, mean over decisions", 3, dash="solid", showlegend=False)
    return panel


def _skips(history: pl.DataFrame) -> go.Figure:
    """Share of skip connections of the normal cell, in percent; collapsed steps are marked."""
    axis = {"title": {"text": "skips, %"}, "range": [-4, 104], "tickvals": [0, 50, 100]}
    panel = go.Figure(layout={"yaxis": axis})
    if "skip_share" not in history.columns or history["skip_share"].null_count() == history.height:
        return panel
    shares = history.with_columns(pl.col("skip_share") * 100)
    label = "skip connections of the normal cell"
    _add_line(panel, shares, "skip_share", label, 4, dash="solid", showlegend=False)
    collapsed = _collapsed(history)
    if not collapsed.is_empty():
        panel.add_scatter(
            x=collapsed["step"].to_list(),
            y=(100 * collapsed["skip_share"]).to_list(),
            mode="markers",
            name="collapsed",
            marker={"color": COLOURS[1], "symbol": "x", "size": 9},
        )
    ends = {"x0": history["step"].min(), "x1": history["step"].max()}
    level = {"y0": 100 * COLLAPSED, "y1": 100 * COLLAPSED}
    panel.add_shape(type="line", **ends, **level, line={"color": NEUTRAL, "dash": "dot", "width": 1})
    return panel


def _collapsed(history: pl.DataFrame) -> pl.DataFrame:
    """The steps whose cell had collapsed."""
    return history.filter("collapsed") if "collapsed" in history.columns else history.clear()


def _add_line(
    figure: go.Figure,
    rows: pl.DataFrame,
    name: str,
    label: str,
    number: int,
    x: str = "step",
    dash: str | None = None,
    **look: Any,
) -> None:
    """A column by step, in the colour and dash of its number; nothing where it has no value."""
    if name not in rows.columns or rows[name].null_count() == rows.height:
        return
    known = rows.filter(pl.col(name).is_not_null())
    figure.add_scatter(
        x=known[x].to_list(),
        y=known[name].to_list(),
        name=html.escape(label),
        mode="lines+markers" if known.height < 60 else "lines",
        line={"color": COLOURS[number % len(COLOURS)], "dash": dash or DASHES[number % len(DASHES)]},
        **look,
    )


_PIXELS = 340
_EPOCHS_ALL_MARKED = 12
# Parts differ in these too, for print in grey.
_PATTERNS = ("", "/", "x")


def class_histogram(classes: pl.DataFrame, title: str = "Images of each class") -> go.Figure:
    """Images of each class and part, classes from large to small. `classes` has a column class and one a part."""
    parts = [name for name in ("train", "val", "test") if name in classes.columns and classes[name].sum()]
    if not parts:
        return empty_figure(f"{title}: no image")
    ordered = classes.sort(pl.sum_horizontal(parts), descending=True)
    figure = blank_figure(title, _PIXELS, barmode="stack")
    for number, part in enumerate(parts):
        figure.add_bar(
            x=list(range(1, ordered.height + 1)),
            y=ordered[part].to_list(),
            name=part,
            marker={"color": COLOURS[number], "pattern": {"shape": _PATTERNS[number]}},
            customdata=[html.escape(name) for name in ordered["class"]],
            hovertemplate="%{customdata}<br>%{y} images<extra>" + part + "</extra>",
        )
    sums = [f"{part} {ordered[part].sum():,}" for part in parts]
    alt = f"{title}: {', '.join(sums)}, of {ordered.height} classes."
    axes = {"xaxis_title": "class, from large to small", "yaxis_title": "images"}
    return figure.update_layout(bargap=0, showlegend=len(parts) > 1, meta={"alt": alt}, **axes)


def class_accuracy(classes: pl.DataFrame) -> go.Figure:
    """Accuracy of each class against its number of test images, or by rank where all have as many.

    `classes`: class, images, correct.
    """
    tested = classes.filter(pl.col("images") > 0)
    if tested.is_empty():
        return empty_figure("no class was tested")
    title = "Accuracy of each class"
    tested = tested.with_columns(accuracy=100 * pl.col("correct") / pl.col("images"))
    tested = tested.sort("accuracy", descending=True)
    accuracy, images = tested["accuracy"].to_list(), tested["images"].to_list()
    alike = len(set(images)) == 1
    along = (
        f"class, from best to worst ({images[0]} test images each)" if alike else "test images of the class"
    )
    figure = blank_figure(title, _PIXELS)
    figure.add_scatter(
        x=list(range(1, len(images) + 1)) if alike else images,
        y=accuracy,
        mode="markers",
        marker={"color": COLOURS[0], "opacity": 0.6},
        customdata=[
            f"{html.escape(row['class'])}<br>{row['accuracy']:.1f}% of {row['images']} images"
            for row in tested.iter_rows(named=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    alt = (
        f"{title}: {tested.height} classes, {min(accuracy):.1f} to {max(accuracy):.1f}% of their test images."
    )
    axes = {"xaxis_title": along, "yaxis_title": "correct, %"}
    return figure.update_layout(meta={"alt": alt}, **axes)
