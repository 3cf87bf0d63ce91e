"""Planning a study of 100,000 tasks: from the text of its file to tasks, and to the lines of plan.jsonl.

`hashing` is what no planner can do without: the canonical JSON and the digest of as many things as a task is asked.
`tasks` says how many tasks were planned.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from nastransfer.study.plan import plan_study
from nastransfer.study.spec import parse_spec
from nastransfer.study.tasks import Task, digest
from tests.benchmarks.measure import take_turns

ROUNDS = 5
SEARCH_SEEDS, SOURCES = 141, 5
STUDY = f"""
name: large
methods: [darts1, darts2, enas, nao, nsganet]
preset: paper
sources: [{", ".join(f"{{dataset: glyphs, proxy: {{selection: random, classes: {100 + n}}}}}" for n in range(SOURCES))}]
targets: [digits, glyphs, cifar10, cifar100, flowers102, mit67]
search_seeds: {list(range(SEARCH_SEEDS))}
augment_seeds: [2, 3]
protocol: small
random: {{genotypes: 500}}
also:
- {{cells: [5]}}
"""


def planned() -> list[Task]:
    """The tasks of the study's text."""
    return plan_study(parse_spec(STUDY, "large.yaml"))


@cache
def _planned() -> list[Task]:
    return planned()


def written() -> int:
    """Characters of the lines of plan.jsonl."""
    return sum(len(json.dumps(task.to_json(), separators=(",", ":"))) for task in _planned())


def hashing() -> None:
    """The digest of every task's parameters."""
    for task in _planned():
        digest(task.parameters)


def run() -> dict[str, Any]:
    """Milliseconds of each, beside the hashing that it cannot do without."""
    things = {"hashing": hashing, "plan from the file's text": planned, "lines of plan.jsonl": written}
    measured = take_turns(things, ROUNDS)
    return {name: {**row, "tasks": len(_planned())} for name, row in measured.items()}
