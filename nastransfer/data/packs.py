"""Packs: a public set's images in one Parquet file, a row an image (image bytes, label, label_name, split)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from nastransfer.data.files import BadImage, decode_rgb
from nastransfer.data.layouts.layout import per_class_80
from nastransfer.data.manifest import PART, Manifest, mix_keys, name_key, part_series
from nastransfer.data.resize import square

DATA_VARIABLE = "NASTRANSFER_DATA"
_COLUMNS = ("image", "label", "label_name", "split")


@dataclass(frozen=True)
class Pack:
    """What is known of a pack beforehand: file name, native side in pixels, and where its parts come from.

    split: given (the file's), val_is_test (the file's val part is the only labelled one to test on), or per_class_80
    (of every class floor(0.8 n) images by key are the train part, the rest the test part; methods.md 8.3).
    """

    file: str
    pixels: int
    split: Literal["given", "val_is_test", "per_class_80"] = "given"


PACKS: dict[str, Pack] = {
    "cifar10": Pack("cifar10.parquet", 32),
    "cifar100": Pack("cifar100.parquet", 32),
    "flowers102": Pack("flowers102.parquet", 64, "per_class_80"),
    "tiny_imagenet200": Pack("tiny_imagenet200.parquet", 64, "val_is_test"),
    "scene15": Pack("scene15.parquet", 64),
    "imagenet1k_one_per_class": Pack("imagenet1k_one_per_class.parquet", 64),
}


def folders(root: str | Path | None = None) -> list[Path]:
    """Where packs are looked for: `root`, or else `NASTRANSFER_DATA`, or else `../shared/data` beside the checkout."""
    if root is not None:
        return [Path(root).expanduser().absolute()]
    if os.environ.get(DATA_VARIABLE):
        return [Path(os.environ[DATA_VARIABLE])]
    beside = [
        base / "shared" / "data"
        for base in (Path(__file__).resolve().parents[3], Path.cwd().resolve().parent)
    ]
    return list(dict.fromkeys(beside))


def find_pack(pack: Pack, root: str | Path | None = None) -> Path | None:
    """The pack's file in the first folder that has it."""
    return next((folder / pack.file for folder in folders(root) if (folder / pack.file).is_file()), None)


def pack_manifest(dataset: str, pack: Pack, path: Path) -> Manifest:
    """One row an image, its part as `pack.split` says; the key is made of the set's name and the row's number.

    Reads labels and splits only, no image.
    """
    schema = pl.read_parquet_schema(path)
    missing = [name for name in _COLUMNS if name not in schema]
    if missing:
        raise ValueError(f"{path} is no pack: it lacks the columns {missing} of {list(_COLUMNS)}")
    table = pl.read_parquet(path, columns=["label", "label_name", "split"])
    names = table.select("label", "label_name").unique().sort("label")
    if names["label"].to_list() != list(range(len(names))):
        raise ValueError(
            f"{path}: labels must be 0 to {len(names) - 1} with one name each, got {names.rows()[:10]}"
        )
    row = np.arange(len(table))
    label = table["label"].to_numpy()
    key = mix_keys(name_key(dataset), row)
    if pack.split == "per_class_80":
        part = part_series(per_class_80(label, key))
    else:
        part = table["split"].cast(PART)
        if pack.split == "val_is_test":
            part = part.replace({"val": "test"})
    return Manifest.build(
        dataset,
        names["label_name"].to_list(),
        label=label,
        part=part,
        key=key,
        container=f"{path.name}@{_file_digest(path)}",
        offset=row,
    )


def _file_digest(path: Path) -> str:
    """Names the bytes of a pack: another pack in its place has other images, and its manifest gets another hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=4)).hexdigest()


class PackReader:
    """Decoded images of one pack at its native side, each decoded once in a process and kept as uint8."""

    def __init__(self, path: Path, pixels: int) -> None:
        self._path, self._pixels = path, pixels
        self._bytes = pl.read_parquet(path, columns=["image"])["image"]
        self._images = np.zeros((len(self._bytes), 3, pixels, pixels), np.uint8)
        self._decoded = np.zeros(len(self._bytes), bool)

    def read(self, row: np.ndarray) -> np.ndarray:
        """Images uint8 [n, 3, pixels, pixels] of these rows of the file."""
        for index in np.unique(row[~self._decoded[row]]):
            try:
                self._images[index] = decode(self._bytes[int(index)], self._pixels)
            except BadImage as error:
                raise BadImage(f"{self._path}, row {index}: the image cannot be decoded: {error}") from error
            self._decoded[index] = True
        return self._images[row]


@cache
def reader(path: Path, pixels: int) -> PackReader:
    """The process's reader of a pack."""
    return PackReader(path, pixels)


def decode(content: bytes, pixels: int) -> np.ndarray:
    """An encoded image as RGB, uint8 [3, pixels, pixels]: shorter side scaled to `pixels`, then the middle cut out."""
    return np.ascontiguousarray(square(decode_rgb(content), pixels).transpose(2, 0, 1))
