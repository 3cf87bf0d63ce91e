"""Peak memory of a whole short training, predicted and measured: `python -m tests.train.peak_of_training NAME SEED`.

Prints JSON: predicted and measured peak of the process, and what it held before, in bytes.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch

from nastransfer.data.streams import Streams
from nastransfer.space.genotype import Genotype
from nastransfer.train.architecture import Architecture, Reference
from nastransfer.train.device import peak_bytes
from nastransfer.train.preflight import preflight
from nastransfer.train.protocol import protocol
from nastransfer.train.training import Training
from tests.benchmarks.bench_augment import CPU, Size

SIZES = {
    "small": Size(32, protocol("small", epochs=1), train=96, test=24, rounds=1),
    # The papers' networks; smaller batches, so that a step takes seconds.
    "32 px": Size(32, protocol("paper-small-sets", epochs=1, batch=24), train=24, test=24, rounds=1),
    "224 px": Size(
        224, protocol("paper-imagenet1k", epochs=1, channels=48, cells=14, batch=4), train=4, test=4, rounds=1
    ),
}


def main() -> None:
    size, seed = SIZES[sys.argv[1]], int(sys.argv[2])
    torch.set_num_threads(1)
    dataset = size.dataset()
    # Below 0: a network of torchvision.
    network: Architecture = (
        Genotype.random(np.random.default_rng(seed)) if seed >= 0 else Reference("resnet18")
    )
    predicted = preflight(network, dataset, size.plan)
    training = Training(network, dataset, Streams(2, "augment"), size.plan, CPU)
    while not training.finished:
        training.advance()
    found = {
        "predicted": predicted.peak_bytes,
        "measured": peak_bytes(CPU),
        "before": predicted.process_bytes,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
