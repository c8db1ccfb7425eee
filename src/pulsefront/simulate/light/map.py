"""The light map: what every photosensor sees of light from every position in the crystal.

Traced once per detector on a grid of positions, folded by the detector's mirror symmetry, saved
in HDF5 under the hash of what it depends on, and interpolated linearly ever after. The direct
light, which changes fast near the photosensors, is integrated instead of traced
(`pulsefront.simulate.light.direct`).
"""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from pulsefront.detector import Detector
from pulsefront.files import hash_json
from pulsefront.progress import Report, silent
from pulsefront.simulate.light.grid import LightMapSettings
from pulsefront.simulate.light.table import FORMAT, LightMap
from pulsefront.simulate.light.tracing import trace_light_map
from pulsefront.simulate.light.world import optical_hash

__all__ = [
    "LightMap",
    "LightMapSettings",
    "light_map_for",
    "optical_hash",
    "trace_light_map",
]


def light_map_for(
    detector: Detector,
    settings: LightMapSettings,
    *,
    cache: str | Path | None = None,
    executor: Executor | None = None,
    report: Report = silent,
) -> LightMap:
    """Return the light map of *detector*, traced only if the folder *cache* does not hold it."""
    if cache is None:
        return trace_light_map(detector, settings, executor=executor, report=report)
    key = hash_json([FORMAT, optical_hash(detector), settings.model_dump(mode="json")])
    path = Path(cache) / f"light_map_{key[:24]}.h5"
    if path.exists():
        return LightMap.load(path, detector=detector)
    traced = trace_light_map(detector, settings, executor=executor, report=report)
    traced.save(path)
    return traced
