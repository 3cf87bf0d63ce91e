"""Notebook parameters: a mistyped name is an error, not a shrug."""

from __future__ import annotations

import pytest

from nastransfer.study.parameters import check, parameters


def test_names_are_taken_up_to_the_cell_that_begins() -> None:
    given = ["", "seed = 2\nmethod: str = 'darts1'", "seeed = 3", "%time x = 1"]
    cells = [*given, "task = nt.begin('search', ...)", "y = 4"]
    namespace = {"In": cells, "seed": 2, "method": "darts1", "seeed": 3, "y": 4, "x": 1, "task": object()}
    assert parameters(namespace) == {"seed": 2, "method": "darts1", "seeed": 3}


def test_outside_a_notebook_all_public_plain_names_count() -> None:
    assert parameters({"seed": 2, "_mine": 1, "nt": object(), "settings": {}}) == {"seed": 2, "settings": {}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"method": "darts1", "source": "digits", "seeed": 3},
            ["unknown setting 'seeed'", "did you mean 'seed'"],
        ),
        ({"method": "darts1"}, ["'source' is missing"]),
        ({"method": "darts1", "source": "digits", "seed": "3"}, ["seed", "'3'"]),
        ({"method": "darts1", "source": "digits", "seed": -3}, ["seed", "-3"]),
        ({"method": "darts1", "source": {"dataset": "digit"}}, ["unknown data set 'digit'"]),
    ],
)
def test_bad_parameters_are_one_clear_error(values: dict[str, object], said: list[str]) -> None:
    with pytest.raises(ValueError, match=r"search\.ipynb") as caught:
        check("search", values)
    for part in said:
        assert part in str(caught.value)


def test_augment_needs_one_genotype() -> None:
    for values in ({}, {"genotype": "Genotype(...)", "search": "0123456789ab"}):
        with pytest.raises(ValueError, match="exactly one"):
            check("augment", {"target": "digits", **values}).task()
    with pytest.raises(ValueError, match="kind of task"):
        check("train", {})
