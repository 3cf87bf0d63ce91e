"""What a study refuses before anything runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nastransfer as nt
from nastransfer.study.ledger import Ledger
from nastransfer.study.spec import Source, parse_spec
from nastransfer.study.study import Study
from nastransfer.study.tasks import TrainingRecipe, search_task
from tests.publishers import jpeg, write_files
from tests.study.test_spec import GOOD


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{dataset: glyphs, proxy: {name: h, parts: halves}}", "test part of target 'glyphs'"),
        ("{dataset: glyphs, options: {largest: 60}}", "the same options"),
        ("{dataset: digits, proxy: {selection: random, classes: 11}}", "11"),
    ],
)
def test_a_leak_or_too_small_a_set_is_refused_before_anything_runs(
    source: str, said: str, tmp_path: Path
) -> None:
    text = GOOD.replace("{dataset: glyphs, proxy: {selection: random, classes: 40}}", source)
    with pytest.raises(ValueError, match=said):
        Study(parse_spec(text, "mine.yaml")).run(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


LEAKING = "{dataset: glyphs, proxy: {name: h, parts: halves}}"


def test_a_leak_is_allowed_where_the_study_says_so_or_leaves_the_pair_out() -> None:
    text = GOOD.replace("{dataset: glyphs, proxy: {selection: random, classes: 40}}", LEAKING)
    Study(parse_spec(text + "allow_target_test: true", "mine.yaml")).check_data()
    Study(parse_spec(text + "exclude: [{source: glyphs-h, target: glyphs}]", "mine.yaml")).check_data()
    Study(parse_spec(text.replace("[darts1]", "[]"), "mine.yaml")).check_data()


def test_a_leak_is_refused_by_the_training_itself_unless_it_is_allowed(tmp_path: Path) -> None:
    records = Ledger(tmp_path).study("mine")
    leaking = Source.model_validate({"dataset": "digits", "proxy": {"parts": "halves"}})
    search = search_task("random", leaking, 2, "tiny", {})
    place = {"study": "mine", "runs": str(tmp_path)}
    running = nt.begin("search", {**search.parameters, **place})
    assert len(list(running)) == 1
    running.finish()
    recipe = TrainingRecipe.of("tiny", {"epochs": 1})
    asked = recipe.of_search(search.id, search.slug, Source.model_validate("digits"), 2).parameters
    with pytest.raises(ValueError, match="would see 364 images of the test part"):
        nt.begin("augment", {**asked, **place})
    allowed = nt.begin("augment", {**asked, **place, "allow_target_test": True})
    assert (
        allowed.task.id == next(task for task in records.attempts() if task.failure()).asked()["task"]["id"]
    )


def test_a_source_that_cannot_rank_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = jpeg(np.zeros((4, 4, 3), np.uint8))
    write_files(tmp_path, {f"{name}{n}.jpg": tiny for name in "ab" for n in range(4)})
    lines = [f"{name}{n}.jpg,{name},train" for name in "ab" for n in range(4)]
    (tmp_path / "mine.csv").write_text("\n".join(["path,label,part", *lines]), encoding="utf-8")
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path))
    own = "{dataset: table, options: {table: mine.csv}}"
    text = GOOD.replace("[digits,", f"[{own},").replace("genotypes: 5", "genotypes: 5, rank_agreement: 2")
    with pytest.raises(ValueError, match=r"'table-mine' has no test part.*proxy: \{selection: all\}"):
        Study(parse_spec(text, "mine.yaml")).check_data()
    as_proxy = own.replace("}}", "}, proxy: {selection: all}}")
    of_four = "settings: {darts1: {batch: 4}}\n"
    Study(parse_spec(text.replace(own, as_proxy) + of_four, "mine.yaml")).check_data()


def test_a_source_that_fills_no_batch_is_said_before_anything_runs() -> None:
    small = GOOD.replace("classes: 40", "classes: 2")
    said = r"darts1 cannot search on 'glyphs-.*': the train half .* fewer than a batch of 32"
    with pytest.raises(ValueError, match=said):
        Study(parse_spec(small, "mine.yaml")).check_data()
    smaller = small + "settings: {darts1: {batch: 8}}\n"
    Study(parse_spec(smaller, "mine.yaml")).check_data()


def test_a_val_part_that_fills_no_batch_is_said_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DARTS and ENAS take steps on it; NSGA-Net and NAO judge by it, however small it is."""
    tiny = jpeg(np.zeros((4, 4, 3), np.uint8))
    sizes = {"train": 20, "val": 2, "test": 2}
    write_files(
        tmp_path / "mine",
        {f"{p}/{c}/{n}.jpg": tiny for p, size in sizes.items() for c in "ab" for n in range(size)},
    )
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path))
    text = GOOD.replace("[digits,", "[{dataset: folder, options: {root: mine, pixels: 16}},")
    for method, refused in {"darts1": True, "enas": True, "nao": False, "nsganet": False}.items():
        one = text.replace("[darts1]", f"[{method}]") + f"settings: {{{method}: {{batch: 8}}}}\n"
        study = Study(parse_spec(one, "mine.yaml"))
        if refused:
            with pytest.raises(
                ValueError, match=f"{method} cannot .* the val half .* 4 images, fewer than a batch of 8"
            ):
                study.check_data()
        else:
            study.check_data()


