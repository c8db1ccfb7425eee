"""What turns light into charge: silicon photomultipliers and photomultiplier tubes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pulsefront.detector.materials import (
    Efficiencies,
    NonNegative,
    Positive,
    Probability,
    SourcedModel,
)

__all__ = ["PMT", "Photosensor", "SiPM"]


class SiPM(SourcedModel):
    """A silicon photomultiplier, per channel."""

    kind: Literal["sipm"]
    """sipm, or pmt for a photomultiplier tube"""
    model: str
    """name of the part"""
    pde: Efficiencies
    """photon detection efficiency against wavelength at the operating overvoltage"""
    cells: Annotated[int, Field(ge=1)]
    """microcells of a channel"""
    sptr_sigma_ps: NonNegative
    """single-photon time resolution, standard deviation"""
    dark_count_rate_hz: NonNegative
    """per channel"""
    crosstalk: Annotated[float, Field(ge=0, lt=0.6)]
    """probability that an avalanche has at least one prompt secondary, as data sheets give it;
    secondaries are Poisson with mean −ln(1 − crosstalk) and have secondaries themselves"""
    delayed_crosstalk: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """mean number of delayed secondaries per avalanche"""
    delayed_crosstalk_ns: Positive = 10.0
    """their exponential delay"""
    afterpulse: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """mean number of afterpulses per avalanche; their amplitude follows the recovery of the cell"""
    afterpulse_ns: Positive = 15.0
    """their exponential delay"""
    recovery_ns: Positive
    """recharge time constant of a microcell"""
    gain_spread: NonNegative
    """relative standard deviation of the charge of one avalanche"""
    gain_mismatch: NonNegative = 0.0
    """relative standard deviation of the gain from channel to channel, after calibration"""


class PMT(SourcedModel):
    """A photomultiplier tube, per channel.

    ``pde`` is quantum efficiency times collection efficiency; ``transit_time_spread_sigma_ps``
    the spread of the transit time; ``gain_spread`` the relative standard deviation of the charge
    of one photoelectron; ``gain_mismatch`` that from tube to tube.
    """

    kind: Literal["pmt"]
    """pmt, or sipm for a silicon photomultiplier"""
    model: str
    """name of the tube"""
    pde: Efficiencies
    """quantum efficiency times collection efficiency against wavelength"""
    transit_time_spread_sigma_ps: NonNegative
    """spread of the transit time, standard deviation"""
    dark_count_rate_hz: NonNegative
    """per tube"""
    gain_spread: NonNegative
    """relative standard deviation of the charge of one photoelectron"""
    gain_mismatch: NonNegative = 0.0
    """relative standard deviation of the gain from tube to tube"""
    afterpulse: Probability = 0.0
    """mean number of afterpulses per photoelectron"""


Photosensor = Annotated[SiPM | PMT, Field(discriminator="kind")]
