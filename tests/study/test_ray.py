"""Studies on a real Ray cluster of several nodes, all on this machine: what is killed on it loses nothing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from nastransfer.study.executors import process
from nastransfer.study.executors.ray import ClusterLost
from nastransfer.study.executors.run import Options, Stopped, run
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.spec import parse_spec
from nastransfer.study.study import Study
from tests.study.light import study as light
from tests.study.ray_cluster import Cluster
from tests.study.test_kills import Killed, said, undisturbed
from tests.study.test_retries import planned, stop_once, task, tries, wait_for

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for the processes of a cluster in /proc"),
]


class OnRay(Killed):
    """A light study that runs on a cluster of two nodes, which are killed as well."""

    cluster: Cluster | None = None

    @property
    def on(self) -> Cluster:
        if self.cluster is None:
            self.cluster = Cluster(2)
        return self.cluster

    def start(self) -> psutil.Popen:
        command = [sys.executable, "-m", "nastransfer", "study", str(self.study), "--retry-after", "0,0"]
        command += ["--executor", "ray", "--address", self.on.address, "--runs", str(self.folder / "runs")]
        with (self.folder / "log.txt").open("ab") as log:
            return psutil.Popen(
                command,
                cwd=light.ROOT,
                env=light.environment(self.folder),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(encoding="utf-8")

    def hit(self, runner: psutil.Popen) -> None:
        """Kill a node (another one takes its place), a worker, a kernel, the runner or the head of the cluster."""
        kind = str(self.rng.choice(["node", "node", "worker", "kernel", "runner", "head"]))
        if kind == "head":
            self.on.kill_head()
            assert runner.wait(timeout=300) != 0
            self.close()
        elif kind == "runner":
            runner.kill()
            runner.wait()
        else:
            raylets = self.on.raylets()
            kernels = [one for raylet in raylets for one in raylet.children(True) if "ipykernel" in said(one)]
            found = {"node": raylets, "worker": self.on.workers(), "kernel": kernels}[kind]
            if not found:
                return
            found[int(self.rng.integers(len(found)))].kill()
            if kind == "node":
                self.on.add_node()
        self.kills[kind] += 1

    def close(self) -> None:
        if self.cluster is not None:
            self.cluster.close()
            self.cluster = None


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes; it comes up while a test has other things to do."""
    several = Cluster(2)
    yield several
    several.close()


def test_a_study_on_a_cluster_that_loses_a_node_ends_as_on_one_machine(
    tmp_path: Path, cluster: Cluster
) -> None:
    whole = undisturbed(tmp_path / "whole", seeds=1, random=1)
    killed = OnRay(tmp_path / "killed", np.random.default_rng(0), seeds=1, random=1)
    killed.cluster = cluster
    runner = killed.start()
    wait_for(lambda: bool(cluster.workers()) or runner.poll() is not None)
    cluster.workers()[0].parent().kill()
    cluster.add_node()
    assert runner.wait(timeout=300) == 0, killed.log[-3000:]
    assert "again in 0 s" in killed.log and "preempted: its node was lost" in killed.log
    killed.check({})
    assert len(killed.results()) == killed.tasks
    assert light.table(killed.records).equals(whole)


@pytest.fixture
def _acted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MODULE", "tests.study.acting")
    monkeypatch.setenv("PYTHONPATH", str(light.ROOT))


@pytest.mark.usefixtures("_acted")
def test_causes_waits_and_failures_are_those_of_one_machine(tmp_path: Path, cluster: Cluster) -> None:
    records = planned(
        tmp_path, task(1, die=1), task(2, 1), task(3, raises="ValueError"), task(4, 3), task(5, kind="proxy")
    )
    options = Options(retries=(0.0, 0.3), executor="ray", address=cluster.address, threads=1)
    summary = run(records, records.plan(), options=options)
    assert sorted(summary.done) == [task(1).id, task(2).id, task(5).id]
    assert (summary.failed, summary.blocked) == ([task(3).id], [task(4).id])
    assert (len(tries(records, 1)), len(tries(records, 3))) == (2, 1)
    assert records.status().failed[0]["error"] == "ValueError: so it is"
    assert list((records.folder / "locks").glob("ray-*")) == []


@pytest.mark.usefixtures("_acted")
def test_asked_to_stop_nothing_goes_on_on_any_node(tmp_path: Path, cluster: Cluster) -> None:
    records = planned(tmp_path, *(task(n, seconds=300) for n in range(4)))
    thread = stop_once(records, lambda: records.status().total("running") == 2)
    with pytest.raises(Stopped):
        run(records, records.plan(), options=Options(executor="ray", address=cluster.address))
    thread.join()
    assert working(tmp_path) == []


def working(folder: Path) -> list[psutil.Process]:
    """Processes of tasks whose records are in this folder."""
    return [one for one in psutil.process_iter() if f"-m tests.study.acting {folder}" in said(one)]


