"""The content digest of a table: the same for the same rows in any order, on every machine and in every version."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl

_ABSENT = int(np.iinfo(np.int64).min)
_BYTES = 16
_SLICE = 1 << 20


def text_bytes(texts: pl.Series) -> tuple[bytes, np.ndarray]:
    """A column of texts as one run of UTF-8 bytes and each text's number of bytes, int64; -1 where there is none."""
    sizes = texts.str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy()
    return (texts.str.join("").item() or "").encode(), sizes


def digest_rows(head: Any, rows: pl.DataFrame, key: str) -> str:
    """Digest (32 hex digits) of a head (JSON data) and of all rows, whatever their order.

    The rows are put in the order of the column `key` (of all columns where keys repeat); every column is one BLAKE2b of
    its numbers in a fixed byte order, or stands for itself where it has one value only; one BLAKE2b covers the head,
    the columns' names and these. Nothing depends on polars' own hashing, or on how a category is numbered.
    Columns: integers, enumerations (by position), texts and categories (as text); nulls count.
    """
    order = _order(rows, key)
    with ThreadPoolExecutor() as pool:
        columns = dict(zip(rows.columns, pool.map(lambda one: _digest_column(one, order), rows), strict=True))
    text = json.dumps([head, len(rows), columns], separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode("ascii"), digest_size=_BYTES).hexdigest()


def _order(rows: pl.DataFrame, key: str) -> np.ndarray:
    # By polars, whose sort has several threads.
    order = rows[key].arg_sort().to_numpy().astype(np.int64)
    keys = rows[key].to_numpy()[order]
    if not (keys[1:] == keys[:-1]).any():
        return order
    plain = rows.with_columns(pl.col(pl.Categorical).cast(pl.String))
    columns = [key, *(name for name in rows.columns if name != key)]
    return plain.select(pl.arg_sort_by(columns)).to_series().to_numpy()


def _digest_column(values: pl.Series, order: np.ndarray) -> Any:
    """A column in the order given, as JSON data; independent of how the column lies in memory."""
    if values.dtype == pl.String:
        return _digest_texts(values, order)
    if values.dtype != pl.Categorical:
        numbers = values.to_physical().cast(pl.UInt32) if values.dtype == pl.Enum else values
        if numbers.null_count():
            numbers = numbers.cast(pl.Int64).fill_null(_ABSENT)
        return _digest_numbers(numbers.to_numpy(), order)
    # Categories are numbered anew, in the order of their texts; 0 is none.
    used = values.unique().drop_nulls()
    names, codes = used.cast(pl.String), used.to_physical().cast(pl.Int64).to_numpy()
    number = np.zeros(int(codes.max(initial=0)) + 2, np.uint32)
    number[codes + 1] = names.rank("ordinal").to_numpy()
    places = values.to_physical().cast(pl.Int64).fill_null(-1).to_numpy() + 1
    return [names.sort().to_list(), _digest_numbers(number[places], order)]


def _digest_numbers(numbers: np.ndarray, order: np.ndarray) -> Any:
    if len(numbers) and (numbers == numbers[0]).all():
        return int(numbers[0])
    ordered = numbers[order]
    ordered = ordered.astype(ordered.dtype.newbyteorder("<"), copy=False)
    return hashlib.blake2b(ordered, digest_size=_BYTES).hexdigest()


def _digest_texts(values: pl.Series, order: np.ndarray) -> Any:
    if values.null_count() == len(values):
        return None
    digest = hashlib.blake2b(digest_size=_BYTES)
    for start in range(0, len(values), _SLICE):
        text, sizes = text_bytes(values.gather(order[start : start + _SLICE]))
        digest.update(sizes.astype("<i8").tobytes())
        digest.update(text)
    return digest.hexdigest()
