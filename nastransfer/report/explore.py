"""What a notebook's sliders call: look at a data set's images, and at the proxy that a few settings make of it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from nastransfer.data.datasets import Dataset
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.report.curves import class_histogram
from nastransfer.report.names import set_name
from nastransfer.report.proxy_figures import proxy_against_parent
from nastransfer.report.style import blank_figure, empty_figure


def sample_images(dataset: Dataset, rows: int = 4, columns: int = 12, seed: int = 2) -> go.Figure:
    """A sheet of `rows` x `columns` training images drawn at random, of as many classes as there is room for."""
    manifest = dataset.manifest.part("train")
    generator = np.random.default_rng(seed)
    labels = manifest.rows["label"].to_numpy()
    order = generator.permutation(len(labels))
    _, first = np.unique(labels[order], return_index=True)
    shown = order[np.sort(first)]
    chosen = np.concatenate([shown, order[~np.isin(order, shown)]])[: rows * columns]
    images, _ = dataset.read_images(manifest.take(np.isin(np.arange(len(labels)), chosen)))
    side = images.shape[-1]
    sheet = np.full((rows * (side + 1), columns * (side + 1), 3), 255, dtype=np.uint8)
    for place, image in enumerate(generator.permutation(images)):
        top, left = place // columns * (side + 1), place % columns * (side + 1)
        sheet[top : top + side, left : left + side] = image.transpose(1, 2, 0)
    kind = "synthetic images" if dataset.synthetic else "images"
    title = f"{dataset.name}: {kind} of {dataset.domain}"
    figure = blank_figure(title, 90 + 60 * rows).add_trace(go.Image(z=sheet, hoverinfo="skip"))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    alt = f"{title}, {len(images)} of them drawn at random."
    return figure.update_layout(margin={"l": 10, "r": 10, "b": 10}, meta={"alt": alt})


def proxy_histogram(dataset: Dataset, classes: int, percent: int = 100, seed: int = 2) -> go.Figure:
    """The class histogram of a proxy with `classes` random classes and `percent` of their images."""
    spec = ProxySpec(selection="random", classes=classes, fraction=percent / 100)
    proxy = build_proxy(dataset.manifest, spec, seed)
    title = f"Proxy of {set_name(dataset.name)}: {len(proxy.classes)} classes, {proxy.count('train'):,} training images"
    return class_histogram(proxy.counts(), title)


def cut(dataset: Dataset, selection: str, classes: int, images: int = 0, seed: int = 2) -> go.Figure:
    """The proxy of `classes` classes with at most `images` (0: all) of each class and part, against the whole set.

    A sentence instead of a figure where there is no such proxy.
    """
    try:
        spec = ProxySpec(selection=selection, classes=classes, cap=images or None)
        return proxy_against_parent(build_proxy(dataset.manifest, spec, seed), dataset.manifest)
    except ValueError as error:
        return empty_figure(str(error))
