"""A study on a Slurm cluster: a script that submits all that is not done, and what a member of its arrays does.

`python -m nastransfer.study.executors.slurm RUNS STUDY TASK_ID` is one member. Nobody watches them: what failed, or
could not start because of that, is left to the next time that the study is submitted.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nastransfer.disk import writing
from nastransfer.study.executors import notebook
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task

FOLDER = "slurm"
# Slurm's own limit, where its administrator did not set another: indices below 1001.
ARRAY = 1000

_SCRIPT = """\
#!/usr/bin/env bash
# What is not done of the study {name}: {counts}. `bash` this file to submit it: an array of jobs a
# stage, each after the one before it has ended (afterany), since its tasks need what that one found. A task whose
# parents did not succeed is left alone, and one that is preempted goes on where it was. When all has ended, print and
# submit again what is left, if anything is.
# Add what your cluster asks for (partition, account, time, gpus) below, or by variables such as SBATCH_PARTITION.
#SBATCH --job-name={job}
#SBATCH --cpus-per-task={threads}
#SBATCH --requeue
#SBATCH --output={logs}/%A_%a.log
set -euo pipefail

stages=(
{stages}
)

if [ -n "${{SLURM_ARRAY_TASK_ID:-}}" ]; then # a member of an array: which stage, and where in it the array begins
  read -ra ids <<<"${{stages[$1]}}"
  export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-{threads}}}"
  export MKL_NUM_THREADS="$OMP_NUM_THREADS" POLARS_MAX_THREADS="$OMP_NUM_THREADS"
  cd {here}
  exec {python} -m {module} {runs} {study} "${{ids[$(($2 + SLURM_ARRAY_TASK_ID))]}}"
fi

before=""
for stage in "${{!stages[@]}}"; do
  read -ra ids <<<"${{stages[$stage]}}"
  jobs=""
  for ((first = 0; first < ${{#ids[@]}}; first += {array})); do
    count=$((${{#ids[@]}} - first < {array} ? ${{#ids[@]}} - first : {array}))
    job=$(sbatch --parsable ${{before:+--dependency=afterany$before}} --array="0-$((count - 1))" "$0" "$stage" "$first")
    jobs+=":${{job%%;*}}"
    echo "stage $stage: job ${{job%%;*}}, $count tasks"
  done
  before=$jobs
done
"""


def stages(tasks: Sequence[Task], states: Mapping[str, str]) -> list[list[Task]]:
    """What is not done, in the order in which it can be run: each stage needs those before it, and what is done."""
    level: dict[str, int] = {}
    found: list[list[Task]] = []
    for task in tasks:
        if states[task.id] != "done":
            level[task.id] = max((1 + level[parent] for parent in task.parents if parent in level), default=0)
            found += [[]] if level[task.id] == len(found) else []
            found[level[task.id]].append(task)
    return found


def script(records: StudyRecords, tasks: Sequence[Task], threads: int = 1) -> str:
    """A script for `bash`, which submits itself to Slurm; its jobs write to the folder `slurm` of the study, made here.

    threads: CPU threads of a task. `ValueError` where all is done.
    """
    found = stages(tasks, records.states())
    if not found:
        raise ValueError(f"all tasks of {records.name!r} are done: there is nothing to submit")
    folder = records.folder.resolve()
    with writing(folder / FOLDER):
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    counts = ", then ".join(f"{len(stage)} {stage[0].kind} tasks" for stage in found)
    return _SCRIPT.format(
        name=records.name,
        counts=counts,
        job=records.name,
        threads=threads,
        logs=folder / FOLDER,
        stages="\n".join(f'  "{" ".join(task.id for task in stage)}"' for stage in found),
        here=shlex.quote(str(Path.cwd())),
        python=shlex.quote(sys.executable),
        module=__name__,
        runs=shlex.quote(str(folder.parent)),
        study=records.name,
        array=ARRAY,
    )


def main(words: list[str]) -> int:
    """The command line of this module: status 1 where a parent of the task is not done, else that of its notebook."""
    runs, study, task_id = words
    records = Ledger(Path(runs)).study(study)
    task = records.planned(task_id)
    missing = [] if task is None else [one for one in task.parents if records.finished(one) is None]
    if missing:
        sys.stderr.write(
            f"left alone: it needs {', '.join(missing)}, not done yet; submit it again after that\n"
        )
        return 1
    return notebook.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
