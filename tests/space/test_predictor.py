"""The baseline predictor on synthetic accuracies: it finds what is linear, equals scikit-learn's ridge, is honest."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from nastransfer.space.features import features
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.predictor import PENALTIES, FeaturePredictor

GENOTYPES = Genotype.draw(np.random.default_rng(0), 140)
KNOWN, NEW = GENOTYPES[:60], GENOTYPES[60:]
V2 = known_genotype("DARTS_V2")


def accuracies(genotypes: list[Genotype], noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Top-1 percent that follows four features and chance."""
    rows = [features(genotype) for genotype in genotypes]
    exact = [
        60 + 1.5 * row["normal_sep_conv_3x3"] - 2 * row["normal_skip_connect"] + 0.8 * row["reduce_depth"]
        + 2 * row["parameters_millions"]
        for row in rows
    ]  # fmt: skip
    return np.array(exact) + noise * np.random.default_rng(seed).normal(size=len(rows))


def table(genotypes: list[Genotype]) -> np.ndarray:
    return np.array([list(features(genotype).values()) for genotype in genotypes])


def test_what_is_linear_in_the_features_is_found() -> None:
    predictor = FeaturePredictor.fit(KNOWN, accuracies(KNOWN))
    assert predictor.predict(NEW) == pytest.approx(accuracies(NEW), abs=0.01)
    assert predictor.loo_error == pytest.approx(0.0, abs=0.01)
    assert predictor.loo_tau == pytest.approx(1.0, abs=0.01)
    assert (predictor.n, predictor.n_genotypes) == (60, 60)
    assert list(predictor.coefficients) == list(features(V2))


def test_noise_is_averaged_out_and_shows_in_the_left_out_error() -> None:
    predictor = FeaturePredictor.fit(KNOWN, accuracies(KNOWN, noise=1.0))
    missed = predictor.predict(NEW) - accuracies(NEW)
    assert predictor.loo_error is not None and predictor.loo_error_of_mean is not None
    # With 20 features and 60 accuracies the fit adds a part of the noise's own size.
    assert 0.8 < predictor.loo_error < 1.6
    assert np.sqrt(np.mean(missed**2)) < 0.9
    assert predictor.loo_error_of_mean == pytest.approx(accuracies(KNOWN, 1.0).std() * 60 / 59)
    assert kendalltau(predictor.predict(NEW), accuracies(NEW)).statistic > 0.8


def test_it_is_scikit_learns_ridge_with_the_best_penalty() -> None:
    values = accuracies(KNOWN, noise=2.0)
    predictor = FeaturePredictor.fit(KNOWN, values)
    scaler = StandardScaler().fit(table(KNOWN))
    ridge = RidgeCV(alphas=60 * np.array(PENALTIES)).fit(scaler.transform(table(KNOWN)), values)
    assert predictor.penalty == pytest.approx(ridge.alpha_ / 60)
    assert PENALTIES[0] < predictor.penalty < PENALTIES[-1]
    assert predictor.predict(NEW) == pytest.approx(ridge.predict(scaler.transform(table(NEW))), abs=1e-8)


def test_left_out_means_left_out() -> None:
    """The stored figures by hand: choose a penalty and fit without a genotype, then predict it."""
    genotypes, values = KNOWN[:15], accuracies(KNOWN[:15], noise=2.0)
    left_out, means = [], []
    for place in range(15):
        rest = [i for i in range(15) if i != place]
        scaler = StandardScaler().fit(table(genotypes)[rest])
        seen = scaler.transform(table(genotypes)[rest])
        penalty = RidgeCV(alphas=14 * np.array(PENALTIES)).fit(seen, values[rest]).alpha_
        ridge = Ridge(alpha=penalty).fit(seen, values[rest])
        left_out.append(ridge.predict(scaler.transform(table(genotypes)[[place]]))[0])
        means.append(values[rest].mean())
    predictor = FeaturePredictor.fit(genotypes, values)
    assert predictor.loo_error == pytest.approx(np.sqrt(np.mean((values - left_out) ** 2)))
    tau = kendalltau(values, np.array(left_out) - means).statistic
    assert predictor.loo_tau == pytest.approx(tau)


