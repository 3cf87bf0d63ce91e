"""Where results that can be computed again are kept between runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """NASTRANSFER_CACHE, else `nastransfer` in the user's cache folder; it may not exist yet."""
    chosen = os.environ.get("NASTRANSFER_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or (
        Path.home() / "Library" / "Caches" if sys.platform == "darwin" else Path.home() / ".cache"
    )
    return Path(base) / "nastransfer"