@pytest.mark.usefixtures("_acted")
def test_a_runner_that_is_killed_leaves_no_task_on_any_node(tmp_path: Path, cluster: Cluster) -> None:
    records = planned(tmp_path, *(task(n, seconds=300) for n in range(2)))
    code = (
        "import sys; from nastransfer.study.executors import process; from nastransfer.study.ledger import Ledger;"
        "from nastransfer.study.executors.run import Options, run; process.MODULE = 'tests.study.acting';"
        "records = Ledger(sys.argv[1]).study('acted');"
        "run(records, records.plan(), options=Options(executor='ray', address=sys.argv[2]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), cluster.address], cwd=light.ROOT
    ) as runner:
        wait_for(lambda: records.status().total("running") == 2)
        assert len(working(tmp_path)) == 2
        runner.kill()
    wait_for(lambda: working(tmp_path) == [])


def test_a_cluster_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    records = planned(tmp_path, task(1))
    with pytest.raises(ValueError, match=r"nobody answers at 127.0.0.1:9"):
        run(records, records.plan(), options=Options(executor="ray", address="127.0.0.1:9"))
    assert list((records.folder / "locks").glob("r*")) == []


@pytest.mark.slow
@pytest.mark.usefixtures("_acted")
def test_a_lost_head_ends_the_run_with_one_clear_error_and_the_same_call_goes_on(tmp_path: Path) -> None:
    """And a cluster of this machine, without an address, is ended with the run that it was started for."""
    records = planned(tmp_path, task(1), *(task(n, 1, seconds=300) for n in range(2, 4)))
    cluster, before = Cluster(2), servers()
    try:
        thread = threading.Thread(target=kill_head_once, args=(cluster, records))
        thread.start()
        with pytest.raises(ClusterLost, match=r"(?s)Ray cluster is lost: .*run the same command again"):
            run(records, records.plan(), options=Options(executor="ray", address=cluster.address))
        thread.join()
    finally:
        cluster.close()
    assert records.states()[task(1).id] == "done"
    records.write_plan([task(1), *(task(n, 1) for n in range(2, 4))])
    wait_for(lambda: working(tmp_path) == [])
    summary = run(records, records.plan(), options=Options(2, executor="ray"))
    assert len(summary.done) == 2 and summary.found_done == [task(1).id]
    assert len(tries(records, 1)) == 1
    wait_for(lambda: servers() <= before)


def kill_head_once(cluster: Cluster, records: StudyRecords) -> None:
    """As soon as the second task runs."""
    wait_for(lambda: records.states()[task(2).id] == "running")
    cluster.kill_head()


def servers() -> set[int]:
    """Processes of Ray clusters on this machine."""
    return {one.pid for one in psutil.process_iter() if one.name() in ("gcs_server", "raylet")}


TOGETHER = """
name: together
methods: []
targets: [digits]
protocol: tiny
protocol_settings: {cells: 3, channels: 4, epochs: 40, resolution: null, batch: 64, bn_group: 16, epoch_images: 640}
random: {genotypes: 1}
"""


@pytest.mark.slow
def test_a_training_on_two_nodes_loses_one_and_ends_as_on_one_machine(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASTRANSFER_SAVE_SECONDS", "1")
    monkeypatch.setenv("PYTHONPATH", str(light.ROOT))
    study = Study(parse_spec(TOGETHER, "together"))
    study.run(tmp_path / "one", options=Options(2, devices=2, threads=1))
    records = study.records(tmp_path / "two")
    thread = threading.Thread(target=kill_other_node, args=(cluster, records))
    thread.start()
    options = Options(retries=(0.0, 0.0), executor="ray", address=cluster.address, nodes=2, threads=1)
    summary = study.run(tmp_path / "two", options=options)
    thread.join()
    assert summary.retried.total() >= 1
    (attempt,) = records.attempts()
    assert len({event["step"] for event in attempt.events()}) == len(attempt.events()), (
        "it went on, in its place"
    )
    one, two = (records.results() for records in (study.records(tmp_path / "one"), records))
    assert one["device"].item().startswith("2 x ") and two["device"].item().startswith("2 x ")
    took = (*light.WHERE, "seconds_weights", "seconds_architecture", "seconds_scoring")
    assert two.drop(took).equals(one.drop(took))


def kill_other_node(cluster: Cluster, records: StudyRecords) -> None:
    """The node of a training's second agent, after some epochs; another one comes in its place."""
    wait_for(lambda: any((one.last_event() or {"step": 0})["step"] >= 3 for one in records.attempts()))
    (agent,) = cluster.workers("join")
    agent.parent().kill()
    cluster.add_node()


@pytest.mark.slow
def test_nodes_workers_runners_and_heads_killed_over_studies_of_sixty_tasks(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    shape = {"seeds": 12, "random": 11}
    whole = undisturbed(tmp_path / "whole", **shape)
    rng = np.random.default_rng(6)
    kills: Counter[str] = Counter()
    studies = restarts = preempted = 0
    while kills.total() < 40:
        killed = OnRay(tmp_path / f"killed-{studies}", rng, **shape)
        try:
            killed.run(min(14, 40 - kills.total()), most_seconds=15)
        finally:
            killed.close()
        kills += killed.kills
        studies, restarts = studies + 1, restarts + killed.restarts
        preempted += killed.log.count("preempted: ")
        assert light.table(killed.records).equals(whole)
    assert preempted > 0, "no node was killed while it had a task"
    record_property("kills", dict(kills))
    record_property("studies_of_60_tasks", studies)
    record_property("runner_started_again", restarts)
    record_property("tasks_tried_again_for_a_lost_node", preempted)
    record_property("results_lost", 0)
    record_property("results_published_twice", 0)
