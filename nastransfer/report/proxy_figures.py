"""Figures of proxies: class sizes, a proxy against its parent, distances, images of each class. Opens no file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl
from PIL import Image

from nastransfer.data.datasets import Dataset
from nastransfer.data.descriptors import class_histogram
from nastransfer.data.manifest import PARTS, Manifest
from nastransfer.report import curves
from nastransfer.report.names import set_name
from nastransfer.report.style import COLOURS, NEUTRAL, TEMPLATE, empty_figure

# Beyond these a bar for each class is a smear, and the small classes are not seen at all.
_MOST_BARS = 200
_LONG_TAIL = 10
_MOST_POINTS = 400
_MOST_DOTS = 1500
_LARGEST_THUMBNAIL = 64
_LONGEST_NAME = 18


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
    figure = go.Figure(layout={"template": TEMPLATE, "title": title, "height": 380})
    for colour, (name, values) in zip(COLOURS, sizes.items(), strict=False):
        rank, size = _curve(np.asarray(values))
        figure.add_scatter(
            x=rank,
            y=size,
            name=name,
            mode="lines+markers" if len(rank) < 3 else "lines",
            line={"color": colour, "width": 2},
            hovertemplate="class %{x}: %{y} images<extra>" + name + "</extra>",
        )
    return _logarithmic(figure).update_layout(showlegend=len(sizes) > 1)


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
    step = -(-len(dots) // _MOST_DOTS)
    dots = dots[::step] if step else []
    rank, size = _curve(sizes)
    figure = go.Figure(layout={"template": TEMPLATE, "title": title, "height": 400})
    figure.add_scatter(
        x=rank,
        y=size,
        name=f"{set_name(parent.dataset)}: {np.count_nonzero(sizes):,} classes, {sizes.sum():,} images",
        mode="lines",
        line={"color": NEUTRAL, "width": 2},
        hovertemplate="class %{x}: %{y} images<extra></extra>",
    )
    shown = f" (one class in {step} drawn)" if step > 1 else ""
    figure.add_scatter(
        x=[dot[0] for dot in dots],
        y=[dot[1] for dot in dots],
        name=f"proxy: {len(kept):,} classes, {sum(kept.values()):,} images{shown}",
        mode="markers",
        marker={"color": COLOURS[0], "size": 6 if len(dots) < 200 else 3, "opacity": 0.8},
        customdata=[dot[2] for dot in dots],
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
    title = f"Distance to {set_name(target)} by 8 x 8 pixels"
    height = 150 + 28 * ordered.height
    figure = go.Figure(layout={"template": TEMPLATE, "title": title, "height": height})
    figure.add_bar(
        x=ordered["distance"].to_list(),
        y=ordered["set"].to_list(),
        orientation="h",
        marker_color=COLOURS[0],
        text=[f"{value:.2f}" for value in ordered["distance"]],
        textposition="auto",
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure.add_vline(x=own, line={"color": COLOURS[1], "width": 2, "dash": "dash"})
    note = f"dashed: two samples of {set_name(target)} ({own:.2f})"
    figure.update_xaxes(title_text=f"Frechet distance; {note}", rangemode="tozero")
    nearest = ", ".join(
        f"{row['set']} {row['distance']:.2f}" for row in distances.sort("distance").iter_rows(named=True)
    )
    return figure.update_layout(showlegend=False, meta={"alt": f"{title}: {nearest}; {note}."})


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
    side = pictures.shape[-1]
    sheet = np.full((len(chosen) * (side + 1), images * (side + 1), 3), 255, np.uint8)
    filled = [0] * len(chosen)
    for picture, number in zip(pictures, numbers.tolist(), strict=True):
        row = labels[number]
        top, left = row * (side + 1), filled[row] * (side + 1)
        sheet[top : top + side, left : left + side] = picture.transpose(1, 2, 0)
        filled[row] += 1
    kind = "synthetic images" if dataset.synthetic else "images"
    title = f"{dataset.name}, {_selection(dataset.manifest)}: {kind} of {dataset.domain}"
    figure = go.Figure(layout={"template": TEMPLATE, "title": title, "height": 90 + 60 * len(chosen)})
    figure.add_image(source=_png(sheet), hoverinfo="skip")
    named = [f"{_short(name)} ({histogram[name]:,})" for name in chosen]
    figure.update_xaxes(visible=False)
    figure.update_yaxes(
        tickvals=[(row + 0.5) * (side + 1) for row in range(len(chosen))],
        ticktext=named,
        showgrid=False,
        ticks="",
    )
    return figure.update_layout(meta={"alt": f"{title}, of the classes {', '.join(named)}."})


def _png(pixels: np.ndarray) -> str:
    """Pixels uint8 [height, width, 3] as a data address."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _selection(manifest: Manifest) -> str:
    return "all classes" if manifest.selection == "all" else manifest.selection


def _sizes_of_parent(proxy: Manifest, parent: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """Names and sizes of the parent's classes, over the parts that the proxy's images to learn from lie in."""
    learnt = proxy.rows.filter(pl.col("part") != "test")["parent_part"].unique()
    parts = [place for place, part in enumerate(PARTS) if part in set(learnt)]
    return np.array(parent.classes), parent.count_matrix()[:, parts].sum(axis=1)


def _curve(sizes: np.ndarray) -> tuple[list[int], list[int]]:
    """Rank from 1 and size of classes from large to small, thinned to places evenly spaced in the logarithm."""
    ordered = np.sort(sizes[sizes > 0])[::-1]
    if not len(ordered):
        return [], []
    rank = np.unique(np.geomspace(1, len(ordered), _MOST_POINTS).round().astype(int))
    return rank.tolist(), ordered[rank - 1].tolist()


def _logarithmic(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(type="log", title_text="class, from large to small", dtick=1)
    return figure.update_yaxes(type="log", title_text="images of the class", dtick=1)


def _sizes_in_words(title: str, manifest: Manifest) -> str:
    sizes = manifest.count_matrix().sum(axis=1)
    return f"{title}: {len(sizes)} classes of {sizes.min()} to {sizes.max()} images, median {np.median(sizes):g}."
