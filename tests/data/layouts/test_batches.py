"""CIFAR's pickled batches: read whole, and nothing that a pickle names is ever run."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from nastransfer.data.layouts.batches import read_batch_file
from tests.publishers import python2_pickle

IMAGES = np.random.default_rng(1).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)


def written(path: Path, value: object) -> Path:
    path.write_bytes(value if isinstance(value, bytes) else python2_pickle(value))
    return path


def test_a_batch(tmp_path: Path) -> None:
    entries = {"data": IMAGES.reshape(3, -1), "labels": [4, 0, 300], "label_names": ["cat", "dog"]}
    batch = read_batch_file(written(tmp_path / "data_batch_1", entries), None)
    assert np.array_equal(batch.images(), IMAGES)
    assert batch.labels("labels").tolist() == [4, 0, 300]
    assert batch.names("label_names") == ["cat", "dog"]


def test_columns_first(tmp_path: Path) -> None:
    content = python2_pickle({"data": IMAGES.reshape(3, -1)})
    plain, columns = (order.tobytes() for order in (IMAGES, np.asfortranarray(IMAGES.reshape(3, -1)).T))
    # The byte before the data says whether the array lies column by column.
    flag = content.index(plain) - 6
    assert content[flag : flag + 2] == b"\x89T"
    turned = content[:flag] + b"\x88" + content[flag + 1 :].replace(plain, columns)
    assert np.array_equal(read_batch_file(written(tmp_path / "batch", turned), None).images(), IMAGES)


def touch(place: Path) -> bytes:
    """A pickle that, loaded by Python's own reader, runs a shell command."""
    return b"cos\nsystem\n(S'touch " + str(place).encode() + b"'\ntR."


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy", "ndarray.__class__"),
        ("nastransfer.data.layouts.batches", "_Recorded"),
        ("_codecs", "encode"),
    ],
)
def test_other_names_are_refused(tmp_path: Path, module: str, name: str) -> None:
    path = written(tmp_path / "batch", b"\x80\x04c%b\n%b\n." % (module.encode(), name.encode()))
    with pytest.raises(ValueError, match=rf"batch is no CIFAR batch: it names {module}\.{name}; only arrays"):
        read_batch_file(path, None)


def test_a_malicious_pickle_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "touched"
    bodies = [
        touch(mark),
        # The same, hidden behind a proper array and a call of what was built.
        python2_pickle({"data": IMAGES.reshape(3, -1)})[:-1] + touch(mark),
        b"(S'touch " + str(mark).encode() + b"'\nios\nsystem\n.",
        b"\x80\x02cposix\nsystem\nU"
        + bytes([6 + len(str(mark))])
        + b"touch "
        + str(mark).encode()
        + b"\x85R.",
    ]
    for body in bodies:
        with pytest.raises(ValueError, match=r"it names (os|posix)\.system; only arrays"):
            read_batch_file(written(tmp_path / "batch", body), None)
    assert not mark.exists()


def test_numpy_itself_is_not_called(tmp_path: Path) -> None:
    """An array of objects, and one of more bytes than there is memory: recorded, then refused as data."""
    for kind, shape in ((b"O8", (1, 1)), (b"u1", (2**40, 3072))):
        sizes = b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", size) for size in shape) + b"t"
        body = b"\x80\x02}(T\x04\x00\x00\x00datacnumpy\nndarray\n" + sizes + b"R"
        body += b"(K\x01" + sizes + b"cnumpy\ndtype\nU\x02" + kind + b"\x85R\x89U\x01atbu."
        batch = read_batch_file(written(tmp_path / "batch", body), None)
        with pytest.raises(ValueError, match=r"'data' must be an array uint8 \[images, 3072\]"):
            batch.images()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no CIFAR batch: .*ran out of input"),
        (python2_pickle({"labels": [1, 2]})[:-3], "no CIFAR batch"),
        (b"\x89PNG\r\n", "no CIFAR batch"),
        (python2_pickle([1]), "it holds a list, not a dictionary"),
        (b"\x80\x02ccopy\nP\n.", "it names copy.P"),
        (b"\x80\x02cnumpy\ndtype\n}b.", "no CIFAR batch"),
        (b"\x80\x02Qx.", "no CIFAR batch"),
    ],
)
def test_files_that_are_no_batch(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"(?i){message}"):
        read_batch_file(written(tmp_path / "data_batch_2", content), None)


def test_wrong_entries(tmp_path: Path) -> None:
    entries = {"data": IMAGES.reshape(3, -1)[:, :-3], "labels": ["cat"], "label_names": [1]}
    batch = read_batch_file(written(tmp_path / "data_batch_3", entries), None)
    with pytest.raises(ValueError, match=r"data_batch_3: 'data' must be an array uint8 \[images, 3072\]"):
        batch.images()
    with pytest.raises(ValueError, match="data_batch_3: 'labels' must be a list of labels, whole numbers"):
        batch.labels("labels")
    with pytest.raises(ValueError, match="data_batch_3: 'label_names' must be a list of names"):
        batch.names("label_names")
    with pytest.raises(ValueError, match="'fine_labels' must be a list"):
        batch.labels("fine_labels")


def test_md5_is_compared_before_anything_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "test_batch", touch(tmp_path / "touched"))
    with pytest.raises(
        ValueError, match=r"test_batch: its md5 is \w{32}, the published one is 40351d.*checksums=False"
    ):
        read_batch_file(path, "40351d587109b95175f43aff81a1287e")
