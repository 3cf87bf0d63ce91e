"""The work behind each kind of task: from checked parameters to steps, labels and the key its numbers depend on."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastransfer.data.dataset import Dataset, unusable, usable
from nastransfer.data.datasets import open_dataset
from nastransfer.data.manifest import Manifest
from nastransfer.data.own import OWN
from nastransfer.data.proxies import build_proxy
from nastransfer.search.drive import search_steps
from nastransfer.search.plugins import source_hash
from nastransfer.search.searcher import make_searcher, preset_label
from nastransfer.space.genotype import Genotype
from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.parameters import AugmentParameters, Parameters, ProxyParameters, SearchParameters
from nastransfer.study.plan import TASK_VERSION, digest, proxy_task
from nastransfer.study.spec import Source
from nastransfer.train.architecture import Architecture, known_network
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.saving import SAVE_SECONDS

# Seconds between two saved states of a search or training: what a kill costs at most.
SAVE_VARIABLE = "NASTRANSFER_SAVE_SECONDS"

# What an augmentation takes over from the record of the search that found its genotype.
ORIGIN = ("method", "preset", "source", "selection", "proxy_images", "proxy_classes", "search_seed")


@dataclass
class Outcome:
    """What a task leaves: numbers (columns of the results frame) and tables."""

    numbers: dict[str, Any]
    history: pl.DataFrame | None = None
    classes: pl.DataFrame | None = None
    manifest: Manifest | None = None
    rejects: pl.DataFrame | None = None
    linked_to: str | None = None


Steps = Generator[Any, None, Outcome]


@dataclass(frozen=True)
class Work:
    """Ready to run: `labels` say what the run is (columns of the results frame), `result_key` hashes what its numbers
    depend on: digests of genotype, manifest and settings, and the seed; never the device, threads or versions.

    `steps` takes the folder of the attempt: searches and trainings keep their state there and go on from it.
    """

    steps: Callable[[Path], Steps]
    labels: dict[str, Any]
    result_key: str


@dataclass(frozen=True)
class ProxyStep:
    """A proxy is built in one step: `images` and `classes` are what it holds, of `chosen` images."""

    chosen: int
    images: int
    classes: int

    def to_event(self) -> dict[str, Any]:
        return {"step": 1, "steps": 1, "chosen": self.chosen, "images": self.images, "classes": self.classes}


def prepare(given: Parameters, records: StudyRecords) -> Work:
    """Open what a task needs and refuse what cannot work, before any compute is spent."""
    if isinstance(given, ProxyParameters):
        return _proxy(given)
    if isinstance(given, SearchParameters):
        return _search(given, records)
    return _augment(given, records)


def save_seconds() -> float:
    """Seconds between two saved states of a search or training: what NASTRANSFER_SAVE_SECONDS says, else a minute."""
    given = os.environ.get(SAVE_VARIABLE)
    try:
        seconds = SAVE_SECONDS if given is None else float(given)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ValueError(f"{SAVE_VARIABLE} is a number of seconds from 0 on (found {given!r})")
    return seconds


def open_source(source: Source, records: StudyRecords | None = None) -> Dataset:
    """The data set of a source, cut down to its proxy: the one its task recorded, else built here (the same images)."""
    dataset = open_dataset(source.dataset, **source.options)
    if source.proxy is None:
        return dataset
    built = records.finished(proxy_task(source).id) if records is not None else None
    recorded = built.read_manifest() if built is not None else None
    if recorded is not None:
        return dataset.with_manifest(recorded)
    return _cut_down(dataset, source)


def _cut_down(dataset: Dataset, source: Source) -> Dataset:
    if source.proxy is None:
        return dataset
    return dataset.with_manifest(build_proxy(dataset.manifest, source.proxy, source.seed))


def open_targets(records: StudyRecords) -> dict[str, Dataset]:
    """The targets of a study's plan by the name they have in the results frame."""
    asked = [
        Source.model_validate(task.parameters["target"]) for task in records.plan() if task.kind == "augment"
    ]
    return {target.label: open_source(target) for target in asked}


def refuse_overlap(source: Source, target: Source) -> None:
    """`ValueError` where a search on `source` sees images that the final test on `target` uses."""
    if source.dataset in OWN and target.dataset in OWN:
        _refuse_shared_files(source, target)
        return
    if source.dataset != target.dataset:
        return
    if source.options != target.options:
        raise ValueError(
            f"source {source.label!r} and target {target.label!r} are the same data set with other options: a test "
            "image of the one may be a training image of the other; give both the same options"
        )
    whole = open_dataset(target.dataset, **target.options)
    # By key: `parent_part` is the set's own part, which is not the target's where its options cut it anew.
    tested = whole.manifest.rows.filter(part="test")["key"]
    searched = _cut_down(whole, source).manifest.rows.filter(pl.col("part") != "test")["key"]
    seen = int(searched.is_in(tested.implode()).sum())
    if seen:
        raise ValueError(
            f"a search on {source.label!r} would see {seen} images of the test part of target {target.label!r}: choose "
            "a proxy whose train and val parts come from the target's train part"
        )


