"""Sets that come with the installation: `digits`, scans that ship with scikit-learn, and `glyphs`, drawn from fonts."""

from __future__ import annotations

import gzip
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nastransfer.data.dataset import Dataset
from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.layouts.layout import per_class_80
from nastransfer.data.manifest import Manifest, mix_keys, name_key

DIGITS_TERMS = "UCI optical digits (Alpaydin, Kaynak 1998), CC BY 4.0; ships with scikit-learn"
GLYPHS_TERMS = "drawn from DejaVu and STIX fonts (free licences; ship with matplotlib)"


@cache
def digits() -> Dataset:
    """The 1,797 scans of handwritten digits, 8 x 8 pixels, 80 percent of every class for training."""
    scans = _scans()
    # Grey levels 0..16, 8 px: spread to 0..255.
    grey = np.rint(scans[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    label = scans[:, -1].astype(np.int64)
    row = np.arange(len(label))
    key = mix_keys(name_key("digits"), row)
    manifest = Manifest.build(
        "digits",
        [str(digit) for digit in range(10)],
        label=label,
        part=per_class_80(label, key),
        key=key,
        container="scikit-learn digits",
        offset=row,
    )
    return Dataset(
        name="digits",
        manifest=manifest,
        mean=(0.305, 0.305, 0.305),
        std=(0.376, 0.376, 0.376),
        terms=DIGITS_TERMS,
        synthetic=False,
        domain="scans of handwritten digits",
        flip=False,
        stem="cifar",
        pixels=8,
        read=partial(_read_digits, grey),
        form="embedded",
    )


def _scans() -> np.ndarray:
    """(1797, 65): 64 grey levels and the digit, from scikit-learn's file; importing it all takes a second a process."""
    found = find_spec("sklearn")
    home = Path(found.origin).parent if found is not None and found.origin else Path()
    path = home / "datasets" / "data" / "digits.csv.gz"
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()  # of a version that keeps the file elsewhere
    return np.column_stack([bunch.data, bunch.target])


def _read_digits(grey: np.ndarray, manifest: Manifest) -> np.ndarray:
    return np.repeat(grey[manifest.rows["offset"].to_numpy()][:, None], 3, axis=1)


@cache
def glyphs(options: GlyphOptions) -> Dataset:
    """Characters of many faces, each image drawn from its key when it is read."""
    from nastransfer.data.glyphs import MEAN, STD, glyphs_manifest

    return Dataset(
        name="glyphs",
        manifest=glyphs_manifest(options),
        mean=(MEAN, MEAN, MEAN),
        std=(STD, STD, STD),
        terms=GLYPHS_TERMS,
        synthetic=True,
        domain="characters drawn from fonts",
        flip=False,
        stem="cifar",
        pixels=options.pixels,
        read=partial(_read_glyphs, options.pixels),
        form="embedded",
    )


def _read_glyphs(pixels: int, manifest: Manifest) -> np.ndarray:
    from nastransfer.data.glyphs import render

    rows = manifest.rows
    return render(list(manifest.classes), rows["label"].to_numpy(), rows["key"].to_numpy(), pixels)
