"""The manifest of a data set: one row an image, with its class, its part, a stable key and where its bytes lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from nastransfer.data.digest import digest_rows, text_bytes

PARTS = ("train", "val", "test")
PART = pl.Enum(PARTS)
ROW_SCHEMA: dict[str, pl.DataType] = {
    "label": pl.UInt32(),
    "part": PART,
    "parent_part": PART,
    "key": pl.UInt64(),
    "container": pl.Categorical(),
    "name": pl.String(),
    "offset": pl.Int64(),
    "length": pl.Int64(),
    "modified": pl.Int64(),
}
_FORMAT = "nastransfer.manifest.2"
_SLICE = 1 << 18


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


def path_keys(dataset: str, paths: Sequence[str] | pl.Series) -> np.ndarray:
    """64-bit keys of file images, uint64 [images]: made once from the set's name and each path relative to its root.

    A chain over the path's UTF-8 bytes, taken 8 at a time as little-endian numbers w (the last one padded with zeros):
    h = `name_key(dataset)`, then h = `mix_keys(h ^ w, 0)` for each of them, last h = `mix_keys(h ^ bytes, 0)` with the
    path's number of bytes.
    """
    series = paths if isinstance(paths, pl.Series) else pl.Series(paths, dtype=pl.String)
    if series.null_count():
        raise ValueError(f"every image needs a path, {series.null_count()} of {len(series)} have none")
    keys = np.empty(len(series), np.uint64)
    base = np.uint64(name_key(dataset))
    for start in range(0, len(series), _SLICE):
        some = series.slice(start, _SLICE)
        text, sizes = text_bytes(some)
        # Every run of 8 bytes of the text as a number, wherever it starts; 8 more bytes so that the last ones have all.
        padded = np.frombuffer(text + bytes(8), np.uint8)
        words = np.ndarray((len(text) + 1,), "<u8", padded, strides=(1,))
        first = np.cumsum(sizes) - sizes
        chain = np.full(len(some), base)
        for at in range(0, int(sizes.max()), 8):
            rows = np.flatnonzero(sizes > at)
            spare = np.maximum(8 - (sizes[rows] - at), 0).astype(np.uint64) * np.uint64(8)
            word = words[first[rows] + at] & (np.uint64(2**64 - 1) >> spare)
            chain[rows] = mix_keys(chain[rows] ^ word, 0)
        keys[start : start + len(some)] = mix_keys(chain ^ sizes.astype(np.uint64), 0)
    return keys


def part_series(codes: np.ndarray) -> pl.Series:
    """Parts as a column, from their positions in `PARTS`."""
    return pl.Series("part", PARTS, dtype=PART).gather(codes)


@dataclass(frozen=True)
class Manifest:
    """Images of a data set, or of a proxy or part of one. Rows have the columns of `ROW_SCHEMA`:

    label (index into `classes`), part, parent_part (the part in the parent set), key (stable, from the image's name),
    container (what holds the image, relative to the set's root with "/": a folder, an archive, a pack, or a fixed word
    for sets that ship with a library), name (of the file inside a folder), offset (row of a pack, place in an archive),
    length (bytes) and modified (time of the file's last change, ns since 1970). Null: there is none, or, of the last
    two, not yet known. `modified` is no part of `hash`: a copy of the same files is the same set.
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
        name: pl.Series | None = None,
        offset: np.ndarray | pl.Series | None = None,
        length: np.ndarray | pl.Series | None = None,
        modified: np.ndarray | pl.Series | None = None,
        resolution: int | None = None,
    ) -> Manifest:
        """A whole set's manifest from columns of equal length; `part` holds names of parts (or codes 0, 1, 2)."""
        parts = part_series(part) if isinstance(part, np.ndarray) else part.cast(PART)
        columns = {
            "parent_part": parts,
            "container": container,
            "name": name,
            "offset": offset,
            "length": length,
            "modified": modified,
        }
        frame = pl.DataFrame({"label": label.astype(np.uint32), "part": parts, "key": key})
        rows = frame.with_columns(_column(values, name) for name, values in columns.items())
        return cls(dataset, tuple(classes), rows.select(list(ROW_SCHEMA)), resolution=resolution)

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
        """Digest (32 hex digits) of the classes, the resolution and every row but for `modified`, whatever their order.

        See `digest_rows`: a sort by key and a BLAKE2b of every column.
        """
        head = [_FORMAT, self.dataset, list(self.classes), self.resolution]
        return digest_rows(head, self.rows.drop("modified"), key="key")

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
            if head["format"] != _FORMAT:
                raise ValueError(
                    f"{path} has the format {head['format']!r}, wanted is {_FORMAT!r}: make it anew"
                )
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


def _column(values: object, name: str) -> pl.Expr | pl.Series:
    if isinstance(values, np.ndarray | pl.Series):
        return pl.Series(name, values).cast(ROW_SCHEMA[name])
    return pl.lit(values).cast(ROW_SCHEMA[name]).alias(name)
