"""The map of genotypes: classical scaling by another way gives the same distances; what cannot be read is left out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from nastransfer.report.map_figure import classical_scaling, genotype_map
from nastransfer.space.distance import operation_distance
from nastransfer.space.genotype import Genotype
from tests.report.made_study import made_study
from tests.report.rows import small_study, study, training
from tests.report.seen import dots, legend, means


def test_places_are_those_of_classical_scaling_of_the_operation_distance() -> None:
    """Torgerson's double centring of the distance matrix, without any one-hot code."""
    genotypes = Genotype.draw(np.random.default_rng(2), 12)
    squared = np.array([[2.0 * operation_distance(a, b) for b in genotypes] for a in genotypes])
    centring = np.eye(12) - 1 / 12
    values, vectors = np.linalg.eigh(-0.5 * centring @ squared @ centring)
    expected = vectors[:, :-3:-1] * np.sqrt(values[:-3:-1])
    layout = classical_scaling(genotypes)
    assert np.abs(layout.places) == pytest.approx(np.abs(expected), abs=1e-8)
    assert layout.share == pytest.approx(values[-2:].sum() / values.sum())


def test_one_genotype_lies_in_the_middle() -> None:
    (genotype,) = Genotype.draw(np.random.default_rng(2), 1)
    layout = classical_scaling([genotype])
    assert (layout.places.tolist(), layout.share) == ([[0.0, 0.0]], 1.0)


def test_a_dot_for_each_search_and_draw_whatever_it_was_trained_on() -> None:
    frame = made_study(searches=2, genotypes=3)
    figure = genotype_map(frame)
    searches = frame.filter(kind="search")
    assert len(dots(figure)) == searches.height + 3
    assert len(means(figure)) == len(legend(figure)) == 5
    assert not set(dots(figure)) & set(searches["run"]), "trainings say more"
    alone = genotype_map(searches)
    assert set(dots(alone)) == set(searches["run"])


def test_equal_genotypes_share_their_place() -> None:
    text = str(Genotype.draw(np.random.default_rng(3), 1)[0])
    other = str(Genotype.draw(np.random.default_rng(4), 1)[0])
    frame = study(
        training("enas", 2, 70.0, genotype=text),
        training("enas", 3, 70.0, genotype=other),
        training("nao", 2, 71.0, genotype=text),
    )
    found = dots(genotype_map(frame))
    assert found["demo/augment/enas-2/2"] == found["demo/augment/nao-2/2"] != found["demo/augment/enas-3/2"]


def test_unreadable_genotypes_are_left_out() -> None:
    assert "No genotype yet" in genotype_map(small_study()).layout.meta["alt"]
    good = made_study(searches=1, genotypes=2)
    assert set(dots(genotype_map(pl.concat([small_study(), good])))) == set(dots(genotype_map(good)))
