"""The block and the light map that the tests of scans share."""

from __future__ import annotations

import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.simulate import LightMap, LightMapSettings, light_map_for


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector("lyso_monolithic_50x50x16")


@pytest.fixture(scope="module")
def light_map(
    detector: Detector, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LightMap:
    """Return the map of the module's ``MAP``."""
    settings: LightMapSettings = request.module.MAP
    return light_map_for(detector, settings, cache=tmp_path_factory.mktemp("maps"))