def _refuse_shared_files(source: Source, target: Source) -> None:
    """Folders and tables of own images may share files, whatever they are called."""
    searched, tested = (open_source(entry) for entry in (source, target))
    seen = searched.paths(searched.manifest.rows.filter(pl.col("part") != "test"))
    shared = seen.filter(seen.is_in(tested.paths(tested.manifest.rows.filter(part="test")).implode()))
    if len(shared):
        raise ValueError(
            f"a search on {source.label!r} would see {len(shared)} images of the test part of target {target.label!r}, "
            f"such as {shared[0]}: mark them as part 'test' in both, or leave them out of the source"
        )


def _key(**values: Any) -> str:
    return digest({"version": TASK_VERSION, **values})


def _seen(source: Source, manifest: Manifest) -> dict[str, Any]:
    """Labels of what a search could see."""
    return {
        "source": source.base,
        "selection": source.proxy.label if source.proxy is not None else "all",
        "proxy_images": manifest.count("train") + manifest.count("val"),
        "proxy_classes": len(manifest.classes),
    }


def _proxy(given: ProxyParameters) -> Work:
    source = given.source
    whole = open_dataset(source.dataset, **source.options)
    parent = whole.manifest

    def steps(_: Path) -> Steps:
        proxy = build_proxy(parent, source.proxy, source.seed) if source.proxy is not None else parent
        # What is chosen does not depend on which files are damaged; only the chosen ones are looked at.
        chosen = whole.with_manifest(proxy)
        checked = usable(chosen)
        proxy = checked.manifest
        yield ProxyStep(len(chosen.manifest), len(proxy), len(proxy.classes))
        numbers = {
            "proxy_images": proxy.count("train") + proxy.count("val"),
            "proxy_classes": len(proxy.classes),
            **machine(),
        }
        rejects = unusable(chosen, checked)
        return Outcome(numbers, classes=proxy.counts(), manifest=proxy, rejects=rejects)

    asked = source.proxy.model_dump(mode="json") if source.proxy is not None else None
    labels = {
        "source": source.base,
        "selection": source.proxy.label if source.proxy is not None else "all",
    }
    return Work(steps, labels, _key(kind="proxy", parent=parent.hash, proxy=asked, seed=source.seed))


def _search(given: SearchParameters, records: StudyRecords) -> Work:
    chosen = open_source(given.source, records)
    dataset = usable(chosen)
    manifest = dataset.manifest
    kind = given.searcher
    searcher = make_searcher(kind, given.preset, **given.settings)

    def steps(folder: Path) -> Steps:
        kept: dict[str, Any] = {"checkpoint": folder, "save_seconds": save_seconds()}
        settings = {"seed": given.seed, "preset": given.preset, **given.settings}
        found = yield from search_steps(kind, dataset, **kept, **settings)
        numbers = {"genotype": str(found.genotype), "precision": "fp32", **machine(), **found.cost}
        history = pl.DataFrame(found.history, infer_schema_length=None)
        return Outcome(numbers, history=history, rejects=unusable(chosen, dataset))

    labels = {
        "method": given.method,
        "preset": preset_label(kind, given.preset, **given.settings),
        "search_seed": given.seed,
        **_seen(given.source, manifest),
    }
    settings = searcher.model_dump(mode="json")
    depends: dict[str, Any] = {
        "method": given.method,
        "settings": settings,
        "images": manifest.hash,
        "seed": given.seed,
    }
    if code := source_hash(kind):
        depends["code"] = code
    return Work(steps, labels, _key(kind="search", **depends))


def _augment(given: AugmentParameters, records: StudyRecords) -> Work:
    from nastransfer.train.augment import augment_steps  # torch: only where training is wanted

    chosen = open_source(given.target)
    dataset = usable(chosen)
    network, origin = _origin(given, records)
    training = protocol(given.protocol, **given.settings)

    def steps(folder: Path) -> Steps:
        kept: dict[str, Any] = {"checkpoint": folder, "save_seconds": save_seconds()}
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
        history = pl.DataFrame(trained.history, infer_schema_length=None)
        rejects = unusable(chosen, dataset)
        return Outcome(numbers, history=history, classes=pl.DataFrame(trained.classes), rejects=rejects)

    labels = {**origin, "target": given.target.label, "augment_seed": given.seed, "protocol": training.label}
    settings = training.model_dump(mode="json")
    images = dataset.manifest.hash
    key = _key(kind="augment", genotype=network.digest, protocol=settings, images=images, seed=given.seed)
    return Work(steps, labels, key)


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
        return Genotype.parse(given.genotype), {"method": given.method or "given", "search_seed": given.draw}
    attempt = records.finished(given.search)
    result = attempt.result() if attempt is not None else None
    if result is None or result["labels"]["kind"] != "search":
        raise ValueError(
            f"search {given.search!r}: no finished search task of that id in study {records.name!r}; run it first, "
            "or give 'genotype' as text"
        )
    asked = attempt.asked() if attempt is not None else None
    assert asked is not None
    refuse_overlap(Source.model_validate(asked["task"]["parameters"]["source"]), given.target)
    labels = {name: result["labels"].get(name) for name in ORIGIN}
    return Genotype.parse(result["numbers"]["genotype"]), labels
