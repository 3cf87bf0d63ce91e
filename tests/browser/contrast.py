"""How well text is seen on what lies behind it."""

from __future__ import annotations

import re


def contrast(text: str, behind: str) -> float:
    """Of two colours as browsers compute them, `rgb(r, g, b)`: 1 to 21 (WCAG 2)."""
    dark, light = sorted(map(_luminance, (text, behind)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative to white."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
