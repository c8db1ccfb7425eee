"""Physics from the gamma ray to the ADC: interactions, light, photosensor, digitizer, scans.

The kernels are compiled on first use; importing this room loads numba, so import it where it is
needed.
"""

from pulsefront.simulate.coincidences.measurement import (
    CoincidenceSettings,
    coincidence_plan,
    simulate_coincidences,
)
from pulsefront.simulate.light.map import (
    LightMap,
    LightMapSettings,
    light_map_for,
    trace_light_map,
)
from pulsefront.simulate.scan.measurement import scan_plan, simulate_scan
from pulsefront.simulate.scan.settings import ScanSettings, default_scan, scan_positions
from pulsefront.simulate.sensor.waveforms import simulate_waveforms

__all__ = [
    "CoincidenceSettings",
    "LightMap",
    "LightMapSettings",
    "ScanSettings",
    "coincidence_plan",
    "default_scan",
    "light_map_for",
    "scan_plan",
    "scan_positions",
    "simulate_coincidences",
    "simulate_scan",
    "simulate_waveforms",
    "trace_light_map",
]
