"""Export, load, score: the same bits; a card that says all; a program that torch alone runs; bad folders refused."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import nastransfer as nt
from nastransfer.data.batches import load_batches
from nastransfer.space.known import known_genotype
from nastransfer.train import export
from nastransfer.train.augment import AugmentResult, augment
from nastransfer.train.card import model_card
from nastransfer.train.export import export_weights, load_network
from nastransfer.train.kept import Kept, keep_weights, read_weights
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.scoring import evaluate
from tests.planted import planted

DATA = planted(train=32, test=40)
SETTINGS: dict[str, Any] = {"cells": 3, "channels": 4, "batch": 16, "epochs": 2, "epoch_images": None}
PROTOCOL = protocol("tiny", **SETTINGS, resolution=32, drop_path=0.2, auxiliary=0.4)

# What runs where nothing of this project can be imported.
ALONE = """
import sys
sys.modules["nastransfer"] = None
import torch
program = torch.export.load(sys.argv[1]).module()
given = torch.load(sys.argv[2], weights_only=True)
for images, logits in zip(given["images"], given["logits"], strict=True):
    assert (program(images) - logits).abs().max() < 1e-5
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> AugmentResult:
    """Cells, trained with the auxiliary head, which the export leaves out."""
    return augment("DARTS_V2", DATA, protocol=PROTOCOL, weights=tmp_path_factory.mktemp("cells") / "kept")


