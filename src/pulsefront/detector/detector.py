"""A whole detector, read from one TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pulsefront.config import load_toml, validate
from pulsefront.detector.electronics import ChargeReadout, Digitizer
from pulsefront.detector.geometry import Crystal, OpticalLayer, SensorPlane, boundaries_mm
from pulsefront.detector.materials import (
    Material,
    SourcedModel,
    load_material,
    require_sources,
    shipped_file,
)
from pulsefront.detector.photosensor import Photosensor
from pulsefront.errors import ConfigError
from pulsefront.files import hash_json

__all__ = ["Detector", "DetectorFile", "detector_file", "detector_hash", "load_detector"]


class DetectorFile(SourcedModel):
    """What stands in the TOML file."""

    name: str
    """of the detector"""
    description: str
    """what it is, in a line or two"""
    temperature_c: Annotated[float, Field(ge=-60, le=80)] = 20.0
    """at which the numbers hold"""
    crystal: Crystal
    """the scintillator"""
    layers: tuple[OpticalLayer, ...] = ()
    """what light passes behind the crystal, in order; needs none"""
    sensors: SensorPlane
    """where the photosensors are"""
    photosensor: Photosensor
    """what they are"""
    charge: ChargeReadout | None = None
    """integrating readout, as position and crystal studies need it"""
    digitizer: Digitizer | None = None
    """sampled waveforms, as timing studies need them"""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.charge is None and self.digitizer is None:
            raise ValueError("give a [charge] or a [digitizer] section: nothing is read out")
        return self

    @model_validator(mode="after")
    def _sensors_lie_behind_the_last_slab(self) -> Self:
        slab = self.layers[-1].size_mm if self.layers else self.crystal.size_mm
        for axis, extent, size in zip("xy", self.sensors.extent_mm, slab[:2], strict=True):
            if extent > size + 1e-6:
                raise ValueError(
                    f"the sensors span {extent:g} mm in {axis}, the slab before them {size:g} mm"
                )
        return self


class Detector(DetectorFile):
    """A detector with the material of its crystal."""

    material: Material

    @property
    def thickness_mm(self) -> float:
        """Return the thickness of the crystal."""
        return self.crystal.size_mm[2]

    @property
    def charge_readout(self) -> ChargeReadout:
        """Return the charge readout.

        Raises
        ------
        ConfigError
            There is none.
        """
        if self.charge is None:
            raise ConfigError(
                "has no charge readout",
                field="charge",
                value=self.name,
                remedy="add a [charge] section to the detector",
            )
        return self.charge

    @property
    def waveform_digitizer(self) -> Digitizer:
        """Return the digitizer.

        Raises
        ------
        ConfigError
            There is none.
        """
        if self.digitizer is None:
            raise ConfigError(
                "has no digitizer",
                field="digitizer",
                value=self.name,
                remedy="add a [digitizer] section to the detector",
            )
        return self.digitizer

    @property
    def boundaries_mm(self) -> NDArray[np.float64]:
        """Return z of the entrance face, of every boundary behind it, and of the photosensors."""
        return boundaries_mm(self.crystal, self.layers)


def detector_file(name_or_path: str | Path) -> DetectorFile:
    """Read what stands in a detector's file, without its material; see `load_detector`."""
    path = shipped_file("detectors", name_or_path)
    description = validate(DetectorFile, load_toml(path), file=path)
    require_sources(description, file=path)
    return description


def load_detector(name_or_path: str | Path) -> Detector:
    """Read a detector by the name of a file in ``sim_data/detectors``, or by path.

    A material that is no shipped name is looked for beside the detector's file.

    Raises
    ------
    ConfigError
        Names the file, the key and the value that does not fit.

    Examples
    --------
    >>> detector = load_detector("lyso_monolithic_50x50x16")
    >>> detector.crystal.size_mm, detector.sensors.count
    ((50.0, 50.0, 16.0), 64)
    """
    path = shipped_file("detectors", name_or_path)
    description = detector_file(path)
    material = description.crystal.material
    beside = path.parent / f"{material}.toml"
    try:
        loaded = load_material(beside if beside.exists() else material)
    except ConfigError as error:
        if error.file is not None:
            raise
        raise ConfigError(
            error.problem,
            file=path,
            field="crystal.material",
            value=material,
            remedy=error.remedy,
        ) from None
    return Detector.model_construct(
        _fields_set=description.model_fields_set | {"material"},
        **{name: getattr(description, name) for name in type(description).model_fields},
        material=loaded,
    )


def detector_hash(detector: Detector) -> str:
    """Return the SHA-256 of everything that a detector is, sources and descriptions aside."""
    return hash_json(_without_words(detector.model_dump(mode="json")))


def _without_words(value: object) -> object:
    if isinstance(value, dict):
        words = {"sources", "description", "name", "model"}
        return {key: _without_words(part) for key, part in value.items() if key not in words}
    if isinstance(value, list):
        return [_without_words(part) for part in value]
    return value
