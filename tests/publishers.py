"""Writes images out as their publishers ship them, for tests of the layouts."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat


def python2_pickle(value: Any) -> bytes:
    """A value as Python 2 and its numpy pickled it (protocol 2): what CIFAR's files are. Nothing is run to write it."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    match value:
        case int():
            return b"J" + struct.pack("<i", value)
        case str() | bytes():
            text = value.encode() if isinstance(value, str) else value
            return b"T" + struct.pack("<I", len(text)) + text
        case np.ndarray():
            return _array(value)
        case list():
            return b"](" + b"".join(map(_opcodes, value)) + b"e"
        case dict():
            return b"}(" + b"".join(_opcodes(key) + _opcodes(entry) for key, entry in value.items()) + b"u"
    raise TypeError(f"cannot write {type(value)}")


def _array(array: np.ndarray) -> bytes:
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    shape = b"(" + b"".join(map(_opcodes, array.shape)) + b"t"
    dtype = b"cnumpy\ndtype\n" + _opcodes(kind) + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + _opcodes("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + _opcodes("b") + b"\x87R"
    return start + b"(K\x01" + shape + dtype + b"\x89" + _opcodes(array.tobytes()) + b"tb"


def write_cifar10(
    folder: Path, names: Sequence[str], images: np.ndarray, label: np.ndarray, test: np.ndarray
) -> dict[str, np.ndarray]:
    """`cifar-10-batches-py` below `folder`; images uint8 [n, 3, 32, 32]. File -> which images are in it, in order."""
    base = folder / "cifar-10-batches-py"
    base.mkdir(parents=True)
    files = {f"data_batch_{n + 1}": np.flatnonzero(~test)[n::5] for n in range(5)}
    files["test_batch"] = np.flatnonzero(test)
    for name, rows in files.items():
        entries = {
            "batch_label": f"batch {name}",
            "labels": label[rows].tolist(),
            "data": images[rows].reshape(len(rows), -1),
            "filenames": [f"image_{row}.png" for row in rows],
        }
        (base / name).write_bytes(python2_pickle(entries))
    meta = {"num_cases_per_batch": 10_000, "label_names": list(names), "num_vis": 3_072}
    (base / "batches.meta").write_bytes(python2_pickle(meta))
    return files


def write_cifar100(
    folder: Path, names: Sequence[str], images: np.ndarray, label: np.ndarray, test: np.ndarray
) -> dict[str, np.ndarray]:
    """`cifar-100-python` below `folder`, as `write_cifar10`."""
    base = folder / "cifar-100-python"
    base.mkdir(parents=True)
    files = {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
    for name, rows in files.items():
        entries = {
            "filenames": [f"image_{row}.png" for row in rows],
            "batch_label": f"{name} batch",
            "fine_labels": label[rows].tolist(),
            "coarse_labels": (label[rows] // 5).tolist(),
            "data": images[rows].reshape(len(rows), -1),
        }
        (base / name).write_bytes(python2_pickle(entries))
    meta = {"fine_label_names": list(names), "coarse_label_names": [f"group {n}" for n in range(20)]}
    (base / "meta").write_bytes(python2_pickle(meta))
    return files


def write_files(folder: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> None:
    """Files by their paths below `folder`."""
    made = set()
    for name, content in files.items() if isinstance(files, Mapping) else files:
        path = folder / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_bytes(content)


def write_flowers(folder: Path, images: Sequence[bytes], label: np.ndarray, part: np.ndarray) -> None:
    """`flowers-102` below `folder`; label from 0; part: codes 0, 1, 2 of train, val, test."""
    base = folder / "flowers-102"
    write_files(base, ((f"jpg/image_{row + 1:05d}.jpg", content) for row, content in enumerate(images)))
    savemat(base / "imagelabels.mat", {"labels": (label + 1).astype(np.uint8)[None]})
    ids = {key: (np.flatnonzero(part == code) + 1).astype(np.uint16)[None] for code, key in enumerate(_SETS)}
    savemat(base / "setid.mat", ids)


_SETS = ("trnid", "valid", "tstid")


def write_devkit(root: Path, wnids: Sequence[str], truth: Sequence[int]) -> None:
    """`ILSVRC2012_devkit_t12/data` below `root`: class number (from 1) -> wnid, and the class of each val image.

    As in the real kit, inner nodes of the hierarchy follow the classes; they have children and are no classes.
    """
    data = root / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    fields = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")
    synsets = np.zeros((len(wnids) + 1, 1), [(name, object) for name in fields])
    for row, wnid in enumerate([*wnids, "n00001740"]):
        synsets[row, 0] = (float(row + 1), wnid, "a word", "a gloss", 0.0 if row < len(wnids) else 3.0)
    savemat(data / "meta.mat", {"synsets": synsets})
    text = "".join(f"{number}\n" for number in truth)
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text(text, encoding="ascii")


def jpeg(pixels: np.ndarray, quality: int = 90) -> bytes:
    """An image uint8 [height, width, 3] or [height, width] as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
