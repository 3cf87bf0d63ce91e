"""Training by processes that torch elastic starts: like one device, through kills, stops and other numbers of them."""

from __future__ import annotations

import io
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nastransfer.space.genotype import Genotype
from nastransfer.train.augment import AugmentResult, augment, augment_steps
from nastransfer.train.elastic import FOLDER, Group, rank_steps
from nastransfer.train.job import Job
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.steps import Diverged, RanksLost, run_to_end
from tests.planted import planted

ROOT = Path(__file__).parents[2]
GENOTYPE = Genotype.random(np.random.default_rng(1))
EPOCHS = 8
GROUPED = protocol(
    "tiny", cells=3, channels=2, resolution=None, epochs=EPOCHS, batch=64, bn_group=16, epoch_images=None
)
LONG = GROUPED.model_copy(update={"epochs": 60})
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


def images() -> Any:
    return planted(train=130, test=41)


def job(folder: Path, plan: Protocol = GROUPED, **changed: Any) -> Job:
    given: dict[str, Any] = {"save_seconds": 0.0, "timeout_seconds": 60.0, "device": "cpu", "threads": 1}
    return Job(GENOTYPE, images(), 2, plan, folder, **{**given, **changed})


def numbers(result: AugmentResult) -> Any:
    """All but times and memory: two ranks' sums have one order only, so they repeat themselves bit for bit."""
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in result.history]
    return history, result.classes, result.cost["images_seen"], result.n_train, result.n_test


@lru_cache(maxsize=2)
def undisturbed(epochs: int) -> Any:
    """What two ranks come to."""
    plan = GROUPED.model_copy(update={"epochs": epochs})
    return numbers(augment(GENOTYPE, images(), protocol=plan, devices=2, device="cpu"))


