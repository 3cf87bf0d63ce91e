"""`glyphs`: a synthetic set of characters drawn from the fonts that matplotlib ships; a class is a character of a face.

It stands in for a large, skewed data set (ImageNet22K's class histogram) on any machine, without a download. An image
is a function of its class, its key and the style below, so a manifest needs no images and images need no files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np

from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.manifest import Manifest, mix_keys, name_key
from nastransfer.data.outlines import BOX, CHARACTERS, FACES, GRID, codes, distance, mask

VERSION = 1
TEST_SHARE = 0.2
# Images a class of ImageNet22K (fall-2011 release) at the quantiles 0, 1/4, 1/2, 3/4, 1.
_QUANTILES = (1.0, 145.0, 530.0, 1168.0, 3047.0)
_CHUNK = 256
_SHAPE_SIDE = 32
_NOISE_STREAM = 64


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


def class_name(face: str, code: int) -> str:
    """The name of a class, such as `U+0042 DejaVuSerif-Bold`."""
    return f"U+{code:04X} {face}"


def parse_class(name: str) -> tuple[str, int]:
    """Face and character code of a class name; `ValueError` for other text."""
    code, _, face = name.partition(" ")
    if not code.startswith("U+") or face not in FACES:
        raise ValueError(
            f"a class of glyphs is named like 'U+0042 DejaVuSans', with a face of {list(FACES)}; got {name!r}"
        )
    return face, int(code[2:], 16)


def choose_classes(number: int, seed: int, style: Style = STYLE) -> list[str]:
    """`number` classes in a seeded order, no two of which look alike: each pair of shapes, brought to one size and
    place, differs by at least `style.apart` of their ink.

    Characters come one after another with a few faces each (`style.faces_a_character`), then as many again, and so on.
    """
    characters = [code for first, last in CHARACTERS for code in range(first, last + 1)]
    characters.sort(key=lambda code: name_key("glyphs character", seed, code))
    waiting = {
        code: sorted(FACES, key=lambda face: name_key("glyphs face", seed, code, face)) for code in characters
    }
    chosen: list[str] = []
    shapes = np.zeros((number, _SHAPE_SIDE**2), np.int8)
    inks = np.zeros(number, np.int64)
    while any(waiting.values()):
        for code in characters:
            accepted = 0
            while waiting[code] and accepted < style.faces_a_character:
                face = waiting[code].pop(0)
                shape = _shape(face, code)
                ink = int(shape.sum(dtype=np.int64))
                known = inks[: len(chosen)]
                near = np.flatnonzero(np.abs(known - ink) < style.apart * np.maximum(known, ink))
                unlike = np.abs(shapes[near] - shape).sum(axis=1, dtype=np.int64)
                if ink and (unlike >= style.apart * np.maximum(inks[near], ink)).all():
                    shapes[len(chosen)], inks[len(chosen)] = shape, ink
                    chosen.append(class_name(face, code))
                    accepted += 1
                    if len(chosen) == number:
                        return chosen
    raise ValueError(
        f"{number} glyph classes wanted; only {len(chosen)} differ by {style.apart} of their ink"
    )


def _shape(face: str, code: int) -> np.ndarray:
    """A character's coarse shape: ink (0..16) of each of 32 x 32 squares, int8 [1024]; 0: not in the face."""
    if code not in codes(face):
        return np.zeros(_SHAPE_SIDE**2, np.int8)
    step = GRID // _SHAPE_SIDE
    squares = mask(face, code).reshape(_SHAPE_SIDE, step, _SHAPE_SIDE, step)
    return squares.sum(axis=(1, 3), dtype=np.int8).ravel()


def glyphs_manifest(options: GlyphOptions) -> Manifest:
    """The manifest of a glyph set; a fifth of every class, at least 2 images, is the test part."""
    names = choose_classes(options.classes, options.seed)
    sizes = class_sizes(options)
    label = np.repeat(np.arange(len(sizes)), sizes)
    index = np.arange(len(label)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    bases = np.array([name_key("glyphs", VERSION, options.seed, name) for name in names], np.uint64)
    tests = np.maximum(np.rint(sizes * TEST_SHARE).astype(np.int64), 2)
    return Manifest.build(
        "glyphs",
        names,
        label=label,
        part=np.where(index < tests[label], 2, 0),
        key=mix_keys(bases[label], index),
        container=f"glyphs-{VERSION}-{_style_digest()}-{options.pixels}px",
        offset=index,
    )


def _style_digest() -> str:
    """Names how images are drawn and normalised: otherwise the same rows feed a network other numbers."""
    text = json.dumps([asdict(STYLE), MEAN, STD], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def render(
    names: list[str], label: np.ndarray, key: np.ndarray, pixels: int, style: Style = STYLE
) -> np.ndarray:
    """Images uint8 [n, 3, pixels, pixels] of the classes `names[label[i]]` with the keys `key[i]`."""
    used, master = np.unique(label, return_inverse=True)
    maps = (
        np.stack([distance(*parse_class(names[i])) for i in used]) if len(used) else np.zeros((0, GRID, GRID))
    )
    images = np.empty((len(label), 3, pixels, pixels), np.uint8)
    for start in range(0, len(label), _CHUNK):
        part = slice(start, start + _CHUNK)
        images[part] = _draw(maps, master[part], key[part], pixels, style)
    return images


def _draw(maps: np.ndarray, master: np.ndarray, key: np.ndarray, pixels: int, style: Style) -> np.ndarray:
    """One chunk of images; see `render`. Sums and products only, so that the bytes are the same everywhere."""

    def draw(stream: int, low: float, high: float) -> np.ndarray:
        return (low + (high - low) * _uniform(key, stream))[:, None, None]

    place = (np.arange(pixels) + 0.5) / pixels - 0.5
    x = place[None, None, :] - draw(0, -style.shift, style.shift)
    y = place[None, :, None] - draw(1, -style.shift, style.shift)
    size = draw(2, *style.size)
    # Rows above the middle (y < 0) move to the left for a slant below 0.
    x = x + draw(3, *style.slant) * y * -1.0
    grid = BOX / size
    depth = _sample(maps, master, x * grid + (GRID / 2 - 0.5), y * grid + (GRID / 2 - 0.5)) / grid
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


def _sample(maps: np.ndarray, master: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of `maps[master]` at pixel positions x, y; beyond the border the border holds."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    x = np.clip(x, 0, GRID - 1.001)
    y = np.clip(y, 0, GRID - 1.001)
    left, top = x.astype(np.int64), y.astype(np.int64)
    flat = maps.reshape(-1)
    at = np.broadcast_to(master[:, None, None] * GRID**2 + top * GRID + left, shape)
    right_share, low_share = x - left, y - top
    upper = flat[at] + (flat[at + 1] - flat[at]) * right_share
    lower = flat[at + GRID] + (flat[at + GRID + 1] - flat[at + GRID]) * right_share
    return np.asarray(upper + (lower - upper) * low_share)
