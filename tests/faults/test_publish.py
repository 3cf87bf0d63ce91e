"""A publish with a fault at every call that writes: a named error, what was there before intact, and no half result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nastransfer.space.engines.compiled import compilers

ROOT = Path(__file__).parents[2]
LAYER = Path(__file__).with_name("failing_disk.cpp")
# `mkdir` of a folder that is there already may fail as it likes.
HARMLESS = {"mkdir: nothing"}
KINDS = {"open", "write", "fsync", "rename", "unlink", "mkdir"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="injects faults by LD_PRELOAD")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Fault -> how many calls a publish has, and what came of each that failed."""
    folder = tmp_path_factory.mktemp("faults")
    built = folder / "failing_disk.so"
    flags = ["-std=c++17", "-O1", "-shared", "-fPIC", str(LAYER), "-o", str(built), "-ldl"]
    if not any(
        not subprocess.run([*one, *flags], capture_output=True, check=False).returncode for one in compilers()
    ):
        pytest.skip("no C++ compiler here")
    environment = {**os.environ, "LD_PRELOAD": str(built), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.faults.publish", str(folder / "runs")]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    faults: dict[str, Any] = json.loads(ran.stdout)
    return faults


@pytest.mark.parametrize("fault", ["ENOSPC", "EACCES"])
def test_a_fault_of_the_place_is_named_at_every_call(told: dict[str, Any], fault: str) -> None:
    outcomes = told[fault]["outcomes"]
    assert told[fault]["calls"] >= 20
    assert outcomes.keys() <= {f"{kind}: CannotWrite" for kind in KINDS} | HARMLESS
    assert {name.partition(":")[0] for name in outcomes} == KINDS


def test_an_error_that_may_pass_says_where_it_happened(told: dict[str, Any]) -> None:
    outcomes = told["EIO"]["outcomes"]
    assert (
        outcomes.keys()
        <= {f"{kind}: OSError" for kind in ("open", "write", "fsync", "rename", "unlink", "mkdir")} | HARMLESS
    )
    assert outcomes["fsync: OSError"] >= 4 and outcomes["rename: OSError"] >= 3


def test_half_a_write_is_no_result(told: dict[str, Any]) -> None:
    outcomes = told["short write"]["outcomes"]
    assert outcomes["short write: CannotWrite"] >= 3
    assert outcomes.keys() == {"short write: CannotWrite", "nothing: nothing"}
