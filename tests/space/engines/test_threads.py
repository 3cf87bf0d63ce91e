"""The C++ engine with several threads of its own, and called from several threads at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.space.engines.twins import (
    assert_near,
    batch,
    gradients,
    losses,
    mixture,
    network,
    supernet,
    trained,
)

ROOT = Path(__file__).resolve().parents[3]
X, LABELS = batch(4, 8)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_any_number_of_threads_gives_the_same_numbers(count: int) -> None:
    """Five threads on three images: two have nothing to do."""
    x, labels = batch(3, 8)
    make, mix = supernet(), [mixture(1), mixture(2)]
    runs = []
    for threads in (1, count, count):
        module = make("cpp")
        torch.set_num_threads(threads)
        mixtures = [one.clone().requires_grad_() for one in mix]
        out = module(x, *mixtures)
        losses(out, labels).backward()
        alphas = {str(i): one.grad for i, one in enumerate(mixtures) if one.grad is not None}
        runs.append({"out": out.detach(), **gradients(module), **dict(module.named_buffers()), **alphas})
    assert_near(runs[1], runs[0], 1e-9, 1e-6)
    assert all(torch.equal(runs[1][name], runs[2][name]) for name in runs[1]), "the same bits twice"


@pytest.mark.parametrize(
    "variable",
    ["OMP_THREAD_LIMIT=1", "OMP_DYNAMIC=true", pytest.param("OMP_THREAD_LIMIT=2", marks=pytest.mark.slow)],
)
def test_fewer_threads_than_asked_for_are_enough(variable: str) -> None:
    code = """
import torch
from tests.space.engines.twins import batch, network, trained, twins
torch.set_num_threads(4)
x, labels = batch(5, 8)
plain, cpp = (trained(module, x, labels)[0] for module in twins(network("all")))
assert torch.allclose(plain, cpp, rtol=0, atol=1e-9)
"""
    name, value = variable.split("=")
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_WAIT_POLICY": "passive", name: value},
    )


def in_threads(*work: Callable[[], None]) -> None:
    """Runs all at once; the first error is raised here."""
    errors: list[BaseException] = []

    def guarded(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - handed on below
            errors.append(error)

    workers = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]


def test_two_networks_may_run_at_once() -> None:
    modules = [network(name, seed=seed)("cpp") for seed, name in enumerate(("all", "darts_v2"))]
    alone = [network(name, seed=seed)("cpp") for seed, name in enumerate(("all", "darts_v2"))]

    def work(module: nn.Module) -> Callable[[], None]:
        return lambda: [trained(module, X, LABELS) for _ in range(5)] and None

    in_threads(*map(work, modules))
    for module, other in zip(modules, alone, strict=True):
        work(other)()
        assert_near(gradients(module), gradients(other), 1e-9, 1e-9)


def test_one_network_may_run_in_two_threads() -> None:
    """In evaluation, on batches of many shapes, so that plans are made and forgotten all the time."""
    module = network("all", channels=4)("cpp").eval()
    sizes = [count for count in range(1, 14) for _ in range(2)]
    with torch.no_grad():
        expected = {count: module(batch(count, 8)[0]) for count in sizes}

    def work(order: list[int]) -> Callable[[], None]:
        def run() -> None:
            with torch.no_grad():
                for count in order:
                    assert torch.allclose(module(batch(count, 8)[0]), expected[count], rtol=0, atol=1e-12)

        return run

    in_threads(work(sizes), work(sizes[::-1]))