def test_too_few_weight_steps_for_naos_scorings_are_said_before_anything_runs() -> None:
    short = GOOD.replace("[darts1]", "[nao]") + "settings: {nao: {steps: 1}}\n"
    with pytest.raises(
        ValueError, match="nao cannot search on 'digits': 4 scorings need as many weight steps, there"
    ):
        Study(parse_spec(short, "mine.yaml")).check_data()


def test_images_that_fit_no_network_are_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = jpeg(np.zeros((4, 4, 3), np.uint8))
    write_files(
        tmp_path / "mine",
        {f"{p}/{c}/{n}.jpg": tiny for p in ("train", "test") for c in "ab" for n in range(20)},
    )
    monkeypatch.setenv("NASTRANSFER_DATA", str(tmp_path))
    own = "targets: [{dataset: folder, options: {root: mine, pixels: 18}}]"
    text = GOOD.replace("targets: [glyphs]", own) + "protocol_settings: {resolution: null}\n"
    with pytest.raises(
        ValueError, match=r"'folder-mine': images of 18x18 pixels do not fit .*; set resolution"
    ):
        Study(parse_spec(text, "mine.yaml")).check_data()
    small = text.replace("null", "16")
    beside = "also: [{methods: [], random: null, known: [resnet18], protocol_settings: {resolution: null}}]\n"
    Study(parse_spec(small + beside, "mine.yaml")).check_data()


def test_an_auxiliary_head_that_fits_no_image_is_said_before_anything_runs() -> None:
    head = "settings: {nao: {rerank_auxiliary: 0.4}}\n"
    with pytest.raises(ValueError, match="those of 'digits' have 16: set rerank_auxiliary to 0"):
        Study(parse_spec(GOOD.replace("[darts1]", "[nao]") + head, "mine.yaml")).check_data()
    text = f"{GOOD}also: [{{protocol_settings: {{auxiliary: 0.4}}, feeds: tricks}}]\n"
    with pytest.raises(ValueError, match="needs images of 32 pixels, those of 'glyphs' have 16"):
        Study(parse_spec(text, "mine.yaml")).check_data()
    Study(parse_spec(text.replace("auxiliary", "resolution: 32, auxiliary"), "mine.yaml")).check_data()


@pytest.mark.parametrize("name", ["quickstart", "ablations"])
def test_shipped_studies_fit_the_data_that_comes_with_the_installation(name: str) -> None:
    Study.load(name).check_data()
