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
    """A silicon photomultiplier, per channel.

    Attributes
    ----------
    pde
        Photon detection efficiency against wavelength at the operating overvoltage.
    cells
        Number of microcells of a channel.
    sptr_sigma_ps
        Single-photon time resolution, standard deviation.
    dark_count_rate_hz
        Per channel.
    crosstalk
        Probability that an avalanche has at least one prompt secondary, as data sheets give it;
        secondaries are Poisson with mean −ln(1 − crosstalk) and have secondaries themselves.
    delayed_crosstalk, delayed_crosstalk_ns
        Mean number of delayed secondaries per avalanche and their exponential delay.
    afterpulse, afterpulse_ns
        Mean number of afterpulses per avalanche and their exponential delay; their amplitude
        follows the recovery of the cell.
    recovery_ns
        Recharge time constant of a microcell.
    gain_spread
        Relative standard deviation of the charge of one avalanche.
    gain_mismatch
        Relative standard deviation of the gain from channel to channel, after calibration.
    """

    kind: Literal["sipm"]
    model: str
    pde: Efficiencies
    cells: Annotated[int, Field(ge=1)]
    sptr_sigma_ps: NonNegative
    dark_count_rate_hz: NonNegative
    crosstalk: Annotated[float, Field(ge=0, lt=0.6)]
    delayed_crosstalk: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    delayed_crosstalk_ns: Positive = 10.0
    afterpulse: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    afterpulse_ns: Positive = 15.0
    recovery_ns: Positive
    gain_spread: NonNegative
    gain_mismatch: NonNegative = 0.0


class PMT(SourcedModel):
    """A photomultiplier tube, per channel.

    ``pde`` is quantum efficiency times collection efficiency; ``transit_time_spread_sigma_ps``
    the spread of the transit time; ``gain_spread`` the relative standard deviation of the charge
    of one photoelectron; ``gain_mismatch`` that from tube to tube.
    """

    kind: Literal["pmt"]
    model: str
    pde: Efficiencies
    transit_time_spread_sigma_ps: NonNegative
    dark_count_rate_hz: NonNegative
    gain_spread: NonNegative
    gain_mismatch: NonNegative = 0.0
    afterpulse: Probability = 0.0


Photosensor = Annotated[SiPM | PMT, Field(discriminator="kind")]
