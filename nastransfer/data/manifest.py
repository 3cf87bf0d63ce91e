"""The manifest of a data set: one row an image, with its class, its part, a stable key and where its bytes lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

PARTS = ("train", "val", "test")
PART = pl.Enum(PARTS)
ROW_SCHEMA: dict[str, pl.DataType] = {
    "label": pl.UInt32(),
    "part": PART,
    "parent_part": PART,
    "key": pl.UInt64(),
    "container": pl.Categorical(),
    "offset": pl.Int64(),
    "length": pl.Int64(),
}
_FORMAT = "nastransfer.manifest.1"
_ABSENT = np.iinfo(np.int64).min


def name_key(*names: str | int) -> int:
    """A 64-bit key from an image's (or a class's) name: the first 8 bytes, little-endian, of BLAKE2b of its JSON."""
    text = json.dumps(names, separators=(",", ":"), ensure_ascii=True)
    return int.from_bytes(hashlib.blake2b(text.encode("ascii"), digest_size=8).digest(), "little")


def mix_keys(base: int | np.ndarray, index: int | np.ndarray) -> np.ndarray:
    """64-bit keys of numbered images: output number `index` (from 0) of the SplitMix64 generator that starts at `base`.

    Both arguments broadcast; the result is uint64. One multiplication chain an image, so that 14 million keys take
    a fraction of a second, and one to one in `index`, so that keys of one base never meet.
    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).
    """
    with np.errstate(over="ignore"):
        state = np.asarray(base, np.uint64) + (
            np.asarray(index).astype(np.uint64) + np.uint64(1)
        ) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return cast(np.ndarray, state ^ (state >> np.uint64(31)))


def part_series(codes: np.ndarray) -> pl.Series:
    """Parts as a column, from their positions in `PARTS`."""
    return pl.Series("part", PARTS, dtype=PART).gather(codes)


@dataclass(frozen=True)
class Manifest:
    """Images of a data set, or of a proxy or part of one. Rows have the columns of `ROW_SCHEMA`:

    label (index into `classes`), part, parent_part (the part in the parent set), key (stable, from the image's name),
    container, offset and length (where the bytes lie; null where there are none or not yet known).
    `selection` is the proxy's label, "all" for a whole set; `resolution` (pixels) is null for the native one.
    """

    dataset: str
    classes: tuple[str, ...]
    rows: pl.DataFrame
    selection: str = "all"
    resolution: int | None = None

    def __post_init__(self) -> None:
        if self.rows.schema != pl.Schema(ROW_SCHEMA):
            raise ValueError(f"a manifest's rows must have the columns {ROW_SCHEMA}, got {self.rows.schema}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"class names must differ, got {sorted(self.classes)[:20]}...")
        if len(self.rows) and cast(int, self.rows["label"].max()) >= len(self.classes):
            raise ValueError(
                f"label {self.rows['label'].max()!r} has no name: there are {len(self.classes)} classes"
            )

    @classmethod
    def build(
        cls,
        dataset: str,
        classes: Iterable[str],
        *,
        label: np.ndarray,
        part: np.ndarray | pl.Series,
        key: np.ndarray,
        container: str | pl.Series,
        offset: np.ndarray | None = None,
        resolution: int | None = None,
    ) -> Manifest:
        """A whole set's manifest from columns of equal length; `part` holds names of parts (or codes 0, 1, 2)."""
        parts = part_series(part) if isinstance(part, np.ndarray) else part.cast(PART)
        frame = pl.DataFrame({"label": label.astype(np.uint32), "part": parts, "key": key})
        rows = frame.with_columns(
            pl.col("part").alias("parent_part"),
            (container if isinstance(container, pl.Series) else pl.lit(container))
            .cast(pl.Categorical)
            .alias("container"),
            pl.lit(None, pl.Int64).alias("offset")
            if offset is None
            else pl.Series("offset", offset, pl.Int64),
            pl.lit(None, pl.Int64).alias("length"),
        ).select(list(ROW_SCHEMA))
        return cls(dataset, tuple(classes), rows, resolution=resolution)

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, int], *, dataset: str = "counts", test_share: float = 0.0, floor: int = 0
    ) -> Manifest:
        """A manifest without image bytes, for planning and for tests of proxies: class name -> number of images.

        Image `i` of class `c` has the key `mix_keys(name_key(dataset, c), i)`. Of every class the `test_share`
        (0 to below 1, rounded half to even), at least `floor` images, is the test part, the rest the train part.
        """
        negative = {name: count for name, count in counts.items() if count < 0}
        if negative:
            raise ValueError(
                f"numbers of images must not be negative, got {dict(list(negative.items())[:5])}"
            )
        if not 0 <= test_share < 1:
            raise ValueError(f"test_share must be at least 0 and below 1, got {test_share}")
        sizes = np.fromiter(counts.values(), np.int64, len(counts))
        bases = np.array([name_key(dataset, name) for name in counts], np.uint64)
        label = np.repeat(np.arange(len(sizes)), sizes)
        index = np.arange(len(label)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        tests = np.minimum(
            np.maximum(np.rint(sizes * test_share).astype(np.int64), floor if test_share else 0), sizes
        )
        # The index of an image is arbitrary here, so the first ones of each class may be the test part.
        part = np.where(index < tests[label], np.uint8(2), np.uint8(0))
        return cls.build(
            dataset,
            counts,
            label=label,
            part=part,
            key=mix_keys(bases[label], index),
            container=dataset,
            offset=index,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def hash(self) -> str:
        """Digest (32 hex digits) of the classes, the resolution and every row, whatever the order of the rows.

        Made of numbers in a fixed byte order, so it does not depend on polars' own hashing or its version.
        """
        rows = self.rows.sort("key", "label", "part", "container", "offset")
        names = sorted(rows["container"].cast(pl.String).unique().drop_nulls().to_list())
        digest = hashlib.blake2b(digest_size=16)
        head = [_FORMAT, self.dataset, list(self.classes), self.resolution, names, len(rows)]
        digest.update(json.dumps(head, ensure_ascii=True).encode("ascii"))
        codes = rows["container"].cast(pl.String).cast(pl.Enum(names)).to_physical()
        for values, kind in (
            (rows["key"], "<u8"),
            (rows["label"], "<u4"),
            (rows["part"].to_physical(), "<u1"),
            (rows["parent_part"].to_physical(), "<u1"),
            (codes.cast(pl.Int64).fill_null(_ABSENT), "<i8"),
            (rows["offset"].fill_null(_ABSENT), "<i8"),
            (rows["length"].fill_null(_ABSENT), "<i8"),
        ):
            digest.update(values.to_numpy().astype(kind).tobytes())
        return digest.hexdigest()

    def count(self, part: str | None = None) -> int:
        """Number of images of a part, or of all parts."""
        return len(self.rows) if part is None else int((self.rows["part"] == _part(part)).sum())

    def counts(self) -> pl.DataFrame:
        """Images of every class and part: columns label, class, train, val, test; classes without images included."""
        table = self.count_matrix()
        return pl.DataFrame(
            {
                "label": np.arange(len(self.classes), dtype=np.uint32),
                "class": pl.Series(self.classes, dtype=pl.String),
            }
            | {part: table[:, code] for code, part in enumerate(PARTS)}
        )

    def count_matrix(self) -> np.ndarray:
        """Images of every class and part as int64 [classes, parts], parts in the order of `PARTS`."""
        code = (
            self.rows["label"].to_numpy().astype(np.int64) * len(PARTS)
            + self.rows["part"].to_physical().to_numpy()
        )
        return (
            np.bincount(code, minlength=len(self.classes) * len(PARTS))
            .reshape(-1, len(PARTS))
            .astype(np.int64)
        )

    def part(self, name: str) -> Manifest:
        """The images of one part; classes and labels stay."""
        return replace(self, rows=self.rows.filter(pl.col("part") == _part(name)))

    def take(self, mask: np.ndarray | pl.Series) -> Manifest:
        """The rows where the mask (one boolean a row) is true; classes and labels stay."""
        if len(mask) != len(self.rows):
            raise ValueError(f"the mask must have one value a row: {len(self.rows)} rows, {len(mask)} values")
        return replace(self, rows=self.rows.filter(pl.Series(mask, dtype=pl.Boolean)))

    def save(self, path: str | Path) -> None:
        """Write as one Parquet file with the manifest's other fields as metadata."""
        head = {
            "format": _FORMAT,
            "dataset": self.dataset,
            "classes": list(self.classes),
            "selection": self.selection,
            "resolution": self.resolution,
            "hash": self.hash,
        }
        rows = self.rows.with_columns(pl.col("part", "parent_part", "container").cast(pl.String))
        rows.write_parquet(path, metadata={"nastransfer": json.dumps(head)})

    @classmethod
    def load(cls, path: str | Path) -> Manifest:
        """Read what `save` wrote; `ValueError` for a file that is no manifest or does not match its own hash."""
        try:
            head = json.loads(pl.read_parquet_metadata(path)["nastransfer"])
            rows = pl.read_parquet(path).select(pl.col(name).cast(kind) for name, kind in ROW_SCHEMA.items())
            manifest = cls(
                head["dataset"], tuple(head["classes"]), rows, head["selection"], head["resolution"]
            )
        except (pl.exceptions.PolarsError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not a manifest written by Manifest.save: {error!r}") from error
        if manifest.hash != head.get("hash"):
            raise ValueError(f"{path}: rows have the hash {manifest.hash}, the file says {head.get('hash')}")
        return manifest


def _part(name: str) -> str:
    if name not in PARTS:
        raise ValueError(f"part must be one of {list(PARTS)}, got {name!r}")
    return name
