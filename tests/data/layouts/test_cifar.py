"""CIFAR as published, written out here and read by the layout and by torchvision."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torchvision.datasets

from nastransfer.data.datasets import open_dataset
from nastransfer.data.layouts import cifar
from tests.publishers import python2_pickle, write_cifar10, write_cifar100

GENERATOR = np.random.default_rng(5)
IMAGES = GENERATOR.integers(0, 256, (60, 3, 32, 32), dtype=np.uint8)
TEST = np.arange(60) % 6 == 0
NAMES = [f"thing {number}" for number in range(10)]
LABEL = GENERATOR.integers(0, 10, 60)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(("name", "write"), [("cifar10", write_cifar10), ("cifar100", write_cifar100)])
def test_every_image_is_where_the_manifest_says(
    tmp_path: Path, name: str, write: Callable[..., dict[str, np.ndarray]]
) -> None:
    files = write(tmp_path, NAMES, IMAGES, LABEL, TEST)
    data = open_dataset(name, root=tmp_path, checksums=False)
    assert data.classes == tuple(NAMES) and data.form == "CIFAR python batches"
    assert (data.manifest.count("train"), data.manifest.count("test")) == (50, 10)
    rows = data.manifest.rows
    images = data.read(data.manifest)
    for place, row in enumerate(rows.iter_rows(named=True)):
        source = files[row["container"].partition("@")[0]][row["offset"]]
        assert np.array_equal(images[place], IMAGES[source])
        assert (row["label"], row["part"] == "test") == (LABEL[source], TEST[source])
    assert rows["key"].is_unique().all()
    assert np.array_equal(data.image(rows.row(7, named=True)), images[7].transpose(1, 2, 0))
    assert data.verified() is data and data.root == tmp_path / (
        "cifar-10-batches-py" if name == "cifar10" else "cifar-100-python"
    )
    assert data.notes[0] == "50 images in train, published are 50,000"


def test_torchvision_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written here is what torchvision takes for CIFAR-10, so the layout reads what is published."""
    write_cifar10(tmp_path, NAMES, IMAGES, LABEL, TEST)
    base = tmp_path / "cifar-10-batches-py"
    public = torchvision.datasets.CIFAR10
    for attribute in ("train_list", "test_list"):
        files = [[name, md5(base / name)] for name, _ in getattr(public, attribute)]
        monkeypatch.setattr(public, attribute, files)
    monkeypatch.setitem(public.meta, "md5", md5(base / "batches.meta"))
    data = open_dataset("cifar10", root=tmp_path, checksums=False)
    for part, train in (("train", True), ("test", False)):
        theirs = public(str(tmp_path), train=train)
        ours = data.manifest.part(part)
        assert np.array_equal(data.read(ours), theirs.data.transpose(0, 3, 1, 2))
        assert ours.rows["label"].to_list() == theirs.targets
    assert list(data.classes) == theirs.classes


def test_names_and_md5_are_torchvisions() -> None:
    for ours, theirs in (
        (cifar.CIFAR10, torchvision.datasets.CIFAR10),
        (cifar.CIFAR100, torchvision.datasets.CIFAR100),
    ):
        assert dict(ours.train) == dict(theirs.train_list)
        assert dict(ours.test) == dict(theirs.test_list)
        assert ours.names == (theirs.meta["filename"], theirs.meta["md5"])
        assert ours.names_key == theirs.meta["key"]


def test_other_files_than_the_published_ones(tmp_path: Path) -> None:
    write_cifar10(tmp_path, NAMES, IMAGES, LABEL, TEST)
    with pytest.raises(ValueError, match=r"batches\.meta: its md5 is .*, the published one is 5ff9c542"):
        open_dataset("cifar10", root=tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(
        ValueError, match=r"cifar-10-batches-py lacks data_batch_4 \(images\): get the missing"
    ):
        open_dataset("cifar10", root=tmp_path, checksums=False)


def test_labels_without_images(tmp_path: Path) -> None:
    write_cifar10(tmp_path, NAMES, IMAGES, LABEL, TEST)
    entries = {"data": IMAGES[:2].reshape(2, -1), "labels": [1, 2, 3]}
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(python2_pickle(entries))
    with pytest.raises(ValueError, match="test_batch: 3 labels for 2 images"):
        open_dataset("cifar10", root=tmp_path, checksums=False)


def test_a_file_that_changed_after_indexing_is_not_read(tmp_path: Path) -> None:
    write_cifar100(tmp_path, NAMES, IMAGES, LABEL, TEST)
    data = open_dataset("cifar100", root=tmp_path, checksums=False)
    before = data.manifest.hash
    write_cifar100(tmp_path / "other", NAMES, IMAGES[::-1], LABEL, TEST)
    (tmp_path / "other" / "cifar-100-python" / "test").rename(tmp_path / "cifar-100-python" / "test")
    with pytest.raises(ValueError, match=r"test was changed after it was indexed \(md5 \w+, was \w+\)"):
        data.read(data.manifest.part("test"))
    assert len(data.read(data.manifest.part("train"))) == 50
    assert open_dataset("cifar100", root=tmp_path, checksums=False).manifest.hash != before


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the files in `served` can be downloaded from, on this machine."""
    (tmp_path / "served").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_download(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is fetched by torchvision, which checks and unpacks it; what is there already is not fetched again."""
    write_cifar10(tmp_path / "theirs", NAMES, IMAGES, LABEL, TEST)
    archive = tmp_path / "served" / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "theirs" / "cifar-10-batches-py", "cifar-10-batches-py")
    public = torchvision.datasets.CIFAR10
    monkeypatch.setattr(public, "url", f"{address}/{archive.name}")
    with pytest.raises(
        ValueError, match=r"'cifar10' could not be downloaded into .*ours: File not found or corrupted"
    ):
        open_dataset("cifar10", root=tmp_path / "ours", download=True, checksums=False)
    monkeypatch.setattr(public, "tgz_md5", md5(archive))
    data = open_dataset("cifar10", root=tmp_path / "ours", download=True, checksums=False)
    assert data.manifest.count() == 60
    archive.unlink()
    assert (
        open_dataset("cifar10", root=tmp_path / "ours", download=True, checksums=False).manifest.count() == 60
    )
