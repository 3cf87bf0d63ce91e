"""Variance components as standard deviations, for what searches found and for random sampling."""

from __future__ import annotations

import math

import pytest

from nastransfer.report.components_figure import component_panels, components_of_variance
from nastransfer.stats.components import variance_components
from tests.report.made_study import made_study, no_effect
from tests.report.rows import small_study, study, training
from tests.report.seen import means


def test_random_sampling_splits_into_genotype_and_seed() -> None:
    """Two genotypes, two seeds: 70, 71 and 74, 75. Seeds differ by 1 in both, so that nothing is left."""
    rows = [(0, 2, 70.0), (0, 3, 71.0), (1, 2, 74.0), (1, 3, 75.0)]
    frame = study(*(training("random", draw, top1, augment_seed=seed) for draw, seed, top1 in rows))
    (panel,) = component_panels(frame)
    found = {one.name: one.variance for _, one in panel.parts}
    assert found == {
        "genotype": pytest.approx(8.0),
        "augment seed": pytest.approx(0.5),
        "residual": pytest.approx(0.0, abs=1e-9),
    }
    figure = components_of_variance(frame)
    assert [mark.x[0] for mark in means(figure)] == pytest.approx(
        [math.sqrt(8), math.sqrt(0.5), 0.0], abs=1e-4
    )
    assert figure.layout.yaxis.ticktext[0] == "genotype, random, 94%"


def test_components_are_those_of_the_statistics() -> None:
    frame = made_study(effect=no_effect, searches=3, genotypes=4)
    panels = {panel.title: panel for panel in component_panels(frame)}
    names = [one.name for _, one in panels["on imagenet1k"].parts]
    assert names[:6] == ["method", "source", "method x source", "search", "augment seed", "residual"]
    random = frame.filter(method="random", feeds="random", target="imagenet1k")
    factors = {"genotype": random["genotype"].to_list(), "augment seed": random["augment_seed"].to_list()}
    expected = variance_components(random["top1_last"].to_list(), factors)
    found = [one for _, one in panels["on imagenet1k"].parts][6:]
    assert [one.variance for one in found] == pytest.approx([one.variance for one in expected])


def test_cells_are_a_factor_where_they_vary() -> None:
    frame = made_study(searches=2, genotypes=3, cells=(40,))
    for panel in component_panels(frame):
        assert ("cells" in {one.name for _, one in panel.parts}) == (panel.title == "on imagenet1k")


def test_what_cannot_be_told_apart_is_left_out() -> None:
    (panel,) = component_panels(small_study())
    assert "augment seed" not in {one.name for _, one in panel.parts}, "it has one level"
    assert component_panels(study(training("enas", 2, 70.0))) == []
