"""Glyphs: classes that differ, a histogram with a floor, images that are the same bytes everywhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from nastransfer.data import glyphs as glyph_set
from nastransfer.data.datasets import Dataset, open_dataset
from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.glyphs import STYLE, choose_classes, class_sizes, parse_class, render
from nastransfer.data.outlines import BOX, FACES, GRID, codes, distance, mask, segments
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.data.splits import search_halves

# No variation but for the key: what is left is the shape.
PLAIN = replace(
    STYLE,
    size=(0.8, 0.8),
    shift=0.0,
    slant=(0.0, 0.0),
    stroke=(0.0, 0.0),
    contrast=(1.0, 1.0),
    background=(0.0, 0.0),
    gradient=0.0,
    tint=0.0,
    noise=0.0,
)


@pytest.fixture(scope="module")
def glyphs() -> Dataset:
    return open_dataset("glyphs")


def test_outline_of_a_known_character() -> None:
    # The letter I of DejaVu Sans is one rectangle from x 201 to 403, y 0 to 1493, in font units.
    assert np.unique(segments("DejaVuSans", ord("I"))[:, ::2]).tolist() == [201, 403]
    assert np.unique(segments("DejaVuSans", ord("I"))[:, 1::2]).tolist() == [0, 1493]
    letter = mask("DejaVuSans", ord("I"))
    width = round(BOX * (403 - 201) / 1493)
    columns, rows = letter.any(axis=0).sum(), letter.any(axis=1).sum()
    assert letter.sum() == columns * rows and rows == BOX and abs(columns - width) <= 1
    depth = distance("DejaVuSans", ord("I"))
    middle = GRID // 2
    assert depth[middle, middle] == pytest.approx(width / 2, abs=1)
    assert depth[middle, 0] == pytest.approx(-(GRID - width) / 2, abs=1)


def test_holes_stay_open() -> None:
    ring = mask("DejaVuSans", ord("O"))
    assert not ring[GRID // 2, GRID // 2] and ring[GRID // 2].sum() > 10
    assert not mask("DejaVuSans", 0x20).any()


def test_only_text_faces() -> None:
    assert not [face for face in FACES if "LastResort" in face or "Display" in face or "Siz" in face]
    assert all(set(range(0x30, 0x3A)) <= codes(face) for face in FACES)


@pytest.mark.parametrize("number", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_no_two_classes_render_alike(number: int) -> None:
    names = choose_classes(number, seed=0)
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
    for name in ("B DejaVuSans", "U+0042 Comic"):
        with pytest.raises(ValueError, match="named like 'U\\+0042 DejaVuSans'"):
            parse_class(name)


def test_more_classes_than_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glyph_set, "CHARACTERS", ((0x49, 0x4A),))
    with pytest.raises(ValueError, match=r"33 glyph classes wanted; only \d+ differ by 0.35 of their ink"):
        choose_classes(33, seed=0)
    assert len(choose_classes(2, seed=0)) == 2


def test_histogram_is_long_tailed_with_a_floor() -> None:
    sizes = class_sizes(GlyphOptions(classes=101, largest=3047, floor=10))
    assert sizes[[0, 25, 50, 75, 100]].tolist() == [3047, 1168, 530, 145, 10]
    assert (np.diff(sizes) <= 0).all()
    assert class_sizes(GlyphOptions(classes=5, shape="flat", largest=30)).tolist() == [30] * 5


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
