"""Where the networks of a search are trained; light to import."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

__all__ = ["Share", "Workers"]

Share = Callable[[Any], Any]
"""Sends data to all workers once and returns what stands for them in a job."""


@dataclass(frozen=True)
class Workers:
    """An executor, and how data reach its workers once.

    ``executor`` is None for threads of this process. ``share`` is None where data travel with
    every job; for a Dask client it is its ``scatter``.
    """

    executor: Executor | None = None
    share: Share | None = None
