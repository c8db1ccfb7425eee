"""What the hardware is: crystal, photosensor, electronics; frozen, read from TOML."""

from pulsefront.detector.detector import (
    Detector,
    DetectorFile,
    detector_file,
    detector_hash,
    load_detector,
)
from pulsefront.detector.electronics import ChargeReadout, Digitizer
from pulsefront.detector.geometry import Crystal, OpticalLayer, SensorPlane, Surface
from pulsefront.detector.materials import (
    DecayComponent,
    Efficiencies,
    Material,
    Wavelengths,
    load_material,
)
from pulsefront.detector.photosensor import PMT, Photosensor, SiPM
from pulsefront.detector.turns import Turn, turns_of

__all__ = [
    "PMT",
    "ChargeReadout",
    "Crystal",
    "DecayComponent",
    "Detector",
    "DetectorFile",
    "Digitizer",
    "Efficiencies",
    "Material",
    "OpticalLayer",
    "Photosensor",
    "SensorPlane",
    "SiPM",
    "Surface",
    "Turn",
    "Wavelengths",
    "detector_file",
    "detector_hash",
    "load_detector",
    "load_material",
    "turns_of",
]
