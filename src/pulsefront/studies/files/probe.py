"""A few hundred events of a study, traced photon by photon: what will become of all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError, PulsefrontError
from pulsefront.events.container import EventTable, Status
from pulsefront.progress import progress
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, coincidence_plan
from pulsefront.simulate.scan.measurement import scan_plan
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.studies.files.early import most_test_vectors
from pulsefront.studies.kinds import AnyStudy, kind_of
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.scan import refuse_clipped
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.toml_lines import line_of

__all__ = ["probe_study"]

Probed = CrystalStudy | PositionStudy | TimingStudy

PROBE_EVENTS = 400
"""A share of events is then known to within 0.05, twice its standard error."""

TOO_MANY_SATURATED = 0.1
"""Share of clipped events above which the selection no longer sees the whole photopeak."""

FEWEST_STEPS = 8
"""Of the brightest input of the middle event. Below, most inputs are 0, 1 or 2, and their rounding
takes what they say of the place."""


def probe_study(study: AnyStudy, file: Path) -> tuple[list[PulsefrontError], tuple[str, ...]]:
    """Return what is wrong with simulated events of a study, and what they say of the whole.

    Nothing of measured events: they are as they are. Nothing of scans of patients, in which no
    pulse saturates.
    """
    if study.measured is not None or isinstance(study, MotionStudy):
        return [], ()
    events = _simulate(study)
    clipped = float(np.mean((events.status & Status.SATURATED) != 0))
    notes = [f"{100 * clipped:.0f} % of {len(events)} probed events saturate"]
    if clipped > TOO_MANY_SATURATED:
        return [_saturated(study, clipped, file)], tuple(notes)
    try:
        kept = kind_of(study).select_external(events).events
        passed = len(kept) / len(events)
    except DataError as error:
        error.remedy = error.remedy or "look at energy, trigger_kev and the readout's gain"
        return [error], tuple(notes)
    notes.append(f"{100 * passed:.0f} % pass the selection")
    problems = [] if isinstance(study, TimingStudy) else _too_coarse(study, kept, file)
    most = most_test_vectors(study)
    if most is None:
        return problems, tuple(notes)
    notes.append(f"about {passed * most:,.0f} test vectors")
    spread = 2 * np.sqrt(passed * (1 - passed) / len(events))
    wanted = study.verification.held_out_vectors
    if (passed + spread) * most < wanted:
        problems.append(
            ConfigError(
                f"about {passed * most:,.0f} test vectors will pass the selection",
                file=file,
                line=line_of(file.read_text(), ("verification", "held_out_vectors")),
                field="verification.held_out_vectors",
                value=wanted,
                remedy="simulate more events, or compare fewer vectors",
            )
        )
    return problems, tuple(notes)


def _too_coarse(
    study: CrystalStudy | PositionStudy, kept: EventTable, file: Path
) -> list[PulsefrontError]:
    """Return what leaves the inputs of the selected events too few steps; nothing if none does."""
    if not len(kept):
        return []

    def problem(key: str, value: object, steps: float, remedy: str) -> list[PulsefrontError]:
        line = line_of(file.read_text(), tuple(key.split(".")))
        told = f"leaves the brightest input of the middle event {steps:.0f} steps"
        return [ConfigError(told, file=file, line=line, field=key, value=value, remedy=remedy)]

    # A sum that events are brought to scales charges up, and with them their rounding.
    counts = _brightest(kept["charge_adc"])
    if counts < FEWEST_STEPS:
        remedy = "raise charge.counts_per_photoelectron"
        return problem("detector", study.detector, counts, remedy)
    steps = _brightest(kind_of(study).network_inputs(kept))
    if steps >= FEWEST_STEPS:
        return _clipping(study, kept, file)
    drop, total = getattr(study.events, "drop_bits", 0), study.events.normalised_sum
    if drop and steps * 2**drop >= FEWEST_STEPS:
        return problem("events.drop_bits", drop, steps, "leave out fewer bits")
    remedy = "raise it: a power of two near the photopeak of the charge sum"
    return problem("events.normalised_sum", total, steps, remedy)


def _clipping(
    study: CrystalStudy | PositionStudy, kept: EventTable, file: Path
) -> list[PulsefrontError]:
    """Return that the sum that events are brought to clips charges; nothing if it does not."""
    prepared = kind_of(study).preparation()
    if prepared is None:
        return []
    inputs = kind_of(study).network_inputs(kept)
    try:
        refuse_clipped(study, inputs, prepared.format, by_chance=2.0)
    except DataError as error:
        error.file, error.line = file, line_of(file.read_text(), ("events", "normalised_sum"))
        return [error]
    return []


def _brightest(inputs: NDArray[np.integer]) -> float:
    """Return the largest input (event, input) of the middle event."""
    return float(np.median(np.asarray(inputs).max(axis=1)))


def _simulate(study: Probed) -> EventTable:
    detector, source = load_detector(study.detector), study.source
    with progress("Probing", "events") as report:
        if isinstance(source, CoincidenceSettings):
            pairs = source.model_copy(update={"full_tracing": True})
            plan = coincidence_plan(detector, pairs, study.seed, events=PROBE_EVENTS)
        elif isinstance(source, ScanSettings):
            scan = source.model_copy(update={"full_tracing": True})
            plan = scan_plan(detector, scan, study.seed, events=PROBE_EVENTS)
        else:
            raise ConfigError("measured events are not simulated", field="measured")
        return plan.run(report=report)


def _saturated(study: Probed, share: float, file: Path) -> ConfigError:
    section = "digitizer" if isinstance(study, TimingStudy) else "charge"
    return ConfigError(
        f"{100 * share:.0f} % of its events saturate at {_energy(study):g} keV, and are left out",
        file=file,
        line=line_of(file.read_text(), ("detector",)),
        field="detector",
        value=study.detector,
        remedy=f"lower {section}.counts_per_photoelectron or raise {section}.adc_bits",
    )


def _energy(study: Probed) -> float:
    source = study.source
    if isinstance(source, CoincidenceSettings):
        return source.gamma_kev
    return source.energy_kev if isinstance(source, ScanSettings) else 511.0
