"""A study whose processes are killed at any moment: started again, it loses nothing and does nothing twice."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest

from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.study import Study
from tests.study.light import study as light

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for the processes of a study in /proc")


class Killed:
    """A study, started again after each kill; `kills` counts them by what was killed."""

    def __init__(self, folder: Path, rng: np.random.Generator, *, seeds: int, random: int) -> None:
        folder.mkdir()
        self.folder, self.rng = folder, rng
        self.study = light.write(folder, seeds=seeds, random=random)
        self.tasks = 1 + 4 * seeds + random
        self.records: StudyRecords = Ledger(folder / "runs").study("light")
        self.kills: Counter[str] = Counter()
        self.restarts = 0

    def start(self) -> psutil.Popen:
        command = [sys.executable, "-m", "nastransfer", "study", str(self.study), "--slots", "2"]
        log = (self.folder / "log.txt").open("ab")
        with log:
            return psutil.Popen(
                [*command, "--runs", str(self.folder / "runs")],
                cwd=light.ROOT,
                env=light.environment(self.folder),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def results(self) -> dict[Path, str]:
        """What is published: a digest of each record."""
        found = self.records.folder.rglob("result.json")
        return {path: hashlib.blake2b(path.read_bytes()).hexdigest() for path in found}

    def hit(self, runner: psutil.Popen) -> None:
        """Kill everything at once, or one kernel, which its runner survives."""
        family = [runner, *runner.children(recursive=True)]
        kernels = [one for one in family if "ipykernel_launcher" in said(one)]
        if kernels and self.rng.random() < 0.5:
            kernels[int(self.rng.integers(len(kernels)))].kill()
            self.kills["kernel"] += 1
            return
        for one in family:
            one.kill() if one.is_running() else None
        psutil.wait_procs(family)
        self.kills["all"] += 1

    def run(self, kills: int, most_seconds: float) -> None:
        """Up to `kills` kills, each at a random moment within `most_seconds` of the last; then on to the end."""
        kept: dict[Path, str] = {}
        runner = self.start()
        while self.kills.total() < kills:
            wait(runner, float(self.rng.uniform(0, most_seconds)))
            if runner.poll() is None:
                self.hit(runner)
            kept = self.check(kept)
            if self.records.status().finished and runner.poll() is not None:
                break
            if runner.poll() is not None:
                self.restarts += 1
                runner = self.start()
        while runner.wait(timeout=600) != 0 or not self.records.status().finished:
            self.restarts += 1
            assert self.restarts < 3 * kills + 10, (self.folder / "log.txt").read_text()[-3000:]
            runner = self.start()
        self.check(kept)

    def check(self, kept: dict[Path, str]) -> dict[Path, str]:
        """Every result that was there still is, unchanged, and no task has two."""
        now = self.results()
        assert kept.items() <= now.items()
        tasks = Counter(path.parents[1].name for path in now)
        assert max(tasks.values(), default=0) <= 1
        return now


def said(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait(process: psutil.Popen, seconds: float) -> None:
    """This long, or until it ends."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def undisturbed(folder: Path, *, seeds: int, random: int) -> pl.DataFrame:
    """What comes out where nobody is killed."""
    whole = Killed(folder, np.random.default_rng(0), seeds=seeds, random=random)
    assert whole.start().wait(timeout=1200) == 0, (folder / "log.txt").read_text()[-3000:]
    assert len(Study.load(whole.study).plan()) == whole.tasks == len(whole.results())
    return light.table(whole.records)


def test_a_study_that_is_killed_again_and_again_ends_the_same(tmp_path: Path) -> None:
    whole = undisturbed(tmp_path / "whole", seeds=1, random=2)
    killed = Killed(tmp_path / "killed", np.random.default_rng(4), seeds=1, random=2)
    killed.run(kills=3, most_seconds=2)
    assert killed.kills.total() >= 2
    assert light.table(killed.records).equals(whole)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "number"), [(5, 60), (6, 100)])
def test_kills_of_studies_of_sixty_tasks(
    tmp_path: Path, seed: int, number: int, record_property: Callable[[str, object], None]
) -> None:
    """With those of `test_ray.py` two hundred."""
    shape = {"seeds": 12, "random": 11}
    whole = undisturbed(tmp_path / "whole", **shape)
    rng = np.random.default_rng(seed)
    kills: Counter[str] = Counter()
    studies = restarts = 0
    while kills.total() < number:
        killed = Killed(tmp_path / f"killed-{studies}", rng, **shape)
        killed.run(number - kills.total(), most_seconds=12)
        kills += killed.kills
        studies, restarts = studies + 1, restarts + killed.restarts
        assert light.table(killed.records).equals(whole)
    record_property("kills", dict(kills))
    record_property("studies_of_60_tasks", studies)
    record_property("restarts", restarts)
    record_property("results_lost_or_published_twice", 0)
