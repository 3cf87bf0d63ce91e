"""`glyphs`: a synthetic set from the fonts that matplotlib ships; a class is a character of a face, or two of them.

It stands in for a large, skewed data set (ImageNet22K's class histogram) on any machine, without a download. An image
is a function of its class, its key and the styles below, so a manifest needs no images and images need no files.

Up to 1,000 classes are single characters; further ones are ordered pairs of them, both of one face, the first at the
upper left and the second at the lower right, each moved and sized on its own. Any two pairs differ in a whole character
at one of the places; of 20,000 classes a character stands in 38 pairs on average, so that both have to be recognised.
Parts shared among classes make this easier than as many classes of photographs. With pairs, 32 pixels are legible,
16 barely.

One core of an AMD EPYC draws 18,000 single characters or 12,000 pairs a second at 32 pixels, 57,000 or 39,000 at 16 and
5,700 or 3,800 at 64 (1,000 images of many classes at a time, median of 7 in seconds of the processor).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce

import numpy as np
import polars as pl

from nastransfer.data.glyph_classes import choose_classes, parse_class
from nastransfer.data.glyph_options import SINGLES, GlyphOptions
from nastransfer.data.manifest import Manifest, mix_keys, name_key
from nastransfer.data.outlines import BOX, GRID, distance_maps

VERSION = 1
TEST_SHARE = 0.2
# Images a class of ImageNet22K (fall-2011 release) at the quantiles 0, 1/4, 1/2, 3/4, 1.
_QUANTILES = (1.0, 145.0, 530.0, 1168.0, 3047.0)
# Pixels drawn at a time: what a processor's second-level cache holds of the dozen arrays of such a chunk.
_CHUNK_PIXELS = 2**15


@dataclass(frozen=True)
class Style:
    """How much images of one class differ. Lengths are shares of the image's side, grey levels run from 0 to 1."""

    faces_a_character: int = 2
    apart: float = 0.35
    size: tuple[float, float] = (0.55, 0.8)
    shift: float = 0.11
    slant: tuple[float, float] = (-0.12, 0.0)
    stroke: tuple[float, float] = (-0.008, 0.02)
    contrast: tuple[float, float] = (0.35, 0.8)
    background: tuple[float, float] = (0.0, 0.25)
    gradient: float = 0.15
    tint: float = 0.1
    noise: float = 0.15


STYLE = Style()
# Of each character of a pair: half as large as single ones, and at most 16 pixels of 32.
PAIR_STYLE = replace(STYLE, size=(0.37, 0.5), shift=0.055)
# How the characters of a class stand, by their number: x and y of each one's centre, from the image's, and the first of
# its three random streams (x, y, size). Streams 3 to 11 are of the whole image, those from _NOISE_STREAM on its noise.
_PLACES = {1: ((0.0, 0.0, 0),), 2: ((-15 / 64, -15 / 64, 0), (15 / 64, 15 / 64, 12))}
_NOISE_STREAM = 64
# Of the default set's pixels, each channel alike, in 0..1.
MEAN, STD = 0.226, 0.213


def class_sizes(options: GlyphOptions) -> np.ndarray:
    """Images of every class, int64 [classes], largest first.

    long_tailed: ImageNet22K's quantiles, linear between them, scaled so that the largest class has `largest` images,
    at least `floor`. flat: `largest` images in every class.
    """
    if options.shape == "flat":
        return np.full(options.classes, options.largest, np.int64)
    position = np.linspace(1.0, 0.0, options.classes)
    sizes = (
        np.interp(position, np.linspace(0, 1, len(_QUANTILES)), _QUANTILES) * options.largest / _QUANTILES[-1]
    )
    return np.maximum(np.rint(sizes).astype(np.int64), options.floor)


