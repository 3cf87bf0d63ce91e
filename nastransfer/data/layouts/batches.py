"""Reads CIFAR's "python version" files, which are pickles, without running anything that stands in them.

Layout of a file (https://www.cs.toronto.edu/~kriz/cifar.html): a dictionary with `data`, uint8 [images, 3072] (red,
green, blue planes of 32 x 32, row by row), and `labels` or `fine_labels`; of the file of names: lists of class names.
A pickle may name any function to be called. Here only the three names that an array of numpy is written with are known,
and even these are not numpy's own but a record of what the file says, which is checked before an array is made of it.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 32
_PIXELS = 3 * SIDE * SIDE
_ARRAY_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class _Recorded:
    """Stands for an array or its type: keeps the arguments and the state that the file gives, and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that knows no name but those of an array; whatever else a file names is refused."""

    def find_class(self, module: str, name: str) -> type[_Recorded]:
        if (module, name) not in _ARRAY_NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}; only arrays, lists and texts are read")
        return _Recorded


@dataclass(frozen=True)
class BatchFile:
    """The dictionary of one file and the md5 of its bytes."""

    path: Path
    md5: str
    entries: dict[bytes, Any]

    def images(self) -> np.ndarray:
        """The images, uint8 [images, 3, 32, 32]."""
        match self.entries.get(b"data"):
            case _Recorded(
                state=(_, (int(count), int(width)), _Recorded(args=(b"u1", *_)), fortran, bytes(content))
            ) if width == _PIXELS and len(content) == count * width:
                rows = np.frombuffer(content, np.uint8).reshape(count, width, order="F" if fortran else "C")
                return np.ascontiguousarray(rows).reshape(count, 3, SIDE, SIDE)
        raise ValueError(f"{self.path}: 'data' must be an array uint8 [images, {_PIXELS}]")

    def labels(self, key: str) -> np.ndarray:
        """The labels under a key, int64 [images]."""
        values = self.entries.get(key.encode())
        if not isinstance(values, list) or not all(type(value) is int and value >= 0 for value in values):
            raise ValueError(f"{self.path}: {key!r} must be a list of labels, whole numbers from 0")
        return np.array(values, np.int64)

    def names(self, key: str) -> list[str]:
        """The class names under a key."""
        values = self.entries.get(key.encode())
        if not isinstance(values, list) or not all(isinstance(value, bytes) for value in values):
            raise ValueError(f"{self.path}: {key!r} must be a list of names")
        return [value.decode("utf-8") for value in values]


def read_batch_file(path: Path, published_md5: str | None) -> BatchFile:
    """One file, its md5 compared with the published one first (None: not compared).

    `ValueError` where the md5 differs, and for a file that is no such dictionary or names anything but an array.
    """
    content = path.read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if published_md5 is not None and md5 != published_md5:
        raise ValueError(
            f"{path}: its md5 is {md5}, the published one is {published_md5}: the file is damaged or another one; get "
            "it anew, or open the set with checksums=False if it is your own"
        )
    try:
        # Texts stay bytes, as the files were written by Python 2.
        entries = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        MemoryError,
        OverflowError,
    ) as error:
        raise ValueError(f"{path} is no CIFAR batch: {error}") from error
    if not isinstance(entries, dict):
        raise ValueError(f"{path} is no CIFAR batch: it holds a {type(entries).__name__}, not a dictionary")
    return BatchFile(path, md5, entries)
