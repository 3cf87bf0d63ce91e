"""Figures and tables of proxies: what they draw is what the manifests hold."""

from __future__ import annotations

import base64
import io
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nastransfer.data.datasets import folder, open_dataset
from nastransfer.data.descriptors import DESCRIPTORS, describe
from nastransfer.data.manifest import Manifest
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.report.descriptor_tables import descriptors_html, distances
from nastransfer.report.explore import cut
from nastransfer.report.proxy_figures import (
    class_sizes,
    distance_figure,
    images_by_class,
    proxy_against_parent,
    rank_curves,
)

TAIL = Manifest.from_counts({f"c{i:04}": 1 + 6000 // (i + 1) for i in range(3000)}, dataset="tail")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path))


def test_even_sets_get_bars_and_long_tails_get_curves() -> None:
    even = class_sizes(open_dataset("digits").manifest)
    assert {trace.type for trace in even.data} == {"bar"} and even.layout.xaxis.type is None
    long = class_sizes(TAIL)
    assert [trace.type for trace in long.data] == ["scatter"] and long.layout.yaxis.type == "log"
    assert (long.data[0].x[0], long.data[0].y[0]) == (1, 6001) and (
        long.data[0].x[-1],
        long.data[0].y[-1],
    ) == (3000, 3)
    assert (
        len(long.data[0].x) <= 400 and "3000 classes of 3 to 6001 images, median 4" in long.layout.meta["alt"]
    )
    assert "no image" in class_sizes(Manifest.from_counts({"a": 0})).layout.meta["alt"]


def test_rank_curves_leave_out_empty_classes() -> None:
    figure = rank_curves({"a": [3, 0, 9], "b": [0, 0]}, "sizes")
    assert figure.data[0].x == (1, 2) and figure.data[0].y == (9, 3) and figure.data[1].x == ()
    assert list(figure.layout.yaxis.tickvals)[:4] == [1, 2, 5, 10]


def test_a_proxy_lies_on_its_parents_curve_where_it_keeps_all_images() -> None:
    parent = Manifest.from_counts({"b": 40, "a": 40, "c": 10, "d": 90}, dataset="set", test_share=0.1)
    proxy = build_proxy(parent, ProxySpec(selection="uniform", classes=2), seed=2)
    curve, dots = proxy_against_parent(proxy, parent).data
    assert list(zip(curve.x, curve.y, strict=True)) == [(1, 81), (2, 36), (3, 36), (4, 9)]
    assert list(zip(dots.x, dots.y, dots.customdata, strict=True)) == [(1, 81, "d"), (2, 36, "a")]
    halves = build_proxy(parent, ProxySpec(parts="halves", cap=5, selection="uniform", classes=3), seed=2)
    curve, dots = proxy_against_parent(halves, parent).data
    assert sum(curve.y) == 180, "both parts of the parent are learnt from"
    assert max(dots.y) <= 10


def test_many_classes_are_thinned_and_it_says_so() -> None:
    curve, dots = proxy_against_parent(build_proxy(TAIL, ProxySpec(cap=2), seed=2), TAIL).data
    assert len(dots.x) < 1500 and f"3,000 classes ({len(dots.x):,} drawn), 6,000 images" in dots.name
    assert (dots.x[0], dots.x[-1]) == (1, 3000) and len(curve.x) <= 400


def test_images_by_class_shows_the_images_of_each_class() -> None:
    digits = open_dataset("digits")
    figure = images_by_class(digits, classes=3, images=5)
    (shown,) = figure.data
    content = base64.b64decode(shown.source.removeprefix("data:image/png;base64,"))
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    assert pixels.shape == (3 * 34 - 2, 5 * 34 - 2, 3)
    names = [text.split(" ")[0] for text in figure.layout.yaxis.ticktext]
    images, labels = digits.read_images(digits.manifest.part("train"))
    for row, name in enumerate(names):
        own = images[labels == digits.classes.index(name)][:5].transpose(0, 2, 3, 1)
        cells = [pixels[row * 34 : row * 34 + 32 : 4, left : left + 32 : 4] for left in range(0, 5 * 34, 34)]
        assert np.array_equal(np.stack(cells), own)


def test_images_are_shown_at_the_proxys_resolution_and_a_small_class_leaves_room() -> None:
    digits = open_dataset("digits")
    spec = ProxySpec(selection="random", classes=2, cap=3, resolution=4)
    figure = images_by_class(digits.with_manifest(build_proxy(digits.manifest, spec, seed=2)), images=6)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(figure.data[0].source.split(",")[1]))))
    assert pixels.shape == (2 * 34 - 2, 6 * 34 - 2, 3)
    assert (pixels[:, 3 * 34 :] == 255).all() and not (pixels[:, : 3 * 34] == 255).all()
    assert np.array_equal(pixels[0:8, 0:8], np.broadcast_to(pixels[0, 0], (8, 8, 3)))


def test_own_photographs_of_any_size(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / "own" / name).mkdir(parents=True)
        for number, size in enumerate([(90, 120), (200, 70), (64, 64)]):
            pixels = generator.integers(level - 20, level + 20, (*size, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / name / f"{number}.png")
    photos = folder(tmp_path / "own")
    figure = images_by_class(photos, images=3)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(figure.data[0].source.split(",")[1]))))
    assert figure.data[0].source.startswith("data:image/jpeg") and shown.shape == (2 * 66 - 2, 3 * 66 - 2, 3)
    assert shown[:64, :64].mean() < 60 < 180 < shown[66:, :64].mean() < 220
    light = photos.with_manifest(photos.manifest.take(photos.manifest.rows["label"] == 1))
    assert describe(light, photos)["pixel_distance"] > 1


def test_distances_are_drawn_nearest_first() -> None:
    digits = open_dataset("digits")
    half = digits.with_manifest(
        build_proxy(digits.manifest, ProxySpec(selection="random", classes=5), seed=2)
    )
    table = distances(digits, [open_dataset("glyphs"), half])
    assert table["set"].to_list() == ["digits", "glyphs (synthetic)"] and table["own"].n_unique() == 1
    assert table["own"][0] < table["distance"][0] < table["distance"][1]
    figure = distance_figure(table)
    assert list(figure.data[0].y) == ["glyphs (synthetic)", "digits"], "bars are drawn from below"
    title = unescape(figure.layout.title.text).replace("<br>", " ")
    assert f"dashed: two samples of it ({table['own'][0]:.2f})" in title
    assert "No other set" in distance_figure(distances(digits, [])).layout.meta["alt"]


def test_descriptors_as_html() -> None:
    digits = open_dataset("digits")
    html = descriptors_html({"whole": describe(digits), "<half>": describe(digits, digits)})
    html = html.replace("\N{NO-BREAK SPACE}", " ")
    assert "&lt;half&gt;" in html and "1,433" in html and "scans of handwritten digits" in html
    assert html.count("<tr>") == 1 + len(DESCRIPTORS) - 1, "the resolution is not given"
    alone = descriptors_html({"whole": describe(digits)}).replace("\N{NO-BREAK SPACE}", " ")
    assert "KL to target" in html and "KL to target" not in alone


def test_sliders_draw_a_proxy_or_say_why_not() -> None:
    digits = open_dataset("digits")
    assert "4 classes, 40 images" in cut(digits, "random", 4, 10).data[1].name
    assert "10 classes, 1,433 images" in cut(digits, "uniform", 10).data[1].name
    assert "wants 11 classes; 10 of 10 classes" in cut(digits, "random", 11).layout.meta["alt"]
