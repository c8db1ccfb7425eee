"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import HealthCheck, settings

mpl.use("Agg")
# The same examples on every machine, however slow or busy; `make fuzz` looks for new ones.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
if "PULSEFRONT_FUZZ_SECONDS" not in os.environ:
    settings.load_profile("repeatable")

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("PULSEFRONT_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Return a function from a measured sample's name to its path; skips where it is absent."""

    def path_of(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"measured sample {name} is not on this machine")
        return path

    return path_of
