"""Glyphs: classes that differ, a histogram with a floor, images that are the same bytes everywhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from nastransfer.data.baselines import majority_share, nearest_centroid
from nastransfer.data.datasets import Dataset, open_dataset
from nastransfer.data.glyph_classes import parse_class
from nastransfer.data.glyph_options import SINGLES, GlyphOptions
from nastransfer.data.glyphs import PAIR_STYLE, STYLE, class_sizes, glyphs_manifest, render
from nastransfer.data.outlines import DistanceMaps, distance_maps
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.data.splits import search_halves
from tests.data.plain_glyphs import PLAIN, PLAIN_PAIRS, choose


@pytest.fixture(scope="module")
def glyphs() -> Dataset:
    return open_dataset("glyphs")


@pytest.mark.parametrize("number", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_no_two_classes_render_alike(number: int) -> None:
    names = choose(number)
    assert len(set(names)) == number
    for pixels in (16, 64):
        images = render(names, np.arange(number), np.zeros(number, np.uint64), pixels, PLAIN)
        ink = images[:, 0].reshape(number, -1).astype(np.int32)
        for index in range(1, number):
            unlike = np.abs(ink[:index] - ink[index]).sum(axis=1)
            assert (unlike > 0.15 * np.maximum(ink[:index].sum(axis=1), ink[index].sum())).all(), names[index]


def test_an_oblique_face_differs_from_its_slanted_upright_one() -> None:
    # Slants go to one side only, away from the oblique faces, which lean to the right.
    assert STYLE.slant[0] < STYLE.slant[1] <= 0
    names = ["U+0049 DejaVuSans", "U+0049 DejaVuSans-Oblique"]
    columns = np.arange(64)
    leans = []
    for face, slant in ((0, STYLE.slant[1]), (1, STYLE.slant[0])):
        style = replace(PLAIN, slant=(slant, slant))
        image = render(names, np.array([face]), np.zeros(1, np.uint64), 64, style)[0, 0].astype(float)
        top, bottom = (
            (rows.sum(axis=0) * columns).sum() / rows.sum() for rows in (image[8:20], image[44:56])
        )
        leans.append(top - bottom)
    assert leans[1] - leans[0] > 2


def test_classes_are_characters_of_several_faces(glyphs: Dataset) -> None:
    assert len(glyphs.classes) >= 100 and glyphs.synthetic and not glyphs.flip
    faces, characters = zip(*map(parse_class, glyphs.classes), strict=True)
    assert len(set(faces)) >= 10
    assert max(Counter(characters).values()) >= 2


def test_histogram_is_long_tailed_with_a_floor() -> None:
    sizes = class_sizes(GlyphOptions(classes=101, largest=3047, floor=10))
    assert sizes[[0, 25, 50, 75, 100]].tolist() == [3047, 1168, 530, 145, 10]
    assert (np.diff(sizes) <= 0).all()
    assert class_sizes(GlyphOptions(classes=5, shape="flat", largest=30)).tolist() == [30] * 5


@pytest.mark.parametrize(("largest", "floor"), [(80, 10), (3_047, 10), (500, 20)])
def test_20_000_classes_have_the_quantiles_of_imagenet22k(largest: int, floor: int) -> None:
    options = GlyphOptions(classes=20_000, largest=largest, floor=floor)
    published = np.array([1, 145, 530, 1_168, 3_047]) * largest / 3_047
    quantiles = np.quantile(class_sizes(options), [0, 0.25, 0.5, 0.75, 1])
    assert np.abs(quantiles - np.maximum(published, floor)).max() <= 0.5


def test_a_manifest_of_20_000_classes_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DistanceMaps, "of", None)
    options = GlyphOptions(classes=20_000, pixels=32)
    manifest = glyphs_manifest(options)
    assert len(manifest) == 491_920 and manifest.hash == "3642a0c881ee5999f3afb0d9374a4507"
    counts = manifest.count_matrix().sum(axis=1)
    assert sorted(counts, reverse=True) == class_sizes(options).tolist()
    assert (manifest.count_matrix()[:, [0, 2]] >= 2).all()
    # Single characters are neither the large nor the small classes.
    assert abs(counts[:SINGLES].mean() / counts.mean() - 1) < 0.1
    # An image has the key, and with it the bytes, that it has in a smaller set.
    small = glyphs_manifest(GlyphOptions(classes=1_000, pixels=32))
    one, other = (part.rows.filter(pl.col("label") == 7, pl.col("offset") < 10) for part in (manifest, small))
    assert one.select("key", "container").equals(other.select("key", "container"))


def test_more_classes_than_offered() -> None:
    with pytest.raises(ValueError, match=r"classes\n.*less than or equal to 20000 .*input_value=20001"):
        open_dataset("glyphs", classes=20_001)


@pytest.mark.parametrize(
    "options",
    [{}, {"classes": 50, "floor": 10, "largest": 40}, {"shape": "flat", "largest": 12, "floor": 10}],
)
def test_every_part_of_every_split_has_two_images_a_class(options: dict) -> None:
    whole = open_dataset("glyphs", **options).manifest
    proxy = build_proxy(whole, ProxySpec(selection="random", classes=40, min_images=2), seed=2)
    assert len(proxy.classes) == 40
    for manifest in (whole, proxy):
        train, val = search_halves(manifest, seed=2)
        assert manifest.count_matrix()[:, [0, 2]].min() >= 2
        assert train.count_matrix()[:, 0].min() >= 2 and val.count_matrix()[:, 1].min() >= 2


def test_images_are_the_bytes_of_ever(glyphs: Dataset) -> None:
    images, labels = glyphs.read_images()
    again, _ = glyphs.read_images()
    assert np.array_equal(images, again)
    assert glyphs.manifest.hash == "1046b643d761a88eb3afd503548a9e5c"
    assert hashlib.sha256(images[:200].tobytes()).hexdigest()[:16] == "e6e58b4dccb2ed06"
    one = glyphs.manifest.take(np.arange(len(labels)) == 77)
    position = (glyphs.manifest.rows["key"].sort() == one.rows["key"][0]).arg_max()
    assert np.array_equal(glyphs.read_images(one)[0][0], images[position])


def test_images_of_pairs_are_the_bytes_of_ever() -> None:
    names = choose(20_000)
    labels = np.array([1_000, 19_999, 1, 1_000, 12_345])
    keys = np.arange(5, dtype=np.uint64)
    digests = ("23a693695ebd7e8a", "63a3f886892e0723", "579144cf44644beb")
    for pixels, digest in zip((16, 32, 64), digests, strict=True):
        images = render(names, labels, keys, pixels)
        assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == digest
        # Each image depends on its own class and key only.
        for index in range(5):
            alone = render([names[labels[index]]], np.zeros(1, np.int64), keys[index : index + 1], pixels)
            assert np.array_equal(alone[0], images[index])


def test_a_pair_shows_its_two_characters_at_two_places() -> None:
    characters = ["U+0041 DejaVuSerif", "U+044F DejaVuSerif"]
    one = np.zeros(1, np.uint64)
    alone = [
        render(characters, np.array([index]), one, 32, replace(PLAIN, size=(0.96, 0.96)))[0, 0]
        for index in (0, 1)
    ]
    for name, (first, second) in (
        ("U+0041 U+044F DejaVuSerif", alone),
        ("U+044F U+0041 DejaVuSerif", alone[::-1]),
    ):
        expected = np.zeros((64, 64), np.uint8)
        expected[1:33, 1:33] = first
        expected[31:63, 31:63] = np.maximum(expected[31:63, 31:63], second)
        image = render([name], np.array([0]), one, 64, PLAIN, PLAIN_PAIRS)[0, 0]
        assert np.abs(image.astype(int) - expected).max() <= 1


def test_characters_of_a_pair_vary_apart() -> None:
    number = 200
    style = replace(PLAIN_PAIRS, size=PAIR_STYLE.size, shift=PAIR_STYLE.shift)
    keys = np.arange(number, dtype=np.uint64)
    image = render(["U+0041 U+0042 DejaVuSans"], np.zeros(number, np.int64), keys, 64, PLAIN, style)[:, 0]
    ink = image.astype(float)
    at = np.arange(32)
    moved = []
    for half in (ink[:, :32, :32], ink[:, 32:, 32:]):
        moved.append((half.sum(axis=1) * at).sum(axis=1) / half.sum(axis=(1, 2)))
        moved.append((half.sum(axis=2) * at).sum(axis=1) / half.sum(axis=(1, 2)))
        moved.append(np.sqrt(half.sum(axis=(1, 2))))
    assert np.abs(np.corrcoef(moved)[:3, 3:]).max() < 0.25
    assert np.std(moved[0]) > 1 and np.std(moved[4]) > 1 and np.std(moved[2]) > 1


def test_memory_does_not_grow_with_the_number_of_classes() -> None:
    names = choose(20_000)
    labels = np.arange(0, 20_000, 50)
    keys = labels.astype(np.uint64)
    render(names, labels, keys, 64)
    tracemalloc.start()
    images = render(names, labels, keys, 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - images.nbytes < 16 * 2**20
    used = {(face, code) for face, codes in map(parse_class, names) for code in codes}
    maps, _ = distance_maps().of([])
    assert len(used) == SINGLES and len(maps) <= 4_096


def test_another_process_draws_the_same() -> None:
    code = (
        "import hashlib; from nastransfer.data.datasets import open_dataset; "
        "g = open_dataset('glyphs', classes=5, pixels=32); "
        "print(g.manifest.hash, hashlib.sha256(g.read_images()[0].tobytes()).hexdigest())"
    )
    here = open_dataset("glyphs", classes=5, pixels=32)
    expected = f"{here.manifest.hash} {hashlib.sha256(here.read_images()[0].tobytes()).hexdigest()}"
    assert subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split() == (expected.split())


def test_seed_changes_classes_and_images() -> None:
    one, two = (open_dataset("glyphs", classes=20, seed=seed) for seed in (0, 1))
    assert set(one.classes) != set(two.classes)
    assert not set(one.manifest.rows["key"]) & set(two.manifest.rows["key"])
    assert one.manifest.hash != open_dataset("glyphs", classes=20, pixels=32).manifest.hash


@pytest.mark.parametrize("pixels", [16, 32, 64])
def test_what_varies(pixels: int) -> None:
    glyphs = open_dataset("glyphs", classes=2, shape="flat", largest=400, pixels=pixels)
    images, labels = glyphs.read_images()
    assert images.shape == (800, 3, pixels, pixels)
    grey = images[labels == 0].mean(axis=1) / 255
    paper = np.percentile(grey, 10, axis=(1, 2))
    assert paper.std() > 0.05, "background"
    assert (grey.max(axis=(1, 2)) - paper).std() > 0.08, "contrast"
    ink = np.clip(grey - paper[:, None, None] - 0.2, 0, None)
    at = np.arange(pixels) / pixels
    centre = (ink.sum(axis=1) * at).sum(axis=1) / ink.sum(axis=(1, 2))
    assert centre.std() > 0.02, "position"
    corners = grey[:, :2, :2].reshape(len(grey), -1)
    assert (corners.std(axis=1) > 0.005).mean() > 0.9, "noise"


@pytest.mark.slow
@pytest.mark.parametrize("classes", [100, 1_000, 5_000])
def test_neither_trivial_nor_hopeless(classes: int, record_property: Callable[[str, object], None]) -> None:
    glyphs = open_dataset("glyphs", classes=classes, pixels=32)
    chance, centroid = majority_share(glyphs.manifest), nearest_centroid(glyphs)
    record_property("images", len(glyphs.manifest))
    record_property("majority_class_percent", round(chance, 2))
    record_property("nearest_centroid_percent", round(centroid, 1))
    assert 4 * chance < centroid < 30
