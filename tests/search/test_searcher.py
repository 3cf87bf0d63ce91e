"""The registry and the settings of searchers, random sampling, and the steps that every search gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nastransfer.data.streams import Streams
from nastransfer.search.drive import search, search_steps
from nastransfer.search.random_sampling import RandomSampling
from nastransfer.search.searcher import (
    SearchData,
    Searcher,
    SearchStep,
    make_searcher,
    searchers,
)
from nastransfer.space.genotype import OPERATIONS, Genotype
from tests.planted import planted


def test_every_method_has_the_presets_and_says_what_it_is() -> None:
    assert list(searchers()) == sorted(searchers())
    assert {"darts1", "darts2", "random"} <= set(searchers())
    for name, kind in searchers().items():
        assert kind.method == name
        assert kind.title
        assert set(kind.presets) >= {"paper", "short", "small", "tiny"}
        for preset in kind.presets:
            assert isinstance(make_searcher(name, preset), kind)


def test_a_searcher_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Searcher()


@pytest.mark.parametrize(
    ("method", "preset", "settings", "said"),
    [
        (
            "dart1",
            "tiny",
            {},
            r"unknown method 'dart1'; did you mean 'darts1'\? Allowed: darts1, darts2, ",
        ),
        (
            "darts1",
            "tinny",
            {},
            r"unknown preset of darts1 'tinny'; did you mean 'tiny'\? Allowed: paper, short",
        ),
        (
            "darts1",
            "tiny",
            {"chanels": 4},
            r"unknown setting 'chanels' \(found 4\); did you mean 'channels'\?",
        ),
        ("random", "tiny", {"channels": 4}, r"settings of random: unknown setting 'channels' \(found 4\)"),
        (
            "darts1",
            "tiny",
            {"steps": -5},
            r"settings of darts1: steps: .*greater than or equal to 1 \(found -5\)",
        ),
        ("darts1", "tiny", {"batch": "32"}, r"batch: .*integer.*'32'"),
        ("darts1", "tiny", {"ranking": "best"}, r"ranking: .*'softmax' or 'raw'.*'best'"),
        ("darts1", "tiny", {"epochs": 3}, r"give epochs or steps, the other null: got epochs=3, steps=100"),
        ("darts1", "tiny", {"lr_per": "epoch"}, r"lr_per='epoch' needs epochs"),
        ("darts1", "tiny", {"lr": 0.0001}, r"lr_end must not exceed lr: got 0\.001 above 0\.0001"),
    ],
)
def test_wrong_names_and_values_are_one_clear_error(
    method: str, preset: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        make_searcher(method, preset, **settings)


def test_settings_are_plain_data_that_make_the_same_searcher_again() -> None:
    for method, kind in searchers().items():
        searcher = make_searcher(method, "tiny")
        assert kind(**searcher.model_dump(mode="json")) == searcher


def test_random_sampling_needs_no_image() -> None:
    data = planted()

    def refuse(_: Any) -> np.ndarray:
        raise AssertionError("read an image")

    result = search("random", replace(data, read=refuse), seed=3)
    assert result.genotype == search("random", data, seed=3).genotype
    assert result.genotype != search("random", data, seed=4).genotype
    assert (result.cost["images_seen"], result.cost["preset_version"], result.cost["entropy_start"]) == (
        0,
        1,
        None,
    )
    assert len(result.history) == 1


def test_random_sampling_is_uniform() -> None:
    """Operations 1/7 each, source pairs of the node k uniform over k(k-1)/2: within 4.5 standard deviations."""
    data, number = SearchData(planted(), 2), 1500
    searcher = RandomSampling()
    genotypes = [next(searcher.search(data, Streams(seed))).genotype for seed in range(number)]
    cells = [cell for g in genotypes if g is not None for cell in (g.normal, g.reduce)]
    assert len(cells) == 2 * number
    counted = {"operations": Counter(edge.op for cell in cells for node in cell for edge in node)}
    for index, node in enumerate((2, 3, 4, 5)):
        pairs = Counter(tuple(edge.source for edge in cell[index]) for cell in cells)
        assert len(pairs) == node * (node - 1) // 2
        counted[f"node {node}"] = pairs
    assert set(counted["operations"]) == set(OPERATIONS)
    for found in counted.values():
        total, share = sum(found.values()), 1 / len(found)
        spread = 4.5 * np.sqrt(total * share * (1 - share))
        assert max(abs(count - total * share) for count in found.values()) <= spread


def test_a_step_says_how_much_of_the_normal_cell_is_skip_connections() -> None:
    node = (("skip_connect", 0), ("sep_conv_3x3", 1))
    full = (("skip_connect", 0), ("skip_connect", 1))
    step = SearchStep(1, 4, Genotype.parse({"normal": [node, node, node, full], "reduce": [full] * 4}))
    assert step.skip_share == 5 / 8
    assert SearchStep(0, 4, None).skip_share is None
    event = step.to_event()
    assert (event["step"], event["steps"], event["genotype"]) == (1, 4, str(step.genotype))


def test_steps_end_in_a_result() -> None:
    steps = search_steps("random", planted(), seed=1)
    assert next(steps).step == 1
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value.settings == {}


def test_a_half_must_fill_a_batch_and_hold_every_class() -> None:
    with pytest.raises(
        ValueError, match="the train half of 'planted' has 24 images, fewer than a batch of 32"
    ):
        SearchData(planted(train=48), 2).batches("train", batch=32)
    with pytest.raises(ValueError, match="every class needs an image in each search half"):
        SearchData(planted(train=4), 2).batches("train", batch=2)
