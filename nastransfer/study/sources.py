"""Opening the sources and targets of tasks, and refusing a search that would see images of its target's test part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import polars as pl

from nastransfer.data.dataset import Dataset
from nastransfer.data.datasets import open_dataset
from nastransfer.data.manifest import PART
from nastransfer.data.own import OWN
from nastransfer.data.proxies import build_proxy
from nastransfer.data.splits import search_halves
from nastransfer.search.searcher import SearchData, Searcher, make_searcher
from nastransfer.study.grid import Grid
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import proxy_task, ranked_by
from nastransfer.study.source import Source
from nastransfer.study.spec import StudySpec
from nastransfer.train.architecture import REFERENCES, check_auxiliary, check_several_classes, check_side
from nastransfer.train.protocol import Protocol


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


def ranking(dataset: Dataset, seed: int) -> Dataset:
    """A proxy as genotypes are ranked by it: one half of what a search may see to train on, the other to test on.

    The halves are those that a search with this seed cuts the set into (`search_halves`), so that no image of the
    parent's test part is used, unless the proxy itself hands it to searches. `ValueError` as `search_halves` says.
    """
    train, val = search_halves(dataset.manifest, seed)
    tested = val.rows.with_columns(pl.lit("test", PART).alias("part"))
    return dataset.with_manifest(replace(train, rows=pl.concat([train.rows, tested])))


def check_sources(spec: StudySpec) -> None:
    """Open every set of a study and build every proxy, once; `ValueError` for what is missing, too small or leaks."""
    opened = {
        entry.text: (entry, open_source(entry))
        for grid in spec.grids
        for entry in (*grid.sources, *grid.targets)
    }
    if not spec.allow_target_test:
        pairs = {
            (source.text, target.text): (source, target)
            for grid in spec.grids
            for source in grid.sources
            for target in grid.targets
            if any(not grid.leaves_out(method, source.label, target.label) for method in grid.methods)
        }
        for source, target in pairs.values():
            refuse_overlap(source, target)
    for source in {entry.text: entry for grid in spec.grids for entry in ranked_by(spec, grid)}.values():
        _check_ranking(source, opened[source.text][1])
    _check_searches(spec, opened)
    for grid in spec.grids:
        for _, _, training in grid.trainings():
            for entry in (*grid.targets, *ranked_by(spec, grid)):
                _check_training(training, opened[entry.text][1], of_cells=_trains_cells(grid))


def _trains_cells(grid: Grid) -> bool:
    """Whether anything but known networks without cells is trained."""
    return bool(grid.methods or grid.random or set(grid.known) - set(REFERENCES))


def _check_training(training: Protocol, dataset: Dataset, *, of_cells: bool) -> None:
    check_several_classes(dataset)
    check_auxiliary(training.auxiliary, dataset, training.resolution)
    if of_cells:
        check_side(dataset, training.resolution)


def _check_searches(spec: StudySpec, opened: Mapping[str, tuple[Source, Dataset]]) -> None:
    """`ValueError` where a method could not search on a source; what several grids ask for is looked at once."""
    checked: set[tuple[str, str, str]] = set()
    for method, searcher, source, seed in _searches(spec):
        key = (method, searcher.model_dump_json(), source.text)
        if key in checked:
            continue
        checked.add(key)
        try:
            searcher.check(SearchData(opened[source.text][1], seed))
        except ValueError as error:
            raise ValueError(f"{method} cannot search on {source.label!r}: {error}") from None


def _searches(spec: StudySpec) -> Iterator[tuple[str, Searcher, Source, int]]:
    """Method, its settings, source and first seed of all that is searched."""
    for grid in spec.grids:
        if grid.preset is None:  # nothing is searched
            continue
        for method in grid.methods:
            searcher = make_searcher(spec.searcher(method), grid.preset, **grid.settings.get(method, {}))
            for source in grid.sources:
                if any(not grid.leaves_out(method, source.label, target.label) for target in grid.targets):
                    yield method, searcher, source, grid.search_seeds[0]


def _check_ranking(source: Source, dataset: Dataset) -> None:
    if source.proxy is not None:
        ranking(dataset, source.seed)
    elif dataset.manifest.count("test") < 2:
        raise ValueError(
            f"source {source.label!r} has no test part, so genotypes cannot be ranked by it as by a target: give it a "
            "proxy, such as proxy: {selection: all}; a proxy ranks by one half of what a search may see"
        )


def open_targets(records: StudyRecords) -> dict[str, Dataset]:
    """The targets of a study's plan by the name they have in the results frame."""
    trained = (task.parameters["target"] for task in records.plan() if task.kind == "augment")
    asked = {target.label: target for target in map(Source.model_validate, trained)}
    return {label: open_source(target) for label, target in asked.items()}


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