def test_pure_noise_is_ranked_by_chance_and_not_backwards() -> None:
    """Left-out means alone would give a tau of -1: they are lowest where the best is left out."""
    taus = []
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(size=20)
        taus.append(FeaturePredictor.fit(GENOTYPES[seed : seed + 20], noise).loo_tau or 0.0)
    assert abs(np.mean(taus)) < 0.15


def test_repeated_trainings_of_a_genotype_leave_together() -> None:
    """Else each accuracy would be predicted by its twin: here twins agree and nothing else can be learnt."""
    values = np.random.default_rng(1).normal(size=20)
    once = FeaturePredictor.fit(KNOWN[:20], values)
    twice = FeaturePredictor.fit(KNOWN[:20] * 2, np.tile(values, 2))
    assert (twice.n, twice.n_genotypes) == (40, 20)
    assert once.loo_error_of_mean is not None and twice.loo_error is not None
    assert twice.loo_error_of_mean == pytest.approx(once.loo_error_of_mean)
    assert twice.loo_error > 0.7 * once.loo_error_of_mean


def test_few_or_constant_accuracies_are_not_judged() -> None:
    few = FeaturePredictor.fit(KNOWN[:4], accuracies(KNOWN[:4]))
    assert (few.loo_error, few.loo_error_of_mean, few.loo_tau) == (None, None, None)
    assert np.isfinite(few.predict(NEW)).all()
    assert FeaturePredictor.fit(KNOWN[:5], accuracies(KNOWN[:5])).loo_error is not None
    repeated = FeaturePredictor.fit(KNOWN[:4] * 3, np.tile(accuracies(KNOWN[:4]), 3))
    assert (repeated.n, repeated.loo_error) == (12, None)
    constant = FeaturePredictor.fit(KNOWN, np.full(60, 50.0))
    assert (constant.loo_error, constant.loo_tau) == (pytest.approx(0.0), None)
    assert constant.predict(NEW) == pytest.approx(np.full(80, 50.0))


def test_text_other_networks_and_json() -> None:
    network = {"classes": 100, "channels": 8, "cells": 5, "stem": "imagenet", "resolution": 64}
    values = accuracies(KNOWN)
    predictor = FeaturePredictor.fit([str(genotype) for genotype in KNOWN], list(values), **network)
    assert predictor.network == network
    by_hand = predictor.intercept + sum(
        predictor.coefficients[name] * value for name, value in features(V2, **network).items()
    )
    assert predictor.predict([str(V2)]) == pytest.approx([by_hand])
    assert predictor.predict([]).shape == (0,)
    assert FeaturePredictor(**json.loads(json.dumps(asdict(predictor)))) == predictor


def test_bad_data_are_refused() -> None:
    values = accuracies(KNOWN)
    cases = [
        ((KNOWN, values[:-1]), r"each of the 60 genotypes, got an array of shape \(59,\)"),
        ((KNOWN, values[:, None]), r"got an array of shape \(60, 1\)"),
        (([], []), "at least 3 different genotypes, got 0"),
        ((KNOWN[:2] * 3, values[:6]), "at least 3 different genotypes, got 2"),
        ((KNOWN, [*values[:-1], np.nan]), "finite numbers, got nan at place 59"),
        ((KNOWN, [None, *values[1:]]), "finite numbers, got nan at place 0"),
        ((KNOWN, [np.inf, *values[1:]]), "finite numbers, got inf at place 0"),
        ((["Genotype()", *KNOWN[1:]], values), "the normal cell is missing"),
        ((KNOWN, ["high"] * 60), "could not convert string to float"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            FeaturePredictor.fit(*arguments)
    with pytest.raises(ValueError, match="at least 1 cell, got 0"):
        FeaturePredictor.fit(KNOWN, values, cells=0)
