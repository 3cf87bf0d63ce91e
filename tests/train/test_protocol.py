"""Protocols: the paper's numbers, labels that show overrides, one clear error for each wrong setting."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nastransfer.train.protocol import Protocol, protocol, protocols
from nastransfer.train.schedule import cosine_lr


def test_the_papers_protocols_have_its_numbers() -> None:
    """Methods sheet section 7: C=36, 20 cells, batch 96, SGD 0.025 / 0.9 / 3e-4, clip 5, no tricks."""
    epochs = {"paper-small-sets": 600, "paper-imagenet1k": 120, "paper-imagenet22k": 60}
    for name, length in epochs.items():
        found = protocols()[name]
        assert (found.epochs, found.cells, found.channels, found.batch) == (length, 20, 36, 96)
        assert (found.lr, found.momentum, found.weight_decay, found.clip) == (0.025, 0.9, 3e-4, 5.0)
        assert (found.drop_path, found.auxiliary, found.cutout) == (0, 0, 0)
        assert (found.resolution, found.epoch_images, found.lr_per) == (None, None, "epoch")


def test_the_cosine_of_a_long_training() -> None:
    """Methods sheet section 12, E = 600."""
    assert [cosine_lr(epoch, 600, 0.025) for epoch in (0, 300)] == pytest.approx([0.025, 0.0125])
    assert cosine_lr(599, 600, 0.025) == pytest.approx(1.7e-7, rel=0.01)


def test_short_protocols_anneal_by_the_step() -> None:
    for name in ("short", "small", "tiny"):
        assert protocols()[name].lr_per == "step"


def test_a_label_shows_what_was_changed() -> None:
    assert protocol("small").label == "small"
    assert protocol("small", resolution=32).label == "small+px32"
    assert protocol("small", channels=16, drop_path=0.2).label == "small+C16+drop_path0.2"
    assert protocol("tiny", cells=5).label == "tiny"


def test_overrides_change_nothing_else() -> None:
    changed = protocol("tiny", epochs=3)
    assert changed.model_dump() == {**protocol("tiny").model_dump(), "epochs": 3}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": -1}, r"epochs: .*greater than or equal to 1 \(found -1\)"),
        ({"epochs": 2.5}, r"epochs: .*integer.*2\.5"),
        ({"epochs": "3"}, r"epochs: .*integer.*'3'"),
        ({"lr": float("nan")}, r"lr: .*found nan"),
        ({"channels": 7}, r"channels: .*multiple of 2 \(found 7\)"),
        ({"drop_path": 1.0}, r"drop_path: .*less than 1"),
        ({"precision": "fp16"}, r"precision: .*'fp32'.*'bf16'.*'fp16'"),
        ({"bn_group": 1}, r"bn_group: .*greater than or equal to 2 \(found 1\)"),
        ({"bn_group": 24}, r"bn_group must divide the batch.*64 images are not a multiple of 24"),
        ({"chanels": 8}, r"unknown setting 'chanels' \(found 8\); did you mean 'channels'\?"),
        ({"version": 2}, r"'version' belongs to the named protocol.*found 2"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        protocol("tiny", **settings)


def test_an_unknown_protocol_names_the_nearest_one() -> None:
    with pytest.raises(
        ValueError, match=r"unknown protocol 'tinny'; did you mean 'tiny'\? Allowed: paper-small-sets"
    ):
        protocol("tinny")


def test_a_protocol_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        protocol("tiny").epochs = 3


def test_a_protocol_of_ones_own_has_its_own_name() -> None:
    assert Protocol(name="mine", epochs=1).label == "mine"


def test_protocols_and_searchers_come_without_torch() -> None:
    code = (
        "import sys\n"
        "from nastransfer.train.protocol import protocol\n"
        "from nastransfer.search.searcher import make_searcher, searchers\n"
        "protocol('tiny', epochs=2)\n"
        "for method, kind in searchers().items():\n"
        "    for preset in kind.presets: make_searcher(method, preset).model_dump(mode='json')\n"
        "assert 'torch' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
