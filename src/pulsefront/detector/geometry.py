"""Where things are: a crystal, the layers behind it, and a plane of photosensors.

Coordinates in mm: the crystal is centred at x = y = 0, its entrance face lies at z = 0, and the
photosensors face it behind the last layer. Everything is a stack of slabs along z; a slab may be
cut into ``elements`` by walls, as pixels or slabs of crystal are.

This is the one home of every place in a detector: simulation, drawings, thresholds, estimators and
reports ask here where an element, a layer or a photosensor is. Elements and photosensors are
numbered row by row from the lowest corner, x running fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from pulsefront.detector.materials import (
    NonNegative,
    Positive,
    Probability,
    RefractiveIndex,
    SourcedModel,
)

__all__ = ["Crystal", "OpticalLayer", "SensorPlane", "Surface", "boundaries_mm"]

Count = Annotated[int, Field(ge=1, le=128)]


def _none(value: object) -> object:
    """Return None for the word: TOML has no other way to say it."""
    return None if value == "none" else value


class Surface(SourcedModel):
    """A face of a crystal or layer, in the terms of the UNIFIED model.

    Reference: A. Levin and C. Moisan, "A more physical approach to model the surface treatment
    of scintillation counters", IEEE Nuclear Science Symposium 1996.
    """

    sigma_alpha_deg: Annotated[float, Field(ge=0, le=45)] = 0.0
    """spread of the slopes of the micro-facets; 0 is polished"""
    specular_spike: Probability = 1.0
    """share of the reflected light that goes as from a mirror. The remainder of the three shares is
    diffuse (Lambertian). Geant4 takes a share that its table lacks as 0, so that a face it calls
    polished scatters light"""
    specular_lobe: Probability = 0.0
    """share that is mirrored by a micro-facet"""
    back_scatter: Probability = 0.0
    """share that goes back where it came from"""
    reflector: Literal["none", "specular", "diffuse"] = "none"
    """what lies behind: nothing (light leaves), a specular foil, or a diffuse wrapping or paint"""
    reflectivity: Probability = 0.0
    """of the reflector"""
    gap_index: Annotated[RefractiveIndex | None, BeforeValidator(_none)] = 1.0
    """refractive index between face and reflector; 1 is an air gap. "none" means that the reflector
    touches the face, so that there is no refraction in front of it"""

    @model_validator(mode="after")
    def _is_physical(self) -> Self:
        total = self.specular_spike + self.specular_lobe + self.back_scatter
        if total > 1 + 1e-9:
            raise ValueError(
                f"specular_spike, specular_lobe and back_scatter add up to {total:g}, more than 1"
            )
        if self.reflector == "none" and self.reflectivity > 0:
            raise ValueError("reflectivity needs a reflector: 'specular' or 'diffuse'")
        return self


class Crystal(SourcedModel):
    """The scintillator: a block, a row of slabs or an array of pixels.

    ``size_mm`` is the outer size of the whole array; ``elements`` counts the pieces along x and
    y; ``gap_mm`` of reflector lies between them.
    """

    material: str
    """name of a file in sim_data/materials, or of one beside this file"""
    size_mm: tuple[Positive, Positive, Positive]
    """outer size of the whole array along x, y, z"""
    elements: tuple[Count, Count] = (1, 1)
    """pieces along x and y"""
    gap_mm: NonNegative = 0.0
    """reflector between neighbouring pieces"""
    entrance: Surface
    """the face that gamma rays enter"""
    sides: Surface
    """all other faces but the one to the photosensors"""

    @model_validator(mode="after")
    def _elements_have_room(self) -> Self:
        for size, count in zip(self.size_mm[:2], self.elements, strict=True):
            if size - (count - 1) * self.gap_mm <= 0:
                raise ValueError(f"gap_mm leaves no crystal in {size:g} mm of {count} elements")
        if max(self.elements) > 1 and self.gap_mm == 0:
            raise ValueError("gap_mm must be above 0 between elements")
        return self

    @property
    def element_count(self) -> int:
        """Return the number of elements."""
        return self.elements[0] * self.elements[1]

    @property
    def element_pitch_mm(self) -> tuple[float, float]:
        """Return the distance between neighbouring elements' centres along x and y.

        n elements with n − 1 gaps between them fill the size: n · pitch − gap = size.
        """
        x, y = (
            (size + self.gap_mm) / count
            for size, count in zip(self.size_mm[:2], self.elements, strict=True)
        )
        return x, y

    @property
    def element_size_mm(self) -> tuple[float, float, float]:
        """Return the size of one element along x, y and z."""
        x, y = (pitch - self.gap_mm for pitch in self.element_pitch_mm)
        return x, y, self.size_mm[2]

    @property
    def element_starts_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where elements begin along x, (column,), and along y, (row,)."""
        x, y = (
            np.asarray(np.arange(count) * pitch - size / 2, np.float64)
            for count, pitch, size in zip(
                self.elements, self.element_pitch_mm, self.size_mm[:2], strict=True
            )
        )
        return x, y

    @property
    def element_centres_mm(self) -> NDArray[np.float64]:
        """Return x and y of every element's centre, (element, 2); row · columns + column."""
        x, y = (
            _centres(count, pitch)
            for count, pitch in zip(self.elements, self.element_pitch_mm, strict=True)
        )
        return _row_by_row(x, y)

    @property
    def central_element_mm(self) -> tuple[float, float]:
        """Return x and y of the central element's centre.

        Of an even number of elements none is in the middle: the one behind it stands for it.
        """
        x, y = (
            float(_centres(count, pitch)[count // 2])
            for count, pitch in zip(self.elements, self.element_pitch_mm, strict=True)
        )
        return x, y


class OpticalLayer(SourcedModel):
    """A slab of clear material behind the crystal: coupling, light guide, window, resin."""

    name: str
    """in drawings"""
    size_mm: tuple[Positive, Positive, Positive]
    """along x, y, z"""
    refractive_index: RefractiveIndex
    """at the peak of the emission"""
    absorption_length_mm: Positive
    """bulk absorption"""
    sides: Surface = Surface()
    """its sides"""


class SensorPlane(SourcedModel):
    """The photosensors behind the last layer: a regular grid centred at x = y = 0.

    ``active_mm`` is the side of the sensitive square, or the diameter where round. Light that
    falls beside it is reflected diffusely with ``gap_reflectivity`` or lost. ``offset_mm`` is how
    far the centre of the plane lies from that of the crystal: a misalignment.
    """

    grid: tuple[Count, Count]
    """photosensors along x and y"""
    pitch_mm: tuple[Positive, Positive]
    """between their centres along x and y"""
    active_mm: Positive
    """side of the sensitive square, or diameter where round"""
    shape: Literal["square", "round"] = "square"
    """of the sensitive area"""
    gap_reflectivity: Probability = 0.0
    """light that falls beside the sensitive areas is reflected diffusely with this probability, or
    lost"""
    offset_mm: tuple[float, float] = (0.0, 0.0)
    """how far the centre of the plane lies from that of the crystal: a misalignment"""

    @model_validator(mode="after")
    def _sensors_do_not_overlap(self) -> Self:
        for pitch, count in zip(self.pitch_mm, self.grid, strict=True):
            if count > 1 and self.active_mm > pitch + 1e-9:
                raise ValueError(f"active_mm overlaps at a pitch of {pitch:g} mm")
        return self

    @property
    def count(self) -> int:
        """Return the number of photosensors."""
        return self.grid[0] * self.grid[1]

    @property
    def axes_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x of the columns' centres and y of the rows', ``offset_mm`` included."""
        x, y = (
            _centres(count, pitch) + offset
            for count, pitch, offset in zip(self.grid, self.pitch_mm, self.offset_mm, strict=True)
        )
        return x, y

    @property
    def centres_mm(self) -> NDArray[np.float64]:
        """Return x and y of every photosensor's centre, (sensor, 2), ``offset_mm`` included."""
        return _row_by_row(*self.axes_mm)

    @property
    def extent_mm(self) -> tuple[float, float]:
        """Return how much of x and y the photosensors span, from rim to rim."""
        x, y = (
            pitch * (count - 1) + self.active_mm
            for pitch, count in zip(self.pitch_mm, self.grid, strict=True)
        )
        return x, y


def boundaries_mm(crystal: Crystal, layers: Sequence[OpticalLayer]) -> NDArray[np.float64]:
    """Return z of the entrance face, of every boundary between slabs, and of the photosensors."""
    return np.cumsum([0.0, crystal.size_mm[2], *(layer.size_mm[2] for layer in layers)])


def _centres(count: int, pitch: float) -> NDArray[np.float64]:
    """Return the centres of *count* pieces in a row, centred at 0."""
    return np.asarray((np.arange(count) - 0.5 * (count - 1)) * pitch, np.float64)


def _row_by_row(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.tile(x, len(y)), np.repeat(y, len(x))])
