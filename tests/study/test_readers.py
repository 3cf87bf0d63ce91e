"""Many read a study while one writes it: nobody sees half a record, and what was seen never goes away again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nastransfer.study.ledger import Ledger
from tests.example_study import finish, write_example

READ = """
import sys, time
from nastransfer.study.ledger import Ledger
records, until, seen, reads = Ledger(sys.argv[1]).study("quickstart"), float(sys.argv[2]), 0, 0
while time.time() < until:
    records.stamp()
    frame, status = records.results(), records.status()
    assert not status.unreadable, status.unreadable
    assert frame.height >= seen, (frame.height, seen)
    assert frame.filter(kind="augment")["top1_last"].null_count() == 0
    assert status.total("done") >= frame["run"].str.split("/").list.get(2).n_unique()
    seen, reads = frame.height, reads + 1
print(reads, seen)
"""


def read_while_written(runs: Path, readers: int, seconds: float) -> tuple[int, int, int]:
    """Reads of all readers together, the fewest of one, and results written meanwhile."""
    records = write_example(runs, leave=14)
    until = time.time() + seconds
    command = [sys.executable, "-c", READ, str(runs), str(until)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(readers)]
    written, tasks = 0, records.plan()
    while time.time() < until:
        attempt = finish(records, tasks[written % len(tasks)], written)
        if written % 3 == 0:
            records.save_index(attempt)
        written += 1
        time.sleep(0.02)
    said = [process.communicate(timeout=120)[0].split() for process in started]
    assert [process.returncode for process in started] == [0] * readers
    assert max(int(seen) for _, seen in said) <= written == Ledger(runs).study("quickstart").results().height
    reads = [int(count) for count, _ in said]
    return sum(reads), min(reads), written


def test_three_read_while_one_writes(tmp_path: Path) -> None:
    reads, fewest, written = read_while_written(tmp_path / "runs", readers=3, seconds=4)
    assert fewest >= 2 and written >= 20 and reads >= 6


@pytest.mark.slow
def test_twenty_read_for_minutes_while_one_writes(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    reads, fewest, written = read_while_written(tmp_path / "runs", readers=20, seconds=180)
    assert fewest >= 20
    record_property("reads", reads)
    record_property("fewest of one reader", fewest)
    record_property("results written meanwhile", written)
    record_property("errors", 0)
