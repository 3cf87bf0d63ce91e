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


def test_settings_of_a_proxy_one_by_one_are_the_same_task_as_its_source() -> None:
    rule = {"selection": "uniform", "classes": 20, "fraction": 0.5}
    source = {"dataset": "digits", "proxy": rule, "seed": 3}
    whole = check("proxy", {"source": source})
    assert check("proxy", {"dataset": "digits", "seed": 3, **rule}).task() == whole.task()
    every = check("proxy", {"dataset": "digits", "selection": "all", "classes": None})
    assert every.task() == check("proxy", {"source": "digits"}).task()
    assert check("proxy", {}).task().parameters["source"]["proxy"]["classes"] == 150


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"source": "digits", "classes": 20}, ["source or its settings", "{'classes': 20}"]),
        ({"dataset": "digit"}, ["unknown data set 'digit'"]),
        ({"selection": "best"}, ["must be one of", "'best'"]),
        ({"selection": "all"}, ["classes=150"]),
        ({"fraction": 2.0}, ["fraction", "2.0"]),
        ({"clases": 20}, ["unknown setting 'clases'", "did you mean 'classes'"]),
    ],
)
def test_bad_settings_of_a_proxy(values: dict[str, object], said: list[str]) -> None:
    with pytest.raises(ValueError, match=r"proxy\.ipynb") as caught:
        check("proxy", values)
    for part in said:
        assert part in str(caught.value)
