"""The catalogue: open a data set by name, and see which ones are present on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel

from nastransfer.data import packs
from nastransfer.data.glyph_options import GlyphOptions
from nastransfer.data.manifest import Manifest, mix_keys, name_key
from nastransfer.data.resize import resize
from nastransfer.data.splits import rank_within

# Given a manifest, its images at the native side, uint8 [n, 3, pixels, pixels], in the order of its rows.
Reader = Callable[[Manifest], np.ndarray]

_DIGITS_TERMS = "UCI optical digits (Alpaydin, Kaynak 1998), CC BY 4.0; ships with scikit-learn"
_GLYPHS_TERMS = "drawn from DejaVu and STIX fonts (free licences; ship with matplotlib)"


@dataclass(frozen=True)
class Dataset:
    """A data set, or a proxy of one: which images (manifest), how to read them and how to feed them to a network.

    mean, std: of each colour channel, for values in 0..1. flip: whether a mirror image shows the same class.
    stem: the network's first layers ("cifar" up to 64 px). pixels: native side. synthetic: neither photos nor scans.
    """

    name: str
    manifest: Manifest
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    terms: str
    synthetic: bool
    domain: str
    flip: bool
    stem: Literal["cifar", "imagenet"]
    pixels: int
    read: Reader

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; a label is a position in it."""
        return self.manifest.classes

    def read_images(
        self, manifest: Manifest | None = None, resolution: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images of a manifest of this set (default: all), uint8 [n, 3, side, side], and labels int64 [n].

        In the order of the keys, whatever the order of the rows. A manifest with a `resolution` of its own (a proxy of
        small images) is brought to that side first: detail that it took away does not come back with a larger
        `resolution`. `ValueError` for another set's manifest.
        """
        manifest = self.manifest if manifest is None else manifest
        if manifest.dataset != self.manifest.dataset:
            raise ValueError(f"{self.name!r} cannot read a manifest of {manifest.dataset!r}")
        manifest = replace(manifest, rows=manifest.rows.sort("key"))
        images = self.read(manifest)
        for side in (manifest.resolution, resolution):
            images = resize(images, side) if side is not None else images
        return images, manifest.rows["label"].to_numpy().astype(np.int64)

    def with_manifest(self, manifest: Manifest) -> Dataset:
        """The same set with fewer images, such as a proxy of it; `ValueError` for another set's manifest."""
        if manifest.dataset != self.manifest.dataset:
            raise ValueError(f"{self.name!r} cannot take a manifest of {manifest.dataset!r}")
        return replace(self, manifest=manifest)


def options_of(name: str) -> type[BaseModel] | None:
    """The settings model of a data set's options; None where it has none."""
    return GlyphOptions if name == "glyphs" else None


def open_dataset(name: str, /, root: str | Path | None = None, **options: Any) -> Dataset:
    """Open a data set of the catalogue; no image is read yet.

    `root` is the folder of the packs. `glyphs` has the options of `GlyphOptions`, the other sets have none.
    `ValueError` for an unknown name or option, and for a set that is not present, with the folders looked in.
    """
    if name == "glyphs":
        return _glyphs(GlyphOptions(**options))
    if name not in names():
        raise ValueError(f"unknown data set {name!r}; known are {list(names())}")
    if options:
        raise ValueError(f"data set {name!r} has no options, got {options}")
    if name == "digits":
        return _digits()
    pack = packs.PACKS[name]
    path = packs.find_pack(pack, root)
    if path is None:
        looked = [str(folder / pack.file) for folder in packs.folders(root)]
        raise ValueError(
            f"data set {name!r} is not here: no {' or '.join(looked)}; set {packs.DATA_VARIABLE}"
        )
    return _pack(name, path)


def names() -> tuple[str, ...]:
    """Names that `open_dataset` knows."""
    return ("digits", "glyphs", *packs.PACKS)


def datasets(root: str | Path | None = None) -> pl.DataFrame:
    """The catalogue: columns name, present, synthetic, looked_in, terms, how_to_get."""
    rows = [
        ("digits", True, False, "scikit-learn", _DIGITS_TERMS, "comes with the installation"),
        ("glyphs", True, True, "matplotlib", _GLYPHS_TERMS, "comes with the installation"),
    ]
    for name, pack in packs.PACKS.items():
        looked = ", ".join(str(folder / pack.file) for folder in packs.folders(root))
        how = f"put {pack.file} (see README) into a folder and set {packs.DATA_VARIABLE} to it"
        rows.append((name, packs.find_pack(pack, root) is not None, False, looked, pack.terms, how))
    return pl.DataFrame(
        rows, schema=["name", "present", "synthetic", "looked_in", "terms", "how_to_get"], orient="row"
    )


@cache
def _pack(name: str, path: Path) -> Dataset:
    pack = packs.PACKS[name]
    return Dataset(
        name=name,
        manifest=packs.pack_manifest(name, pack, path),
        mean=pack.mean,
        std=pack.std,
        terms=pack.terms,
        synthetic=False,
        domain=pack.domain,
        flip=pack.flip,
        stem="cifar",
        pixels=pack.pixels,
        read=partial(_read_pack, path, pack.pixels),
    )


def _read_pack(path: Path, pixels: int, manifest: Manifest) -> np.ndarray:
    return packs.reader(path, pixels).read(manifest.rows["offset"].to_numpy())


@cache
def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # Grey levels 0..16, 8 px: spread to 0..255.
    grey = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    label = bunch.target.astype(np.int64)
    row = np.arange(len(label))
    key = mix_keys(name_key("digits"), row)
    sizes = np.bincount(label)
    manifest = Manifest.build(
        "digits",
        [str(digit) for digit in range(10)],
        label=label,
        part=np.where(rank_within(label, key) < sizes[label] * 4 // 5, 0, 2),
        key=key,
        container="scikit-learn digits",
        offset=row,
    )
    return Dataset(
        name="digits",
        manifest=manifest,
        mean=(0.305, 0.305, 0.305),
        std=(0.376, 0.376, 0.376),
        terms=_DIGITS_TERMS,
        synthetic=False,
        domain="scans of handwritten digits",
        flip=False,
        stem="cifar",
        pixels=8,
        read=partial(_read_digits, grey),
    )


def _read_digits(grey: np.ndarray, manifest: Manifest) -> np.ndarray:
    return np.repeat(grey[manifest.rows["offset"].to_numpy()][:, None], 3, axis=1)


@cache
def _glyphs(options: GlyphOptions) -> Dataset:
    from nastransfer.data.glyphs import MEAN, STD, glyphs_manifest

    return Dataset(
        name="glyphs",
        manifest=glyphs_manifest(options),
        mean=(MEAN, MEAN, MEAN),
        std=(STD, STD, STD),
        terms=_GLYPHS_TERMS,
        synthetic=True,
        domain="characters drawn from fonts",
        flip=False,
        stem="cifar",
        pixels=options.pixels,
        read=partial(_read_glyphs, options.pixels),
    )


def _read_glyphs(pixels: int, manifest: Manifest) -> np.ndarray:
    from nastransfer.data.glyphs import render

    rows = manifest.rows
    return render(list(manifest.classes), rows["label"].to_numpy(), rows["key"].to_numpy(), pixels)
