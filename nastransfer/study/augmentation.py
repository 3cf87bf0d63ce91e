"""The work of an augmentation: what is trained, where it came from, what is recorded of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from nastransfer.data.dataset import unusable, usable
from nastransfer.space.genotype import Genotype
from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.outcome import Outcome, Steps, Work, result_key, save_seconds
from nastransfer.study.parameters import AugmentParameters
from nastransfer.study.source import Source
from nastransfer.study.sources import open_source, ranking, refuse_overlap
from nastransfer.train.architecture import Architecture, known_network
from nastransfer.train.protocol import Protocol, protocol

# What an augmentation takes over from the record of the search that found its genotype.
ORIGIN = ("method", "preset", "source", "selection", "proxy_images", "proxy_classes", "search_seed")


def augment_work(given: AugmentParameters, records: StudyRecords) -> Work:
    """Train an architecture on the target; `ValueError` where that cannot work."""
    # torch: only where training is wanted
    from nastransfer.train.augment import augment_steps
    from nastransfer.train.preflight import preflight
    from nastransfer.train.profiling import profile_training

    chosen = open_source(given.target, records)
    dataset = usable(chosen)
    rejects = unusable(chosen, dataset)
    if given.target.proxy is not None:
        dataset = ranking(dataset, given.target.seed)
    network, origin = _origin(given, records)
    training = protocol(given.protocol, **given.settings)

    def steps(folder: Path) -> Steps:
        kept: dict[str, Any] = {
            "checkpoint": folder,
            "save_seconds": save_seconds(),
            "devices": given.devices,
        }
        if given.nodes > 1:
            kept |= {"nodes": given.nodes, "address": given.address}
        if given.keep_weights:
            kept["weights"] = Attempt(folder).weights
        trained = yield from augment_steps(network, dataset, seed=given.seed, protocol=training, **kept)
        numbers = {
            **_shape(network, training),
            "bn_group": training.bn_group,
            "precision": training.precision,
            "preset_version": training.version,
            "n_train": trained.n_train,
            "n_test": trained.n_test,
            "top1_last": trained.top1_last,
            "top1_best": trained.top1_best,
            "top5_last": trained.top5_last,
            "params": trained.params,
            "macs": trained.macs,
            **machine(),
            **trained.cost,
        }
        if given.devices * given.nodes > 1:
            numbers["device"] = f"{given.devices * given.nodes} x {numbers['device']}"
        confusion = None if trained.confusion is None else pl.DataFrame(trained.confusion)
        return Outcome(
            numbers,
            history=pl.DataFrame(trained.history, infer_schema_length=None),
            classes=pl.DataFrame(trained.classes),
            confusion=confusion,
            rejects=rejects,
        )

    labels = {**origin, "target": given.target.label, "augment_seed": given.seed, "protocol": training.label}
    settings = training.model_dump(mode="json")
    depends = dataset.identity(training.resolution)
    key = result_key(kind="augment", genotype=network.digest, protocol=settings, seed=given.seed, **depends)
    ask = (network, dataset, training)
    return Work(steps, labels, key, partial(preflight, *ask), partial(profile_training, *ask))


def _shape(network: Architecture, training: Protocol) -> dict[str, Any]:
    """Columns that networks of cells have, and others do not."""
    if not isinstance(network, Genotype):
        return {}
    return {"genotype": str(network), "cells": training.cells, "channels": training.channels}


def _origin(given: AugmentParameters, records: StudyRecords) -> tuple[Architecture, dict[str, Any]]:
    """What to train and the labels that say where it came from."""
    if given.known:
        return known_network(given.known), {"method": given.known}
    if given.genotype:
        labels = {"method": given.method or "given", "search_seed": given.draw, **_ranked_by(given.target)}
        return Genotype.parse(given.genotype), labels
    attempt = records.finished(given.search)
    result = attempt.result() if attempt is not None else None
    if result is None or result["labels"]["kind"] != "search":
        raise ValueError(
            f"search {given.search!r}: no finished search task of that id in study {records.name!r}; run it first, "
            "or give 'genotype' as text"
        )
    asked = attempt.asked() if attempt is not None else None
    assert asked is not None
    if not given.allow_target_test:
        refuse_overlap(Source.model_validate(asked["task"]["parameters"]["source"]), given.target)
    labels = {name: result["labels"].get(name) for name in ORIGIN}
    return Genotype.parse(result["numbers"]["genotype"]), labels


def _ranked_by(target: Source) -> dict[str, Any]:
    """What a proxy that ranks genotypes is called in the columns of a source."""
    return {} if target.proxy is None else {"source": target.base, "selection": target.proxy.label}
