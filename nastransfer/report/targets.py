"""What a target's accuracies are to be read against: chance, a classifier without a network, random architectures."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from nastransfer.data.baselines import majority_share, nearest_centroid
from nastransfer.data.datasets import Dataset
from nastransfer.report.arms import baselines
from nastransfer.report.names import set_name
from nastransfer.stats.sample import Sample, sample


def target_table(
    frame: pl.DataFrame, targets: Mapping[str, Dataset], resolution: int | None = None
) -> pl.DataFrame:
    """A row a target. Accuracies are top-1 in percent on its test part.

    Columns: target, classes, train, test (images), chance (the share of the largest class), centroid (nearest class
    mean of raw pixels at `resolution`), and of the random genotypes of `frame`, each by its mean over augment seeds:
    n, lowest, mean, highest, and spread (standard deviation over mean, percent, ddof 1; null below 2, and where none
    got an image right). `ValueError` as `arms.trainings` says.
    """
    rows = []
    for name, dataset in targets.items():
        drawn = baselines(frame.filter(target=name))
        top1 = [accuracy for arm in drawn for accuracy in arm.accuracies]
        random = sample("top1_last", top1) if top1 else None
        rows.append(
            {
                "target": set_name(name),
                "classes": len(dataset.classes),
                "train": dataset.manifest.count("train"),
                "test": dataset.manifest.count("test"),
                "chance": majority_share(dataset.manifest),
                "centroid": nearest_centroid(dataset, resolution),
                "n": len(top1),
                "lowest": min(top1, default=None),
                "mean": random.mean if random else None,
                "highest": max(top1, default=None),
                "spread": _spread(random),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _spread(random: Sample | None) -> float | None:
    if random is None or random.std is None or not random.mean:
        return None
    return 100 * random.std / random.mean


def target_text(table: pl.DataFrame) -> str:
    """A line a target, for a terminal."""
    return "\n".join(_line(row) for row in table.iter_rows(named=True))


def _line(row: dict[str, float]) -> str:
    known = f"{row['target']}, {row['classes']} classes: top-1 of chance {row['chance']:.1f}%"
    known += f", of the nearest class mean on pixels {row['centroid']:.1f}%"
    if not row["n"]:
        return known
    spread = f", std/mean {row['spread']:.1f}%" if row["spread"] is not None else ""
    drawn = f"{row['lowest']:.1f}-{row['highest']:.1f}% (mean {row['mean']:.1f}{spread})"
    return f"{known}, of {row['n']} random genotypes {drawn}"