@pytest.fixture(scope="module")
def exported(trained: AugmentResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert trained.weights is not None
    return export_weights(trained.weights, tmp_path_factory.mktemp("out") / "cells")


def scores(network: torch.nn.Module, chosen: Protocol) -> dict[str, Any]:
    batches = load_batches(DATA, "test", batch=200, training=False, resolution=chosen.resolution)
    found = evaluate(network, batches.ordered(), len(DATA.classes))
    return {"top1": found.top1, "test_loss": found.loss, "correct": list(found.correct)}


def recorded(result: AugmentResult) -> dict[str, Any]:
    last = result.history[-1]
    correct = [row["correct"] for row in result.classes]
    return {"top1": result.top1_last, "test_loss": last["test_loss"], "correct": correct}


def copy(exported: Path, folder: Path) -> Path:
    return shutil.copytree(exported, folder / "copy")


def test_export_load_score_is_exactly_equal(exported: Path, trained: AugmentResult) -> None:
    network = load_network(exported)
    assert not network.training
    assert scores(network, PROTOCOL) == recorded(trained)


def test_a_reference_comes_back_as_exactly(tmp_path: Path) -> None:
    chosen = protocol("tiny", **{**SETTINGS, "epochs": 1}, resolution=8)
    result = augment("resnet18", DATA, protocol=chosen, weights=tmp_path / "kept")
    folder = export_weights(tmp_path / "kept", tmp_path / "out", program=False)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.safetensors"]
    assert scores(load_network(folder), chosen) == recorded(result)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "torchvision" in card and "network.pt2" not in card and "| cells |" not in card


def test_the_program_runs_with_torch_alone(exported: Path, tmp_path: Path) -> None:
    network = load_network(exported)
    images = [torch.rand(number, 3, 32, 32) for number in (1, 5)]
    with torch.no_grad():
        torch.save({"images": images, "logits": [network(batch) for batch in images]}, tmp_path / "given.pt")
    command = [sys.executable, "-W", "error", "-c", ALONE, exported / "network.pt2", tmp_path / "given.pt"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_loading_needs_no_pickle(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    assert nt.load_network(exported).settings["classes"] == 3


def test_the_weights_say_what_they_are(exported: Path, trained: AugmentResult) -> None:
    tensors, kept = read_weights(exported / "model.safetensors")
    assert not [name for name in tensors if name.startswith("auxiliary")]
    assert kept.network == trained.genotype == known_genotype("DARTS_V2")
    assert kept.classes == DATA.classes
    assert (kept.stem, kept.pixels, kept.protocol) == ("cifar", 32, PROTOCOL)
    assert (kept.top1_last, kept.params, kept.images) == (
        trained.top1_last,
        trained.params,
        DATA.manifest.hash,
    )
    assert nt.Genotype.parse((exported / "genotype.json").read_text()) == trained.genotype


def test_the_card_is_one_that_hugging_face_reads(exported: Path, trained: AugmentResult) -> None:
    _, head, text = (exported / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    fields = yaml.safe_load(head)
    assert fields["license"] == "other" and fields["license_name"] == "terms-of-the-training-data"
    assert fields["datasets"] == ["planted"] and fields["metrics"] == ["accuracy"]
    assert fields["model-index"][0]["results"][0]["metrics"][0]["value"] == trained.top1_last
    for said in (
        PROTOCOL.label,
        "made here",
        DATA.manifest.hash,
        "| seed | 2 |",
        f"{trained.params:,} parameters",
    ):
        assert said in text
    assert "node 3 = skip (k-2) + dil 3×3 (0)" in text
    (line,) = [line for line in text.splitlines() if line.startswith("Genotype(")]
    assert nt.Genotype.parse(line) == trained.genotype


@pytest.mark.parametrize(
    ("stem", "pixels", "steps"),
    [
        ("cifar", 32, "v2.Resize(32), v2.CenterCrop(32)"),
        ("imagenet", 224, "v2.Resize(256), v2.CenterCrop(224)"),
    ],
)
def test_the_card_prepares_images_as_they_were_tested(
    exported: Path, stem: str, pixels: int, steps: str
) -> None:
    _, kept = read_weights(exported / "model.safetensors")
    assert steps in model_card(kept.model_copy(update={"stem": stem, "pixels": pixels}), {})


def test_the_licence_of_the_data_is_named_where_it_has_one(trained: AugmentResult, tmp_path: Path) -> None:
    network, kept = _opened(trained)
    keep_weights(tmp_path / "kept", network, kept.model_copy(update={"terms": "digits, CC BY 4.0"}))
    folder = export_weights(tmp_path / "kept", tmp_path / "out", program=False, origin={"run": "a/b"})
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-4.0" in card and "license_name" not in card
    assert "| run | a/b |" in card


def _opened(trained: AugmentResult) -> tuple[torch.nn.Module, Kept]:
    assert trained.weights is not None
    tensors, kept = read_weights(Path(trained.weights))
    network = kept.build()
    network.load_state_dict(tensors)
    return network, kept


def test_an_export_is_there_whole_or_not_at_all(
    trained: AugmentResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(export, "model_card", fail)
    assert trained.weights is not None
    with pytest.raises(OSError, match="disk full"):
        export_weights(trained.weights, tmp_path / "out", program=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ValueError, match="not an empty folder"):
        export_weights(trained.weights, tmp_path, program=False)


def test_another_genotype_is_noticed_though_the_shapes_fit(exported: Path, tmp_path: Path) -> None:
    folder = copy(exported, tmp_path)
    path = folder / "genotype.json"
    path.write_text(path.read_text().replace("max_pool_3x3", "avg_pool_3x3", 1))
    with pytest.raises(ValueError, match=r"genotype\.json does not fit: it has genotype"):
        load_network(folder)
    path.unlink()
    with pytest.raises(ValueError, match="folder of an exported network has the genotype there"):
        load_network(folder)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"classes": ["a", "b", "c", "d"]}, "classifier is not one for 4 classes; 2 of"),
        ({"protocol": {**PROTOCOL.model_dump(), "channels": 8}}, "not of this network .3 cells, 8 channels"),
    ],
)
def test_weights_that_do_not_fit_are_one_clear_error(
    exported: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    folder = copy(exported, tmp_path)
    path = folder / "model.safetensors"
    about = {**read_weights(path)[1].model_dump(mode="json"), **changed}
    save_file(load_file(path), path, {"nastransfer": json.dumps(about)})
    with pytest.raises(ValueError, match=said):
        load_network(folder)


def test_damaged_and_foreign_files_are_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file of weights"):
        load_network(tmp_path)
    folder = copy(exported, tmp_path)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged, or no safetensors file"):
        load_network(folder)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="was not written by nastransfer"):
        load_network(folder)
    save_file({"weight": torch.zeros(2)}, path, {"nastransfer": "{}"})
    with pytest.raises(ValueError, match="another version wrote it"):
        load_network(folder)


def test_a_training_that_was_over_still_gives_its_weights(tmp_path: Path) -> None:
    """A kill between the last saved state and the weights: the same call writes them."""
    chosen = protocol("tiny", **SETTINGS, resolution=8)
    given: dict[str, Any] = {"protocol": chosen, "checkpoint": tmp_path, "weights": tmp_path / "kept"}
    first = augment("DARTS_V1", DATA, **given)
    before = read_weights(tmp_path / "kept")
    (tmp_path / "kept").unlink()
    assert augment("DARTS_V1", DATA, **given).history == first.history
    after = read_weights(tmp_path / "kept")
    assert all(torch.equal(value, after[0][name]) for name, value in before[0].items())
    assert after[1] == before[1]
