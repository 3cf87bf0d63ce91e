"""Processes side by side: answers in order, errors where the work was asked for, killed processes, no orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nastransfer.search.workers import WorkerLost, Workers
from tests import working

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def until(condition: Callable[[], Any]) -> None:
    """Wait for something that other processes do."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    # A process that has ended and was not waited for yet is a zombie: it does no more work.
    return not (stat.exists() and stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z")


def pids(folder: Path) -> set[int]:
    return {int(note.name.rpartition("-")[2]) for note in folder.iterdir()}


def test_answers_come_in_the_order_of_the_work(tmp_path: Path) -> None:
    """The first one takes longest."""
    workers: Workers[int, int] = Workers(working.squares, (tmp_path,), 2)
    assert list(workers.answers([0, 5, 9, 3])) == [0, 25, 81, 9]
    used = pids(tmp_path)
    assert len(used) == 2 and os.getpid() not in used
    assert list(workers.answers([4, 6])) == [16, 36]
    assert pids(tmp_path) == used, "processes are kept"
    workers.close()
    assert not any(map(alive, used))


def test_what_is_not_waited_for_is_given_up(tmp_path: Path) -> None:
    """Answers to work that nobody wants any more are not taken for those of later work."""
    workers: Workers[int, int] = Workers(working.squares, (tmp_path,), 2)
    begun = workers.answers([9, 0, 1, 2])
    assert next(begun) == 81
    begun.close()
    assert list(workers.answers([4, 7])) == [16, 49]
    used = pids(tmp_path)
    del workers
    assert not any(map(alive, used)), "processes end with the object"


def test_a_killed_process_is_replaced_once(tmp_path: Path) -> None:
    workers: Workers[int, int] = Workers(working.killed, (tmp_path, 1), 2)
    assert list(workers.answers([1, 2, 3])) == [1, 4, 9]
    assert len(list(tmp_path.glob("killed-*"))) == 1
    workers.close()


def test_work_that_kills_every_process_is_an_error(tmp_path: Path) -> None:
    workers: Workers[int, int] = Workers(working.killed, (tmp_path, 9), 2)
    with pytest.raises(WorkerLost, match=r"2 processes .*status -9 \(-9: killed.*fewer workers"):
        list(workers.answers([1, 2, 3]))
    assert not any(map(alive, pids(tmp_path)))


def test_errors_are_raised_where_the_work_was_asked_for() -> None:
    workers: Workers[int, int] = Workers(working.failing, ("",), 1)
    answers = workers.answers([3, 0])
    assert next(answers) == 2
    with pytest.raises(ZeroDivisionError) as caught:
        next(answers)
    assert "working.py" in caught.value.__notes__[0]
    assert list(workers.answers([2])) == [3], "new processes take the place of those that failed"
    workers.close()


def test_errors_of_own_types_keep_what_they_say() -> None:
    workers: Workers[int, int] = Workers(working.refused, ("no image",), 1)
    with pytest.raises(ValueError, match="NoSource: no image, code 3"):
        list(workers.answers([1]))


def test_what_cannot_be_sent_is_said() -> None:
    workers: Workers[int, int] = Workers(lambda: abs, (), 1)
    with pytest.raises(ValueError, match=r"into a module of their own, or set workers=1"):
        list(workers.answers([1]))


def test_processes_end_when_the_one_that_asked_is_killed(tmp_path: Path) -> None:
    """A plain script without a main guard asks for endless work, and is killed."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from nastransfer.search.workers import Workers\nfrom tests import working\n"
        "list(Workers(working.endless, (Path(sys.argv[1]),), 2).answers([1, 2, 3]))\n",
        encoding="utf-8",
    )
    notes = tmp_path / "notes"
    notes.mkdir()
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    asking = subprocess.Popen([sys.executable, str(script), str(notes)], env=path)
    until(lambda: len(pids(notes)) == 2)
    used = pids(notes)
    assert all(map(alive, used))
    asking.send_signal(signal.SIGKILL)
    assert asking.wait() == -signal.SIGKILL
    until(lambda: not any(map(alive, used)))
