"""What is handed to processes that train together, and what comes back: the same images, outcomes by their type."""

from __future__ import annotations

import errno
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nastransfer.data.dataset import Dataset, usable
from nastransfer.data.datasets import open_dataset
from nastransfer.data.handed import hand_over, take_over
from nastransfer.space.genotype import Genotype
from nastransfer.train.augment import augment
from nastransfer.train.job import Events, Job, leave_failure, raise_failure, say
from nastransfer.train.protocol import protocol
from nastransfer.train.steps import Diverged, OutOfMemory
from nastransfer.train.training import AugmentStep, Training
from tests.planted import planted

GENOTYPE = Genotype.random(np.random.default_rng(1))
STEP = AugmentStep(2, 5, 1.5, 30.0, 1.6, 31.0, None, 0.02, 3.0, 99)


def files(folder: Path) -> Dataset:
    """Photographs of two classes, one of them in three sizes."""
    rng = np.random.default_rng(0)
    for number in range(8):
        path = folder / f"class {number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20 + number, 24, 3), dtype=np.uint8)).save(path)
    return usable(open_dataset("folder", root=folder, pixels=16))


@pytest.mark.parametrize("kind", ["arrays", "files", "proxy"])
def test_a_data_set_arrives_as_it_was(kind: str, tmp_path: Path) -> None:
    dataset = files(tmp_path / "photos") if kind == "files" else planted(val=7)
    if kind == "proxy":
        dataset = dataset.with_manifest(dataset.manifest.take(dataset.manifest.rows["label"] < 2))
    hand_over(dataset, tmp_path / "handed")
    again = take_over(tmp_path / "handed")
    assert again.manifest.hash == dataset.manifest.hash
    # Files are not copied.
    assert (tmp_path / "handed" / "images.npy").exists() == (kind != "files")
    for wanted, found in zip(dataset.read_images(), again.read_images(), strict=True):
        assert np.array_equal(wanted, found)
    part = dataset.manifest.part("train")
    assert np.array_equal(dataset.read_images(part)[0], again.read_images(part)[0])
    plain = ("name", "mean", "std", "flip", "stem", "pixels", "terms", "synthetic", "domain", "notes")
    assert [getattr(again, name) for name in plain] == [getattr(dataset, name) for name in plain]


def test_a_job_is_read_back_and_old_outcomes_are_gone(tmp_path: Path) -> None:
    job = Job(GENOTYPE, planted(), 3, protocol("tiny", bn_group=16), tmp_path, 60.0, 5.0, "cpu", 1)
    job.write(tmp_path / "ranks")
    leave_failure(tmp_path / "ranks", ValueError("old"))
    job.write(tmp_path / "ranks")
    raise_failure(tmp_path / "ranks")
    again = Job.read(tmp_path / "ranks")
    values: dict[str, Any] = vars(again) | {"dataset": None}
    assert values == vars(job) | {"dataset": None, "checkpoint": tmp_path.resolve()}


def test_epochs_that_are_told_again_are_left_out_and_a_torn_line_waits(tmp_path: Path) -> None:
    events = Events(tmp_path)
    assert list(events.new()) == []
    for epoch in (1, 2, 1, 2, 3):
        say(tmp_path, {"epoch": epoch})
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"epoch"')
    assert [row["epoch"] for row in events.new()] == [1, 2, 3]
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write(": 4}\n")
    assert [row["epoch"] for row in events.new()] == [4]


def test_what_would_fail_again_comes_back_by_its_type(tmp_path: Path) -> None:
    diverged = Diverged(7, float("nan"))
    diverged.last = STEP
    full = OSError(errno.ENOSPC, "no space left")
    for number, error in enumerate([diverged, OutOfMemory("take less"), full, ValueError("wrong")]):
        folder = tmp_path / str(number)
        assert leave_failure(folder, error)
        json.loads((folder / "failed.json").read_text(), parse_constant=pytest.fail)
        with pytest.raises(type(error)) as caught:
            raise_failure(folder)
        if isinstance(caught.value, Diverged):
            assert (caught.value.step, caught.value.last) == (7, STEP)
        elif isinstance(caught.value, OSError):
            assert caught.value.errno == errno.ENOSPC
        else:
            assert str(caught.value) == str(error)


def test_what_may_pass_is_not_written_down(tmp_path: Path) -> None:
    for error in (RuntimeError("connection closed by peer"), OSError(errno.EIO, "a bad moment")):
        assert not leave_failure(tmp_path, error)
    raise_failure(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't"),
    ],
)
def test_too_little_memory_says_what_to_change(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Training, "advance", lambda _: (_ for _ in ()).throw(error))
    with pytest.raises(OutOfMemory, match=r"64 images: bn_group=32 trains groups of 32 one after"):
        augment(GENOTYPE, planted(), protocol=protocol("tiny", resolution=None, epoch_images=None))


@pytest.mark.parametrize(
    ("batch", "group", "said"),
    [
        (33, None, "bn_group=11 trains groups of 11 one after the other in about 33%"),
        (6, 3, "a smaller batch"),
    ],
)
def test_what_is_to_be_changed_is_allowed(
    batch: int, group: int | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "advance", lambda _: (_ for _ in ()).throw(MemoryError()))
    chosen = protocol("tiny", resolution=None, epoch_images=None, batch=batch, bn_group=group)
    warnings.simplefilter("ignore")  # groups of 3 are small
    with pytest.raises(OutOfMemory, match=said):
        augment(GENOTYPE, planted(), protocol=chosen)


def test_another_runtime_error_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Training, "advance", lambda _: (_ for _ in ()).throw(RuntimeError("else")))
    with pytest.raises(RuntimeError, match=r"^else$"):
        augment(GENOTYPE, planted(), protocol=protocol("tiny", resolution=None, epoch_images=None))


def test_a_full_disk_leaves_the_last_state_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = protocol("tiny", cells=3, channels=2, resolution=None, epoch_images=None, epochs=4, batch=16)
    whole = augment(GENOTYPE, planted(), protocol=plan)
    written: list[Path] = []
    write_bytes = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) > 5:
            write_bytes(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "no space left on device")
        return write_bytes(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="the disk is full"):
            augment(GENOTYPE, planted(), protocol=plan, checkpoint=tmp_path, save_seconds=0.0)
    again = augment(GENOTYPE, planted(), protocol=plan, checkpoint=tmp_path)
    assert [row["loss"] for row in again.history] == [row["loss"] for row in whole.history]