def children(process: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def agent_and_ranks(number: int) -> tuple[int, list[int]]:
    """Process ids, once all are there."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for agent in children(os.getpid()):
            if "torch.distributed.run" in Path(f"/proc/{agent}/cmdline").read_text():
                ranks = [p for p in children(agent) if "nastransfer.train.rank" in cmdline(p)]
                if len(ranks) == number:
                    return agent, ranks
        time.sleep(0.02)
    raise AssertionError("no ranks were started")


def cmdline(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def gone(processes: list[int], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while any(cmdline(process) for process in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def where(folder: Path) -> Any:
    """Position in the data of the last saved state: what comes next depends on it alone."""
    newest = max(folder.glob("checkpoint-*.pt"), key=lambda path: path.stat().st_mtime_ns)
    content = newest.read_bytes().split(b"\n", 2)[2]
    state = torch.load(io.BytesIO(content), weights_only=True)
    place = state["run"]["feed"]["pass"]
    shuffle = place.pop("shuffle").tolist()
    return state["streams"], place, shuffle, state["run"]["images_seen"]


def test_another_number_of_processes_goes_on_with_the_same_images(tmp_path: Path) -> None:
    """2, then 4, then 1, each closed after some epochs: the state is saved before it leaves."""
    seen: list[int] = []
    for devices in (2, 4):
        steps = rank_steps(job(tmp_path / "run", save_seconds=3600.0), Group(devices))
        seen += [next(steps).epoch for _ in range(2)]
        steps.close()
    steps = augment_steps(GENOTYPE, images(), protocol=GROUPED, checkpoint=tmp_path / "run")
    result = run_to_end(steps)
    alone = augment(GENOTYPE, images(), protocol=GROUPED, checkpoint=tmp_path / "alone")
    assert len(set(seen)) == 4 and max(seen) <= EPOCHS
    assert where(tmp_path / "run") == where(tmp_path / "alone")
    for name in ("epoch", "lr", "images_seen"):
        assert [row[name] for row in result.history] == [row[name] for row in alone.history]
    # In fp32 sums of another order drift apart with every step.
    assert result.history[0]["loss"] == pytest.approx(alone.history[0]["loss"], abs=1e-4)
    assert result.history[-1]["loss"] == pytest.approx(alone.history[-1]["loss"], abs=0.05)


def listened_to(processes: list[int]) -> set[str]:
    """Addresses on which these processes accept connections, as /proc has them."""
    open_files = [file for process in processes for file in Path(f"/proc/{process}/fd").iterdir()]
    own = {str(file.readlink()).removeprefix("socket:[")[:-1] for file in open_files if file.is_symlink()}
    listening = "0A"
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == listening and row[9] in own}


def test_processes_of_one_machine_listen_to_nobody_else(tmp_path: Path) -> None:
    steps = rank_steps(job(tmp_path, LONG), Group(2))
    next(steps)
    agent, ranks = agent_and_ranks(2)
    assert listened_to([agent, *ranks]) <= {"0100007F", "00000000000000000000000001000000"}
    steps.close()


def strike(fault: str, rng: np.random.Generator) -> list[int]:
    """Hit one process of two ranks and their agent; all three."""
    agent, ranks = agent_and_ranks(2)
    if fault == "agent killed":
        os.kill(agent, signal.SIGKILL)
    else:
        how = {"rank killed": signal.SIGKILL, "rank stopped": signal.SIGSTOP}[fault]
        os.kill(ranks[int(rng.integers(2))], how)
    return [agent, *ranks]


def struck(folder: Path, plan: Protocol, strikes: dict[int, str]) -> AugmentResult:
    """The result of a training that is hit when these epochs are told; nobody that was hit is left."""
    rng = np.random.default_rng(3)
    hit: list[int] = []
    steps = rank_steps(job(folder, plan, timeout_seconds=4.0), Group(2, max_restarts=len(strikes)))
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            assert gone(hit)
            result: AugmentResult = stop.value
            return result
        if step.epoch in strikes:
            hit += strike(strikes[step.epoch], rng)


FAULTS = ("rank killed", "rank stopped", "agent killed")


def test_processes_that_are_killed_or_stopped_are_started_anew(tmp_path: Path) -> None:
    result = struck(tmp_path, LONG, dict(zip((5, 20, 35), FAULTS, strict=True)))
    assert numbers(result) == undisturbed(LONG.epochs)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_at_random_points_change_nothing(
    fault: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    plan = GROUPED.model_copy(update={"epochs": 300})
    points = np.random.default_rng(5).choice(np.arange(1, 290), 20, replace=False)
    result = struck(tmp_path, plan, dict.fromkeys(points.tolist(), fault))
    assert numbers(result) == undisturbed(plan.epochs)
    record_property("points", len(points))


def test_nobody_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    """Nor is anything lost: the same training goes on from what was saved."""
    code = (
        "from pathlib import Path; import sys; from tests.train.test_elastic import LONG, Group, job, rank_steps; "
        "steps = rank_steps(job(Path(sys.argv[1]), LONG), Group(2)); "
        "[print(step.epoch, flush=True) for step in steps]"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
        (agent,) = children(parent.pid)
        others = [agent, *children(agent)]
        parent.kill()
    assert len(others) == 3 and gone(others)
    result = run_to_end(rank_steps(job(tmp_path, LONG), Group(2)))
    assert numbers(result) == undisturbed(LONG.epochs)


@pytest.mark.slow
def test_two_machines_train_like_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are this one: the second agent is started by the line that the first one prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        group = Group(1, nodes=2, address=f"127.0.0.1:{free.getsockname()[1]}")
    folder = tmp_path / FOLDER
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    job(tmp_path).write(folder)
    line = shlex.split(group.line(folder))
    with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE) as other:
        result = run_to_end(rank_steps(job(tmp_path), group))
        assert other.wait(timeout=60) == 0
    assert group.line(folder) in capsys.readouterr().out
    assert numbers(result) == undisturbed(EPOCHS)


def test_what_fails_on_one_device_fails_alike_on_several(tmp_path: Path) -> None:
    plan = GROUPED.model_copy(update={"lr": 1e30, "epochs": 2})
    with pytest.raises(Diverged) as one:
        augment(GENOTYPE, images(), protocol=plan)
    with pytest.raises(Diverged) as two:
        run_to_end(rank_steps(job(tmp_path, plan), Group(2)))
    assert one.value.step == two.value.step
    assert one.value.last is two.value.last is None


def test_a_group_that_is_lost_too_often_is_one_clear_error(tmp_path: Path) -> None:
    steps = rank_steps(job(tmp_path, LONG), Group(2, max_restarts=0))
    next(steps)
    strike("rank killed", np.random.default_rng(3))
    with pytest.raises(RanksLost, match=r"(?s)lost more than 0 times; the same call goes on.*log\.txt"):
        run_to_end(steps)


@pytest.mark.parametrize(
    ("devices", "plan", "said"),
    [
        (2, protocol("tiny"), r"2 ranks cannot share a batch of 1 batch-norm group evenly"),
        (3, GROUPED, r"3 ranks cannot share a batch of 4 batch-norm groups evenly: .*divides 4"),
        (64, protocol("tiny", batch=1024, bn_group=16), r"devices=64, this machine has \d+ CPU cores"),
        (0, GROUPED, "devices and nodes are at least 1"),
    ],
)
def test_groups_that_cannot_work_are_refused_before_anything_starts(
    devices: int, plan: Protocol, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        augment(GENOTYPE, images(), protocol=plan, devices=devices, device="cpu")


def test_a_checkpoint_of_another_training_is_refused_by_ranks_too(tmp_path: Path) -> None:
    augment(GENOTYPE, images(), protocol=GROUPED, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"another run \(seed: 2 there, 3 here\)"):
        augment(GENOTYPE, images(), seed=3, protocol=GROUPED, devices=2, device="cpu", checkpoint=tmp_path)
