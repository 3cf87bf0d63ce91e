"""Hand a trained network on: from a finished run, or from what `nt.augment` returned, to a folder for others."""

from __future__ import annotations

from pathlib import Path

from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import StudyRecords, locate
from nastransfer.train.augment import AugmentResult
from nastransfer.train.export import export_weights

# What the card says of a recorded run, by column of the results frame.
_ORIGIN = (
    "method",
    "preset",
    "source",
    "selection",
    "search_seed",
    "target",
    "device",
    "threads",
    "versions",
    "commit",
)


def export(
    run: AugmentResult | str | Path, folder: str | Path, *, runs: str | Path = "runs", program: bool = True
) -> Path:
    """Write the network of a finished training to `folder`, which must be new or empty; returns its path.

    run: what `nt.augment(..., weights=FILE)` returned; or a training whose weights were kept (`keep_weights: true` in
    the study file, or a parameter of notebooks/augment.ipynb): its folder, or its name below `runs` as the column `run`
    of `nt.results` gives it. What the folder holds: `nastransfer.train.export`; `nt.load_network` reads it. program:
    whether the `torch.export` file is written too. `ValueError` where there is no such run, or no weights of it.
    """
    if isinstance(run, AugmentResult):
        if run.weights is None:
            raise ValueError(
                "this training kept no weights: give nt.augment a file for them, as in weights='kept.safetensors'"
            )
        return export_weights(run.weights, folder, program=program)
    records, attempt = _find(run, runs)
    result = attempt.result()
    assert result is not None
    labels = result["labels"]
    if labels["kind"] != "augment":
        raise ValueError(
            f"{str(run)!r} is a {labels['kind']} run: only trainings of a network (augment) can be exported"
        )
    # A training that was not computed again has the weights of its twin.
    twin = records.finished(result["linked_to"]) if result["linked_to"] else None
    weights = (twin or attempt).weights
    if not weights.is_file():
        raise ValueError(
            f"{str(run)!r} kept no weights: set keep_weights: true, and train it again in another study (a finished "
            "training is not repeated)"
        )
    said = {"run": records.run_name(attempt), **labels, **result["numbers"]}
    origin = {name: str(said[name]) for name in ("run", *_ORIGIN) if said.get(name) is not None}
    return export_weights(weights, folder, origin=origin, program=program)


def _find(run: str | Path, runs: str | Path) -> tuple[StudyRecords, Attempt]:
    """The finished attempt that a path or name means (of a task's folder the first finished one), and its study."""
    for place in (locate(run).resolve(), locate(Path(runs) / run).resolve()):
        if (place / "result.json").is_file():
            return StudyRecords(place.parents[2]), Attempt(place)
        if place.is_dir() and len(place.parents) > 1:
            records = StudyRecords(place.parents[1])
            finished = records.finished(place.name.rpartition("-")[2])
            if finished is not None:
                return records, finished
    raise ValueError(
        f"there is no finished run {str(run)!r}, neither as a folder nor below {str(runs)!r}: the column `run` of "
        "nt.results names them"
    )
