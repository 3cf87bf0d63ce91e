"""A step of work in a few words, for the lines that people watch: progress bars, status, notebooks (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Half of the 8 operations of a normal cell: 1.7% of random cells reach it.
COLLAPSED = 0.5
COLLAPSE_WARNING = (
    "at least half of the normal cell are skip connections: the search collapses, and what it finds may be no better "
    "than chance (DARTS has two options against it: skip_cap and stop_at_skips)"
)


def in_words(event: Mapping[str, Any]) -> str:
    """What an event of a task says: scores, entropy, skip connections, pace, time left, collapse.

    `val 61.2%, train 58.0%, entropy 1.95, skips 25%, 350 images/s, 0:12 left`; what the event does not have is left
    out.
    """
    said = [
        _said(event, "top1", "test {:.1f}%"),
        _said(event, "val_top1", "val {:.1f}%"),
        _said(event, "train_top1", "train {:.1f}%"),
        _said(event, "entropy", "entropy {:.2f}"),
        _said(event, "skip_share", "skips {:.0%}"),
        _said(event, "images_per_second", "{:.0f} images/s"),
        f"{clock(event['seconds_left'])} left" if event.get("seconds_left") is not None else None,
        "COLLAPSED" if event.get("collapsed") else None,
    ]
    return ", ".join(filter(None, said))


def clock(seconds: float) -> str:
    """`0:12`, `12:05`, `3:00:00`."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _said(event: Mapping[str, Any], name: str, form: str) -> str | None:
    value = event.get(name)
    return form.format(value) if value is not None else None
