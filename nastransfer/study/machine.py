"""On what machine, with which versions, from which commit a run was made: recorded with every result, never hashed."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "torchvision", "numpy", "polars")


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Frame columns device (the CPU's model; a run on another device overrides it), threads, versions and commit."""
    return {"device": _cpu_model(), "threads": threads(), "versions": _versions(), "commit": _commit()}


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """CPU threads a task computes with: what the runner set, else all cores."""
    return int(os.environ.get("OMP_NUM_THREADS") or cores())


def _versions() -> str:
    found = [("python", platform.python_version())]
    found += [(name, metadata.version(name)) for name in LIBRARIES]
    if chosen := os.environ.get("NASTRANSFER_ENGINE"):
        found.append(("engine", chosen))
    return ",".join(f"{name}={version}" for name, version in found)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str | None:
    """Short commit of the checkout the package runs from, `+` if tracked files were changed; None outside one."""
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "--short=10", "HEAD")
        return commit + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
