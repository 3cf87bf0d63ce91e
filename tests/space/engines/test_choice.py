"""When the C++ engine is used: what it leaves to torch, what is said to who insists, what the environment changes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nastransfer.space.engines import choice, planned
from nastransfer.space.engines.choice import pick_engine, why_not_cpp
from nastransfer.space.network import Network
from nastransfer.space.operations import batch_statistics
from nastransfer.space.supernet import Supernet
from tests.space.engines.twins import FP64, GENOTYPES, batch, mixture, network, supernet

X, LABELS = batch(2, 8)
MIX = [mixture(1), mixture(2)]


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASTRANSFER_ENGINE", raising=False)


def refused(module: Network | Supernet, x: Tensor, message: str, *mix: Tensor) -> None:
    """`engine="cpp"` says why not; "auto" goes another way and gives what plain torch gives, or raises."""
    assert module.engine == "cpp"
    reason = why_not_cpp(module, x, *mix)
    assert reason is not None and re.search(message, reason), reason
    with pytest.raises(ValueError, match=f"engine='cpp' cannot run this network: .*{message}.*engine='auto'"):
        module(x, *mix)
    assert pick_engine("auto", module, x, *mix) in ("plain", "torch")


def test_what_it_can_run_it_runs() -> None:
    module = network()("cpp")
    assert why_not_cpp(module, X) is None
    assert pick_engine("auto", module, X) == pick_engine("cpp", module, X) == "cpp"
    assert pick_engine("plain", module, X) == "plain"
    with torch.no_grad():
        assert pick_engine("auto", module.eval(), X) == "cpp"


@pytest.mark.parametrize("channels", [2, 6, 10])
def test_widths_are_multiples_of_four(channels: int) -> None:
    refused(network(channels=channels)("cpp"), X, f"multiples of 4, got channels={channels}")


def test_numbers_are_single_or_double() -> None:
    half = network()("cpp").to(torch.bfloat16)
    refused(
        half, X.to(torch.bfloat16), "float32 or float64, images are torch.bfloat16, weights torch.bfloat16"
    )
    refused(network()("cpp"), X.float(), "images are torch.float32, weights torch.float64")
    refused(network()("cpp"), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "images are torch.uint8")


@pytest.mark.parametrize("part", ["stem", "cells.1", "cells.2.preprocess1.2"])
def test_all_weights_have_the_same_type(part: str) -> None:
    module = network()("cpp")
    module.get_submodule(part).float()
    refused(module, X, "not all weights are torch.float64 on the CPU, one is torch.float32 on cpu")


def test_running_statistics_have_the_type_of_the_weights() -> None:
    module = network(affine=False)("cpp")
    norm = module.cells[0].preprocess0[2]
    norm.running_mean = norm.running_mean.float()
    refused(module, X, "one is torch.float32")


def test_devices_other_than_the_cpu_are_left_alone() -> None:
    with torch.device("meta"):
        module = Network(GENOTYPES["all"], 5, channels=8, cells=1, engine="cpp")
    refused(module, torch.zeros(2, 3, 8, 8, device="meta"), "on the CPU, the images are on meta")


def test_autocast_is_left_to_torch() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        refused(network()("cpp").float(), X.float(), "autocast is on")


def test_gradients_of_images_are_left_to_torch() -> None:
    module = network()("cpp")
    x = X.clone().requires_grad_()
    refused(module, x, "no gradient of the images")
    module.engine = "auto"
    module(x).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_no_images_are_left_to_torch() -> None:
    refused(network()("cpp"), X[:0], "there are no images")


def test_norms_in_different_modes_are_left_to_torch() -> None:
    module = network()("cpp").train()
    module.cells[1].eval()
    refused(module, X, "batch norms are in different modes")
    other = network()("cpp")
    with batch_statistics(other.cells[0]):
        refused(other, X, "batch norms are in different modes")
    third = network()("cpp")
    third.cells[0].preprocess0[2].momentum = 0.5
    refused(third, X, "batch norms are in different modes")


def test_cumulative_averages_are_left_to_torch() -> None:
    module = network()("cpp")
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    refused(module, X, r"average over all batches \(momentum=None\)")


def test_gradients_through_running_statistics_are_left_to_torch() -> None:
    module = network()("cpp").eval()
    refused(module, X, "through running statistics")
    module.requires_grad_(False)
    assert why_not_cpp(module, X) is None


def test_alphas_learn_in_evaluation_by_torch() -> None:
    """Frozen weights, running statistics, and mixture weights that learn all the same."""
    found = []
    for engine in ("plain", "auto"):
        module = supernet()(engine).eval().requires_grad_(False)
        mix = [one.clone().requires_grad_() for one in MIX]
        found.append(torch.autograd.grad(module(X, *mix).square().sum(), mix))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12) and one.abs().max() > 0
    refused(supernet()("cpp").eval().requires_grad_(False), X, "through running statistics", *mix)


def test_one_value_a_channel_is_torchs_own_error() -> None:
    x = batch(1, 32)[0]
    module = network(stem="imagenet")("cpp")
    refused(module, x, "more than one value a channel, the last map has a single pixel")
    for engine in ("plain", "auto"):
        module.engine = engine
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            module(x)
    assert why_not_cpp(network(stem="imagenet", cells=1)("cpp"), x) is None
    with torch.no_grad():
        assert why_not_cpp(module.eval(), x) is None


def test_hooks_are_called_by_torch() -> None:
    """Who listens to a cell gets its maps; hooks on what torch calls anyway change nothing."""
    for where, left in (
        ("cells.1", True),
        ("cells.0.edges.3", True),
        ("stem.0", True),
        ("classifier", False),
        ("", False),
    ):
        module, seen = network("all")("cpp"), []
        handle = module.get_submodule(where).register_forward_hook(lambda *call, to=seen: to.append(call[2]))
        if left:
            refused(module, X, "hooks on modules")
        module.engine = "auto"
        module(X)
        assert len(seen) == 1, where
        handle.remove()
        assert why_not_cpp(module, X) is None


def test_computed_weights_are_left_to_torch() -> None:
    for late in (False, True):
        module = network("all")("cpp")
        if late:
            module(X)
        torch.nn.utils.parametrizations.weight_norm(module.cells[0].preprocess0[1])
        refused(module, X, "computed from others")


@pytest.mark.parametrize("make", [network(), supernet()], ids=["network", "supernet"])
def test_every_refusal_has_an_answer_in_auto(make: Callable[[str], Network | Supernet]) -> None:
    """Widths that are none of the engine's: the same call through `auto` and `plain`."""
    plain, auto = (make(engine) for engine in ("plain", "auto"))
    for module in (plain, auto):
        module.settings["channels"] = 6  # what the choice asks
    mix = MIX if isinstance(plain, Supernet) else []
    assert why_not_cpp(auto, X, *mix) is not None
    assert torch.allclose(auto(X, *mix), plain(X, *mix), rtol=0, atol=1e-10)


def test_the_environment_says_what_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    module = network()("auto")
    for engine in ("plain", "torch", "cpp"):
        monkeypatch.setenv("NASTRANSFER_ENGINE", engine)
        assert pick_engine("auto", module, X) == engine
        assert pick_engine("plain", module, X) == "plain"
    monkeypatch.setenv("NASTRANSFER_ENGINE", "warp")
    with pytest.raises(ValueError, match="unknown engine 'warp'"):
        module(X)


def test_modules_are_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supernet has thousands of modules: a walk in every call would cost as much as the call."""
    module, walks = supernet()("cpp"), []
    monkeypatch.setattr(choice, "Parts", None)
    monkeypatch.setattr(
        planned, "Parts", lambda whole, make=planned.Parts: walks.append(whole) or make(whole)
    )
    for _ in range(3):
        module(X, *MIX)
    assert walks == [module]


def test_double_and_single_are_different_plans() -> None:
    module = network()("cpp")
    for dtype in (FP64, torch.float32, FP64):
        assert module.to(dtype)(X.to(dtype)).dtype is dtype
