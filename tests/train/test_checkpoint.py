"""Checkpoints: two generations, no damage goes unnoticed, nothing is executed, nothing of another run is taken up."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nastransfer.train.checkpoint import FORMAT, Checkpoints

IDENTITY = {"kind": "search", "method": "made-up", "seed": 2}


def state(number: int) -> dict[str, Any]:
    return {
        "weights": torch.full((2, 3), float(number)),
        "done": number,
        "rows": [{"loss": 0.5}],
        "none": None,
    }


def kept(folder: Path, count: int) -> Checkpoints:
    checkpoints = Checkpoints(folder, IDENTITY)
    for number in range(count):
        checkpoints.save(state(number))
    return checkpoints


def loaded(folder: Path) -> int | None:
    found = Checkpoints(folder, IDENTITY).load()
    if found is None:
        return None
    assert torch.equal(found["weights"], state(found["done"])["weights"])
    number: int = found["done"]
    return number


def test_the_last_of_many_comes_back_and_two_files_are_kept(tmp_path: Path) -> None:
    assert loaded(tmp_path) is None
    for count in (1, 2, 3, 4):
        kept(tmp_path, count)
        assert loaded(tmp_path) == count - 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-0.pt", "checkpoint-1.pt"]
    again = Checkpoints(tmp_path, IDENTITY)
    again.save(state(17))
    assert loaded(tmp_path) == 17, "a new process goes on counting generations"
    again.clear()
    assert loaded(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_tensors_keep_type_strides_and_bits(tmp_path: Path) -> None:
    wanted = torch.randn(2, 4, 3, 3).to(memory_format=torch.channels_last)
    odd = {"a": wanted, "b": [torch.arange(3), torch.tensor(float("nan"))], "c": {"half": wanted.half()}}
    checkpoints = Checkpoints(tmp_path, IDENTITY)
    checkpoints.save(odd)
    found = checkpoints.load()
    assert found is not None
    assert torch.equal(found["a"], wanted) and found["a"].stride() == wanted.stride()
    assert torch.isnan(found["b"][1]) and found["c"]["half"].dtype == torch.float16


def test_wherever_the_newest_is_cut_the_one_before_is_taken(tmp_path: Path) -> None:
    kept(tmp_path, 2)
    path = tmp_path / "checkpoint-1.pt"
    whole = path.read_bytes()
    for end in np.random.default_rng(2).integers(0, len(whole), 40):
        path.write_bytes(whole[:end])
        with pytest.warns(RuntimeWarning, match=r"checkpoint-1.pt is cut short or was changed"):
            assert loaded(tmp_path) == 0


def test_whichever_byte_is_changed_the_one_before_is_taken(tmp_path: Path) -> None:
    kept(tmp_path, 2)
    path = tmp_path / "checkpoint-1.pt"
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    first_line = range(whole.index(b"\n") + 1)
    for place in [*first_line, *rng.integers(0, len(whole), 60)]:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with pytest.warns(RuntimeWarning, match="checkpoint-1.pt"):
            assert loaded(tmp_path) == 0


@pytest.mark.slow
def test_a_large_state_cut_at_500_places_and_every_byte_of_a_small_one(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rng = np.random.default_rng(3)
    large = Checkpoints(tmp_path / "large", IDENTITY)
    for number in range(2):
        large.save(
            {**state(number), "more": torch.randn(500_000, generator=torch.Generator().manual_seed(number))}
        )
    kept(tmp_path / "small", 2)
    for name, cuts in (("large", 500), ("small", None)):
        path = tmp_path / name / "checkpoint-1.pt"
        whole = path.read_bytes()
        places = range(len(whole)) if cuts is None else rng.integers(0, len(whole), cuts).tolist()
        for place in places:
            flipped = bytearray(whole)
            flipped[place] ^= 1 << int(rng.integers(8))
            for damaged in (whole[:place], bytes(flipped)):
                path.write_bytes(damaged)
                with pytest.warns(RuntimeWarning, match="checkpoint-1.pt"):
                    assert loaded(tmp_path / name) == 0
        record_property(
            f"{name}: bytes, places cut and places changed", [len(whole), len(places), len(places)]
        )


def test_without_a_whole_one_the_run_starts_over_with_a_warning(tmp_path: Path) -> None:
    kept(tmp_path, 2)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="cut short"):
        assert loaded(tmp_path) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Checkpoints(tmp_path, IDENTITY).save(state(3))
    with pytest.warns(RuntimeWarning, match="cut short"):
        assert loaded(tmp_path) == 3


def test_another_runs_state_is_refused_by_what_differs(tmp_path: Path) -> None:
    kept(tmp_path, 1)
    with pytest.raises(
        ValueError, match=r"another run \(method: 'made-up' there, 'enas' here; seed: 2 there, 3 here\)"
    ):
        Checkpoints(tmp_path, {**IDENTITY, "method": "enas", "seed": 3}).load()


def test_another_versions_state_is_refused_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("nastransfer.train.checkpoint.VERSION", 2)
        kept(tmp_path, 1)
    with pytest.raises(ValueError, match="checkpoint of format 2, this version reads 1"):
        loaded(tmp_path)


def test_a_pickle_in_place_of_the_state_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    with monkeypatch.context() as patched:
        patched.setattr(
            torch, "save", lambda _, buffer: buffer.write(pickle.dumps({"trap": Trap()}, protocol=2))
        )
        kept(tmp_path / "states", 1)
    assert (tmp_path / "states" / "checkpoint-0.pt").read_bytes().startswith(FORMAT)
    with pytest.raises(pickle.UnpicklingError):
        loaded(tmp_path / "states")
    assert not mark.exists()


def test_a_write_that_fails_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = kept(tmp_path, 2)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="the disk is full"):
            checkpoints.save(state(2))
    assert loaded(tmp_path) == 1
    checkpoints.save(state(3))
    assert loaded(tmp_path) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-0.pt", "checkpoint-1.pt"]
