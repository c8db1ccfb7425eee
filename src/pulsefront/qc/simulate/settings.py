"""What a simulated fleet is: sites, scanners, how often what fails."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.files import sim_data_directory

__all__ = ["FailureRates", "FleetSettings", "SiteProfile", "load_fleet"]


class SiteProfile(FrozenModel):
    """One site's scanners and habits.

    ``vendor`` goes into the names of tests where it is not the usual one. The factors scale what a
    vendor's scanners do: how wide its limits are, how far a reading has moved when a part fails,
    how long that takes. With *upgrade_together* all scanners of a site get new software in the same
    week. Every *upgrade_interval_days* a scanner gets new software, which moves
    block efficiencies by *upgrade_shift_percent*; *service_late_share* of the services are logged
    up to *service_late_days* late.
    """

    name: str
    scanners: int = Field(gt=0)
    timezone: str = "UTC"
    room_temperature_c: float = 22.0
    weekend_qc: bool = False
    missing_day_share: float = Field(default=0.03, ge=0.0, lt=0.5)
    late_log_share: float = Field(default=0.03, ge=0.0, lt=0.5)
    noise_factor: float = Field(default=1.0, gt=0.0)
    preventive_interval_days: int = Field(default=182, gt=30)
    vendor: str = "simulated"
    limit_factor: float = Field(default=1.0, gt=0.0)
    change_factor: float = Field(default=1.0, gt=0.0)
    onset_factor: float = Field(default=1.0, gt=0.0)
    upgrade_interval_days: int = Field(default=1400, gt=30)
    upgrade_shift_percent: float = Field(default=1.5, ge=0.0)
    upgrade_together: bool = False
    service_late_share: float = Field(default=0.1, ge=0.0, le=1.0)
    service_late_days: int = Field(default=5, gt=0)


class FailureRates(FrozenModel):
    """Failures a scanner and year, by cause."""

    gain_drift: float = Field(default=0.0, ge=0.0)
    efficiency_loss: float = Field(default=0.0, ge=0.0)
    high_voltage: float = Field(default=0.0, ge=0.0)
    timing_drift: float = Field(default=0.0, ge=0.0)
    sudden: float = Field(default=0.0, ge=0.0)
    cooling: float = Field(default=0.0, ge=0.0)
    slow_sensitivity_loss: float = Field(default=0.0, ge=0.0)


class FleetSettings(FrozenModel):
    """A fleet to simulate; each scanner has *modules* detector modules and four system tests."""

    name: str
    seed: int = Field(ge=0)
    start: date
    years: float = Field(gt=0.0)
    modules: int = Field(default=12, gt=1)
    sites: tuple[SiteProfile, ...] = Field(min_length=1)
    failures: FailureRates

    @property
    def days(self) -> int:
        """Length of the simulation."""
        return round(self.years * 365.25)

    @property
    def scanners(self) -> int:
        """Scanners of all sites."""
        return sum(site.scanners for site in self.sites)


def load_fleet(name_or_path: str | Path) -> FleetSettings:
    """Return the fleet of a TOML file, or one that ships, by its name."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = sim_data_directory() / "fleets" / f"{name_or_path}.toml"
    return FleetSettings.from_toml(path)
