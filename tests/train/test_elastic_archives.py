"""Two ranks that stream real photographs out of tars: killed, started again, and bit for bit as if nothing had been.

Skipped where the packs are not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.data.dataset import Dataset
from nastransfer.data.packs import PACKS, find_pack
from nastransfer.data.threads import WORKERS_VARIABLE
from nastransfer.train.augment import augment
from nastransfer.train.elastic import Group, rank_steps
from nastransfer.train.job import Job
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.steps import run_to_end
from tests.data.tars import class_tars
from tests.publishers import write_files
from tests.train.test_elastic import GENOTYPE, ROOT, agent_and_ranks, children, gone, numbers

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")]
CLASSES, IMAGES_A_CLASS = 3, 40


def write_photographs(root: Path) -> None:
    """Real images of a few classes as ImageNet22K's tars below `root`."""
    pack = find_pack(PACKS["tiny_imagenet200"])
    if pack is None:
        pytest.skip("no pack of real images here")
    table = pl.read_parquet(pack).filter(pl.col("label") < CLASSES)
    table = table.group_by("label", maintain_order=True).head(IMAGES_A_CLASS)
    wnids = table["label_name"].str.split(" ").list.first()
    entries = zip(wnids, table["image"], strict=True)
    files = {f"{wnid}/{wnid}_{n}.JPEG": content for n, (wnid, content) in enumerate(entries)}
    write_files(root / "imagenet22k", class_tars(files))


def photographs(root: Path) -> Dataset:
    """The set, verified as a training takes it."""
    return nt.open_dataset("imagenet22k", root=root).verified(cache=False, progress=False)


def plan(epochs: int) -> Protocol:
    """Random resized crops of 96 pixels: whole images are read while they are needed."""
    return protocol(
        "tiny", cells=3, channels=2, resolution=96, epochs=epochs, batch=32, bn_group=16, epoch_images=None
    )


def job(root: Path, folder: Path, epochs: int) -> Job:
    return Job(
        GENOTYPE,
        photographs(root),
        2,
        plan(epochs),
        folder,
        save_seconds=0.0,
        timeout_seconds=60.0,
        device="cpu",
        threads=1,
    )


def killed_in_the_middle(root: Path, folder: Path, epochs: int, seconds: float) -> int:
    """Starts the training in another process and kills that, so long after its first epoch; epochs it has told."""
    code = (
        "from pathlib import Path; import sys; from tests.train.test_elastic_archives import Group, job, rank_steps; "
        "steps = rank_steps(job(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])), Group(2)); "
        "[print(step.epoch, flush=True) for step in steps]"
    )
    command = [sys.executable, "-c", code, str(root), str(folder), str(epochs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None and parent.stdout.readline()
        (agent,) = children(parent.pid)
        others = [agent, *children(agent)]
        time.sleep(seconds)
        parent.kill()
        told = 1 + len(parent.stdout.readlines())
    assert gone(others)
    return told


def strike_one_rank(rng: np.random.Generator) -> None:
    _, ranks = agent_and_ranks(2)
    os.kill(ranks[int(rng.integers(2))], signal.SIGKILL)


def test_a_training_from_tars_that_is_killed_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """All its processes are, in the middle of an epoch."""
    write_photographs(tmp_path / "data")
    epochs = 4
    assert killed_in_the_middle(tmp_path / "data", tmp_path / "run", epochs, 0.1) < epochs
    result = run_to_end(rank_steps(job(tmp_path / "data", tmp_path / "run", epochs), Group(2)))
    undisturbed = augment(
        GENOTYPE, photographs(tmp_path / "data"), protocol=plan(epochs), devices=2, device="cpu"
    )
    assert numbers(result) == numbers(undisturbed)


@pytest.mark.slow
def test_faults_at_random_points_of_a_training_from_tars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """With a process a rank that reads ahead; four times all are killed, four times one rank is."""
    monkeypatch.setenv(WORKERS_VARIABLE, "1")
    write_photographs(tmp_path / "data")
    epochs, rng = 30, np.random.default_rng(4)
    for _ in range(4):
        killed_in_the_middle(tmp_path / "data", tmp_path / "run", epochs, float(rng.uniform(0, 2)))
    steps = rank_steps(job(tmp_path / "data", tmp_path / "run", epochs), Group(2, max_restarts=4))
    for _ in range(4):
        next(steps)
        strike_one_rank(rng)
    undisturbed = augment(
        GENOTYPE, photographs(tmp_path / "data"), protocol=plan(epochs), devices=2, device="cpu"
    )
    assert numbers(run_to_end(steps)) == numbers(undisturbed)
    record_property("kills", 8)
