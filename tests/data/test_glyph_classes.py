"""Which characters and pairs are classes: names, order, and that no two of 20,000 look alike."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from nastransfer.data import glyph_classes
from nastransfer.data.glyph_classes import class_name, parse_class
from nastransfer.data.glyph_options import SINGLES
from nastransfer.data.glyphs import render
from nastransfer.data.outlines import FACES
from tests.data.plain_glyphs import PLAIN, PLAIN_PAIRS, choose

MOST = 20_000


def unlike_nearest(names: list[str], pixels: int = 32, step: int = 1_000) -> np.ndarray:
    """How unlike each class is from the one most like it, float32 [classes]: squared differences of grey levels, which
    absolute ones exceed, summed over the image, as a share of the ink of the one that has more."""
    number = len(names)
    images = render(names, np.arange(number), np.zeros(number, np.uint64), pixels, PLAIN, PLAIN_PAIRS)
    levels = images[:, 0].reshape(number, -1).astype(np.float32) / 255
    ink, squares = levels.sum(axis=1), (levels**2).sum(axis=1)
    least = np.full(number, np.inf, np.float32)
    for start in range(0, number, step):
        rows = slice(start, start + step)
        for other in range(0, start + 1, step):
            columns = slice(other, other + step)
            unlike = squares[rows, None] + squares[columns] - 2 * levels[rows] @ levels[columns].T
            unlike /= np.maximum(ink[rows, None], ink[columns])
            if other == start:
                np.fill_diagonal(unlike, np.inf)
            least[rows] = np.minimum(least[rows], unlike.min(axis=1))
            least[columns] = np.minimum(least[columns], unlike.min(axis=0))
    return least


def test_names_of_single_characters_and_pairs() -> None:
    for name, codes in (("U+0042 DejaVuSans", (0x42,)), ("U+10DD U+0045 STIXGeneral", (0x10DD, 0x45))):
        face, characters = parse_class(name)
        assert face == name.rpartition(" ")[2] and characters == codes
        assert class_name(face, *characters) == name
    for name in (
        "B DejaVuSans",
        "U+0042 Comic",
        "DejaVuSans",
        "U+0042 B DejaVuSans",
        "U+0041 U+0042 U+0043 DejaVuSans",
    ):
        with pytest.raises(ValueError, match=r"named like 'U\+0042 DejaVuSans' or 'U\+0042 U\+0061 .*got"):
            parse_class(name)


def test_fewer_classes_are_the_first_of_more() -> None:
    names = choose(MOST)
    assert len(set(names)) == MOST
    assert names[:SINGLES] == choose(SINGLES) and names[:3_000] == choose(3_000)
    assert names[:100] == choose(100)
    assert hashlib.sha256("\n".join(names[:SINGLES]).encode()).hexdigest()[:16] == "573c7b8d2c017fc2"
    assert hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] == "c04b157319e1f24c"
    other = set(choose(3_000, seed=1))
    assert len(other) == 3_000 and len(other & set(names[:3_000])) < 1_000


def test_pairs_are_of_single_classes_of_one_face() -> None:
    names = choose(MOST)
    singles = set(names[:SINGLES])
    places: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for name in names[SINGLES:]:
        face, characters = parse_class(name)
        first, second = (class_name(face, code) for code in characters)
        assert first != second and {first, second} <= singles
        places[0][first] += 1
        places[1][second] += 1
    # Neither character tells the class: each stands in many pairs, at both places, whatever its face.
    for counts in places:
        assert len(counts) == SINGLES and min(counts.values()) >= 2 and max(counts.values()) <= 60
    assert len({parse_class(name)[0] for name in names[SINGLES:]}) == len(FACES)


def test_a_sample_of_classes_pairwise_distinct() -> None:
    names = choose(MOST)
    generator = np.random.default_rng(0)
    sample = [names[index] for index in generator.choice(MOST, 300, replace=False)]
    # The nearest classes share a character: all that share one of these two.
    first = [name for name in names if name.startswith("U+0041 U+") and name.endswith(" DejaVuSans")]
    second = [name for name in names if name.endswith(" U+0438 STIXGeneralItalic")]
    family = list(dict.fromkeys([*sample, *first, *second]))
    assert len(family) > 315
    assert unlike_nearest(family).min() > 0.02


def test_alike_classes_are_found() -> None:
    # What the check above can see: an upright letter against itself and against another script's of the same shape.
    alike = unlike_nearest(["U+0041 DejaVuSans", "U+0391 DejaVuSans", "U+0042 DejaVuSans"])
    assert alike[0] < 0.001 and alike[1] < 0.001 and alike[2] > 0.1


@pytest.mark.slow
def test_all_classes_pairwise_distinct(record_property: Callable[[str, object], None]) -> None:
    names = choose(MOST)
    assert len(set(names)) == MOST
    least = unlike_nearest(names)
    shares = np.quantile(least, [0, 0.01, 0.1, 0.5, 1])
    record_property("classes", len(names))
    record_property("unlike_nearest_quantiles_0_1_10_50_100", [round(float(share), 3) for share in shares])
    assert least.min() > 0.02


def test_more_classes_than_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glyph_classes, "CHARACTERS", ((0x49, 0x4A),))
    with pytest.raises(ValueError, match=r"33 glyph classes wanted; only \d+ differ by 0.35 of their ink"):
        choose(33)
    assert len(choose(2)) == 2


def test_more_classes_than_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glyph_classes, "SINGLES", 3)
    names = choose(3)
    pairs = sum(n * (n - 1) for n in Counter(name.split()[1] for name in names).values())
    assert len(choose(3 + pairs)) == 3 + pairs
    with pytest.raises(ValueError, match=f"{4 + pairs} glyph classes wanted; there are only {3 + pairs}"):
        choose(4 + pairs)
