"""Figures of one run: how a search and a training went, and how a data set's classes fare. Frames in, figures out."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.style import COLOURS, TEMPLATE, empty_figure


def lines(history: pl.DataFrame, x: str, series: dict[str, str], title: str, y_title: str) -> go.Figure:
    """Columns of `history` against `x`; `series` is column -> legend text. Columns without any value are left out."""
    figure = go.Figure(layout={"template": TEMPLATE, "title": title, "height": 340})
    shown = [
        name for name in series if name in history.columns and history[name].null_count() < history.height
    ]
    if not shown:
        return empty_figure(f"{title}: nothing recorded yet")
    for colour, name in zip(COLOURS, shown, strict=False):
        figure.add_scatter(
            x=history[x].to_list(),
            y=history[name].to_list(),
            name=series[name],
            mode="lines+markers" if history.height < 60 else "lines",
            line={"color": colour},
        )
    figure.update_layout(xaxis_title=x, yaxis_title=y_title, showlegend=True)
    return figure


def learning_curve(history: pl.DataFrame) -> go.Figure:
    """Top-1 accuracy of a final training by epoch, on the training images as drawn and on the test part."""
    series = {"top1": "test", "train_top1": "training images, before each step"}
    return lines(history, "epoch", series, "Final training", "top-1 accuracy, %")


def search_history(history: pl.DataFrame) -> go.Figure:
    """Accuracy of a search's shared weights on its validation half, by step."""
    series = {"val_top1": "validation half", "train_top1": "training half"}
    return lines(history, "step", series, "Search: shared weights", "top-1 accuracy, %")


def search_entropy(history: pl.DataFrame) -> go.Figure:
    """How undecided a search is: mean entropy of its distribution over operations, by step."""
    return lines(history, "step", {"entropy": "mean over edges"}, "Search: how undecided", "entropy, nats")


def class_histogram(classes: pl.DataFrame, title: str = "Images of each class") -> go.Figure:
    """Images of each class and part, classes from large to small. `classes` has a column class and one a part."""
    parts = [name for name in ("train", "val", "test") if name in classes.columns and classes[name].sum()]
    if not parts:
        return empty_figure(f"{title}: no image")
    ordered = classes.sort(pl.sum_horizontal(parts), descending=True)
    figure = go.Figure(layout={"template": TEMPLATE, "title": title, "height": 340, "barmode": "stack"})
    for colour, part in zip(COLOURS, parts, strict=False):
        figure.add_bar(
            x=list(range(1, ordered.height + 1)),
            y=ordered[part].to_list(),
            name=part,
            marker_color=colour,
            customdata=ordered["class"].to_list(),
            hovertemplate="%{customdata}<br>%{y} images<extra>" + part + "</extra>",
        )
    return figure.update_layout(xaxis_title="class, from large to small", yaxis_title="images", bargap=0)


def class_accuracy(classes: pl.DataFrame) -> go.Figure:
    """Accuracy of each class against its number of test images. `classes`: class, images, correct."""
    tested = classes.filter(pl.col("images") > 0)
    if tested.is_empty():
        return empty_figure("no class was tested")
    figure = go.Figure(layout={"template": TEMPLATE, "title": "Accuracy of each class", "height": 340})
    figure.add_scatter(
        x=tested["images"].to_list(),
        y=(100 * tested["correct"] / tested["images"]).to_list(),
        mode="markers",
        marker={"color": COLOURS[0], "opacity": 0.6},
        customdata=tested["class"].to_list(),
        hovertemplate="%{customdata}<br>%{y:.1f}% of %{x} images<extra></extra>",
    )
    return figure.update_layout(xaxis_title="test images of the class", yaxis_title="correct, %")
