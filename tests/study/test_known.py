"""Known networks beside a study's own: in the file, in the plan, in the records; kept weights and their export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import nastransfer as nt
from nastransfer.cli import app
from nastransfer.space.known import known_genotype
from nastransfer.study.executors.notebook import execute
from nastransfer.study.ledger import Ledger
from nastransfer.study.parameters import check
from nastransfer.study.plan import augment_task, plan_study
from nastransfer.study.spec import Source, parse_spec
from nastransfer.study.task import ATTEMPT_VARIABLE
from nastransfer.train.kept import read_weights
from tests.study.test_spec import GOOD

SMALL = {"cells": 3, "channels": 4, "epochs": 1, "epoch_images": 64, "batch": 32, "resolution": 8}
KNOWN = GOOD + "known: [DARTS_V2, resnet18]\n"


def begin(runs: Path, **values: Any) -> Any:
    given = {"runs": str(runs), "study": "mine", "target": "digits", "settings": SMALL, **values}
    return nt.begin("augment", given)


def train(runs: Path, **values: Any) -> str:
    """Train, and give the run's name as the results frame has it."""
    task = begin(runs, **values)
    for step in task:
        task.show(step)
    task.finish()
    return str(task.attempt.folder.relative_to(runs))


def test_known_networks_are_planned_beside_all_else() -> None:
    before, tasks = plan_study(parse_spec(GOOD, "mine.yaml")), plan_study(parse_spec(KNOWN, "mine.yaml"))
    added = tasks[len(before) :]
    assert tasks[: len(before)] == before
    assert [(task.parameters["known"], task.feeds, task.slug) for task in added] == [
        ("DARTS_V2", ("known",), "darts-v2-to-glyphs-2"),
        ("resnet18", ("known",), "resnet18-to-glyphs-2"),
    ]
    for task in added:
        again = check("augment", task.parameters).task()
        assert (again.id, again.feeds) == (task.id, task.feeds)


