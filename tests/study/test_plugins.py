"""Own methods in a study: named by its file, planned by their text, run from the study's copy, seen everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nastransfer as nt
from nastransfer.report.tables import ri_table, ri_text
from nastransfer.search.plugins import Plugin
from nastransfer.study.ledger import Ledger
from nastransfer.study.parameters import check
from nastransfer.study.plan import plan_study
from nastransfer.study.spec import load_spec
from nastransfer.study.study import Study
from tests.search.test_plugins import DRAWN

ROOT = Path(__file__).parents[2]
STUDY = """
name: own
plugins: [methods/my_method.py]
methods: [drawn]
preset: tiny
sources: [digits]
targets: [digits]
search_seeds: [2]
protocol: tiny
protocol_settings: {cells: 3, channels: 4, epochs: 1, epoch_images: 128, resolution: 8}
random: {genotypes: 1}
"""


def write(folder: Path, study: str = STUDY, method: str = DRAWN) -> Path:
    (folder / "methods").mkdir(exist_ok=True)
    (folder / "methods" / "my_method.py").write_text(method)
    (folder / "own.yaml").write_text(study)
    return folder / "own.yaml"


def searches(study: Path) -> list[str]:
    return [task.id for task in plan_study(load_spec(study)) if task.kind == "search"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[methods/my_method.py]", "[my_method.py]", "plugins: plug-in .*there is no such file"),
        ("[methods/my_method.py]", "[../my_method.py]", "lies outside of"),
        ("[methods/my_method.py]", "methods/my_method.py", "plugins: a list of paths"),
        ("[methods/my_method.py]", "[methods/my_method.py, methods/my_method.py]", "another method 'drawn'"),
        ("plugins: [methods/my_method.py]", "", "unknown method 'drawn'"),
        ("[drawn]", "[drwn]", "unknown method 'drwn'; did you mean 'drawn'"),
        ("[drawn]", "[drawn]\nsettings: {drawn: {drws: 2}}", "settings of drawn: unknown setting 'drws'"),
    ],
)
def test_what_is_wrong_is_one_clear_error(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"own.yaml(?s:.*): (?s:.*){said}") as caught:
        load_spec(write(tmp_path, STUDY.replace(old, new, 1)))
    assert "drawn" in new or "unknown method" not in str(caught.value) or "unknown" in said


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"own\.yaml, line 3: plugins: plug-in '.*my_method\.py', line 10: ZeroDivision"
    ):
        load_spec(write(tmp_path, method=DRAWN.replace("= 3", "= 3 // 0")))


def test_the_text_of_the_file_is_part_of_the_task(tmp_path: Path) -> None:
    first = searches(write(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    assert searches(write(tmp_path / "elsewhere")) == first
    assert searches(write(tmp_path, method=DRAWN + "\n# a word more\n")) != first
    (task,) = [task for task in plan_study(load_spec(tmp_path / "own.yaml")) if task.kind == "search"]
    assert json.loads(json.dumps(task.parameters)) == task.parameters
    with pytest.raises(ValueError, match="there is no such file"):
        check("search", {**task.parameters, "study": "own", "runs": str(tmp_path / "runs")}).task()
    records = Ledger(tmp_path / "runs").study("own")
    records.keep_plugin(load_spec(tmp_path / "own.yaml").plugins[0])
    given = check("search", {**task.parameters, "study": "own", "runs": str(tmp_path / "runs")})
    assert given.task() == task.__class__(**{**task.to_json(), "parents": (), "feeds": ()})


def test_by_hand_a_file_gives_the_task_of_the_study_and_a_copy_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write(tmp_path)
    monkeypatch.chdir(tmp_path / "methods")
    values = {"method": "drawn", "source": "digits", "plugin": "my_method.py", "runs": str(tmp_path / "runs")}
    found = {}
    for text in (DRAWN, DRAWN.replace("= 3", "= 5")):
        write(tmp_path, method=text)
        task = nt.begin("search", values)
        for step in task:
            task.show(step)
        found[task.task.id] = (task.finish()["genotype"], task.history.height)
        assert [task.task.id] == searches(study)
    assert [steps for _, steps in found.values()] == [3, 5], "an edited file is another method"
    kept = Ledger(tmp_path / "runs").study("by-hand").folder / "plugins"
    assert {path.read_text() for path in kept.glob("*/my_method.py")} == {DRAWN, DRAWN.replace("= 3", "= 5")}
    for path in kept.glob("*/my_method.py"):
        path.write_text(DRAWN.replace("= 3", "= 7"))
    reference = Plugin(tmp_path / "my_method.py", DRAWN).kept_as
    with pytest.raises(ValueError, match="was changed after it was kept"):
        nt.begin("search", {**values, "plugin": reference, "seed": 3})


def command(folder: Path, *words: str) -> str:
    """What a fresh process says."""
    ran = subprocess.run(
        [sys.executable, "-m", "nastransfer", *words, "--runs", str(folder / "runs")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_study_on_the_command_line_runs_it_shows_it_and_is_not_run_again(tmp_path: Path) -> None:
    write(tmp_path)
    assert "drawn" in command(tmp_path, "study", "own.yaml", "--slots", "2")
    records = Ledger(tmp_path / "runs").study("own")
    published = {path: path.stat().st_mtime_ns for path in records.folder.rglob("result.json")}
    assert len(published) == 3
    assert "drawn,tiny,digits" in command(tmp_path, "results", "own")
    table = ri_table(records.results())
    assert table["method"].to_list() == ["drawn"]
    assert "drawn" in ri_text(table)
    # Another folder, without the file: what is recorded needs it no more.
    (tmp_path / "methods" / "my_method.py").unlink()
    assert "drawn" in command(tmp_path, "report", "own")
    write(tmp_path)
    command(tmp_path, "study", "own.yaml")
    assert {path: path.stat().st_mtime_ns for path in records.folder.rglob("result.json")} == published


def test_an_unfinished_study_goes_on_with_the_copy(tmp_path: Path) -> None:
    """The task's process reads the study's copy: what became of the file meanwhile does not matter."""
    study = Study.load(write(tmp_path))
    records = study.records(tmp_path / "runs")
    for plugin in study.spec.plugins:
        records.keep_plugin(plugin)
    records.write_plan(study.plan())
    (tmp_path / "methods" / "my_method.py").write_text("broken(")
    (search,) = [task for task in study.plan() if task.kind == "search"]
    task = nt.begin("search", {**search.parameters, "study": "own", "runs": str(tmp_path / "runs")})
    for step in task:
        task.show(step)
    assert task.task == search
    assert task.finish()["method"] == "drawn"


def test_a_collapse_is_said_once_as_it_happens_and_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = '[("skip_connect", 0), ("skip_connect", 1)] * 4'
    skips = f'nt.Genotype.parse({{"normal": {cell}, "reduce": {cell}}})'
    drawn = 'nt.Genotype.random(streams.numpy("draws"))'
    assert drawn in DRAWN
    write(tmp_path, method=DRAWN.replace(drawn, f"{skips} if number > 1 else {drawn}"))
    own = str(tmp_path / "methods" / "my_method.py")
    task = nt.begin("search", {"method": "drawn", "source": "digits", "plugin": own, "runs": str(tmp_path)})
    for step in task:
        task.show(step)
    assert capsys.readouterr().out.count("warning: step 2 of 3: at least half of the normal cell") == 1
    assert task.finish()["collapsed_at"] == 2
    assert Ledger(tmp_path).study("by-hand").results()["collapsed_at"].to_list() == [2]
