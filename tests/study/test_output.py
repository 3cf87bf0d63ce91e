"""What is written of a run: the executed notebook, its live view, and what a disk that cannot be written says."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from nastransfer.disk import CannotWrite, write_atomic, writing
from nastransfer.processes import runs_here, this_process
from nastransfer.study.executors import output as module
from nastransfer.study.executors.output import ATOMIC, MOST_BYTES, AtomicNotebook, trimmed
from nastransfer.study.executors.process import free_log
from nastransfer.study.executors.runner import Runner
from nastransfer.study.executors.view import LogScreen, Pace, Row, Screen, TerminalScreen, View, screen

ROOT = Path(__file__).parents[2]


def notebook(*outputs: dict[str, Any]) -> str:
    cells = [nbformat.v4.new_code_cell("pass", outputs=[nbformat.from_dict(one)]) for one in outputs]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def test_a_small_notebook_is_kept_as_it_is() -> None:
    content = notebook(stream("hello"))
    assert trimmed(content) is content


def test_of_a_large_one_the_largest_outputs_give_way_to_notes() -> None:
    figure = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"application/vnd.plotly.v1+json": {"data": "y" * 900_000}, "text/plain": "a curve"},
    }
    failed = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["z" * 400_000]}
    content = notebook(stream("small"), stream("x" * 300_000), figure, failed)
    short = trimmed(content)
    assert len(short.encode()) <= MOST_BYTES
    read = nbformat.reads(short, as_version=4)
    nbformat.validate(read)
    kept = [cell.outputs[0] for cell in read.cells]
    assert kept[0].text == "small" and kept[1].text == "x" * 300_000
    assert kept[2].text.startswith("a curve\n[an output of 900,")
    assert kept[3].ename == "ValueError"
    huge = trimmed(notebook(*(stream("µ" * 400_000) for _ in range(3)), failed))
    assert len(huge.encode()) <= MOST_BYTES
    assert json.loads(huge)["cells"][3]["outputs"][0]["evalue"] == "no"


def test_it_is_written_at_once_then_seldom_and_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notebook.ipynb"
    output = AtomicNotebook()
    output.write("first", f"{ATOMIC}{path}")
    assert path.read_text() == "first"
    output.write("second", f"{ATOMIC}{path}")
    assert path.read_text() == "first"
    output.finish()
    output.finish()
    assert path.read_text() == "second"
    monkeypatch.setattr(module, "SECONDS_BETWEEN_WRITES", 0.0)
    output.write("third", f"{ATOMIC}{path}")
    assert path.read_text() == "third"
    assert [one.name for one in tmp_path.iterdir()] == ["notebook.ipynb"]


VIEW = View(
    "mine", 10, 4, 1, 2, 65.0, 130.0, [Row("darts1-glyphs-2", None, 3.0)], ["random-1: ValueError: no"]
)


def test_the_view_says_how_it_stands() -> None:
    event = {"step": 3, "steps": 4, "val_top1": 61.0, "seconds_left": 12.0}
    view = View(**{**vars(VIEW), "running": [*VIEW.running, Row("nsganet-" + "x" * 80, event, 61.0)]})
    head, starting, working, failed = view.lines(110)
    assert head == (
        "mine  ########............  4/10 done, 2 running, 1 FAILED, 2 blocked by them, 1:05, about 2:10 left"
    )
    assert "starting, 0:03" in starting
    assert "..." in working and " 75%  1:01  val 61.0%, 0:12 left" in working
    assert failed == "  failed: random-1: ValueError: no"
    assert all(len(line) <= 40 for line in view.lines(40))


def test_a_terminal_writes_over_the_table_and_keeps_what_happened() -> None:
    out = io.StringIO()
    terminal = TerminalScreen(out)
    terminal.show(VIEW)
    terminal.said("5/10 done augment random-2")
    terminal.show(VIEW)
    table = "".join(f"{line}\n" for line in VIEW.lines(79))
    over = f"\x1b[{len(VIEW.lines(79))}F\x1b[J"
    assert out.getvalue() == f"{table}{over}5/10 done augment random-2\n{table}{over}{table}"


def test_a_log_gets_a_line_for_what_happened_only(capsys: pytest.CaptureFixture[str]) -> None:
    log = screen()
    assert isinstance(log, LogScreen)
    for one in (log, Screen()):
        one.show(VIEW)
        one.said("done")
        one.close()
    assert capsys.readouterr().out == "done\n"


def test_the_time_left_is_told_once_every_kind_has_been_seen() -> None:
    pace = Pace({"search": 2, "augment": 4})
    assert pace.seconds_left(2) is None
    pace.ended("search", 30.0)
    assert pace.seconds_left(2) is None
    pace.ended("augment", 10.0)
    assert pace.seconds_left(2) == (1 * 30.0 + 3 * 10.0) / 2
    expected = Pace({"search": 2}, 100.0)
    expected.ended("search", 5.0, 40.0)
    assert expected.seconds_left(2) == 30.0
    assert Pace({}).seconds_left(1) == 0.0


def test_the_time_left_is_expected_only_where_all_tasks_were_priced() -> None:
    runner = SimpleNamespace(options=SimpleNamespace(expected={"one": 5.0, "two": 7.0}))
    tasks = [SimpleNamespace(id=name) for name in ("one", "two", "grown")]
    assert Runner._expected(runner, tasks[:2]) == 12.0
    assert Runner._expected(runner, tasks) is None


@contextmanager
def no_more_room(size: int) -> Iterator[None]:
    """Files cannot grow beyond so many bytes: as near to a full disk as a test without a disk of its own comes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_cannot_be_written_leaves_the_old_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "record"
    write_atomic(path, b"old")
    with no_more_room(100), pytest.raises(CannotWrite, match="Nothing that was finished before is lost"):
        write_atomic(path, b"n" * 1000)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["record"]


@pytest.mark.parametrize(
    ("number", "said"), [(28, "the disk is full"), (30, "read-only"), (13, "not allowed")]
)
def test_faults_of_the_place_are_named_others_pass(tmp_path: Path, number: int, said: str) -> None:
    with (
        pytest.raises(CannotWrite, match=rf"^the .*{said}|^{said}|^writing there is {said}") as caught,
        writing(tmp_path),
    ):
        raise OSError(number, "as the system says it")
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        raise FileNotFoundError(2, "no such file")


def test_logs_of_several_tries_do_not_overwrite_each_other(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        log = free_log(tmp_path)
        log.touch()
        names.append(log.name)
    assert names == ["log.txt", "log-2.txt", "log-3.txt"]


def test_a_process_is_known_by_when_it_started_not_by_its_number_alone() -> None:
    about = this_process()
    assert runs_here(about)
    assert not runs_here({**about, "host": "elsewhere"})
    assert not runs_here({**about, "process_started": "another boot+1"})
    with subprocess.Popen([sys.executable, "-c", "pass"]) as other:
        pass
    assert not runs_here({**about, "pid": other.pid})


def test_no_process_of_a_task_compiles_a_grammar_of_addresses() -> None:
    """The second that this takes is all that is left out: notebooks are checked as ever."""
    start = (
        "import sys; from nastransfer.report import live; from nastransfer.study.executors import notebook;"
    )
    use = "notebook._papermill(); live.use_in_notebooks(); import nbformat.v4;"
    check = "nbformat.validate(nbformat.v4.new_notebook()); assert 'lark' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", start + use + check], check=True, cwd=ROOT)
