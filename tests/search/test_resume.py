"""Every method ends bit for bit the same, wherever it was cut off and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nastransfer.search import drive
from nastransfer.search.drive import SearchResult, search, search_steps
from nastransfer.train.run import Run
from tests.interrupted import saved_after_each_unit
from tests.planted import planted

# method -> settings that make a search of a second or two
METHODS: dict[str, dict[str, Any]] = {
    "darts1": {"channels": 2, "batch": 8, "resolution": None, "steps": 14, "reports": 3},
    "darts2": {"channels": 2, "batch": 8, "resolution": None, "steps": 8, "reports": 2, "pick": "best_val"},
    "enas": {
        "channels": 4,
        "batch": 7,
        "resolution": None,
        "steps": 6,
        "rewards": 20,
        "last_samples": 2,
        "reports": 3,
    },
    "nao": {
        "channels": 4,
        "batch": 8,
        "resolution": None,
        "steps": 6,
        "scorings": 2,
        "pool": 10,
        "new": 4,
        "predictor_epochs": 12,
        "expand": 2,
        "rerank": 2,
        "rerank_epochs": 2,
        "reports": 3,
    },
    "nsganet": {
        "channels": 4,
        "batch": 8,
        "resolution": None,
        "epochs": 1,
        "population": 4,
        "offspring": 3,
        "generations": 4,
        "reports": 5,
    },
}
# method -> what makes it long enough to be cut off at 50 places
LONGER: dict[str, dict[str, Any]] = {
    "darts1": {"steps": 60},
    "darts2": {"steps": 60},
    "enas": {"steps": 40, "rewards": 120, "reports": 12},
    "nao": {"steps": 30, "scorings": 4, "predictor_epochs": 60, "rerank_epochs": 8},
    "nsganet": {"epochs": 2, "population": 8, "offspring": 6, "generations": 9},
}
# Times and memory are of this machine and moment.
FLEETING = ("seconds", "peak_bytes", "images_per_second", "device")


def lasting(result: SearchResult) -> Any:
    """All of a result that must be the same again."""

    def kept(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if not name.startswith(FLEETING)}

    return result.genotype, [kept(row) for row in result.history], kept(result.cost)


def units_of(method: str, settings: dict[str, Any]) -> int:
    searcher = drive.make_searcher(method, "tiny", **settings)
    assert isinstance(searcher, drive.NetworkSearcher)
    return searcher.begin(drive.SearchData(planted(), 2), drive.Streams(2, "search", method)).units


@pytest.mark.parametrize("number", [2, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", METHODS)
def test_a_search_cut_off_anywhere_ends_the_same(
    method: str,
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """From `number` random points."""
    settings = {**METHODS[method], **(LONGER[method] if number > 2 else {})}
    whole = search(method, planted(), preset="tiny", **settings)
    again = partial(search, method, planted(), preset="tiny", **settings)
    assert lasting(saved_after_each_unit(again, tmp_path, monkeypatch)) == lasting(whole)
    units = units_of(method, settings)
    drawn = np.random.default_rng(2).permutation(np.arange(1, units))[:number]
    assert len(drawn) == number, f"a search of {units} units"
    for point in sorted(drawn.tolist()):
        assert lasting(again(checkpoint=tmp_path / str(point))) == lasting(whole), (
            f"cut after {point} of {units} units"
        )
    record_property("points", len(drawn))


def test_a_finished_search_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"preset": "tiny", "checkpoint": tmp_path, **METHODS["darts1"]}
    whole = search("darts1", planted(), **settings)
    monkeypatch.setattr(Run, "advance", None)
    steps = search_steps("darts1", planted(), **settings)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert lasting(stop.value.value) == lasting(whole)


def test_a_checkpoint_of_another_search_is_refused(tmp_path: Path) -> None:
    search("darts1", planted(), preset="tiny", checkpoint=tmp_path, **METHODS["darts1"])
    with pytest.raises(ValueError, match=r"another run \(seed: 2 there, 3 here\)"):
        search("darts1", planted(), seed=3, preset="tiny", checkpoint=tmp_path, **METHODS["darts1"])
    with pytest.raises(ValueError, match=r"another run \(method: 'darts1' there, 'darts2' here; settings"):
        search("darts2", planted(), preset="tiny", checkpoint=tmp_path, **METHODS["darts2"])
