"""Hypothesis for the space room: no deadlines (machines are shared), the same examples in every run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