def test_keeping_weights_makes_no_other_task() -> None:
    plain, keeping = (
        plan_study(parse_spec(KNOWN + more, "mine.yaml")) for more in ("", "keep_weights: true\n")
    )
    assert [task.id for task in keeping] == [task.id for task in plain]
    asked = [task.parameters.get("keep_weights", False) for task in keeping]
    assert asked == [task.kind == "augment" for task in keeping]
    assert not any("keep_weights" in task.parameters for task in plain)
    for task in keeping:
        assert check(task.kind, task.parameters).task().parameters == task.parameters


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("known: [resnet81]", ["unknown network 'resnet81'", "did you mean 'resnet18'", "DARTS_V2"]),
        ("known: [DARTS_V2, DARTS_V2]", ["known", "once only"]),
        (
            "known: [resnet18]\nprotocol_settings: {drop_path: 0.2}",
            ["resnet18 has no cells", "drop_path=0.2"],
        ),
    ],
)
def test_bad_study_files_are_one_clear_error(more: str, said: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        parse_spec(f"{GOOD}{more}\n", "mine.yaml")
    for part in said:
        assert part in str(caught.value)


def test_a_task_has_one_origin() -> None:
    target = Source.model_validate("digits")
    for given in ({"known": "DARTS_V2", "genotype": str(known_genotype("DARTS_V2"))}, {}):
        with pytest.raises(ValueError, match="exactly one of"):
            augment_task(target, 2, "tiny", {}, **given)
    with pytest.raises(
        ValueError, match=r"takes the text Genotype\(...\); the name 'DARTS_V2' belongs to 'known'"
    ):
        augment_task(target, 2, "tiny", {}, genotype="DARTS_V2")
    with pytest.raises(ValueError, match="searches and known networks say their own"):
        augment_task(target, 2, "tiny", {}, known="DARTS_V2", draw=3)
    with pytest.raises(ValueError, match="no cells"):
        augment_task(target, 2, "tiny", {"auxiliary": 0.4}, known="resnet18")


def test_a_record_says_which_network_it_was_and_cells_are_trained_once(tmp_path: Path) -> None:
    genotype = str(known_genotype("DARTS_V2"))
    train(tmp_path, known="DARTS_V2")
    train(tmp_path, known="resnet18")
    train(tmp_path, genotype=genotype)
    frame = Ledger(tmp_path).study("mine").results()
    assert frame["method"].to_list() == ["DARTS_V2", "resnet18", "given"]
    assert frame["genotype"].to_list() == [genotype, None, genotype]
    assert frame["cells"].to_list() == [3, None, 3]
    assert frame["channels"].to_list() == [4, None, 4]
    assert frame["feeds"].to_list() == ["known", "known", None]
    assert frame["origin"].to_list() == ["own", "own", "linked"]
    assert frame["source"].null_count() == frame["search_seed"].null_count() == 3
    assert frame["params"][1] > 11_000_000


def test_kept_weights_are_exported_by_name_by_folder_and_by_command(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    name = train(runs, known="DARTS_V2", keep_weights=True)
    left = {path.name for path in (runs / name).iterdir()}
    assert "weights.safetensors" in left and not any(file.startswith("checkpoint") for file in left)
    folder = nt.export(name, tmp_path / "one", runs=runs, program=False)
    assert nt.load_network(folder).genotype == known_genotype("DARTS_V2")
    card = (folder / "README.md").read_text(encoding="utf-8")
    for said in (f"| run | {name} |", "| method | DARTS_V2 |", "| target | digits |", "| versions | python="):
        assert said in card
    for number, place in enumerate((runs / name, (runs / name).parent)):
        again = nt.export(place, tmp_path / f"again-{number}", program=False)
        assert (again / "README.md").read_text(encoding="utf-8") == card
    command = ["export", name, str(tmp_path / "two"), "--runs", str(runs), "--no-program"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0 and "README.md, genotype.json, model.safetensors" in ran.output
    assert read_weights(tmp_path / "two" / "model.safetensors")[1].dataset == "digits"


def test_a_twin_lends_its_weights(tmp_path: Path) -> None:
    train(tmp_path, known="DARTS_V2", keep_weights=True)
    linked = train(tmp_path, genotype=str(known_genotype("DARTS_V2")))
    folder = nt.export(linked, tmp_path / "out", runs=tmp_path, program=False)
    assert "| method | given |" in (folder / "README.md").read_text(encoding="utf-8")


def test_what_cannot_be_exported_is_one_clear_error(tmp_path: Path) -> None:
    name = train(tmp_path, known="DARTS_V1")
    with pytest.raises(ValueError, match="kept no weights: set keep_weights: true"):
        nt.export(name, tmp_path / "out", runs=tmp_path)
    task = nt.begin("search", {"runs": str(tmp_path), "method": "random", "source": "digits"})
    list(task)
    with pytest.raises(ValueError, match="is a search run: only trainings"):
        nt.export(task.attempt.folder, tmp_path / "out")
    with pytest.raises(ValueError, match="there is no finished run 'mine/augment/none'"):
        nt.export("mine/augment/none", tmp_path / "out", runs=tmp_path)
    data = nt.open_dataset("digits")
    with pytest.raises(ValueError, match="this training kept no weights"):
        nt.export(nt.augment("DARTS_V1", data, protocol=nt.protocol("tiny", **SMALL)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_notebook_of_a_network_without_cells_runs_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It sets these for the rest of its process.
    for name in (ATTEMPT_VARIABLE, "PYDEVD_DISABLE_FILE_VALIDATION"):
        monkeypatch.setenv(name, "")
    task = augment_task(
        Source.model_validate("digits"), 2, "tiny", SMALL, known="resnet18", keep_weights=True
    )
    records = Ledger(tmp_path).study("mine")
    records.write_plan([task])
    assert execute(tmp_path, "mine", task.id) == 0
    assert records.complete() == {task.id}
    attempt = records.finished(task.id)
    assert attempt is not None and attempt.weights.is_file()
