"""How well text and lines are seen on what lies behind them."""

from __future__ import annotations

import re


def contrast(one: str, other: str) -> float:
    """Of two colours, `#rrggbb` or as browsers compute them, `rgb(r, g, b)`: 1 to 21 (WCAG 2.2)."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative to white."""
    hexadecimal = colour.startswith("#")
    parts = re.findall(r"[0-9a-fA-F]{2}" if hexadecimal else r"\d+", colour)[:3]
    shares = [int(part, 16 if hexadecimal else 10) / 255 for part in parts]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
