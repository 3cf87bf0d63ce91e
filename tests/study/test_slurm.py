"""Studies as job arrays of Slurm, which a stand-in for `sbatch` runs on this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from nastransfer.study.executors.slurm import main, script, stages
from nastransfer.study.ledger import Ledger
from nastransfer.study.study import Study
from tests.study.light import study as light
from tests.study.test_retries import planned, task, wait_for

# A job is a folder. Its members run two at a time, once the jobs that it depends on have ended; the first try of one
# member is taken from it as soon as its attempt has begun, as by a preemption, and put back into the queue.
SBATCH = f"""#!{sys.executable}
import os, pathlib, signal, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor

jobs = pathlib.Path(os.environ["JOBS"])
options = [word for word in sys.argv[1:] if word.startswith("--")]
words = [word for word in sys.argv[1:] if not word.startswith("--")]
given = dict(option[2:].partition("=")[::2] for option in options)
job = jobs / str(100 + len(list(jobs.iterdir())))
job.mkdir()
(job / "asked").write_text(" ".join([*options, *words[1:]]))
print(f"{{job.name}};cluster")
sys.stdout.flush()
if os.environ.get("NOT_RUN") or os.fork():
    sys.exit()
os.dup2(os.open(job / "log", os.O_WRONLY | os.O_CREAT), 1)
os.dup2(1, 2)

def member(index):
    command = ["bash", *words]
    variables = {{**os.environ, "SLURM_ARRAY_TASK_ID": str(index), "SLURM_CPUS_PER_TASK": "1"}}
    preempted = "dependency" not in given and index == 0
    process = subprocess.Popen(command, env=variables)
    while preempted and not list(pathlib.Path(os.environ["RUNS"]).glob("*/*/*/task.json")):
        time.sleep(0.05)
    if preempted:
        process.send_signal(signal.SIGTERM)
        process.wait()
        (job / "preempted").touch()
        process = subprocess.Popen(command, env=variables)
    (job / f"status-{{index}}").write_text(str(process.wait()))

for before in given.get("dependency", "").split(":")[1:]:
    while not (jobs / before / "ended").exists():
        time.sleep(0.05)
with ThreadPoolExecutor(2) as pool:
    list(pool.map(member, range(1 + int(given["array"].partition("-")[2]))))
(job / "ended").touch()
"""


def submit(folder: Path, text: str, **variables: str) -> Path:
    """Run a script that submits itself; gives the folder of its jobs."""
    jobs, programs = folder / "jobs", folder / "bin"
    for one in (jobs, programs):
        one.mkdir(exist_ok=True)
    (programs / "sbatch").write_text(SBATCH)
    (programs / "sbatch").chmod(0o755)
    (folder / "job.sh").write_text(text)
    path = f"{programs}:{os.environ['PATH']}"
    environment = {**light.environment(folder), "PATH": path, "JOBS": str(jobs), **variables}
    subprocess.run(["bash", "job.sh"], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return jobs


def asked(jobs: Path) -> list[str]:
    return [(job / "asked").read_text() for job in sorted(jobs.iterdir())]


def test_a_study_submitted_once_is_run_to_its_end(tmp_path: Path) -> None:
    study = light.write(tmp_path, seeds=1, random=1)
    command = [sys.executable, "-m", "nastransfer", "tasks", str(study), "--slurm"]
    command += ["--runs", str(tmp_path / "runs")]
    printed = subprocess.run(
        command, env=light.environment(tmp_path), cwd=light.ROOT, check=True, capture_output=True, text=True
    )
    records = Ledger(tmp_path / "runs").study("light")
    jobs = submit(tmp_path, printed.stdout, RUNS=str(records.folder))
    assert [one.split()[-2:] for one in asked(jobs)] == [["0", "0"], ["1", "0"], ["2", "0"]]
    wait_for(lambda: len(list(jobs.glob("*/ended"))) == 3)
    assert {one.read_text() for one in jobs.glob("*/status-*")} == {"0"}
    assert len(list(jobs.glob("*/preempted"))) == 1
    assert records.status().finished
    assert records.results().height == len(list(records.folder.rglob("result.json"))) == 6
    with pytest.raises(ValueError, match="all tasks of 'light' are done: there is nothing to submit"):
        script(records, Study.load(study).plan())


def test_stages_follow_from_what_is_done() -> None:
    tasks = [task(1), task(2, 1), task(3, 2), task(4), task(5, 3, 4)]
    states = dict.fromkeys([one.id for one in tasks], "pending")
    assert stages(tasks, states) == [[task(1), task(4)], [task(2, 1)], [task(3, 2)], [task(5, 3, 4)]]
    states |= {task(1).id: "done", task(2).id: "done", task(4).id: "failed"}
    assert stages(tasks, states) == [[task(3, 2), task(4)], [task(5, 3, 4)]]


def test_large_stages_are_several_arrays_and_the_next_one_waits_for_all(tmp_path: Path) -> None:
    records = planned(tmp_path / "a folder", *(task(n) for n in range(2300)), task(3000, 7))
    text = script(records, records.plan(), threads=4)
    assert "#SBATCH --cpus-per-task=4" in text and shlex.quote(str(records.folder.parent.resolve())) in text
    assert asked(submit(tmp_path, text, NOT_RUN="1")) == [
        "--parsable --array=0-999 0 0",
        "--parsable --array=0-999 0 1000",
        "--parsable --array=0-299 0 2000",
        "--parsable --dependency=afterany:100:101:102 --array=0-0 1 0",
    ]


def test_a_task_whose_parent_is_not_done_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = planned(tmp_path, task(1), task(2, 1))
    assert main([str(tmp_path), "acted", task(2).id]) == 1
    assert f"it needs {task(1).id}, not done yet" in capsys.readouterr().err
    assert list(records.attempts()) == []
