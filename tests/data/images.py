"""Small image files of every kind, good and bad, for tests of scans and readers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 24


def pixels(seed: int = 0) -> np.ndarray:
    """A picture of noise, uint8 [side, side, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def encoded(mode: str = "RGB", kind: str = "JPEG", *, seed: int = 0, orientation: int | None = None) -> bytes:
    """The picture in a colour mode and a file format."""
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels(seed)).convert(mode).save(file, kind, **({"exif": exif} if orientation else {}))
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    """A file with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
