"""Whether it is said that a public set was here in part only."""

from __future__ import annotations

from nastransfer.report.decide import decision
from nastransfer.report.decide_text import decision_text
from nastransfer.report.partial_sets import partial_set
from nastransfer.report.random_table import random_spread
from tests.report.rows import small_study, study, training

SAID = "Here cifar100 has 21,000 of its 60,000 images: accuracies are not those of the whole set."


def test_a_part_of_a_public_set_is_said_to_be_one() -> None:
    about = {"target": "cifar100", "n_train": 16_000, "n_test": 5_000}
    random = [training("random", draw, 30.0 + draw, **about) for draw in range(3)]
    frame = study(*random, *(training("darts1", seed, 31.0 + seed, **about) for seed in (2, 3)))
    assert partial_set(frame, "cifar100") == SAID
    assert "60,000" in (partial_set(frame, "cifar100-split40-40-20") or "")
    assert SAID in " ".join(decision_text(decision(frame, "cifar100")).split())
    assert f"seeds; h{SAID[1:]}" in random_spread(frame)["note"][0]


def test_whole_sets_other_splits_and_own_sets_are_not() -> None:
    assert partial_set(small_study(), "glyphs") is None
    whole = study(training("random", 0, 60.0, target="flowers102", n_train=2_040, n_test=6_149))
    assert partial_set(whole, "flowers102") is None
    unknown = study(training("random", 0, 60.0, target="cifar10", n_train=None, n_test=None))
    assert partial_set(unknown, "cifar10") is None
