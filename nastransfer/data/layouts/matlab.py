"""Reads a variable of a MATLAB file; some publishers give labels and parts as such."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np


def read_matlab(path: Path, key: str, content: bytes | None = None) -> np.ndarray:
    """One variable, without axes of length 1; `ValueError` where the file cannot be read or lacks it.

    content: the file's bytes where it lies in an archive, whose path below `path` is then only told.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        return np.asarray(loadmat(path if content is None else io.BytesIO(content), squeeze_me=True)[key])
    except (
        MatReadError,
        LookupError,
        ValueError,
        TypeError,
        NotImplementedError,
        OSError,
        MemoryError,
        OverflowError,
        struct.error,
        zlib.error,
    ) as error:
        raise ValueError(f"{path} is no MATLAB file with {key!r} ({error}): get it anew") from error