def glyphs_manifest(options: GlyphOptions) -> Manifest:
    """The manifest of a glyph set; a fifth of every class, at least 2 images, is the test part.

    Classes have the sizes of `class_sizes` in their order; with pairs among them, in a seeded order, since otherwise
    the single characters would be the largest classes.
    """
    names = choose_classes(options.classes, options.seed, STYLE.apart, STYLE.faces_a_character)
    bases = np.array([name_key("glyphs", VERSION, options.seed, name) for name in names], np.uint64)
    sizes = class_sizes(options)
    if options.classes > SINGLES:
        sizes = sizes[np.argsort(bases)]
    label = np.repeat(np.arange(len(sizes)), sizes)
    index = np.arange(len(label)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    tests = np.maximum(np.rint(sizes * TEST_SHARE).astype(np.int64), 2)
    containers = pl.Series(
        [
            f"glyphs-{VERSION}-{_digest(STYLE, MEAN, STD)}-{options.pixels}px",
            f"glyph-pairs-{VERSION}-{_digest(PAIR_STYLE, MEAN, STD, _PLACES[2])}-{options.pixels}px",
        ],
        dtype=pl.Categorical,
    )
    return Manifest.build(
        "glyphs",
        names,
        label=label,
        part=np.where(index < tests[label], 2, 0),
        key=mix_keys(bases[label], index),
        container=containers.gather((label >= SINGLES).astype(np.uint32)),
        offset=index,
    )


def _digest(style: Style, *more: object) -> str:
    """Names how images are drawn and normalised: otherwise the same rows feed a network other numbers."""
    text = json.dumps([asdict(style), *more], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def render(
    names: Sequence[str],
    label: np.ndarray,
    key: np.ndarray,
    pixels: int,
    style: Style = STYLE,
    pair_style: Style = PAIR_STYLE,
) -> np.ndarray:
    """Images uint8 [n, 3, pixels, pixels] of the classes `names[label[i]]` with the keys `key[i]`.

    Whatever the number of images and classes, they are drawn a few at a time; a process keeps the distance maps of the
    characters that it has drawn (64 MiB for the 1,000 of one seed).
    """
    used, master = np.unique(label, return_inverse=True)
    classes = [parse_class(names[i]) for i in used]
    lengths = np.array([len(characters) for _, characters in classes], np.int64)
    images = np.empty((len(label), 3, pixels, pixels), np.uint8)
    step = max(_CHUNK_PIXELS // pixels**2, 1)
    for length, look in ((1, style), (2, pair_style)):
        drawn = [
            (face, code) for face, characters in classes if len(characters) == length for code in characters
        ]
        maps, rows = distance_maps().of(drawn)
        # Rows of the maps of every used class, [used, length], those of another length left out.
        of_class = np.zeros((len(used), length), np.int64)
        of_class[lengths == length] = rows.reshape(-1, length)
        wanted = np.flatnonzero(lengths[master] == length)
        for start in range(0, len(wanted), step):
            chunk = wanted[start : start + step]
            images[chunk] = _draw(maps, of_class[master[chunk]], key[chunk], pixels, look)
    return images


def _draw(maps: np.ndarray, rows: np.ndarray, key: np.ndarray, pixels: int, style: Style) -> np.ndarray:
    """One chunk of images, whose characters are `maps[rows[i]]`; see `render`.

    Sums and products only, so that the bytes are the same everywhere.
    """

    def draw(stream: int, low: float, high: float) -> np.ndarray:
        return (low + (high - low) * _uniform(key, stream))[:, None, None]

    place = (np.arange(pixels) + 0.5) / pixels - 0.5
    slant = draw(3, *style.slant)
    depths = []
    for row, (right, low, stream) in zip(rows.T, _PLACES[rows.shape[1]], strict=True):
        x = place[None, None, :] - (right + draw(stream, -style.shift, style.shift))
        y = place[None, :, None] - (low + draw(stream + 1, -style.shift, style.shift))
        # Rows above the middle (y < 0) move to the left for a slant below 0.
        x = x + slant * y * -1.0
        grid = BOX / draw(stream + 2, *style.size)
        depths.append(_sample(maps, row, x * grid + (GRID / 2 - 0.5), y * grid + (GRID / 2 - 0.5)) / grid)
    # The distance to the edge of shapes put together: of the one that a pixel is deepest in, or nearest to.
    depth = reduce(np.maximum, depths)
    ink = np.clip((depth + draw(4, *style.stroke)) * pixels + 0.5, 0.0, 1.0)
    paper = draw(5, *style.background) + draw(6, -style.gradient, style.gradient) * place[None, None, :]
    paper = paper + draw(7, -style.gradient, style.gradient) * place[None, :, None]
    level = paper + ink * draw(8, *style.contrast)
    noise = _uniform(key[:, None], np.arange(_NOISE_STREAM, _NOISE_STREAM + 2 * pixels**2)[None, :])
    noise = noise.reshape(len(key), 2, pixels, pixels).sum(axis=1) - 1.0
    level = level + style.noise * noise
    tint = np.stack([draw(9 + channel, -style.tint, style.tint) for channel in range(3)], axis=1)
    colour = level[:, None] + tint * (1.0 - ink[:, None])
    return np.clip(np.floor(colour * 255.0 + 0.5), 0, 255).astype(np.uint8)


def _uniform(key: np.ndarray, stream: int | np.ndarray) -> np.ndarray:
    """Numbers in [0, 1), one for each key and stream number, float64."""
    return (mix_keys(key, stream) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _sample(maps: np.ndarray, row: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of `maps[row]` at pixel positions x, y; beyond the border the border holds."""
    x = np.clip(x, 0, GRID - 1.001)
    y = np.clip(y, 0, GRID - 1.001)
    left, top = x.astype(np.int64), y.astype(np.int64)
    flat = maps.reshape(-1)
    at = row[:, None, None] * GRID**2 + top * GRID + left
    right_share, low_share = x - left, y - top
    upper, lower = flat.take(at), flat.take(at + GRID)
    upper = upper + (flat.take(at + 1) - upper) * right_share
    lower = lower + (flat.take(at + GRID + 1) - lower) * right_share
    return np.asarray(upper + (lower - upper) * low_share)
