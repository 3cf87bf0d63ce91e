"""Torch elastic's agent on one of the further nodes of a training: `... ray_agent FOLDER GROUP`, the latter in JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from torch.distributed.run import main as run

from nastransfer.processes import end_with_parent
from nastransfer.train.elastic import Group


def main(folder: str, group: str) -> None:
    """Take part until the training is over; end with whoever started this."""
    end_with_parent()
    run(Group(**json.loads(group)).arguments(Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
