"""Light maps of tests are traced with few photons."""

from __future__ import annotations

import pytest

from pulsefront.detector import Detector
from pulsefront.simulate.light.grid import LightMapSettings
from pulsefront.simulate.trust import charges, times


@pytest.fixture(autouse=True)
def coarse_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace a twentieth of the photons: light within a per cent."""
    fine = charges.map_settings

    def coarse(detector: Detector, *, transit_times: bool = False) -> LightMapSettings:
        settings = fine(detector, transit_times=transit_times)
        return settings.model_copy(update={"photons": 500})

    for module in (charges, times):
        monkeypatch.setattr(module, "map_settings", coarse)
