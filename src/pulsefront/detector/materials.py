"""What a scintillator is: composition, light and optics, each value with its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory

__all__ = [
    "DecayComponent",
    "Efficiencies",
    "Material",
    "Positive",
    "SourcedModel",
    "Wavelengths",
    "load_material",
    "require_sources",
    "shipped_file",
    "source_problems",
]

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
RefractiveIndex = Annotated[float, Field(ge=1)]


class SourcedModel(FrozenModel):
    """A section whose every number says where it comes from, under the same key in `sources`.

    A number that was not confirmed from a publication or a data sheet says "typical value".
    Files are held to this by `require_sources`; objects built in Python are not.
    """

    sources: dict[str, str] = Field(default_factory=dict)
    """key → where its number comes from; "typical value" where nothing confirms it"""


def require_sources(model: SourcedModel, *, file: str | Path) -> None:
    """Check that every number of *model* and of the sections in it has a source.

    Raises
    ------
    ConfigError
        Names *file* and the first section and key without a source, or a source for no key.
    """
    for problem in source_problems(model, file=file):
        raise problem


def source_problems(
    model: SourcedModel, *, file: str | Path, field: str = ""
) -> Iterator[ConfigError]:
    """Yield an error for every number without a source, and for every source without a key."""
    prefix = f"{field}." if field else ""
    table = re.sub(r"\.\d+", "", prefix)
    for key in type(model).model_fields:
        if key not in model.model_fields_set:
            continue
        value = getattr(model, key)
        parts = value if isinstance(value, tuple) else (value,)
        sections = [part for part in parts if isinstance(part, SourcedModel)]
        for number, section in enumerate(sections):
            place = f"{key}.{number}" if isinstance(value, tuple) else key
            yield from source_problems(section, file=file, field=prefix + place)
        if not sections and _holds_numbers(value) and key not in model.sources:
            yield ConfigError(
                "has no source",
                file=file,
                field=prefix + key,
                value=value if isinstance(value, int | float) else None,
                remedy=f"say where it is from in [{table}sources], or that it is a typical value",
            )
    for unknown in sorted(set(model.sources) - set(type(model).model_fields)):
        yield ConfigError(
            "is a source for a key that does not exist",
            file=file,
            field=f"{prefix}sources.{unknown}",
        )


def _holds_numbers(value: Any) -> bool:
    if isinstance(value, bool | SourcedModel):
        return False
    if isinstance(value, FrozenModel):
        return any(_holds_numbers(getattr(value, key)) for key in type(value).model_fields)
    if isinstance(value, int | float):
        return True
    return isinstance(value, tuple) and any(_holds_numbers(part) for part in value)


class DecayComponent(FrozenModel):
    """One exponential of the scintillation: its share of the photons and its time constant."""

    fraction: Probability
    """share of the photons"""
    decay_ns: Positive
    """time constant of the decay"""
    rise_ns: NonNegative = 0.0
    """time constant of the rise; 0 rises at once"""


class Wavelengths(FrozenModel):
    """A tabulated function of wavelength, linear between the points and 0 outside."""

    wavelength_nm: tuple[Positive, ...]
    """rising"""
    value: tuple[NonNegative, ...]
    """at each wavelength"""

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        if len(self.wavelength_nm) != len(self.value) or len(self.value) < 2:
            raise ValueError("wavelength_nm and value must have the same length, at least 2")
        pairs = zip(self.wavelength_nm, self.wavelength_nm[1:], strict=False)
        if any(left >= right for left, right in pairs):
            raise ValueError("wavelength_nm must increase")
        return self


class Efficiencies(Wavelengths):
    """A table of probabilities against wavelength."""

    value: tuple[Probability, ...]
    """probability at each wavelength"""


class Material(SourcedModel):
    """A scintillator."""

    name: str
    """of the scintillator"""
    formula: str
    """composition, from which the gamma cross sections follow"""
    density_g_cm3: Positive
    """density"""
    light_yield_per_mev: Positive
    """mean number of photons for 1 MeV deposited by an electron of 662 keV"""
    intrinsic_resolution_fwhm: NonNegative
    """relative spread of the light of one deposit of 511 keV beyond Poisson statistics, as FWHM; it
    grows as E^-1/2 towards lower energy"""
    relative_yield: tuple[tuple[Positive, Positive], ...] = ()
    """(electron energy in keV, light yield relative to 662 keV) pairs, rising in energy"""
    decay: tuple[DecayComponent, ...]
    """components of the emission; their fractions add up to 1"""
    refractive_index: RefractiveIndex
    """at the peak of the emission"""
    group_index: RefractiveIndex | None = None
    """at the peak of the emission; it sets the speed of the photons. The refractive index where
    left out"""
    absorption_length_mm: Positive
    """bulk absorption at the peak of the emission"""
    scatter_length_mm: Positive | None = None
    """bulk scattering at the peak of the emission; none where left out"""
    emission: Wavelengths
    """emission spectrum in any unit"""
    cherenkov_per_511_kev: NonNegative = 0.0
    """mean number of Cherenkov photons of an electron of 511 keV between the absorption edge of the
    material and 800 nm; prompt, and isotropic because the electron scatters"""
    transparent_from_nm: Annotated[float, Field(ge=150, lt=800)] = 300.0
    """absorption edge, where Cherenkov light begins"""
    background_becquerel_per_cm3: NonNegative = 0.0
    """activity of the material itself"""

    @model_validator(mode="after")
    def _is_physical(self) -> Self:
        total = sum(component.fraction for component in self.decay)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the fractions of decay add up to {total:g}, not to 1")
        energies = [energy for energy, _ in self.relative_yield]
        if energies != sorted(set(energies)):
            raise ValueError("the energies of relative_yield must increase")
        for component in self.decay:
            if component.rise_ns >= component.decay_ns:
                raise ValueError("decay: rise_ns must be shorter than decay_ns")
        return self


def shipped_file(kind: str, name_or_path: str | Path) -> Path:
    """Return the TOML file that *name_or_path* means: a path, or a name that ships in *kind*.

    Raises
    ------
    ConfigError
        There is no such file and no such name.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if path.exists() or path.parent != Path():
            return path
        path = path.with_suffix("")
    folder = sim_data_directory() / kind
    candidate = folder / f"{path.name}.toml"
    if path.parent == Path() and candidate.exists():
        return candidate
    names = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
    raise ConfigError(
        f"no file and no {kind[:-1]} of that name",
        field=kind[:-1],
        value=str(name_or_path),
        remedy=f"there are: {names}",
    )


def load_material(name_or_path: str | Path) -> Material:
    """Read a material by the name of a file in ``sim_data/materials``, or by path.

    Raises
    ------
    ConfigError
        Names the file, the key and the value that does not fit.
    """
    path = shipped_file("materials", name_or_path)
    material = Material.from_toml(path)
    require_sources(material, file=path)
    return material
