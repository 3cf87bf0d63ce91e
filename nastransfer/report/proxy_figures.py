"""Figures of proxies: class sizes, a proxy against its parent, distances, images of each class. Opens no file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
from PIL import Image

from nastransfer.data.datasets import Dataset
from nastransfer.data.descriptors import class_histogram
from nastransfer.data.manifest import PARTS, Manifest
from nastransfer.report import curves
from nastransfer.report.names import set_name
from nastransfer.report.style import COLOURS, DASHES, NEUTRAL, blank_figure, empty_figure, translucent

# Beyond these a bar for each class is a smear, and the small classes are not seen at all.
_MOST_BARS = 200
_LONG_TAIL = 10
_MOST_POINTS = 400
_MOST_DOTS = 1500
_LARGEST_THUMBNAIL = 64
_SMALLEST_THUMBNAIL = 32
_LONGEST_NAME = 24
_FEW_DECADES = 200


def class_sizes(manifest: Manifest, title: str | None = None) -> go.Figure:
    """Images of each class and part: bars, or curves on logarithmic axes where classes are many or have a long tail."""
    title = title or f"{set_name(manifest.dataset)}, {_selection(manifest)}: images of each class"
    table = manifest.counts()
    totals = manifest.count_matrix().sum(axis=1)
    if not totals.any():
        return empty_figure(f"{title}: no image")
    if len(totals) <= _MOST_BARS and totals.max() < _LONG_TAIL * max(totals.min(), 1):
        figure = curves.class_histogram(table, title)
    else:
        figure = rank_curves({part: table[part].to_list() for part in PARTS if table[part].sum()}, title)
    return figure.update_layout(meta={"alt": _sizes_in_words(title, manifest)})


def rank_curves(sizes: Mapping[str, Sequence[int]], title: str) -> go.Figure:
    """Class sizes of several sets from large to small, both axes logarithmic; empty classes are left out.

    `sizes`: name in the legend -> images of each class, in any order.
    """
    figure = blank_figure(title, 380)
    for place, (name, values) in enumerate(sizes.items()):
        rank, size = _curve(np.asarray(values))
        shown = html.escape(name)
        figure.add_scatter(
            x=rank,
            y=size,
            name=shown,
            mode="lines+markers" if len(rank) < 3 else "lines",
            line={"color": COLOURS[place % len(COLOURS)], "dash": DASHES[place % len(DASHES)], "width": 2},
            hovertemplate="class %{x}: %{y} images<extra>" + shown + "</extra>",
        )
    words = [
        f"{name} {max(values, default=0):,} down to {min(values, default=0):,}"
        for name, values in sizes.items()
    ]
    alt = f"{title}, images of a class: {'; '.join(words)}."
    return _logarithmic(figure).update_layout(showlegend=len(sizes) > 1, meta={"alt": alt})


def proxy_against_parent(proxy: Manifest, parent: Manifest) -> go.Figure:
    """Which classes a proxy keeps and how much of each: a dot a class, at its place in the parent's order of sizes.

    Dots on the curve keep all images of the class. Images to learn from (train and val); of the parent all images
    where the proxy's come from its test part as well.
    """
    title = f"{_selection(proxy)} against all of {set_name(parent.dataset)}"
    kept = class_histogram(proxy)
    names, sizes = _sizes_of_parent(proxy, parent)
    order = np.lexsort((names, -sizes))
    place = {names[index]: rank for rank, index in enumerate(order.tolist(), 1)}
    dots = sorted((place[name], images, name) for name, images in kept.items() if name in place)
    drawn = [dots[index - 1] for index in _thinned(len(dots), _MOST_DOTS)]
    rank, size = _curve(sizes)
    figure = blank_figure(title, 400)
    figure.add_scatter(
        x=rank,
        y=size,
        name=f"{set_name(parent.dataset)}: {np.count_nonzero(sizes):,} classes, {sizes.sum():,} images",
        mode="lines",
        line={"color": NEUTRAL, "width": 2},
        hovertemplate="class %{x}: %{y} images<extra></extra>",
    )
    shown = f" ({len(drawn):,} drawn)" if len(drawn) < len(dots) else ""
    figure.add_scatter(
        x=[dot[0] for dot in drawn],
        y=[dot[1] for dot in drawn],
        name=f"proxy: {len(kept):,} classes{shown}, {sum(kept.values()):,} images",
        mode="markers",
        marker={"color": COLOURS[0], "size": 6 if len(drawn) < 200 else 4, "opacity": 0.8},
        customdata=[html.escape(dot[2]) for dot in drawn],
        hovertemplate="%{customdata}: %{y} images kept<extra></extra>",
    )
    words = f"{title}. Parent: {int(sizes.sum())} images; proxy: {len(kept)} classes, {sum(kept.values())} images."
    return _logarithmic(figure).update_layout(showlegend=True, meta={"alt": words})


def distance_figure(distances: pl.DataFrame) -> go.Figure:
    """Pixel distances to a target, nearest first, against what two samples of the target itself are apart.

    `distances`: columns set, target, distance, own (the distance within the target, the same in every row).
    """
    if distances.is_empty():
        return empty_figure("No other set is here to compare with.")
    ordered = distances.sort("distance", descending=True)
    target, own = ordered["target"][0], ordered["own"][0]
    title = f"Distance to {set_name(target)} by 8 x 8 pixels; dashed: two samples of it ({own:.2f})"
    figure = blank_figure(title, 150 + 28 * ordered.height)
    figure.add_bar(
        x=ordered["distance"].to_list(),
        y=ordered["set"].to_list(),
        orientation="h",
        marker_color=translucent(COLOURS[0], 0.6),
        text=[f"{value:.2f}" for value in ordered["distance"]],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure.add_vline(x=own, line={"color": NEUTRAL, "width": 2, "dash": "dash"})
    longest = max(*ordered["distance"], own)
    figure.update_xaxes(title_text="Frechet distance", range=[0, 1.15 * longest])
    nearest = ", ".join(
        f"{row['set']} {row['distance']:.2f}" for row in distances.sort("distance").iter_rows(named=True)
    )
    return figure.update_layout(showlegend=False, meta={"alt": f"{title}: {nearest}."})


def images_by_class(dataset: Dataset, classes: int = 8, images: int = 10) -> go.Figure:
    """A row of images for each of up to `classes` classes, evenly spaced from the largest to the smallest.

    Images of train and val, at the proxy's resolution where it has one, the first ones by key; large ones are shrunk.
    """
    histogram = class_histogram(dataset.manifest)
    ordered = sorted(histogram, key=lambda name: (-histogram[name], name))
    places = np.unique(np.linspace(0, len(ordered) - 1, min(classes, len(ordered))).round().astype(int))
    chosen = [ordered[place] for place in places]
    labels = {dataset.classes.index(name): row for row, name in enumerate(chosen)}
    rows = dataset.manifest.rows.filter(pl.col("part") != "test", pl.col("label").is_in(list(labels)))
    rows = rows.sort("key").group_by("label", maintain_order=True).head(images)
    manifest = dataset.manifest.take(dataset.manifest.rows["key"].is_in(rows["key"].implode()))
    native = min(filter(None, (dataset.pixels, manifest.resolution)))
    pictures, numbers = dataset.read_images(manifest, min(native, _LARGEST_THUMBNAIL))
    pictures = _enlarged(pictures.transpose(0, 2, 3, 1))
    side = pictures.shape[1]
    sheet = np.full((len(chosen) * (side + 2) - 2, images * (side + 2) - 2, 3), 255, np.uint8)
    filled = [0] * len(chosen)
    for picture, number in zip(pictures, numbers.tolist(), strict=True):
        row = labels[number]
        top, left = row * (side + 2), filled[row] * (side + 2)
        sheet[top : top + side, left : left + side] = picture
        filled[row] += 1
    title = f"{set_name(dataset.name)}, {_selection(dataset.manifest)}: {dataset.domain}"
    figure = blank_figure(title, 90 + 60 * len(chosen))
    figure.add_image(source=_address(sheet, sharp=native < _SMALLEST_THUMBNAIL), hoverinfo="skip")
    named = [html.escape(f"{_short(name)} ({histogram[name]:,})") for name in chosen]
    figure.update_xaxes(visible=False)
    middles = [row * (side + 2) + side / 2 for row in range(len(chosen))]
    figure.update_yaxes(tickvals=middles, ticktext=named, showgrid=False, ticks="")
    return figure.update_layout(meta={"alt": f"{title}, of the classes {', '.join(named)}."})


def _enlarged(pictures: np.ndarray) -> np.ndarray:
    """Small pictures [n, side, side, 3] with every pixel repeated, so that a browser does not blur them."""
    times = max(1, _SMALLEST_THUMBNAIL // pictures.shape[1])
    return pictures.repeat(times, axis=1).repeat(times, axis=2)


def _address(pixels: np.ndarray, sharp: bool) -> str:
    """Pixels uint8 [height, width, 3] as a data address: PNG where every pixel counts, else JPEG (smaller)."""
    content = io.BytesIO()
    kind = "png" if sharp else "jpeg"
    Image.fromarray(pixels).save(content, kind, quality=90, subsampling=0)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _selection(manifest: Manifest) -> str:
    return "all classes" if manifest.selection == "all" else manifest.selection


def _sizes_of_parent(proxy: Manifest, parent: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """Names and sizes of the parent's classes, over the parts that the proxy's images to learn from lie in."""
    learnt = proxy.rows.filter(pl.col("part") != "test")["key"]
    origin = set(parent.rows.filter(pl.col("key").is_in(learnt.implode()))["part"].unique())
    parts = [place for place, part in enumerate(PARTS) if part in origin]
    return np.array(parent.classes), parent.count_matrix()[:, parts].sum(axis=1)


def _curve(sizes: np.ndarray) -> tuple[list[int], list[int]]:
    """Rank from 1 and size of the classes that have images, from large to small, thinned."""
    ordered = np.sort(sizes[sizes > 0])[::-1]
    rank = _thinned(len(ordered), _MOST_POINTS)
    return rank.tolist(), ordered[rank - 1].tolist()


def _thinned(number: int, most: int) -> np.ndarray:
    """Places out of 1 to `number`, evenly spaced in the logarithm; all of them where they are at most `most`."""
    if number <= most:
        return np.arange(1, number + 1)
    return np.unique(np.geomspace(1, number, most).round().astype(int))


def _logarithmic(figure: go.Figure) -> go.Figure:
    """Both axes logarithmic; those that span few decades get marks at 2 and 5 times a power of ten as well."""
    ranks, heights = ([value for trace in figure.data for value in trace[axis]] or [1] for axis in "xy")
    figure.update_xaxes(title_text="class, from large to small", **_marks(ranks))
    return figure.update_yaxes(title_text="images of the class", **_marks(heights))


def _marks(values: Sequence[int]) -> dict[str, Any]:
    steps = (1, 2, 5) if max(values) < _FEW_DECADES * min(values) else (1,)
    marks = [step * 10**power for power in range(len(str(max(values))) + 1) for step in steps]
    return {"type": "log", "tickvals": marks, "ticktext": [f"{mark:,}" for mark in marks]}


def _sizes_in_words(title: str, manifest: Manifest) -> str:
    sizes = manifest.count_matrix().sum(axis=1)
    return f"{title}: {len(sizes)} classes of {sizes.min()} to {sizes.max()} images, median {np.median(sizes):g}."
