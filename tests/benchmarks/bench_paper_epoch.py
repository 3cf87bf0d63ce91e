"""One epoch of first-order DARTS as in the paper, on CIFAR-10: 391 steps of 64 + 64 images, 16 channels, 8 cells.

The whole search is 50 such epochs. Reads the CIFAR-10 pack (NASTRANSFER_DATA); without it there is nothing to measure.
"""

from __future__ import annotations

from typing import Any

import nastransfer as nt

PAPER_EPOCHS = 50


def run() -> dict[str, Any]:
    """Milliseconds of the epoch, data preparation included, and the hours that 50 of them take."""
    try:
        cifar10 = nt.open_dataset("cifar10")
    except ValueError as error:
        print(f"  nothing measured: {error}")
        return {}
    found = nt.search("darts1", cifar10, seed=2, preset="paper", epochs=1)
    seconds = found.cost["seconds"]
    milliseconds = round(1e3 * seconds, 1)
    row = {
        "n": 1,
        "median_ms": milliseconds,
        "min_ms": milliseconds,
        "max_ms": milliseconds,
        "compared_with": "paper epoch",
        "ratio": 1.0,
        "images_seen": found.cost["images_seen"],
        "seconds_weights": found.cost["seconds_weights"],
        "seconds_architecture": found.cost["seconds_architecture"],
        "peak_bytes": found.cost["peak_bytes"],
        "projected_search_hours": round(PAPER_EPOCHS * seconds / 3600, 2),
    }
    print(f"  50 epochs at this pace: {row['projected_search_hours']} hours")
    return {"paper epoch": row}
